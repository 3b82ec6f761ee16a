//! Reorgs through every stage of a breach.

use bitcoin::Transaction;
use lightning_arbitrator::court::{CloseKind, EventKind};
use testkit::chain::Orphaned;
use testkit::party::Which;

use super::{NUMBER, REVOKED};
use crate::support::World;

twins!(
    justice_that_a_reorg_took_away_is_broadcast_again,
    justice_that_stays_away_is_priced_above_what_was_broadcast,
    a_breach_that_returns_is_punished_for_more_than_before,
    a_breach_that_stays_away_is_not_broadcast_by_us,
    an_honest_close_takes_the_place_of_a_breach,
    a_breach_takes_the_place_of_an_honest_close_that_was_settled,
    a_second_level_that_a_reorg_took_away_leads_back_to_the_first,
);

pub fn justice_that_a_reorg_took_away_is_broadcast_again(mut world: World) {
    world.revoked_with_htlcs();
    let breach = world.cheated();
    world.mine(1);
    world.phone.resume();
    world.reorg(1, Orphaned::Drop);
    assert_eq!(world.chain.mempool(), []);
    world.phone.resume();
    world.assert_taken(&breach);
    world.mine(1);
    world.resolve();
}

fn justice_that_stays_away_is_priced_above_what_was_broadcast(mut world: World) {
    world.revoked_with_htlcs();
    let breach = world.cheated();
    let before = world.lowest_feerate();
    world.mine(4);
    world.phone.resume();
    world.reorg(4, Orphaned::Drop);
    world.fees_are(12.0);
    world.phone.resume();
    assert!(world.lowest_feerate() > before);
    world.assert_taken(&breach);
    world.mine(1);
    world.resolve();
}

fn a_breach_that_returns_is_punished_for_more_than_before(mut world: World) {
    world.revoked_with_htlcs();
    let breach = world.cheated();
    let before = world.lowest_feerate();
    world.mine(3);
    world.phone.resume();
    world.reorg(4, Orphaned::Drop);
    world.fees_are(12.0);
    world.phone.resume();
    let channel = world.outpoint();
    assert_eq!(world.phone.report(channel).close, None);
    world.submit(&breach);
    world.mine(1);
    world.phone.resume();
    assert!(world.lowest_feerate() > before);
    world.assert_taken(&breach);
    world.mine(1);
    world.resolve();
}

fn a_breach_that_stays_away_is_not_broadcast_by_us(mut world: World) {
    world.revoked_with_htlcs();
    let breach = world.cheated();
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    assert_eq!(world.chain.mempool(), []);
    // Patience with it has an end: ours goes out.
    world.chain.mine_empty(6);
    world.phone.resume();
    let [ours] = world.chain.mempool()[..] else {
        panic!("{:?}", world.chain.mempool());
    };
    assert_ne!(ours, breach.compute_txid());
    world.mine(1);
    world.phone.resume();
    let channel = world.outpoint();
    let close = world.phone.report(channel).close.expect("proven");
    assert!(matches!(close, (CloseKind::Local { .. }, txid) if txid == ours));
}

/// The close gives way to another one, in a branch with one block more.
fn swapped(world: &mut World, depth: u32, other: &Transaction) -> CloseKind {
    world.reorg(depth, Orphaned::Replace(vec![other.clone()]));
    world.phone.resume();
    let channel = world.outpoint();
    let (kind, txid) = world.phone.report(channel).close.expect("proven");
    assert_eq!(txid, other.compute_txid());
    kind
}

pub fn an_honest_close_takes_the_place_of_a_breach(mut world: World) {
    world.round();
    world.round();
    world.cheated();
    world.mine(2);
    world.phone.resume();
    let honest = world.channel.peer_commitment_tx(Which::Current);
    let kind = swapped(&mut world, 3, &honest.expect("signed"));
    assert_eq!(kind, CloseKind::Remote { number: 2 });
    world.mine(1);
    world.assert_swept();
    world.resolve();
}

fn a_breach_takes_the_place_of_an_honest_close_that_was_settled(mut world: World) {
    world.revoked_with_htlcs();
    world.peer_closes(Which::Current);
    world.mine(10);
    world.phone.resume();
    let breach = world.channel.peer_commitment_tx(REVOKED).expect("signed");
    let kind = swapped(&mut world, 11, &breach);
    assert_eq!(kind, CloseKind::Breach { number: NUMBER });
    let txid = breach.compute_txid();
    let number = NUMBER;
    world.assert_told(&EventKind::BreachDetected { txid, number });
    world.assert_taken(&breach);
    world.mine(1);
    world.resolve();
}

pub fn a_second_level_that_a_reorg_took_away_leads_back_to_the_first(mut world: World) {
    let [outgoing, _] = world.revoked_with_htlcs();
    let breach = world.cheated();
    let second = world.cheaters_second_level(&outgoing);
    let of_second = |world: &mut World| {
        let channel = world.outpoint();
        let contracts = world.phone.report(channel).contracts.into_iter();
        let txid = second.compute_txid();
        contracts.filter(|it| it.outpoint.txid == txid).count()
    };
    world
        .chain
        .mine_txs(std::slice::from_ref(&second))
        .expect("valid");
    world.phone.resume();
    assert_eq!(of_second(&mut world), 1);
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    assert_eq!(of_second(&mut world), 0);
    world.assert_taken(&breach);
    world.mine(1);
    world.resolve();
}
