//! A channel that the app gives up, whatever its state: it ends at once, and nothing is done for it any more.

use lightning_arbitrator::channel::{Lifecycle, SummaryKind};
use lightning_arbitrator::court::{ArbitratorState, EventKind};

use super::{peer_closes_behind_our_back, state, takes_nothing_more, ticks_after, told_of};
use crate::support::World;

twins!(
    an_open_channel_is_abandoned,
    a_pending_channel_is_abandoned,
    a_closing_channel_is_abandoned,
    a_repeat_changes_nothing,
    an_abandoned_channel_takes_nothing_more,
);

/// It has ended for good: this is its summary, and the world's next tick purges it.
#[track_caller]
fn assert_abandoned(world: &mut World) {
    let channel = world.outpoint();
    let report = world.phone.report(channel);
    assert_eq!(report.state, ArbitratorState::FullyResolved);
    assert_eq!(report.lifecycle, Lifecycle::Closed);
    let summary = world.phone.summary(channel).expect("it has ended");
    assert_eq!(summary.kind, SummaryKind::Abandoned);
    assert!(summary.is_final);
    assert!(told_of(world, channel).contains(&EventKind::Abandoned));
    world.phone.resume();
    assert_eq!(world.phone.tables().rows("commitment"), 0);
}

fn an_open_channel_is_abandoned(mut world: World) {
    world.round();
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.abandon(channel);
    assert_abandoned(&mut world);
    // Nobody looks any more.
    let told = told_of(&mut world, channel);
    peer_closes_behind_our_back(&mut world);
    assert_eq!(told_of(&mut world, channel), told);
    world.assert_not_swept();
}

fn a_pending_channel_is_abandoned(mut world: World) {
    let channel = world.outpoint();
    world.phone.abandon(channel);
    assert_abandoned(&mut world);
    let summary = world.phone.summary(channel).expect("it has ended");
    assert_eq!((summary.closing_txid, summary.close_height), (None, None));
}

fn a_closing_channel_is_abandoned(mut world: World) {
    world.phone.resume();
    let close = peer_closes_behind_our_back(&mut world);
    let channel = world.outpoint();
    // The sweep, if there is one already, is the last that was done.
    for sweep in world.chain.mempool() {
        world.chain.evict(sweep);
    }
    world.phone.abandon(channel);
    assert_abandoned(&mut world);
    let summary = world.phone.summary(channel).expect("it has ended");
    assert_eq!(summary.closing_txid, Some(close.compute_txid()));
    assert_eq!(summary.close_height, Some(world.chain.tip().height));
    assert!(
        summary.time_locked_balance > summary.settled_balance,
        "it was given up"
    );
    ticks_after(&mut world, 1);
    ticks_after(&mut world, 1);
    world.assert_not_swept();
}

fn a_repeat_changes_nothing(mut world: World) {
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.abandon(channel);
    let before = world.phone.tables();
    world.phone.abandon(channel);
    world.phone.tables().assert_are(&before);
    assert_eq!(state(&mut world, channel), ArbitratorState::FullyResolved);
}

fn an_abandoned_channel_takes_nothing_more(mut world: World) {
    world.round();
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.abandon(channel);
    let mut party = world.channel.clone();
    takes_nothing_more(&mut world, &mut party);
    world.phone.resume();
    takes_nothing_more(&mut world, &mut party);
}
