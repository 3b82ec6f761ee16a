//! Scenarios 3, 4, 5 and 16: we close.

use lightning_arbitrator::court::{ArbitratorState, CloseKind, Outcome, Progress};
use testkit::gateway::{Fault, Scope};
use testkit::party::Which;

use crate::support::World;

twins!(
    our_balance_waits_for_its_delay_and_no_longer,
    a_second_request_answers_with_the_state_of_the_first,
    while_the_peers_commitment_is_in_the_mempool,
    after_the_peers_commitment_confirmed_unseen,
    the_peers_commitment_confirms_instead,
    a_mempool_that_forgot_it_gets_it_again,
    an_unreachable_server_delays_and_nothing_more,
    a_refusal_for_a_low_fee_is_recorded_and_tried_again,
    the_funding_goes_out_first,
);

fn delay(world: &World) -> u32 {
    world.channel.setup().our_delay.into()
}

pub fn our_balance_waits_for_its_delay_and_no_longer(mut world: World) {
    world.phone.resume();
    let channel = world.outpoint();
    let status = world.phone.force_close(channel).expect("a commitment");
    assert_eq!(status.state, ArbitratorState::CommitmentBroadcasted);
    assert_eq!(status.broadcasts[0].1, Some(Outcome::Accepted));
    world.mine(1);
    let confirmed = world.chain.tip().height;
    let report = world.phone.resume();
    assert_eq!(
        world.phone.report(channel).close.map(|(kind, _)| kind),
        Some(CloseKind::Local { number: 0 })
    );
    let claimable_at = confirmed + delay(&world) - 1;
    assert!(report.open[0]
        .contracts
        .iter()
        .any(|contract| contract.progress == Progress::Maturing { claimable_at }));

    world.mine(claimable_at - confirmed - 1);
    world.phone.resume();
    world.mine(1);
    world.assert_not_swept();
    world.phone.resume();
    // The tip is now `claimable_at`, and the very next block holds the sweep.
    world.mine(1);
    world.assert_swept();
    world.resolve();
}

fn a_second_request_answers_with_the_state_of_the_first(mut world: World) {
    world.phone.resume();
    let channel = world.outpoint();
    let first = world.phone.force_close(channel).expect("a commitment");
    let second = world.phone.force_close(channel).expect("the same");
    assert_eq!(first.state, second.state);
    assert_eq!(first.broadcasts[0].0, second.broadcasts[0].0);
    world.mine(1);
    world.phone.resume();
    let third = world.phone.force_close(channel).expect("the same");
    assert_eq!(third.state, ArbitratorState::WaitingFullResolution);
}

pub fn while_the_peers_commitment_is_in_the_mempool(mut world: World) {
    world.phone.resume();
    let close = world
        .channel
        .peer_commitment_tx(Which::Current)
        .expect("signed");
    world.submit(&close);
    let channel = world.outpoint();
    // An unconfirmed close never silences ours: it is offered too, and refused as a conflict.
    let status = world.phone.force_close(channel).expect("a commitment");
    assert!(
        matches!(
            status.broadcasts[0].1,
            Some(Outcome::Conflict(_) | Outcome::FeeTooLow)
        ),
        "{status:?}"
    );
    world.mine(1);
    peers_close_resolves(&mut world);
}

pub fn after_the_peers_commitment_confirmed_unseen(mut world: World) {
    world.phone.resume();
    world.peer_closes(Which::Current);
    let channel = world.outpoint();
    let status = world.phone.force_close(channel).expect("a commitment");
    assert!(
        matches!(status.broadcasts[0].1, Some(Outcome::Conflict(_))),
        "{status:?}"
    );
    peers_close_resolves(&mut world);
}

pub fn the_peers_commitment_confirms_instead(mut world: World) {
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    let ours = world.chain.mempool();
    for txid in ours {
        world.chain.evict(txid);
    }
    world.peer_closes(Which::Current);
    peers_close_resolves(&mut world);
}

fn peers_close_resolves(world: &mut World) {
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

pub fn a_mempool_that_forgot_it_gets_it_again(mut world: World) {
    world.phone.resume();
    let channel = world.outpoint();
    let status = world.phone.force_close(channel).expect("a commitment");
    let ours = status.broadcasts[0].0;
    world.chain.evict(ours);
    assert!(world.chain.mempool().is_empty());
    world.phone.resume();
    assert_eq!(world.chain.mempool(), vec![ours]);
}

fn an_unreachable_server_delays_and_nothing_more(mut world: World) {
    world.phone.resume();
    world.gateway().order(Scope::all(), Fault::HangUp);
    let channel = world.outpoint();
    let status = world
        .phone
        .force_close(channel)
        .expect("durable all the same");
    assert_eq!(status.state, ArbitratorState::CommitmentBroadcasted);
    assert_eq!(status.broadcasts[0].1, Some(Outcome::Unreachable));
    let report = world
        .phone
        .resume_with(Default::default())
        .expect("a server that fails is no error");
    assert!(!report.complete);
    world.gateway().behave();
    world.phone.resume();
    assert_eq!(world.chain.mempool(), vec![status.broadcasts[0].0]);
}

pub fn a_refusal_for_a_low_fee_is_recorded_and_tried_again(mut world: World) {
    world.phone.resume();
    // More than the 2 sat/vB that the commitment pays.
    world.chain.set_min_fee(5_000);
    let channel = world.outpoint();
    let status = world.phone.force_close(channel).expect("a commitment");
    assert_eq!(status.broadcasts[0].1, Some(Outcome::FeeTooLow));
    assert_eq!(status.state, ArbitratorState::CommitmentBroadcasted);
    world.mine(1);
    world.phone.resume();
    assert!(world.chain.mempool().is_empty());
    world.chain.set_min_fee(1_000);
    world.phone.resume();
    assert_eq!(world.chain.mempool(), vec![status.broadcasts[0].0]);
}

pub fn the_funding_goes_out_first(mut world: World) {
    let unconfirmed = world.unfunded_channel();
    world.phone.resume();
    let status = world
        .phone
        .force_close(unconfirmed.funding())
        .expect("a commitment");
    assert_eq!(
        world.chain.mempool(),
        vec![
            unconfirmed.funding_tx().compute_txid(),
            status.broadcasts[0].0
        ]
    );
    world.mine(1);
    world.phone.resume();
    assert_eq!(
        world
            .phone
            .report(unconfirmed.funding())
            .close
            .map(|(kind, _)| kind),
        Some(CloseKind::Local { number: 0 })
    );
}
