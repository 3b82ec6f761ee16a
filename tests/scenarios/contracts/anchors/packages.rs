//! Scenario 5: a commitment that the mempool does not take alone.

use lightning_arbitrator::court::Outcome;
use testkit::gateway::{Fault, Flavour, Scope};

use super::{HTLC_SAT, MARKET};
use crate::contracts::with_anchors;
use crate::support::{Nap, World};

with_anchors!(
    below_the_mempools_minimum_it_goes_as_a_package,
    a_server_without_packages_takes_both_once_the_minimum_falls,
    refused_at_first_it_is_raised_until_it_is_taken,
    purged_while_the_device_slept_it_goes_out_again,
    a_server_that_cannot_be_reached_is_tried_again,
);

/// More than the 2 sat/vB that the commitment pays, in sat per 1,000 virtual bytes.
const FULL: u64 = 5_000;

pub fn below_the_mempools_minimum_it_goes_as_a_package(mut world: World) {
    world.fees_are(10.0);
    world.chain.set_min_fee(FULL);
    world.gateway().set_flavour(Flavour::Blockstream);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let family = world.family();
    world.assert_market(&family, MARKET);
    world.mine(1);
    world.comes_to_an_end();
}

fn a_server_without_packages_takes_both_once_the_minimum_falls(mut world: World) {
    world.fees_are(10.0);
    world.chain.set_min_fee(FULL);
    let received = world.is_owed(HTLC_SAT);
    world.gateway().reset();
    world.wakes_in_time_for(&received);
    assert!(world.chain.mempool().is_empty());
    let (commitment, child) = world.said();
    assert_eq!(commitment, Some(Outcome::FeeTooLow));
    // Its parent is not there: that says nothing against it.
    assert!(matches!(child, Some(Outcome::Conflict(_))), "{child:?}");
    world.phone.resume();
    if world.phone.nap() == Nap::Never {
        assert_eq!(world.gateway().count_of("/txs/package"), 1);
    }
    world.chain.set_min_fee(1_000);
    world.phone.resume();
    world.assert_market(&world.family(), MARKET);
}

pub fn refused_at_first_it_is_raised_until_it_is_taken(mut world: World) {
    world.chain.set_min_fee(FULL);
    world.gateway().set_flavour(Flavour::Blockstream);
    world.with_reserve();
    world.phone.resume();
    let channel = world.outpoint();
    let status = world.phone.force_close(channel).expect("a commitment");
    assert_eq!(status.broadcasts[0].1, Some(Outcome::FeeTooLow));
    // No HTLC makes haste, and no server names a price: each tick offers more than the one before.
    let ticks = (1..30).find(|_| {
        world.phone.resume();
        !world.chain.mempool().is_empty()
    });
    assert!(ticks.is_some_and(|ticks| ticks > 1), "{ticks:?}");
    let family = world.family();
    assert!(world.feerate_of(&family) >= FULL / 4);
    // What waits then is let wait.
    world.chain.mine_empty(3);
    world.phone.resume();
    assert_eq!(world.family().child, family.child);
    world.mine(1);
    world.comes_to_an_end();
}

pub fn purged_while_the_device_slept_it_goes_out_again(mut world: World) {
    world.fees_are(10.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let before = world.family();
    world.chain.evict(before.commitment.compute_txid());
    assert!(world.chain.mempool().is_empty());
    world.chain.mine_empty(2);
    world.phone.resume();
    let after = world.family();
    assert_eq!(before.commitment, after.commitment);
}

fn a_server_that_cannot_be_reached_is_tried_again(mut world: World) {
    world.fees_are(10.0);
    let received = world.is_owed(HTLC_SAT);
    let tx = || Scope::containing("/tx");
    world.phone.resume();
    let margin = lightning_arbitrator::Policy::default().fulfil_margin;
    world.mine(received.cltv_expiry - margin - world.chain.tip().height);
    world.gateway().set_flavour(Flavour::Blockstream);
    world.gateway().order(tx(), Fault::HangUp);
    let report = world.phone.resume_with(Default::default());
    assert!(!report.expect("a server that fails is no error").complete);
    assert!(world.chain.mempool().is_empty());
    world.gateway().behave();
    world.phone.resume();
    world.assert_market(&world.family(), MARKET);
}
