//! Scenario 6: we are not where the peer is.

use lightning_arbitrator::court::{ArbitratorState, CloseKind, CourtError, EventKind};
use lightning_arbitrator::ArbitratorError;
use testkit::party::Which;

use crate::support::World;

twins!(
    the_peer_is_one_state_ahead_on_chain,
    the_peer_is_many_states_ahead_on_chain,
    a_proof_of_data_loss_forbids_every_broadcast_of_ours,
    an_older_state_of_ours_is_on_chain,
    a_newer_state_of_ours_is_on_chain,
);

pub fn the_peer_is_one_state_ahead_on_chain(world: World) {
    ahead_by(world, 1);
}

fn the_peer_is_many_states_ahead_on_chain(world: World) {
    ahead_by(world, 7);
}

fn ahead_by(mut world: World, rounds: u64) {
    world.round();
    let loss = world.channel.data_loss(rounds).expect("some rounds");
    world.submit(&loss.transaction);
    world.mine(1);
    world.phone.resume();
    let channel = world.outpoint();
    let report = world.phone.report(channel);
    assert_eq!(
        report.close.map(|(kind, _)| kind),
        Some(CloseKind::RemoteFuture {
            number: loss.number
        })
    );
    assert!(report.data_loss);
    assert!(world.phone.told().contains(&EventKind::DataLoss {
        number: loss.number
    }));
    // BOLT 5: static_remotekey leaves us `to_remote` whatever the state.
    world.mine(1);
    world.assert_swept();
    assert!(matches!(
        world.phone.force_close(channel),
        Err(ArbitratorError::Court(CourtError::DataLoss { .. }))
    ));
    world.resolve();
}

fn a_proof_of_data_loss_forbids_every_broadcast_of_ours(mut world: World) {
    world.round();
    world.phone.resume();
    let loss = world.channel.data_loss(2).expect("two rounds");
    let channel = world.outpoint();
    world
        .phone
        .data_loss_proof(channel, &loss)
        .expect("our own secret");
    assert!(matches!(
        world.phone.force_close(channel),
        Err(ArbitratorError::Court(CourtError::DataLoss { .. }))
    ));
    let status = world.phone.report(channel);
    assert_eq!(status.state, ArbitratorState::Default);
    world.mine(10);
    world.phone.resume();
    assert!(world.chain.mempool().is_empty());
    assert!(world
        .phone
        .told()
        .iter()
        .any(|event| matches!(event, EventKind::DataLoss { .. })));
    world.submit(&loss.transaction);
    world.mine(1);
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
}

pub fn an_older_state_of_ours_is_on_chain(mut world: World) {
    world.round();
    world.round();
    let old = world
        .channel
        .our_commitment_tx(Which::Number(1))
        .expect("signed");
    ours_is_recognised(&mut world, &old, 1);
}

pub fn a_newer_state_of_ours_is_on_chain(mut world: World) {
    world.round();
    let mut ahead = world.channel.clone();
    for _ in 0..3 {
        ahead.commit_both().expect("rounds nobody told us of");
    }
    let newer = ahead.our_commitment_tx(Which::Current).expect("signed");
    ours_is_recognised(&mut world, &newer, 4);
    assert!(world
        .phone
        .told()
        .contains(&EventKind::DataLoss { number: 4 }));
}

/// Whoever broadcast it, from whatever backup: `to_local` is ours after its delay, unless the peer punishes it.
fn ours_is_recognised(world: &mut World, commitment: &bitcoin::Transaction, number: u64) {
    world.submit(commitment);
    world.mine(1);
    world.phone.resume();
    let channel = world.outpoint();
    assert_eq!(
        world.phone.report(channel).close.map(|(kind, _)| kind),
        Some(CloseKind::LocalOther { number })
    );
    world.mine(world.channel.setup().our_delay.into());
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
    world.resolve();
}
