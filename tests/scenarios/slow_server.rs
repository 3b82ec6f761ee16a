//! A server that lets a tick wait: commands are served meanwhile, and the tick can be cancelled, or cut off by a shutdown.

use std::thread;

use futures::executor::block_on;
use lightning_arbitrator::arbitrator::{ResumeOptions, ResumeReport};
use lightning_arbitrator::court::{ArbitratorState, EventKind};
use lightning_arbitrator::{ArbitratorError, ChainArbitrator};
use testkit::gateway::Handle;
use testkit::party::{ChannelType, Which};

use crate::support::{never_answer, number, retold, secret, Nap, World, QUESTIONS};

/// A world whose phone knows its channel to be open, and whose server has a new tip for it.
fn open_world() -> World {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    world.phone.resume();
    world.mine(1);
    world
}

pub type Ticked = Result<ResumeReport, ArbitratorError>;

/// Runs `meanwhile` while a tick waits for the answer to `question`, and gives what became of the tick.
pub fn while_a_tick_waits_for(
    question: &str,
    gateway: &Handle,
    arbitrator: &ChainArbitrator,
    meanwhile: impl FnOnce(&ChainArbitrator),
) -> Ticked {
    never_answer(gateway, question);
    thread::scope(|scope| {
        let tick = scope.spawn(|| block_on(arbitrator.resume(ResumeOptions::default())));
        while gateway.held() == 0 && !tick.is_finished() {
            thread::yield_now();
        }
        meanwhile(arbitrator);
        tick.join().expect("the tick does not panic")
    })
}

#[test]
fn commands_do_not_wait_for_a_tick_that_waits() {
    let mut world = open_world();
    let gateway = world.gateway();
    let channel = world.outpoint();
    let second = world.second_channel().funding();
    let theirs = world.channel.their_commitment().expect("none outstanding");
    let revocation = world.channel.peer_revokes().expect("one is due");
    let report = while_a_tick_waits_for("/outspend/", &gateway, world.phone.on(), |arbitrator| {
        block_on(async {
            let update = retold(&theirs);
            arbitrator
                .remote_commitment(channel, update)
                .await
                .expect("a good commitment");
            arbitrator
                .revocation(
                    channel,
                    number(revocation.number),
                    secret(&revocation),
                    revocation.next_point,
                )
                .await
                .expect("a good secret");
            let position = arbitrator.position(channel).await.expect("registered");
            assert_eq!(position.feed.remote, Some(number(theirs.number)));
            assert_eq!(
                position.feed.remote_revoked,
                Some(number(revocation.number))
            );
            let status = arbitrator.force_close(second).await.expect("a commitment");
            assert_eq!(status.state, ArbitratorState::CommitmentBroadcasted);
            assert!(gateway.held() > 0, "the tick waits still");
        });
        gateway.behave();
    });
    assert!(report.expect("a tick").complete);
    assert_eq!(world.chain.mempool().len(), 1);
    assert_eq!(
        world.phone.report(second).state,
        ArbitratorState::CommitmentBroadcasted
    );
}

#[test]
fn a_close_found_while_the_user_asked_for_another_one_is_the_close() {
    let mut world = open_world();
    let gateway = world.gateway();
    let channel = world.outpoint();
    let close = world.peer_closes(Which::Current);
    let report = while_a_tick_waits_for("/outspend/", &gateway, world.phone.on(), |arbitrator| {
        block_on(arbitrator.force_close(channel)).expect("nobody knows of the close yet");
        gateway.behave();
    });
    assert!(report.expect("a tick").complete);
    let known = world.phone.report(channel).close.expect("proven");
    assert_eq!(known.1, close.compute_txid());
    world.mine(1);
    world.assert_swept();
    world.resolve();
}

#[test]
fn a_second_tick_is_refused_while_one_waits() {
    let mut world = open_world();
    let gateway = world.gateway();
    let first = while_a_tick_waits_for("/outspend/", &gateway, world.phone.on(), |arbitrator| {
        let second = block_on(arbitrator.resume(ResumeOptions::default()));
        assert!(matches!(second, Err(ArbitratorError::ResumeRunning)));
        gateway.behave();
    });
    assert!(first.expect("a tick").complete);
    world.phone.resume();
}

#[test]
fn a_tick_cancelled_at_any_question_says_so_and_the_next_one_goes_on() {
    for question in QUESTIONS {
        let mut world = open_world();
        let gateway = world.gateway();
        world.peer_closes(Which::Current);
        let report = while_a_tick_waits_for(question, &gateway, world.phone.on(), |arbitrator| {
            block_on(arbitrator.cancel_resume()).expect("open");
        });
        let report = report.expect("cancelled is no error");
        assert!(!report.complete, "{question}: {report:?}");
        assert_eq!(report.stopped.as_deref(), Some("cancelled"), "{question}");
        gateway.behave();
        world.phone.resume();
        world.mine(1);
        world.assert_swept();
    }
}

#[test]
fn a_tick_cut_off_by_a_shutdown_goes_on_with_the_next_open() {
    for question in QUESTIONS {
        let mut world = open_world();
        let gateway = world.gateway();
        world.peer_closes(Which::Current);
        let cut_off = while_a_tick_waits_for(question, &gateway, world.phone.on(), |arbitrator| {
            arbitrator.shutdown();
            let refused = block_on(arbitrator.position(world.channel.funding()));
            assert!(matches!(refused, Err(ArbitratorError::ShutDown)));
        });
        assert!(
            matches!(cut_off, Err(ArbitratorError::ShutDown)),
            "{question}: {cut_off:?}"
        );
        gateway.behave();
        world.phone.switch_off();
        world.phone.resume();
        world.mine(1);
        world.assert_swept();
    }
}

#[test]
fn cancelling_when_no_tick_runs_does_nothing() {
    let mut world = open_world();
    block_on(world.phone.on().cancel_resume()).expect("open");
    world.phone.resume();
}

#[test]
fn who_waits_for_an_event_is_told_when_a_tick_brings_it() {
    let mut world = open_world();
    let channel = world.outpoint();
    let (opened, close) = {
        let events = world.phone.events();
        (events.len(), world.peer_closes(Which::Current))
    };
    let gateway = world.gateway();
    let next = |arbitrator: &ChainArbitrator| block_on(arbitrator.next_event("waiting".into()));
    while_a_tick_waits_for("/outspend/", &gateway, world.phone.on(), |arbitrator| {
        for _ in 0..opened {
            next(arbitrator).expect("an earlier event");
        }
        thread::scope(|scope| {
            let waiting = scope.spawn(|| next(arbitrator));
            gateway.behave();
            let event = waiting.join().expect("no panic").expect("an event").event;
            assert_eq!(event.channel, channel);
            assert!(
                matches!(event.kind, EventKind::ChannelClosed { txid, .. } if txid == close.compute_txid()),
                "{event:?}"
            );
        });
    })
    .expect("a tick");
}

#[test]
fn who_waits_for_an_event_is_told_when_all_is_shut_down() {
    let mut world = open_world();
    let known = world.phone.events().len();
    let arbitrator = world.phone.on();
    let next = || block_on(arbitrator.next_event("waiting".into()));
    for _ in 0..known {
        next().expect("an earlier event");
    }
    thread::scope(|scope| {
        let waiting = scope.spawn(next);
        arbitrator.shutdown();
        let ended = waiting.join().expect("no panic");
        assert!(matches!(ended, Err(ArbitratorError::ShutDown)), "{ended:?}");
    });
}
