//! Scenarios 2, 7, 9 and 16: the peer closes, in every way it can, and our balance comes home.

use bitcoin::{Amount, TxOut};
use lightning_arbitrator::court::{ArbitratorState, CloseKind, EventKind, Progress, Resolution};
use testkit::party::{Side, Which};

use crate::support::World;

twins!(
    the_current_commitment,
    the_pending_commitment,
    the_current_one_while_another_is_pending,
    any_alternative_with_the_current_number,
    a_close_found_weeks_later,
    an_output_that_somebody_else_swept,
    a_sweep_refused_as_too_cheap_is_raised_until_it_is_taken,
    an_unknown_spend_puts_the_funds_at_risk_and_stops_nothing_else,
);

/// The whole way of our `to_remote`: seen, swept, recovered, resolved.
fn comes_home(world: &mut World, kind: CloseKind) {
    let channel = world.outpoint();
    world.phone.resume();
    let report = world.phone.report(channel);
    assert_eq!(report.close.map(|(kind, _)| kind), Some(kind));
    assert_eq!(report.state, ArbitratorState::WaitingFullResolution);
    world.mine(1);
    world.assert_swept();
    world.resolve();
}

pub fn the_current_commitment(mut world: World) {
    world.round();
    world.round();
    world.peer_closes(Which::Current);
    comes_home(&mut world, CloseKind::Remote { number: 2 });
}

pub fn the_pending_commitment(mut world: World) {
    world.sign_for_peer();
    world.peer_closes(Which::Pending);
    comes_home(&mut world, CloseKind::RemotePending { number: 1 });
}

pub fn the_current_one_while_another_is_pending(mut world: World) {
    world.sign_for_peer();
    world.peer_closes(Which::Current);
    comes_home(&mut world, CloseKind::Remote { number: 0 });
}

fn any_alternative_with_the_current_number(mut world: World) {
    world.round();
    world.channel.set_feerate(700);
    world.sign_for_peer_again();
    world.channel.set_feerate(900);
    world.sign_for_peer_again();
    world.peer_closes(Which::Alternative {
        number: 1,
        index: 1,
    });
    comes_home(&mut world, CloseKind::Remote { number: 1 });
}

fn a_close_found_weeks_later(mut world: World) {
    world.phone.resume();
    world.peer_closes(Which::Current);
    world.mine(4_000);
    let channel = world.outpoint();
    world.phone.resume();
    assert_eq!(
        world.phone.report(channel).close.map(|(kind, _)| kind),
        Some(CloseKind::Remote { number: 0 })
    );
    world.mine(1);
    world.assert_swept();
    world.resolve();
}

pub fn an_output_that_somebody_else_swept(mut world: World) {
    // Another device of ours with the same seed has swept it: neither lost nor claimed by this one.
    world.peer_closes(Which::Current);
    let sweep = world
        .channel
        .sweep_to_remote(Side::Peer, Which::Current, Amount::from_sat(500))
        .expect("ours");
    world.submit(&sweep);
    world.mine(6);
    world.phone.resume();
    let channel = world.outpoint();
    let report = world.phone.report(channel);
    let swept = Resolution::SweptByAnother {
        txid: sweep.compute_txid(),
    };
    assert!(
        report.contracts.iter().any(|contract| matches!(
            contract.progress,
            Progress::Spent { resolution, settled: true, .. } if resolution == swept
        )),
        "{report:?}"
    );
    assert!(world
        .phone
        .told()
        .iter()
        .any(|event| matches!(event, EventKind::SweptByAnother { .. })));
}

fn a_sweep_refused_as_too_cheap_is_raised_until_it_is_taken(mut world: World) {
    world.phone.resume();
    world.peer_closes(Which::Current);
    // Three times what is bid without an estimate.
    world.chain.set_min_fee(3_000);
    let mut ticks = 0;
    while world.chain.mempool().is_empty() {
        world.phone.resume();
        ticks += 1;
        assert!(
            ticks < 20,
            "raised by a quarter each time, it is soon enough"
        );
    }
    assert!(ticks > 1, "the first bid was too low");
    world.mine(1);
    world.assert_swept();
    world.resolve();
}

pub fn an_unknown_spend_puts_the_funds_at_risk_and_stops_nothing_else(mut world: World) {
    let mut other = world.second_channel();
    let spend = world.channel.unknown_spend(vec![TxOut {
        value: Amount::from_sat(999_000),
        script_pubkey: world.channel.setup().peer_shutdown_script.clone(),
    }]);
    world.submit(&spend);
    let close = other
        .peer_commitment_tx(Which::Current)
        .expect("signed in the first round");
    world.submit(&close);
    world.mine(1);
    world.phone.resume();
    let channel = world.outpoint();
    assert_eq!(
        world.phone.report(channel).close.map(|(kind, _)| kind),
        Some(CloseKind::Unknown)
    );
    assert!(world.phone.told().contains(&EventKind::FundsAtRisk {
        txid: spend.compute_txid()
    }));
    std::mem::swap(&mut world.channel, &mut other);
    comes_home(&mut world, CloseKind::Remote { number: 0 });
    // What nobody understands is never declared resolved.
    assert_eq!(
        world.phone.report(channel).state,
        ArbitratorState::WaitingFullResolution
    );
}
