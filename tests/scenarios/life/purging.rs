//! The working data of a channel goes when its end is irrevocable, never before, a few rows at a time.

use lightning_arbitrator::channel::{Lifecycle, SummaryKind};
use lightning_arbitrator::store::Purge;
use testkit::party::{ChannelType, NewHtlc, Settlement};

use super::{ask, closes_cooperatively, cooperative, ticks_after};
use crate::support::{htlc_key, Nap, Told, World};

twins!(
    nothing_is_purged_one_block_before_the_end_and_everything_at_it,
    what_is_purged_is_the_ended_channels_alone,
    what_people_ask_for_is_answered_after_the_purge,
    a_purge_killed_after_any_part_goes_on,
    a_tick_ends_a_purge_that_was_killed,
);

/// The tables of which an ended channel keeps nothing.
const WORKING: [&str; 7] = [
    "revocation_secret",
    "commitment",
    "htlc",
    "past_htlc",
    "cooperative_close",
    "broadcast",
    "chain_output",
];

/// A channel with a history: payments that are past, and one that never came to be on both sides.
fn with_history(world: &mut World) {
    let expiry = world.chain.tip().height + 500;
    let payments = [
        world.add(NewHtlc::outgoing(20_000_000, expiry)),
        world.add(NewHtlc::incoming(30_000_000, expiry)),
    ];
    world.round();
    world.tell(Told::Release(htlc_key(payments[1].key)));
    for payment in payments {
        world
            .channel
            .settle_htlc(payment.key, Settlement::Fulfil)
            .expect("live");
    }
    for _ in 0..3 {
        world.round();
    }
    world.phone.resume();
    let closing = cooperative(world);
    world.tell(Told::Close(closing));
}

fn rows(world: &World) -> Vec<(&'static str, usize)> {
    let tables = world.phone.tables();
    WORKING.map(|table| (table, tables.rows(table))).to_vec()
}

/// How many channels have something left to purge.
fn left_to_purge(world: &World) -> i64 {
    ask(world, "SELECT count(*) FROM court_case WHERE to_purge = 1")
}

fn nothing_is_purged_one_block_before_the_end_and_everything_at_it(mut world: World) {
    with_history(&mut world);
    let channel = world.outpoint();
    world
        .phone
        .force_close(channel)
        .expect("the one held goes out");
    let before = rows(&world);
    let is_there = |table| {
        before
            .iter()
            .any(|(name, rows)| *name == table && *rows > 0)
    };
    assert!(
        [
            "revocation_secret",
            "commitment",
            "past_htlc",
            "cooperative_close",
            "broadcast"
        ]
        .into_iter()
        .all(is_there),
        "{before:?}"
    );
    ticks_after(&mut world, 99);
    assert_eq!(rows(&world), before, "99 blocks deep");
    ticks_after(&mut world, 1);
    assert_eq!(
        rows(&world),
        WORKING.map(|table| (table, 0)),
        "100 blocks deep"
    );
    assert_eq!(left_to_purge(&world), 0);
}

fn what_is_purged_is_the_ended_channels_alone(mut world: World) {
    let other = world.second_channel();
    world.phone.resume();
    let of_the_other = rows(&world);
    with_history(&mut world);
    closes_cooperatively(&mut world);
    ticks_after(&mut world, 99);
    let left: Vec<_> = rows(&world);
    assert!(left
        .iter()
        .any(|(table, rows)| *table == "commitment" && *rows == 2));
    assert!(left
        .iter()
        .zip(&of_the_other)
        .all(|(now, before)| now <= before));
    let report = world.phone.report(other.funding());
    assert_eq!(report.lifecycle, Lifecycle::Open);
    world
        .phone
        .force_close(other.funding())
        .expect("its commitment is held");
}

fn what_people_ask_for_is_answered_after_the_purge(mut world: World) {
    with_history(&mut world);
    closes_cooperatively(&mut world);
    let channel = world.outpoint();
    let feed = world.phone.position(channel).feed;
    ticks_after(&mut world, 99);
    let summary = world.phone.summary(channel).expect("it has ended");
    assert_eq!(summary.kind, SummaryKind::Cooperative);
    assert_eq!(world.phone.report(channel).lifecycle, Lifecycle::Closed);
    assert_eq!(world.phone.position(channel).feed, feed);
    let log = futures::executor::block_on(world.phone.on().log(channel));
    assert!(log.expect("registered").len() > 5);
    let mut party = world.channel.clone();
    super::takes_nothing_more(&mut world, &mut party);
}

/// Purges rows one by one, up to so many, and is switched off after each.
fn purged_one_by_one(world: &mut World, most: usize) -> usize {
    let channel = world.outpoint();
    for done in 0..most {
        let store = world.phone.opened();
        let row = store.find(channel).expect("readable").expect("registered");
        let purged = store.purge_some(row, channel, 1).expect("writable");
        drop(store);
        assert_eq!(world.phone.report(channel).lifecycle, Lifecycle::Closed);
        if purged == Purge::Done {
            return done;
        }
    }
    most
}

fn a_purge_killed_after_any_part_goes_on(mut world: World) {
    with_history(&mut world);
    let channel = world.outpoint();
    world.phone.abandon(channel);
    let parts = purged_one_by_one(&mut world, usize::MAX);
    assert!(parts > 5, "{parts}");
    assert_eq!(rows(&world), WORKING.map(|table| (table, 0)));
    assert_eq!(left_to_purge(&world), 0);
}

fn a_tick_ends_a_purge_that_was_killed(mut world: World) {
    with_history(&mut world);
    let channel = world.outpoint();
    world.phone.abandon(channel);
    assert_eq!(purged_one_by_one(&mut world, 5), 5);
    assert_eq!(left_to_purge(&world), 1);
    world.phone.resume();
    assert_eq!(rows(&world), WORKING.map(|table| (table, 0)));
    assert_eq!(left_to_purge(&world), 0);
}

/// A store that is asked too early says no, whoever asks.
#[test]
fn the_store_purges_no_channel_that_has_not_ended() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    with_history(&mut world);
    closes_cooperatively(&mut world);
    let channel = world.outpoint();
    let before = world.phone.tables();
    let store = world.phone.opened();
    let row = store.find(channel).expect("readable").expect("registered");
    let purged = store.purge_some(row, channel, 500);
    assert_eq!(purged.expect("readable"), Purge::Done);
    drop(store);
    world.phone.tables().assert_are(&before);
}
