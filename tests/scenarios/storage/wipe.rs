//! Wiping: everything is gone, or nothing has happened.

use std::fs;
use std::path::Path;

use bitcoin::Amount;
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::WipeScope;
use lightning_arbitrator::ArbitratorError;
use testkit::party::{ChannelType, CooperativeClose};

use super::{asleep, bytes};
use crate::support::{never_answer, Nap, World};

fn files_beside(database: &Path) -> usize {
    let directory = database.parent().expect("a file");
    fs::read_dir(directory).expect("ours").count()
}

/// A phone whose only channel is closed and done.
fn resolved() -> World {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    world.phone.resume();
    let fee = CooperativeClose::legacy(Amount::from_sat(1_000));
    let close = world.channel.cooperative_close(&fee).expect("no HTLCs");
    world.submit(&close);
    world.mine(1);
    world.phone.resume();
    world.mine(100);
    world.resolve();
    world
}

#[test]
fn a_database_whose_channels_are_resolved_is_wiped() {
    let mut world = resolved();
    let database = world.phone.config.database.clone();
    block_on(world.phone.on().wipe(WipeScope::Resolved)).expect("nothing is open");
    assert_eq!(files_beside(&database), 0);
}

#[test]
fn a_channel_that_is_not_resolved_stands_in_the_way() {
    let mut world = asleep();
    let channel = world.outpoint();
    let refused = block_on(world.phone.on().wipe(WipeScope::Resolved));
    assert!(matches!(
        refused,
        Err(ArbitratorError::Unresolved { channel: named }) if named == channel
    ));
    // Nothing has happened, and everything goes on.
    world.round();
    world.phone.resume();
}

#[test]
fn whoever_insists_loses_it_all_the_same() {
    let mut world = asleep();
    let database = world.phone.config.database.clone();
    block_on(world.phone.on().wipe(WipeScope::Everything)).expect("as asked");
    assert_eq!(files_beside(&database), 0);
}

#[test]
fn after_it_every_call_says_that_the_arbitrator_is_shut_down() {
    let mut world = asleep();
    let channel = world.outpoint();
    let on = world.phone.shared();
    block_on(on.wipe(WipeScope::Everything)).expect("as asked");
    let answers = [
        block_on(on.channels()).err(),
        block_on(on.position(channel)).err(),
        block_on(on.resume(Default::default())).err(),
        block_on(on.integrity_check()).err(),
        block_on(on.backup("/nowhere")).err(),
        block_on(on.wipe(WipeScope::Everything)).err(),
    ];
    for answer in answers {
        assert!(
            matches!(answer, Some(ArbitratorError::ShutDown)),
            "{answer:?}"
        );
    }
}

#[test]
fn the_next_open_makes_a_new_database() {
    let mut world = asleep();
    block_on(world.phone.on().wipe(WipeScope::Everything)).expect("as asked");
    world.phone.switch_off();
    assert_eq!(block_on(world.phone.on().channels()).expect("empty"), []);
}

#[test]
fn a_tick_that_waits_for_a_server_does_not_hold_it_up() {
    let mut world = asleep();
    world.mine(1);
    let gateway = world.gateway();
    never_answer(&gateway, "/blocks/tip/hash");
    let on = world.phone.shared();
    std::thread::scope(|scope| {
        let tick = scope.spawn(|| block_on(on.resume(Default::default())));
        while gateway.held() == 0 {
            std::thread::yield_now();
        }
        block_on(on.wipe(WipeScope::Everything)).expect("as asked");
        let ticked = tick.join().expect("no panic");
        assert!(matches!(ticked, Err(ArbitratorError::ShutDown)));
    });
    gateway.behave();
    assert_eq!(bytes(&world.phone.config.database), None);
}
