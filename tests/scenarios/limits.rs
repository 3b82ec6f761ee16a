//! The limits of a tick: wherever one ends it, nothing is lost, the report says why, and later ticks end the story as if
//! nothing had been.

use std::time::Duration;

use lightning_arbitrator::arbitrator::{ResumeOptions, ResumeReport};
use testkit::gateway::{Fault, Scope};
use testkit::party::{ChannelType, Which};

use crate::support::{never_answer, Ending, Nap, World, QUESTIONS};

twins!(
    a_few_requests_a_tick_are_enough_to_come_home,
    a_tick_without_time_asks_nothing,
    a_server_that_never_answers_is_left_when_the_time_is_over,
);

/// No tick of these stories needs more.
const ENOUGH: u32 = 16;

fn at_most(max_requests: u32) -> ResumeOptions {
    ResumeOptions {
        max_requests: Some(max_requests),
        ..ResumeOptions::default()
    }
}

/// A tick that may make `max_requests` requests; one that ends early says so.
fn limited(world: &mut World, max_requests: u32) -> ResumeReport {
    world.gateway().reset();
    let report = world
        .phone
        .resume_with(at_most(max_requests))
        .expect("a limit is no error");
    let counted = u32::try_from(world.gateway().count()).expect("few");
    assert_eq!(report.requests, counted);
    assert!(counted <= max_requests, "{report:?}");
    let because = report.stopped.as_deref().unwrap_or_default();
    assert_eq!(
        report.complete,
        !because.contains("number of requests"),
        "{report:?}"
    );
    report
}

/// A close that the phone sees in a limited tick, swept and buried; each time the tick after it is unlimited.
fn story(world: &mut World, close: fn(&mut World), max_requests: u32) -> Ending {
    limited(world, max_requests);
    world.phone.resume();
    close(world);
    world.mine(1);
    for blocks in [144, 1, 100, 1] {
        limited(world, max_requests);
        world.phone.resume();
        world.mine(blocks);
    }
    limited(world, max_requests);
    world.phone.resume();
    world.ending()
}

fn ends_the_same(new: fn() -> World, close: fn(&mut World)) {
    let undisturbed = story(&mut new(), close, u32::MAX);
    assert!(undisturbed.swept_sat > 0, "{undisturbed:?}");
    for max_requests in 0..=ENOUGH {
        let ending = story(&mut new(), close, max_requests);
        assert_eq!(ending, undisturbed, "{max_requests} requests");
    }
}

#[test]
fn any_number_of_requests_ends_a_remote_close_the_same() {
    ends_the_same(
        || World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never),
        |world| {
            let close = world.channel.peer_commitment_tx(Which::Current);
            world.submit(&close.expect("signed"));
        },
    );
}

#[test]
fn any_number_of_requests_ends_a_local_close_the_same() {
    ends_the_same(
        || World::new(ChannelType::StaticRemotekey, Nap::Never),
        |world| {
            let channel = world.outpoint();
            world.phone.force_close(channel).expect("a commitment");
        },
    );
}

fn a_few_requests_a_tick_are_enough_to_come_home(mut world: World) {
    // A tick reads the tip, the headers, and the tip again; one more request is progress.
    const FEW: u32 = 4;
    let go_on = |world: &mut World| {
        (0..20)
            .map(|_| limited(world, FEW))
            .find(|report| report.complete)
            .expect("twenty small ticks do the work of one");
    };
    go_on(&mut world);
    world.peer_closes(Which::Current);
    go_on(&mut world);
    world.mine(1);
    world.assert_swept();
    go_on(&mut world);
    world.mine(100);
    go_on(&mut world);
    world.resolve();
}

fn a_tick_without_time_asks_nothing(mut world: World) {
    let report = world
        .phone
        .resume_with(ResumeOptions {
            max_duration: Some(Duration::ZERO),
            ..ResumeOptions::default()
        })
        .expect("a limit is no error");
    assert_eq!((report.complete, report.requests), (false, 0));
    let because = report.stopped.expect("a reason");
    assert!(because.contains("duration"), "{because}");
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
}

fn a_server_that_never_answers_is_left_when_the_time_is_over(mut world: World) {
    world.phone.resume();
    world.peer_closes(Which::Current);
    // Each tick comes one question further.
    for question in QUESTIONS {
        never_answer(&world.gateway(), question);
        let report = world
            .phone
            .resume_with(ResumeOptions {
                max_duration: Some(Duration::from_millis(20)),
                ..ResumeOptions::default()
            })
            .expect("a limit is no error");
        assert!(!report.complete, "{question}: {report:?}");
        let because = report.stopped.expect("a reason");
        assert!(because.contains("duration"), "{question}: {because}");
    }
    world.gateway().behave();
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
    world.resolve();
}

#[test]
fn a_slow_server_is_waited_for_as_long_as_there_is_time() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    let slow = Fault::Delay { millis: 1 };
    world.gateway().order(Scope::all(), slow);
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
}
