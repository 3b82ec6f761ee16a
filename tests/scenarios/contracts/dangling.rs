//! Scenarios 2 and 12: HTLCs that the commitment which confirmed has no output for: dust, or only on another commitment.
//! The whole table is a test of `src/court/upstream.rs`; here stands what each of its rows looks like in a channel.

use bitcoin::OutPoint;
use lightning_arbitrator::court::Verdict;
use testkit::party::{Htlc, NewHtlc, Origin, Settlement};

use super::{on_each, On, EXPIRY, HTLC_SAT, SETTLE_DEPTH};
use crate::support::World;

/// Too small for an output on either side's commitments.
const DUST_SAT: u64 = 200;

on_each!(
    dust_is_failed_at_once as dust_on_ours, dust_on_theirs, dust_on_their_pending_one;
    dust_whose_preimage_is_known_is_fulfilled as known_dust_on_ours, known_dust_on_theirs,
        known_dust_on_their_pending_one;
    incoming_dust_is_nobodys as incoming_dust_on_ours, incoming_dust_on_theirs,
        incoming_dust_on_their_pending_one;
);

twins!(
    dust_on_one_side_only_waits_until_the_close_is_settled,
    one_only_on_their_pending_commitment_is_failed_when_another_is_settled,
    one_only_elsewhere_is_fulfilled_when_its_preimage_comes_in_time,
    one_that_a_newer_commitment_has_no_more_is_failed_when_that_is_settled,
    one_that_expires_upstream_is_failed_before_the_close_is_settled,
);

fn dust_is_failed_at_once(mut world: World, on: On) {
    let dust = world.pays(DUST_SAT);
    world.closes(on);
    assert_eq!(world.verdict(&dust), Some(Verdict::Failed));
    world.comes_to(0);
}

fn dust_whose_preimage_is_known_is_fulfilled(mut world: World, on: On) {
    let dust = world.pays(DUST_SAT);
    world.learns(&dust);
    world.closes(on);
    assert_eq!(world.verdict(&dust), Some(Verdict::Fulfilled));
    world.comes_to(0);
}

fn incoming_dust_is_nobodys(mut world: World, on: On) {
    let dust = world.is_paid(DUST_SAT);
    world.released(&dust);
    world.closes(on);
    // It went to the miners; our balance is all there is.
    world.comes_to(0);
}

/// The close is settled now, not a block earlier, and with it the HTLC failed.
#[track_caller]
fn is_failed_when_settled(world: &mut World, htlc: &Htlc) {
    world.wakes_after(SETTLE_DEPTH - 2);
    assert_eq!(world.verdict(htlc), None, "a reorg may bring its output");
    world.wakes_after(1);
    assert_eq!(world.verdict(htlc), Some(Verdict::Failed));
    world.comes_to(0);
}

pub fn dust_on_one_side_only_waits_until_the_close_is_settled(mut world: World) {
    // Our dust limit is 354 sat, the peer's 1,000: it has an output on ours alone.
    let sent = world.pays(900);
    world.output_of(&sent, On::Ours);
    world.closes(On::Theirs);
    is_failed_when_settled(&mut world, &sent);
}

fn only_pending(world: &mut World, origin: Origin) -> Htlc {
    let expiry = world.chain.tip().height + EXPIRY;
    let sent = world.add(NewHtlc::outgoing(HTLC_SAT * 1_000, expiry).from(origin));
    world.sign_for_peer();
    sent
}

pub fn one_only_on_their_pending_commitment_is_failed_when_another_is_settled(mut world: World) {
    let sent = only_pending(&mut world, Origin::Own);
    world.closes(On::Theirs);
    is_back(&mut world, &sent);
    is_failed_when_settled(&mut world, &sent);
}

fn one_only_elsewhere_is_fulfilled_when_its_preimage_comes_in_time(mut world: World) {
    let sent = only_pending(&mut world, Origin::Own);
    world.closes(On::Theirs);
    world.learns(&sent);
    world.phone.resume();
    assert_eq!(world.verdict(&sent), Some(Verdict::Fulfilled));
    is_back(&mut world, &sent);
    world.comes_to(0);
}

fn one_that_a_newer_commitment_has_no_more_is_failed_when_that_is_settled(mut world: World) {
    let sent = world.pays(HTLC_SAT);
    is_back(&mut world, &sent);
    // We take it off the peer's next commitment; ours and the peer's current one still have it.
    world.sign_for_peer();
    world.closes(On::TheirPending);
    assert_eq!(world.verdict(&sent), None);
    is_failed_when_settled(&mut world, &sent);
}

fn one_that_expires_upstream_is_failed_before_the_close_is_settled(mut world: World) {
    let margin = lightning_arbitrator::Policy::default().upstream_margin;
    let upstream = Origin::Forwarded {
        channel: OutPoint::null().to_string(),
        id: 0,
        cltv_expiry: world.chain.tip().height + margin + 2,
    };
    let sent = only_pending(&mut world, upstream);
    world.closes(On::Theirs);
    assert_eq!(world.verdict(&sent), None);
    world.wakes_after(1);
    assert_eq!(world.verdict(&sent), Some(Verdict::Failed));
    is_back(&mut world, &sent);
    world.comes_to(0);
}

/// The ledger forgets the HTLC: what it held is ours again.
fn is_back(world: &mut World, htlc: &Htlc) {
    let settled = world.channel.settle_htlc(htlc.key, Settlement::Fail);
    settled.expect("it is live");
}
