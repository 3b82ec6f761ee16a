//! The log of all channels in one order, and close summaries by their height: newest first.

use bitcoin::{Amount, OutPoint};
use futures::executor::block_on;
use lightning_arbitrator::channel::CloseSummary;
use lightning_arbitrator::court::LogEntry;
use lightning_arbitrator::store::queries::{HistoryEntry, PageRequest};
use lightning_arbitrator::ArbitratorError;
use testkit::party::{Channel, ChannelType, CooperativeClose, Which};

use super::walk;
use crate::support::{Nap, World};

twins!(
    the_history_of_a_channel_is_its_log_backwards,
    the_history_of_all_channels_is_newest_first,
    closed_channels_are_listed_newest_first,
);

fn history(world: &mut World, channel: Option<OutPoint>) -> Vec<HistoryEntry> {
    walk(2, |page| {
        block_on(world.phone.on().history(channel, page)).expect("readable")
    })
}

fn log(world: &mut World, channel: OutPoint) -> Vec<LogEntry> {
    block_on(world.phone.on().log(channel)).expect("registered")
}

/// Two channels, opened and closed by the peer one after the other.
fn two_closes(world: &mut World) -> [OutPoint; 2] {
    let other = world.second_channel();
    world.phone.resume();
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.submit(&other.peer_commitment_tx(Which::Current).expect("signed"));
    world.mine(1);
    world.phone.resume();
    [world.outpoint(), other.funding()]
}

fn the_history_of_a_channel_is_its_log_backwards(mut world: World) {
    for channel in two_closes(&mut world) {
        let walked = history(&mut world, Some(channel));
        assert!(walked.iter().all(|it| it.channel == channel));
        let mut entries: Vec<_> = walked.into_iter().map(|it| it.entry).collect();
        entries.reverse();
        assert!(entries.len() > 3);
        assert_eq!(entries, log(&mut world, channel));
    }
}

fn the_history_of_all_channels_is_newest_first(mut world: World) {
    let channels = two_closes(&mut world);
    let all = history(&mut world, None);
    let heights = all.iter().map(|it| it.entry.height);
    assert!(heights.rev().is_sorted(), "{all:?}");
    for channel in channels {
        let of_one = all.iter().filter(|it| it.channel == channel).cloned();
        let of_one: Vec<_> = of_one.collect();
        assert_eq!(of_one, history(&mut world, Some(channel)));
    }
}

#[test]
fn a_walk_through_the_history_is_not_moved_by_what_happens_meanwhile() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    let channel = world.outpoint();
    world.phone.resume();
    world.peer_closes(Which::Current);
    world.phone.resume();
    let before = history(&mut world, None);
    let met = walk(1, |page| {
        let page = block_on(world.phone.on().history(None, page)).expect("readable");
        world.mine(1);
        world.phone.resume();
        page
    });
    assert_eq!(met, before);
    assert!(log(&mut world, channel).len() > before.len());
}

#[test]
fn the_history_of_an_unknown_channel_is_an_error() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    let stranger = world.unregistered_channel(5).funding();
    let all = PageRequest::first(9);
    let refused = block_on(world.phone.on().history(Some(stranger), all));
    assert!(matches!(
        refused,
        Err(ArbitratorError::UnknownChannel { channel }) if channel == stranger
    ));
}

fn close(world: &World, channel: &Channel) {
    let close = CooperativeClose::legacy(Amount::from_sat(500));
    world.submit(&channel.cooperative_close(&close).expect("no HTLCs"));
}

fn closed_channels_are_listed_newest_first(mut world: World) {
    let mut channels: Vec<Channel> = (1..=5)
        .map(|number| world.unfunded_channel_numbered(number))
        .collect();
    for channel in &channels {
        world.submit(channel.funding_tx());
    }
    world.mine(1);
    world.phone.resume();
    // Two in one block, and a channel that stays open.
    channels.pop();
    let last_two = channels.split_off(2);
    for channel in &channels {
        close(&world, channel);
        world.mine(1);
    }
    last_two.iter().for_each(|channel| close(&world, channel));
    world.mine(1);
    world.phone.resume();
    let summaries: Vec<CloseSummary> = walk(1, |page| {
        block_on(world.phone.on().closed_channels(page)).expect("readable")
    });
    let outpoints: Vec<OutPoint> = summaries.iter().map(|it| it.channel).collect();
    assert_eq!(outpoints.len(), 4);
    assert_eq!(
        outpoints[2..],
        [channels[1].funding(), channels[0].funding()]
    );
    for channel in &last_two {
        assert!(outpoints[..2].contains(&channel.funding()));
    }
    for summary in summaries {
        let asked = block_on(world.phone.on().close_summary(summary.channel));
        assert_eq!(asked.expect("readable"), Some(summary));
    }
}
