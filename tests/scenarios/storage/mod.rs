//! Scenarios 23 and 24, the file: whose it is, who has it open, what is wrong with it, and what of it is secret.

mod backup;
mod check;
mod damage;
mod flips;
mod imported;
mod key_change;
mod migration;
mod opening;
mod rows;
mod schema1;
mod secrets;
mod standing;
mod story;
mod wipe;

use std::fs;
use std::path::{Path, PathBuf};

use futures::executor::block_on;
use lightning_arbitrator::store::StoreError;
use lightning_arbitrator::{ArbitratorError, ChainArbitrator, Config};
use testkit::party::ChannelType;

use crate::support::{Nap, World};

/// A phone with one open channel, switched off: its database is one file.
fn asleep() -> World {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    world.round();
    world.phone.resume();
    world.phone.switch_off();
    world
}

/// Why the database does not open. The file is left as it was, to the byte, and so is the log beside it.
#[track_caller]
fn refusal(config: &Config) -> StoreError {
    let files = || ["", "-wal"].map(|end| bytes(&beside(&config.database, end)));
    let before = files();
    let refused = block_on(ChainArbitrator::open(config.clone())).err();
    assert!(files() == before, "a file has changed");
    match refused {
        Some(ArbitratorError::Store(error)) => error,
        Some(other) => panic!("not about the store: {other}"),
        None => panic!("it opened"),
    }
}

fn bytes(path: &Path) -> Option<Vec<u8>> {
    fs::read(path).ok()
}

/// A file beside the database, by the end of its name.
fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    name.into()
}
