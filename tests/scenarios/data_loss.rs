//! Scenario 6: we are not where the peer is.

use std::sync::Arc;
use std::thread;

use futures::executor::block_on;
use lightning_arbitrator::arbitrator::Received;
use lightning_arbitrator::chain::Look;
use lightning_arbitrator::court::{ArbitratorState, CloseKind, CourtError, EventKind};
use lightning_arbitrator::signer::Signer;
use lightning_arbitrator::ArbitratorError;
use testkit::chain::Orphaned;
use testkit::party::{ChannelType, Which};

use crate::support::{never_answer, About, Mood, Moody, Nap, Told, World};

twins!(
    the_peer_is_one_state_ahead_on_chain,
    the_peer_is_many_states_ahead_on_chain,
    a_state_beyond_ours_in_a_mempool_forbids_every_broadcast_of_ours,
    a_proof_of_data_loss_forbids_every_broadcast_of_ours,
    an_older_state_of_ours_is_on_chain,
    a_newer_state_of_ours_is_on_chain,
    a_commitment_of_ours_that_was_broadcast_before_the_proof_is_not_broadcast_again,
    a_commitment_of_ours_that_a_reorg_takes_away_after_the_proof_is_not_broadcast_again,
    an_older_state_of_ours_that_a_reorg_takes_away_is_not_broadcast_again,
);

const TYPES: [ChannelType; 2] = [
    ChannelType::StaticRemotekey,
    ChannelType::AnchorsZeroFeeHtlc,
];

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

fn a_state_beyond_ours_in_a_mempool_forbids_every_broadcast_of_ours(mut world: World) {
    world.round();
    world.phone.resume();
    let loss = world.channel.data_loss(2).expect("two rounds");
    world.submit(&loss.transaction);
    world.phone.looks(Look::Mempool);
    let number = loss.number;
    let told = world.phone.told();
    assert!(told.contains(&EventKind::DataLoss { number }), "{told:?}");
    let channel = world.outpoint();
    assert!(matches!(
        world.phone.force_close(channel),
        Err(ArbitratorError::Court(CourtError::DataLoss { .. }))
    ));
    // A mempool that forgets it gets it again, and nothing of ours.
    let txid = loss.transaction.compute_txid();
    world.chain.evict(txid);
    world.phone.looks(Look::Mempool);
    assert_eq!(world.chain.mempool(), vec![txid]);
    world.mine(1);
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
}

