//! Scenario 27: a signer and a wallet that fail, panic, do not come back, err, or call back into the library. The channel
//! that needs them waits for a later tick; every other one goes on.

use std::sync::{mpsc, Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::executor::block_on;
use lightning_arbitrator::arbitrator::{ResumeOptions, ResumeReport};
use lightning_arbitrator::court::{ArbitratorState, CloseKind};
use lightning_arbitrator::error::CalloutError;
use lightning_arbitrator::signer::Signer;
use lightning_arbitrator::{ArbitratorError, OnchainWallet};
use testkit::party::{Channel, ChannelType, Which};

use crate::support::{About, Mood, Moody, Nap, World};

twins!(
    a_bad_signer_delays_the_sweep_of_its_channel_and_of_no_other,
    a_bad_wallet_delays_the_sweep_of_the_channel_that_asked_it,
    a_bad_wallet_delays_the_recognition_of_the_close_it_was_asked_about,
    a_force_close_is_decided_however_bad_the_signer_is,
    an_update_that_a_bad_signer_cannot_judge_is_refused_and_may_be_repeated,
);

/// A callback that waits is given up after this: longer than a good one needs on a busy machine.
const LIMIT: Duration = Duration::from_secs(1);

/// What is wrong with the app, and what the library says of it.
type Badness<'w> = [(Mood, &'w str)];

const FAILS: (Mood, &str) = (Mood::Fails, "not in the mood");
const PANICS: (Mood, &str) = (Mood::Panics, "panicked");
const SIGNS_BADLY: (Mood, &str) = (Mood::Errs, "does not verify under the key");
const GIVES_NO_ADDRESS: (Mood, &str) = (Mood::Errs, "is no address that can be paid to");

/// Runs a scenario with an app that does not come back while it runs.
fn while_it_waits(scenario: fn(World, &Badness<'_>)) {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    world
        .phone
        .set(|config| config.policy.callback_limit = LIMIT);
    let gate = Arc::new(Mutex::new(()));
    let waiting = locked(&gate);
    scenario(world, &[(Mood::Waits(gate.clone()), "no answer within 1s")]);
    drop(waiting);
}

/// Nobody gets past this while the guard is held.
fn locked(gate: &Mutex<()>) -> MutexGuard<'_, ()> {
    gate.lock().unwrap_or_else(PoisonError::into_inner)
}

fn moody_signer(world: &mut World, about: About) -> Arc<Moody<dyn Signer>> {
    let signer: Arc<Moody<dyn Signer>> = Moody::new(world.phone.signer.clone(), about);
    let set = signer.clone();
    world.phone.set(|config| config.signer = set);
    signer
}

fn moody_wallet(world: &mut World, about: About) -> Arc<Moody<dyn OnchainWallet>> {
    let good: Arc<dyn OnchainWallet> = Arc::new(world.phone.wallet.clone());
    let wallet = Moody::new(good, about);
    let set = wallet.clone();
    world.phone.set(|config| config.wallet = set.into());
    wallet
}

/// Another open channel, and both peers close.
fn both_close(world: &mut World) -> Channel {
    let other = world.second_channel();
    world.phone.resume();
    for channel in [&world.channel, &other] {
        let close = channel.peer_commitment_tx(Which::Current);
        world.submit(&close.expect("signed"));
    }
    world.mine(1);
    other
}

/// A tick in which the first channel, and it alone, is in this trouble.
fn troubled(world: &mut World, words: &str) -> ResumeReport {
    let report = world.phone.resume_with(ResumeOptions::default());
    let report = report.expect("a bad callback is no error of the tick");
    assert!(!report.complete, "{report:?}");
    let [trouble] = report.troubles.as_slice() else {
        panic!("one trouble: {report:?}");
    };
    assert_eq!(trouble.channel, Some(world.outpoint()), "{report:?}");
    assert!(trouble.what.contains(words), "{report:?}");
    report
}

fn a_bad_signer_delays_the_sweep_of_its_channel_and_of_no_other(world: World) {
    bad_signer_delays_a_sweep(world, &[FAILS, PANICS, SIGNS_BADLY]);
}

