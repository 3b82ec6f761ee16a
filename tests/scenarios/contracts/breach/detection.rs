//! A breach in the mempool is a warning; in a block it is a fact.

use lightning_arbitrator::chain::Look;
use lightning_arbitrator::court::{ArbitratorState, CloseKind, EventKind, Outcome};

use super::{NUMBER, REVOKED};
use crate::support::World;

twins!(
    in_the_mempool_it_is_told_and_no_case_begins,
    in_the_mempool_it_silences_nothing_of_ours,
    whoever_does_not_look_into_the_mempool_finds_it_in_the_block,
);

fn in_the_mempool_it_is_told_and_no_case_begins(mut world: World) {
    world.revoked_with_htlcs();
    let breach = world.channel.peer_commitment_tx(REVOKED).expect("signed");
    world.submit(&breach);
    world.phone.looks(Look::Mempool);
    let (txid, number) = (breach.compute_txid(), NUMBER);
    let kind = CloseKind::Breach { number };
    world.assert_told(&EventKind::CloseSeen { txid, kind });
    world.assert_told(&EventKind::BreachSeen { txid, number });
    let channel = world.outpoint();
    let report = world.phone.report(channel);
    assert_eq!(
        (report.state, report.close),
        (ArbitratorState::Default, None)
    );
    world.mine(1);
    world.phone.resume();
    world.assert_told(&EventKind::BreachSeen { txid, number });
    world.assert_told(&EventKind::BreachDetected { txid, number });
    world.mine(1);
    world.assert_taken(&breach);
    world.resolve();
}

fn in_the_mempool_it_silences_nothing_of_ours(mut world: World) {
    world.revoked_with_htlcs();
    let breach = world.channel.peer_commitment_tx(REVOKED).expect("signed");
    world.submit(&breach);
    world.phone.looks(Look::Mempool);
    let channel = world.outpoint();
    let status = world.phone.force_close(channel).expect("permitted");
    assert_eq!(status.state, ArbitratorState::CommitmentBroadcasted);
    // It was offered, and the mempool preferred the other one.
    let [(ours, Some(outcome))] = status.broadcasts.as_slice() else {
        panic!("{status:?}");
    };
    assert!(!outcome.is_held(), "{outcome:?}");
    assert_ne!(*outcome, Outcome::Unreachable);
    // The miner prefers ours.
    world.chain.evict(breach.compute_txid());
    world.phone.resume();
    assert_eq!(world.chain.mempool(), [*ours]);
}

fn whoever_does_not_look_into_the_mempool_finds_it_in_the_block(mut world: World) {
    world.revoked_with_htlcs();
    world.phone.resume();
    let breach = world.channel.peer_commitment_tx(REVOKED).expect("signed");
    world.submit(&breach);
    world.mine(1);
    world.phone.looks(Look::Mempool);
    let (txid, number) = (breach.compute_txid(), NUMBER);
    world.assert_told(&EventKind::BreachDetected { txid, number });
    let told = world.phone.told();
    let is_warning = |event: &EventKind| matches!(event, EventKind::BreachSeen { .. });
    assert!(!told.iter().any(is_warning));
}