fn a_proof_of_data_loss_forbids_every_broadcast_of_ours(mut world: World) {
    world.round();
    world.phone.resume();
    let loss = world.channel.data_loss(2).expect("two rounds");
    let channel = world.outpoint();
    world.phone.hears_of_loss(&loss);
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

/// Tells the peer's proof that it is two states ahead.
fn prove_loss(world: &mut World) {
    let loss = world.channel.data_loss(2).expect("two rounds");
    world.tell(Told::data_loss(&loss));
}

fn a_commitment_of_ours_that_was_broadcast_before_the_proof_is_not_broadcast_again(
    mut world: World,
) {
    world.round();
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    for ours in world.chain.mempool() {
        world.chain.evict(ours);
    }
    prove_loss(&mut world);
    world.mine(1);
    world.phone.resume();
    assert_eq!(world.chain.mempool(), vec![]);
}

fn a_commitment_of_ours_that_a_reorg_takes_away_after_the_proof_is_not_broadcast_again(
    mut world: World,
) {
    world.round();
    let ours = world.channel.our_commitment_tx(Which::Current);
    world.submit(&ours.expect("signed"));
    world.mine(1);
    world.phone.resume();
    prove_loss(&mut world);
    stays_away_after_a_reorg(&mut world);
    assert_eq!(
        world.phone.report(world.channel.funding()).state,
        ArbitratorState::Default
    );
}

fn an_older_state_of_ours_that_a_reorg_takes_away_is_not_broadcast_again(mut world: World) {
    world.round();
    world.round();
    let old = world.channel.our_commitment_tx(Which::Number(1));
    world.submit(&old.expect("signed"));
    world.mine(1);
    world.phone.resume();
    stays_away_after_a_reorg(&mut world);
}

/// A reorg takes the close in the tip away, and we do nothing to bring it back.
fn stays_away_after_a_reorg(world: &mut World) {
    let channel = world.outpoint();
    assert!(world.phone.report(channel).close.is_some());
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    assert_eq!(world.phone.report(channel).close, None);
    assert_eq!(world.chain.mempool(), vec![]);
}

/// A world, its signer, and the mood in which that one, asked for our commitment, first has the library told that we lost
/// data.
fn with_a_moody_signer(channel_type: ChannelType) -> (World, Arc<Moody<dyn Signer>>, Mood) {
    let mut world = World::new(channel_type, Nap::Never);
    world.round();
    world.phone.resume();
    let channel = world.outpoint();
    let loss = world.channel.data_loss(2).expect("two rounds");
    let good: Arc<dyn Signer> = world.phone.signer.clone();
    let signer = Moody::new(good, About::Signing(channel));
    let set = signer.clone();
    world.phone.set(|config| config.signer = set);
    let library = Arc::downgrade(&world.phone.shared());
    let reports = Mood::CallsBack(Arc::new(move || {
        let library = library.upgrade().expect("it is calling");
        let told = library.peer_message(loss.peer, loss.reestablish.clone());
        assert_eq!(block_on(told).expect("our own secret"), Received::DataLost);
    }));
    (world, signer, reports)
}

#[track_caller]
fn nothing_went_out(world: &mut World) {
    let channel = world.outpoint();
    let report = world.phone.report(channel);
    assert!(report.data_loss);
    assert_eq!(report.state, ArbitratorState::Default);
    assert_eq!(world.phone.tables().rows("broadcast"), 0);
    world.phone.resume();
    assert_eq!(world.chain.mempool(), vec![]);
}

#[test]
fn a_proof_that_comes_while_our_commitment_is_signed_keeps_it_from_going_out() {
    for channel_type in TYPES {
        let (mut world, signer, reports) = with_a_moody_signer(channel_type);
        let channel = world.outpoint();
        signer.becomes(reports);
        let status = world.phone.force_close(channel).expect("decided before");
        assert_eq!(status.broadcasts, vec![]);
        nothing_went_out(&mut world);
    }
}

#[test]
fn a_proof_that_comes_while_a_tick_has_our_commitment_signed_keeps_it_from_going_out() {
    for channel_type in TYPES {
        let (mut world, signer, reports) = with_a_moody_signer(channel_type);
        let channel = world.outpoint();
        signer.becomes(Mood::Fails);
        let status = world.phone.force_close(channel).expect("decided");
        assert_eq!(status.state, ArbitratorState::BroadcastCommit);
        signer.becomes(reports);
        world.phone.resume();
        nothing_went_out(&mut world);
    }
}

/// Two transactions go out one after the other, and the proof comes while the server has the first.
#[test]
fn a_proof_that_comes_while_the_funding_is_broadcast_keeps_our_commitment_from_going_out() {
    for channel_type in TYPES {
        let mut world = World::new(channel_type, Nap::Never);
        let mut channel = world.unfunded_channel();
        let outpoint = channel.funding();
        let round = channel.commit_both().expect("nothing is outstanding");
        world.phone.told_round(outpoint, &round);
        world.phone.resume();
        let loss = channel.data_loss(2).expect("two rounds");
        let gateway = world.gateway();
        never_answer(&gateway, "/tx");
        let library = world.phone.shared();
        thread::scope(|scope| {
            let closing = scope.spawn(|| block_on(library.force_close(outpoint)));
            while gateway.held() == 0 && !closing.is_finished() {
                thread::yield_now();
            }
            let told = library.peer_message(loss.peer, loss.reestablish.clone());
            assert_eq!(block_on(told).expect("our own secret"), Received::DataLost);
            gateway.behave();
            closing.join().expect("no panic").expect("decided before");
        });
        assert_eq!(world.chain.mempool(), vec![outpoint.txid]);
    }
}
