//! LDK's side, seen from here.

use std::path::PathBuf;
use std::process::Command;

use measure::ldk::{Opened, Order, Pages, Removal, Setup};
use measure::wire::Line;
use measure::Batch;

/// The program lies beside this one: `make bench` builds both.
fn program() -> Command {
    let here = std::env::current_exe().expect("the system knows");
    Command::new(here.with_file_name("ldk-side"))
}

/// Two LDK nodes with a channel.
pub struct Ldk(Line);

/// What the user of LDK's persister chooses.
#[derive(Clone, Copy)]
pub struct Choice {
    pub removal: Removal,
    pub pending_updates: u64,
    pub pages: Pages,
}

impl Choice {
    /// The comparison's: as ldk-node, except that removals are as cheap as LDK's contract allows.
    pub const USUAL: Choice = Choice {
        removal: Removal::WithNextWrite,
        pending_updates: 100,
        pages: Pages::Default,
    };
}

impl Ldk {
    pub fn begin(database: PathBuf, choice: Choice) -> Self {
        let mut line = Line::start(&mut program());
        let setup = Setup {
            database,
            removal: choice.removal,
            pending_updates: choice.pending_updates,
            pages: choice.pages,
        };
        let () = line.ask(&Order::Begin(setup));
        Ldk(line)
    }

    pub fn hold(&mut self, count: u64) {
        self.0.ask(&Order::Hold(count))
    }

    pub fn pay(&mut self, count: u64) -> Batch {
        self.0.ask(&Order::Pay(count))
    }

    /// Writes copies of the monitor; gives the length of one.
    pub fn copy(&mut self, database: PathBuf, copies: u32) -> u64 {
        self.0.ask(&Order::Copy { database, copies })
    }
}

/// Reads all monitors of a store, in a new process.
pub fn open(database: PathBuf) -> Opened {
    Line::start(&mut program()).ask(&Order::Open(database))
}
