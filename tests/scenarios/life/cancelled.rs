//! A funding that the app says will never confirm: the channel ends when it has stayed away long enough, and not silently
//! if it comes.

use bitcoin::OutPoint;
use lightning_arbitrator::arbitrator::ResumeOptions;
use lightning_arbitrator::channel::{CloseSummary, Lifecycle, Refusal, SummaryKind, UpdateError};
use lightning_arbitrator::court::{ArbitratorState, CourtError, EventKind};
use lightning_arbitrator::ArbitratorError;
use testkit::gateway::{Fault, Scope};
use testkit::party::Channel;

use super::{state, takes_nothing_more, ticks_after, told_of};
use crate::support::{retold, Told, World};

twins!(
    a_cancelled_channel_ends_when_its_funding_has_stayed_away,
    a_repeat_of_the_cancellation_changes_nothing,
    a_cancelled_channel_is_not_registered_again,
    a_cancelled_channel_takes_no_commitment_and_is_not_closed,
    nothing_of_a_cancelled_channel_goes_out,
    a_cancelled_funding_that_confirms_brings_the_channel_back,
    a_funding_on_the_chain_is_not_cancelled,
    a_tick_that_could_not_look_does_not_count,
    an_ended_channel_takes_nothing_more,
);

/// A channel whose funding nobody broadcasts, cancelled before the last tick.
fn cancelled(world: &mut World) -> Channel {
    let channel = world.unfunded_channel();
    world.phone.resume();
    let outpoint = channel.funding();
    world.phone.cancel_funding(outpoint).expect("it is pending");
    world.phone.resume();
    channel
}

fn summary(world: &mut World, channel: OutPoint) -> CloseSummary {
    world.phone.summary(channel).expect("it was cancelled")
}

fn a_cancelled_channel_ends_when_its_funding_has_stayed_away(mut world: World) {
    let channel = cancelled(&mut world).funding();
    let provisional = summary(&mut world, channel);
    assert_eq!(provisional.kind, SummaryKind::FundingCancelled);
    assert_eq!(
        (provisional.closing_txid, provisional.close_height),
        (None, None)
    );
    assert!(!provisional.is_final);
    assert_eq!(world.phone.report(channel).lifecycle, Lifecycle::Closing);
    let before = world.phone.tables().rows("commitment");
    ticks_after(&mut world, 99);
    assert_eq!(state(&mut world, channel), ArbitratorState::Default);
    assert_eq!(world.phone.tables().rows("commitment"), before);
    ticks_after(&mut world, 1);
    assert_eq!(state(&mut world, channel), ArbitratorState::FullyResolved);
    assert!(summary(&mut world, channel).is_final);
    assert!(world.phone.tables().rows("commitment") < before);
    let told = told_of(&mut world, channel);
    assert!(
        matches!(
            told.as_slice(),
            [
                EventKind::FundingCancelled { .. },
                EventKind::FullyResolved { txid: None }
            ]
        ),
        "{told:?}"
    );
}

fn a_repeat_of_the_cancellation_changes_nothing(mut world: World) {
    let channel = cancelled(&mut world).funding();
    let before = world.phone.tables();
    world.phone.cancel_funding(channel).expect("it is pending");
    world.phone.tables().assert_are(&before);
    ticks_after(&mut world, 100);
    let before = world.phone.tables();
    world.phone.cancel_funding(channel).expect("it has ended");
    world.phone.tables().assert_are(&before);
}

#[track_caller]
fn refuses(world: &mut World, channel: OutPoint, told: Told) {
    let refused = world.phone.tell(channel, told);
    assert!(
        matches!(
            refused,
            Err(ArbitratorError::Update(UpdateError::Closing {
                reason: Refusal::FundingCancelled,
                ..
            }))
        ),
        "{refused:?}"
    );
}

fn a_cancelled_channel_is_not_registered_again(mut world: World) {
    let channel = cancelled(&mut world);
    let terms = Told::Terms(Box::new(retold(&channel)));
    refuses(&mut world, channel.funding(), terms);
}

fn a_cancelled_channel_takes_no_commitment_and_is_not_closed(mut world: World) {
    let mut channel = cancelled(&mut world);
    let update = channel.their_commitment().expect("none is outstanding");
    refuses(&mut world, channel.funding(), Told::Remote(retold(&update)));
    assert!(matches!(
        world.phone.force_close(channel.funding()),
        Err(ArbitratorError::Court(CourtError::FundingCancelled { .. }))
    ));
}

fn nothing_of_a_cancelled_channel_goes_out(mut world: World) {
    let channel = world.unfunded_channel();
    world.phone.resume();
    world
        .phone
        .force_close(channel.funding())
        .expect("a commitment");
    assert_eq!(
        world.chain.mempool().len(),
        2,
        "the funding and our commitment"
    );
    world.chain.evict(channel.funding().txid);
    world
        .phone
        .cancel_funding(channel.funding())
        .expect("pending");
    world.chain.mine_empty(1);
    world.phone.resume();
    assert_eq!(world.chain.mempool(), vec![]);
}

fn a_cancelled_funding_that_confirms_brings_the_channel_back(mut world: World) {
    let mut channel = cancelled(&mut world);
    let outpoint = channel.funding();
    ticks_after(&mut world, 50);
    world.submit(channel.funding_tx());
    ticks_after(&mut world, 1);
    assert_eq!(world.phone.report(outpoint).lifecycle, Lifecycle::Open);
    assert_eq!(world.phone.summary(outpoint), None, "it was withdrawn");
    let told = told_of(&mut world, outpoint);
    assert!(told
        .iter()
        .any(|event| matches!(event, EventKind::CancelledFundingConfirmed { .. })));
    // All is as if nothing had been said.
    let round = channel.commit_both().expect("nothing is outstanding");
    world.phone.told_round(outpoint, &round);
    ticks_after(&mut world, 200);
    assert_eq!(world.phone.report(outpoint).lifecycle, Lifecycle::Open);
}

fn a_funding_on_the_chain_is_not_cancelled(mut world: World) {
    world.phone.resume();
    let channel = world.outpoint();
    let before = world.phone.tables();
    assert!(matches!(
        world.phone.cancel_funding(channel),
        Err(ArbitratorError::Court(CourtError::FundingConfirmed { .. }))
    ));
    world.phone.tables().assert_are(&before);
}

/// The funding may have confirmed where the server would not say.
fn a_tick_that_could_not_look_does_not_count(mut world: World) {
    let channel = cancelled(&mut world).funding();
    world.mine(200);
    let gateway = world.gateway();
    let of_the_funding = Scope::containing(&channel.txid.to_string());
    gateway.order(of_the_funding, Fault::HangUp);
    let report = world.phone.resume_with(ResumeOptions::default());
    assert!(!report.expect("no error of the tick").complete);
    assert_eq!(state(&mut world, channel), ArbitratorState::Default);
    gateway.behave();
    world.phone.resume();
    assert_eq!(state(&mut world, channel), ArbitratorState::FullyResolved);
}

fn an_ended_channel_takes_nothing_more(mut world: World) {
    let mut channel = cancelled(&mut world);
    ticks_after(&mut world, 100);
    takes_nothing_more(&mut world, &mut channel);
}
