//! Scenarios 23 and 24, the file: whose it is, who has it open, what is wrong with it, and what of it is secret.

mod backup;
mod check;
mod damage;
mod flips;
mod migration;
mod opening;
mod rows;
mod secrets;
mod standing;
mod story;
mod wipe;

use std::fs;
use std::path::Path;

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

/// Why the database does not open. The file is left as it was, to the byte.
#[track_caller]
fn refusal(config: &Config) -> StoreError {
    let before = bytes(&config.database);
    let refused = block_on(ChainArbitrator::open(config.clone())).err();
    assert!(bytes(&config.database) == before, "the file has changed");
    match refused {
        Some(ArbitratorError::Store(error)) => error,
        Some(other) => panic!("not about the store: {other}"),
        None => panic!("it opened"),
    }
}

fn bytes(path: &Path) -> Option<Vec<u8>> {
    fs::read(path).ok()
}
