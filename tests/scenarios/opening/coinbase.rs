//! A funding that is the reward of a block: it cannot be spent before it is a hundred blocks deep, and a reorg takes it for
//! good.

use futures::executor::block_on;
use lightning_arbitrator::channel::SummaryKind;
use lightning_arbitrator::court::case_file::CaseFile;
use lightning_arbitrator::court::{ArbitratorState, CloseKind, LogKind, Outcome};
use lightning_arbitrator::opening::Stage;
use testkit::chain::Orphaned;

use super::failures::the_peers;
use super::*;

twins!(
    channel_ready_waits_for_a_hundred_blocks,
    a_force_close_goes_out_as_soon_as_it_can_confirm,
    one_that_a_reorg_took_is_not_offered_and_stays_until_it_is_cancelled,
    the_fundee_forgets_one_that_a_reorg_took,
);

/// Consensus, and BOLT 2 after it.
const MATURE: u32 = 100;

/// A channel of ours that the reward of the newest block funds: registered, its first commitments signed.
fn opens_mined(world: &mut World) -> Channel {
    let mut channel = world.mined_channel(1);
    let registered = world.phone.open_channel(retold(&channel), private());
    registered.expect("good terms");
    first_commitments(world, &mut channel);
    world.phone.resume();
    channel
}

fn case_file(world: &mut World, channel: &Channel) -> CaseFile {
    let file = block_on(world.phone.on().case_file(channel.funding()));
    file.expect("readable")
}

pub(super) fn channel_ready_waits_for_a_hundred_blocks(mut world: World) {
    let channel = opens_mined(&mut world);
    let opening = world.phone.opening(channel.funding());
    assert_eq!((opening.depth, opening.needed_depth), (1, MATURE));
    for blocks in [5, MATURE - 1 - 6] {
        ticks_after(&mut world, blocks);
        assert_eq!(said(&mut world, &channel), vec![]);
    }
    assert_eq!(stage(&mut world, &channel), Stage::Confirming);
    ticks_after(&mut world, 1);
    assert_eq!(said(&mut world, &channel), vec![Said::ChannelReady]);
    let name = name(&mut world, &channel);
    assert_eq!(name.transaction(), 0, "the first of its block");
}

pub(super) fn a_force_close_goes_out_as_soon_as_it_can_confirm(mut world: World) {
    let channel = opens_mined(&mut world);
    let outpoint = channel.funding();
    let status = world.phone.force_close(outpoint).expect("a commitment");
    let (commitment, outcome) = status.broadcasts[0].clone();
    let is_premature = |outcome: &Outcome| {
        let said = format!("{outcome:?}");
        said.contains("premature-spend-of-coinbase")
    };
    assert!(outcome.as_ref().is_some_and(is_premature), "{outcome:?}");
    ticks_after(&mut world, MATURE - 2);
    assert_eq!(world.chain.mempool(), vec![]);
    let timeline = case_file(&mut world, &channel).timeline;
    let says_why = |kind: &LogKind| match kind {
        LogKind::BroadcastOutcome { outcome, .. } => is_premature(outcome),
        _other => false,
    };
    assert!(timeline.iter().any(|entry| says_why(&entry.kind)));
    // The next block is the hundredth after its own.
    ticks_after(&mut world, 1);
    assert_eq!(world.chain.mempool(), vec![commitment]);
    ticks_after(&mut world, 1);
    let close = world.phone.report(outpoint).close;
    assert!(
        matches!(close, Some((CloseKind::Local { .. }, _))),
        "{close:?}"
    );
}

pub(super) fn one_that_a_reorg_took_is_not_offered_and_stays_until_it_is_cancelled(
    mut world: World,
) {
    let channel = opens_mined(&mut world);
    let outpoint = channel.funding();
    world.reorg(1, Orphaned::Keep);
    world.phone.resume();
    let told = world.phone.told();
    let is_told = |kind: &EventKind| matches!(kind, EventKind::FundingReorged { .. });
    assert!(told.iter().any(is_told), "{told:?}");
    world.chain.mine_empty(2_100);
    world.phone.resume();
    assert_eq!(stage(&mut world, &channel), Stage::Unconfirmed);
    // No mempool takes a coinbase: it is not offered.
    assert!(case_file(&mut world, &channel).broadcasts.is_empty());
    world.phone.cancel_funding(outpoint).expect("it is pending");
    world.phone.resume();
    ticks_after(&mut world, 100);
    let summary = world.phone.summary(outpoint).expect("it remains");
    assert_eq!(summary.kind, SummaryKind::FundingCancelled);
    assert!(summary.is_final);
}

fn the_fundee_forgets_one_that_a_reorg_took(mut world: World) {
    let channel = world.mined_channel(1);
    let outpoint = channel.funding();
    let registered = world.phone.open_channel(the_peers(&channel), private());
    registered.expect("good terms");
    ticks_after(&mut world, 10);
    assert_eq!(world.phone.opening(outpoint).depth, 11);
    world.reorg(11, Orphaned::Keep);
    ticks_after(&mut world, 2_000);
    assert_eq!(world.phone.report(outpoint).state, ArbitratorState::Default);
    ticks_after(&mut world, 16);
    let summary = world.phone.summary(outpoint).expect("it remains");
    assert_eq!(summary.kind, SummaryKind::FundingTimedOut);
}
