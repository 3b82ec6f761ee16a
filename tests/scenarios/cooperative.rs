//! Scenario 1: both sides agree.

use bitcoin::{Amount, Transaction};
use futures::executor::block_on;
use lightning_arbitrator::court::{ArbitratorState, CloseKind, EventKind};
use testkit::chain::Orphaned;
use testkit::party::{CooperativeClose, Side};

use crate::support::World;

twins!(
    a_registered_close_is_recognised,
    a_close_that_nobody_registered_is_recognised_by_its_outputs,
    one_of_several_live_closing_transactions_wins,
    a_close_that_a_reorg_takes_for_good_is_broadcast_again,
    a_force_close_prefers_the_cooperative_one_that_is_held,
    a_cooperative_close_that_does_not_confirm_makes_room_for_ours,
);

fn close(world: &World, fee_sat: u64) -> Transaction {
    world
        .channel
        .cooperative_close(&CooperativeClose::legacy(Amount::from_sat(fee_sat)))
        .expect("no HTLCs")
}

fn rbf_close(world: &World, fee_sat: u64) -> Transaction {
    let close = CooperativeClose::simple(Side::Peer, Amount::from_sat(fee_sat));
    world.channel.cooperative_close(&close).expect("no HTLCs")
}

fn register(world: &mut World, transaction: &Transaction) {
    let channel = world.outpoint();
    block_on(
        world
            .phone
            .on()
            .closing_signed(channel, transaction.clone()),
    )
    .expect("a good close");
}

/// The close is proven, reported at its settle depth, and ends at 100.
fn ends_well(world: &mut World, closing: &Transaction) {
    let channel = world.outpoint();
    world.phone.resume();
    let report = world.phone.report(channel);
    assert_eq!(
        report.close,
        Some((CloseKind::Cooperative, closing.compute_txid()))
    );
    assert!(report.contracts.is_empty());
    world.mine(2);
    world.phone.resume();
    let ours = world.balance(&world.channel.setup().our_shutdown_script);
    assert!(ours > 0);
    assert!(
        world.phone.told().iter().any(
            |event| matches!(event, EventKind::FundsRecovered { value_sat, .. } if *value_sat == ours)
        ),
        "{:?}",
        world.phone.told()
    );
    world.mine(97);
    world.phone.resume();
    assert_eq!(
        world.phone.report(channel).state,
        ArbitratorState::FullyResolved
    );
    let summary = block_on(world.phone.on().close_summary(channel))
        .expect("readable")
        .expect("closed");
    assert!(summary.is_final);
    assert_eq!(summary.settled_balance.to_sat(), ours);
}

pub fn a_registered_close_is_recognised(mut world: World) {
    let closing = close(&world, 1_000);
    register(&mut world, &closing);
    world.submit(&closing);
    world.mine(1);
    ends_well(&mut world, &closing);
}

pub fn a_close_that_nobody_registered_is_recognised_by_its_outputs(mut world: World) {
    let closing = rbf_close(&world, 1_000);
    world.submit(&closing);
    world.mine(1);
    ends_well(&mut world, &closing);
}

pub fn one_of_several_live_closing_transactions_wins(mut world: World) {
    let closings = [1_000, 2_000, 3_000].map(|fee| rbf_close(&world, fee));
    for closing in &closings {
        register(&mut world, closing);
    }
    world.submit(&closings[0]);
    world
        .phone
        .looks(lightning_arbitrator::chain::Look::Mempool);
    world.submit(&closings[1]);
    world.mine(1);
    ends_well(&mut world, &closings[1]);
}

pub fn a_close_that_a_reorg_takes_for_good_is_broadcast_again(mut world: World) {
    let closing = close(&world, 1_000);
    world.submit(&closing);
    world.mine(1);
    world.phone.resume();
    let channel = world.outpoint();
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    assert_eq!(world.phone.report(channel).close, None);
    // Nobody else knows it any more: it is our copy that the network gets.
    assert_eq!(world.chain.mempool(), vec![closing.compute_txid()]);
    world.mine(1);
    ends_well(&mut world, &closing);
}

pub fn a_force_close_prefers_the_cooperative_one_that_is_held(mut world: World) {
    let closing = close(&world, 1_000);
    register(&mut world, &closing);
    world.phone.resume();
    let channel = world.outpoint();
    let status = world.phone.force_close(channel).expect("a close");
    assert_eq!(status.broadcasts.len(), 1);
    assert_eq!(world.chain.mempool(), vec![closing.compute_txid()]);
    world.mine(1);
    ends_well(&mut world, &closing);
}

fn a_cooperative_close_that_does_not_confirm_makes_room_for_ours(mut world: World) {
    let closing = close(&world, 1_000);
    register(&mut world, &closing);
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a close");
    world.chain.mine_empty(144);
    world.chain.evict(closing.compute_txid());
    world.chain.set_min_fee(1_000);
    world.phone.resume();
    // Both are offered now; whichever the mempool holds, the other is refused as a conflict, and one of them confirms.
    assert_eq!(
        world.phone.report(channel).state,
        ArbitratorState::CommitmentBroadcasted
    );
    assert_eq!(world.chain.mempool().len(), 1);
}