fn bad_signer_delays_a_sweep(mut world: World, badness: &Badness<'_>) {
    let about = About::Signing(world.outpoint());
    let signer = moody_signer(&mut world, about);
    both_close(&mut world);
    for (mood, words) in badness {
        signer.becomes(mood.clone());
        troubled(&mut world, words);
        assert_eq!(world.chain.mempool().len(), 1, "the other one's sweep");
    }
    signer.becomes(Mood::Good);
    world.phone.resume();
    assert_eq!(world.chain.mempool().len(), 2);
}

fn a_bad_wallet_delays_the_sweep_of_the_channel_that_asked_it(world: World) {
    bad_wallet_delays_a_sweep(world, &[FAILS, PANICS, GIVES_NO_ADDRESS]);
}

fn bad_wallet_delays_a_sweep(mut world: World, badness: &Badness<'_>) {
    let wallet = moody_wallet(&mut world, About::SweepScripts);
    both_close(&mut world);
    for (mood, words) in badness {
        // The first channel asks first; the other one gets its script in the first tick, and keeps it.
        wallet.becomes_for(1, mood.clone());
        troubled(&mut world, words);
        assert_eq!(world.chain.mempool().len(), 1, "the other one's sweep");
    }
    world.phone.resume();
    assert_eq!(world.chain.mempool().len(), 2);
}

fn a_bad_wallet_delays_the_recognition_of_the_close_it_was_asked_about(world: World) {
    bad_wallet_delays_a_recognition(world, &[FAILS, PANICS]);
}

fn bad_wallet_delays_a_recognition(mut world: World, badness: &Badness<'_>) {
    let wallet = moody_wallet(&mut world, About::Addresses);
    let other = both_close(&mut world);
    let channel = world.outpoint();
    for (mood, words) in badness {
        wallet.becomes_for(1, mood.clone());
        troubled(&mut world, words);
        assert_eq!(world.phone.report(channel).close, None);
        assert!(world.phone.report(other.funding()).close.is_some());
    }
    world.phone.resume();
    assert!(world.phone.report(channel).close.is_some());
    assert_eq!(world.chain.mempool().len(), 2, "both sweeps");
}

fn a_force_close_is_decided_however_bad_the_signer_is(world: World) {
    force_close_with_a_bad_signer(world, &[FAILS, PANICS, SIGNS_BADLY]);
}

fn force_close_with_a_bad_signer(mut world: World, badness: &Badness<'_>) {
    let channel = world.outpoint();
    let signer = moody_signer(&mut world, About::Signing(channel));
    world.phone.resume();
    for (mood, words) in badness {
        signer.becomes(mood.clone());
        let status = world.phone.force_close(channel).expect("decided");
        assert_eq!(status.state, ArbitratorState::BroadcastCommit);
        assert!(status.broadcasts.is_empty());
        let delayed = status.delayed.expect("a reason");
        assert!(delayed.contains(words), "{delayed}");
        troubled(&mut world, words);
    }
    signer.becomes(Mood::Good);
    world.phone.resume();
    world.mine(1);
    world.phone.resume();
    assert_eq!(
        world.phone.report(channel).close.map(|(kind, _)| kind),
        Some(CloseKind::Local { number: 0 })
    );
}

fn an_update_that_a_bad_signer_cannot_judge_is_refused_and_may_be_repeated(world: World) {
    update_with_a_bad_signer(world, &[FAILS, PANICS, (Mood::Errs, "signature")]);
}

fn update_with_a_bad_signer(mut world: World, badness: &Badness<'_>) {
    let channel = world.outpoint();
    let signer = moody_signer(&mut world, About::Points);
    let update = world.channel.our_commitment();
    let before = world.phone.position(channel);
    for (mood, words) in badness {
        signer.becomes(mood.clone());
        let refused = world.phone.tell_local(channel, &update);
        let refused = refused.expect_err("nobody has judged it");
        assert!(is_typed(&refused, mood), "{refused:?}");
        assert!(refused.to_string().contains(words), "{refused}");
        assert_eq!(world.phone.position(channel), before);
    }
    signer.becomes(Mood::Good);
    world
        .phone
        .tell_local(channel, &update)
        .expect("the same update");
}

