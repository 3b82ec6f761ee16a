//! A coin of our funding that a stranger's transaction has: told when it is proven, and the channel's end when it is final.

use bitcoin::Transaction;
use lightning_arbitrator::channel::SummaryKind;
use lightning_arbitrator::court::ArbitratorState;
use testkit::chain::Orphaned;

use super::*;

twins!(
    a_funding_whose_coin_is_spent_ends_when_that_is_final,
    a_coin_that_is_spent_in_a_mempool_only_ends_nothing,
    a_reorg_gives_the_coin_back_and_the_funding_confirms,
    a_close_asked_for_before_ends_with_its_funding,
    a_cancelled_funding_whose_coin_is_spent_ends_as_that_is_final,
);

/// Our funding is in the mempool; and a transaction that spends the same coin, and pays more.
pub fn rivalled(world: &mut World) -> (Channel, Transaction) {
    let channel = opens(world, private());
    world.phone.resume();
    let rival = channel.attempt(world.chain.as_ref()).expect("consistent");
    (channel, rival.funding_tx().clone())
}

/// The other one is mined. The first look finds our funding refused, the second finds out why.
pub fn is_double_spent(world: &World, rival: &Transaction) {
    world
        .chain
        .mine_txs(std::slice::from_ref(rival))
        .expect("a valid block");
}

fn double_spends(world: &mut World) -> Vec<EventKind> {
    let mut told = world.phone.told();
    told.retain(|it| {
        matches!(
            it,
            EventKind::FundingDoubleSpent { .. } | EventKind::DoubleSpendReorged { .. }
        )
    });
    told
}

#[track_caller]
fn is_told(world: &mut World, channel: &Channel, rival: &Transaction) {
    let tip = world.chain.tip();
    world.phone.resume();
    world.phone.resume();
    let told = EventKind::FundingDoubleSpent {
        coin: channel.funding_tx().input[0].previous_output,
        by: rival.compute_txid(),
        height: tip.height,
        block: tip.hash,
    };
    assert_eq!(double_spends(world), vec![told]);
}

#[track_caller]
fn ends_after_99_more(world: &mut World, channel: &Channel, rival: &Transaction) {
    let outpoint = channel.funding();
    ticks_after(world, 98);
    let state = world.phone.report(outpoint).state;
    assert_ne!(state, ArbitratorState::FullyResolved);
    ticks_after(world, 1);
    let state = world.phone.report(outpoint).state;
    assert_eq!(state, ArbitratorState::FullyResolved);
    let summary = world.phone.summary(outpoint).expect("it remains");
    let by = rival.compute_txid();
    assert_eq!(summary.kind, SummaryKind::FundingDoubleSpent { by });
    assert!(summary.is_final);
}

pub fn a_funding_whose_coin_is_spent_ends_when_that_is_final(mut world: World) {
    let (channel, rival) = rivalled(&mut world);
    is_double_spent(&world, &rival);
    is_told(&mut world, &channel, &rival);
    ends_after_99_more(&mut world, &channel, &rival);
    // What is left is the world's first channel's.
    let tables = world.phone.tables();
    assert_eq!(
        (tables.rows("opening"), tables.rows("chain_output")),
        (0, 1)
    );
}

fn a_coin_that_is_spent_in_a_mempool_only_ends_nothing(mut world: World) {
    let (channel, rival) = rivalled(&mut world);
    let txid = world.chain.submit(&rival).expect("it pays more");
    world.phone.resume();
    world.chain.mine_empty(100);
    world.phone.resume();
    world.phone.resume();
    assert_eq!(double_spends(&mut world), vec![]);
    world.chain.evict(txid);
    world.phone.resume();
    ticks_after(&mut world, DEEP);
    assert_eq!(said(&mut world, &channel), vec![Said::ChannelReady]);
}

pub fn a_reorg_gives_the_coin_back_and_the_funding_confirms(mut world: World) {
    let (channel, rival) = rivalled(&mut world);
    is_double_spent(&world, &rival);
    let block = world.chain.tip().hash;
    is_told(&mut world, &channel, &rival);
    ticks_after(&mut world, 49);
    world.reorg(50, Orphaned::Replace(vec![channel.funding_tx().clone()]));
    world.phone.resume();
    let by = rival.compute_txid();
    let gone = EventKind::DoubleSpendReorged { by, block };
    assert_eq!(double_spends(&mut world).last(), Some(&gone));
    ticks_after(&mut world, 100);
    assert_eq!(said(&mut world, &channel), vec![Said::ChannelReady]);
    let state = world.phone.report(channel.funding()).state;
    assert_eq!(state, ArbitratorState::Default);
}

fn a_close_asked_for_before_ends_with_its_funding(mut world: World) {
    let (channel, rival) = rivalled(&mut world);
    world.phone.force_close(channel.funding()).expect("it may");
    is_double_spent(&world, &rival);
    is_told(&mut world, &channel, &rival);
    ends_after_99_more(&mut world, &channel, &rival);
}

fn a_cancelled_funding_whose_coin_is_spent_ends_as_that_is_final(mut world: World) {
    let (channel, rival) = rivalled(&mut world);
    is_double_spent(&world, &rival);
    is_told(&mut world, &channel, &rival);
    ticks_after(&mut world, 50);
    let cancelled = world.phone.cancel_funding(channel.funding());
    cancelled.expect("it is pending");
    ticks_after(&mut world, 49);
    let summary = world.phone.summary(channel.funding()).expect("it remains");
    let by = rival.compute_txid();
    assert_eq!(summary.kind, SummaryKind::FundingDoubleSpent { by });
    assert!(summary.is_final);
}
