//! LDK's side, seen from here.

use std::path::PathBuf;
use std::process::Command;

use measure::ldk::{Opened, Order, Removal, Setup};
use measure::wire::Line;
use measure::{Batch, Scratch};

/// The program lies beside this one: `make bench` builds both.
fn program() -> Command {
    let here = std::env::current_exe().expect("the system knows");
    Command::new(here.with_file_name("ldk-side"))
}

/// Two LDK nodes with a channel.
pub struct Ldk(Line);

impl Ldk {
    pub fn begin(database: PathBuf, removal: Removal, pending_updates: u64) -> Self {
        let mut line = Line::start(&mut program());
        let setup = Setup {
            database,
            removal,
            pending_updates,
        };
        let () = line.ask(&Order::Begin(setup));
        Ldk(line)
    }

    /// As the comparison has it: ldk-node's number of pending updates, and removals as cheap as the contract allows.
    pub fn usual(scratch: &Scratch, name: &str) -> Self {
        Self::begin(scratch.file(name), Removal::WithNextWrite, PENDING_UPDATES)
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

/// What ldk-node sets.
pub const PENDING_UPDATES: u64 = 100;