fn is_typed(error: &ArbitratorError, mood: &Mood) -> bool {
    match mood {
        Mood::Good | Mood::CallsBack(_) => false,
        Mood::Fails => matches!(error, ArbitratorError::Signer { .. }),
        Mood::Panics => gave_nothing(error, &CalloutError::Panicked),
        Mood::Waits(_) => gave_nothing(error, &CalloutError::TimedOut { limit: LIMIT }),
        Mood::Errs => matches!(error, ArbitratorError::Update(_)),
    }
}

fn gave_nothing(error: &ArbitratorError, because: &CalloutError) -> bool {
    matches!(error, ArbitratorError::Callback { callback: "Signer", source } if source == because)
}

#[test]
fn a_signer_that_does_not_come_back_delays_one_sweep() {
    while_it_waits(bad_signer_delays_a_sweep);
}

#[test]
fn a_wallet_that_does_not_come_back_delays_one_sweep() {
    while_it_waits(bad_wallet_delays_a_sweep);
}

#[test]
fn a_wallet_that_does_not_come_back_delays_one_recognition() {
    while_it_waits(bad_wallet_delays_a_recognition);
}

#[test]
fn a_signer_that_does_not_come_back_delays_a_force_close() {
    while_it_waits(force_close_with_a_bad_signer);
}

#[test]
fn a_signer_that_does_not_come_back_judges_no_update() {
    while_it_waits(update_with_a_bad_signer);
}

#[test]
fn a_callback_may_call_the_library_and_need_itself_again() {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    let channel = world.outpoint();
    let other = both_open(&mut world);
    let signer = moody_signer(&mut world, About::Signing(channel));
    world.peer_closes(Which::Current);
    let library = Arc::downgrade(&world.phone.shared());
    let (said, heard) = mpsc::channel();
    signer.becomes(Mood::CallsBack(Arc::new(move || {
        let library = library.upgrade().expect("it is calling");
        block_on(async {
            let position = library.position(channel).await.expect("registered");
            assert!(!position.takes_commitments(), "the close is known");
            let events = library.pending_events("callback".into(), 100).await;
            assert!(!events.expect("the outbox").is_empty());
            let again = library.resume(ResumeOptions::default()).await;
            assert!(matches!(again, Err(ArbitratorError::ResumeRunning)));
            // This one needs a signature, while the signer is still busy with the first.
            let status = library.force_close(other).await.expect("a commitment");
            assert_eq!(status.state, ArbitratorState::CommitmentBroadcasted);
        });
        said.send(()).expect("the test listens");
    })));
    world.phone.resume();
    heard.recv().expect("called, and nothing failed");
    assert_eq!(world.chain.mempool().len(), 2, "a sweep and a commitment");
}

/// A second open channel.
fn both_open(world: &mut World) -> bitcoin::OutPoint {
    let other = world.second_channel().funding();
    world.phone.resume();
    other
}

#[test]
fn a_tick_whose_signer_does_not_come_back_can_be_cancelled() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    let channel = world.outpoint();
    let signer = moody_signer(&mut world, About::Signing(channel));
    // Nobody shall say that the limit did it.
    world
        .phone
        .set(|config| config.policy.callback_limit = Duration::from_secs(3_600));
    world.phone.resume();
    world.peer_closes(Which::Current);
    let library = world.phone.shared();
    let canceller = Arc::downgrade(&library);
    let gate = Arc::new(Mutex::new(()));
    let waiting = locked(&gate);
    let held = gate.clone();
    signer.becomes(Mood::CallsBack(Arc::new(move || {
        let library = canceller.upgrade().expect("it is calling");
        block_on(library.cancel_resume()).expect("open");
        drop(locked(&held));
    })));
    let report = block_on(library.resume(ResumeOptions::default())).expect("no error");
    assert_eq!(report.stopped.as_deref(), Some("cancelled"));
    assert!(!report.complete && world.chain.mempool().is_empty());
    drop((waiting, library));
    signer.becomes(Mood::Good);
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
}
