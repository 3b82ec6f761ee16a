//! What is not worth its fee: declared with the reason, listed, priced again, and left only when patience ends.

use lightning_arbitrator::court::{ArbitratorState, Progress, Reason, Waiting};
use testkit::party::ChannelType;

use super::{file, is_htlc, of, only};
use crate::contracts::On;
use crate::support::World;

twins!(
    what_is_not_worth_its_fee_is_declared_and_claimed_when_fees_fall,
    what_never_was_worth_its_fee_is_left_when_patience_ends,
    a_small_htlc_is_left_and_the_large_one_beside_it_is_claimed,
);

/// What the server says a claim would have to pay, in sat/vB, however long it may wait.
fn fees_are(world: &World, sat_per_vb: f64) {
    let estimates = [(1, sat_per_vb), (1008, sat_per_vb)];
    world.chain.set_fee_estimates(estimates.into());
}

pub fn what_is_not_worth_its_fee_is_declared_and_claimed_when_fees_fall(mut world: World) {
    let expiry = world.pays(20_000).cltv_expiry;
    world.closes(On::Theirs);
    fees_are(&world, 500.0);
    world.wakes_at(expiry);
    let spike = file(&mut world);
    let htlc = only(&spike, is_htlc);
    assert!(matches!(
        htlc.progress,
        Some(Progress::Uneconomic {
            reason: Reason::FeeAboveValue { fee_sat: 10_000.. }
        })
    ));
    assert!(matches!(htlc.waiting, Waiting::LowerFees { .. }));
    assert_eq!(spike.balance.uneconomic.to_sat() % 20_000, anchors(&world));

    // The case does not end with it, and looks again once a day.
    world.wakes_after(200);
    let waits = file(&mut world);
    assert_eq!(waits.state, ArbitratorState::WaitingFullResolution);
    assert_eq!(only(&waits, is_htlc).next_height, Some(waits.tip + 144));

    fees_are(&world, 5.0);
    world.phone.resume();
    world.wakes_after(6);
    let calm = file(&mut world);
    let htlc = only(&calm, is_htlc);
    assert!(htlc.money.recovered_sat > 10_000, "{calm}");
}

fn what_never_was_worth_its_fee_is_left_when_patience_ends(mut world: World) {
    let expiry = world.pays(20_000).cltv_expiry;
    world.closes(On::Theirs);
    fees_are(&world, 500.0);
    let patience = world.phone.config.policy.end_patience;
    world.wakes_at(expiry + patience - 1);
    let before = file(&mut world);
    assert_eq!(before.state, ArbitratorState::WaitingFullResolution);
    assert_eq!(before.next_height, Some(expiry + patience));
    world.wakes_after(1);
    let after = file(&mut world);
    assert_eq!(after.state, ArbitratorState::FullyResolved);
    let htlc = only(&after, is_htlc);
    assert!(matches!(htlc.progress, Some(Progress::Uneconomic { .. })));
    assert_eq!(htlc.money.in_limbo_sat, 20_000);
    assert_eq!(after.balance.uneconomic.to_sat(), 20_000 + anchors(&world));
}

pub fn a_small_htlc_is_left_and_the_large_one_beside_it_is_claimed(mut world: World) {
    let expiry = world.pays(200_000).cltv_expiry;
    world.pays(5_000);
    world.closes(On::Theirs);
    fees_are(&world, 100.0);
    world.wakes_at(expiry);
    world.wakes_after(6);
    let file = file(&mut world);
    for output in of(&file, is_htlc) {
        let is_left = matches!(output.progress, Some(Progress::Uneconomic { .. }));
        assert_eq!(is_left, output.value.to_sat() == 5_000, "{file}");
    }
    assert_eq!(of(&file, is_htlc).len(), 2);
}

/// What stands in our anchor, if there is one: never worth its fee.
fn anchors(world: &World) -> u64 {
    match world.channel.setup().channel_type {
        ChannelType::StaticRemotekey => 0,
        ChannelType::AnchorsZeroFeeHtlc => 330,
    }
}
