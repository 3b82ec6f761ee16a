//! Scenario 11: a payment that the peer offered, on each commitment that may confirm.

use lightning_arbitrator::court::{ArbitratorState, Progress, Resolution};
use testkit::party::{Htlc, NewHtlc};

use super::{on_each, On, EXPIRY, HTLC_SAT};
use crate::support::{htlc_key, Told, World};

on_each!(
    released_before_the_close as before_ours_closes, before_theirs_closes,
        before_their_pending_one_closes;
    released_after_the_close as after_ours_closed, after_theirs_closed,
        after_their_pending_one_closed;
    released_after_the_expiry as after_the_expiry_on_ours, after_the_expiry_on_theirs,
        after_the_expiry_on_their_pending_one;
    never_released as never_released_on_ours, never_released_on_theirs,
        never_released_on_their_pending_one;
    known_and_not_released as known_and_not_released_on_ours, known_and_not_released_on_theirs,
        known_and_not_released_on_their_pending_one;
    released_and_not_known as released_and_not_known_on_ours, released_and_not_known_on_theirs,
        released_and_not_known_on_their_pending_one;
    the_peer_is_faster_after_the_expiry as the_peer_is_faster_on_ours,
        the_peer_is_faster_on_theirs, the_peer_is_faster_on_its_pending_one;
);

twins!(
    one_that_the_peer_is_not_committed_to_is_never_claimed_on_ours,
    one_that_the_peer_is_not_committed_to_is_never_claimed_on_theirs,
    one_that_the_peer_leaves_is_given_up_in_the_end,
);

/// It is claimed now, and comes home.
#[track_caller]
fn is_claimed(world: &mut World, received: &Htlc, on: On) {
    let claim = world.claim_in_mempool(received, on).expect("made at once");
    world.wakes_after(1);
    let txid = claim.compute_txid();
    let claimed = Resolution::Claimed { txid };
    assert_eq!(world.resolution_of(received, on), claimed);
    world.comes_to(HTLC_SAT);
}

fn released_before_the_close(mut world: World, on: On) {
    // One coin raises our commitment, the other pays for the claim.
    world.with_reserve();
    world.with_reserve();
    let received = world.is_paid(HTLC_SAT);
    world.released(&received);
    world.closes(on);
    assert_eq!(world.progress_of(&received, on), Progress::Claimable);
    is_claimed(&mut world, &received, on);
}

fn released_after_the_close(mut world: World, on: On) {
    world.with_reserve();
    let received = world.is_paid(HTLC_SAT);
    world.closes(on);
    let until = received.cltv_expiry;
    assert_eq!(
        world.progress_of(&received, on),
        Progress::Contested { until }
    );
    world.released(&received);
    world.phone.resume();
    is_claimed(&mut world, &received, on);
}

fn released_after_the_expiry(mut world: World, on: On) {
    world.with_reserve();
    let received = world.is_paid(HTLC_SAT);
    world.closes(on);
    world.wakes_at(received.cltv_expiry + 10);
    assert_eq!(world.claim_in_mempool(&received, on), None);
    world.released(&received);
    world.phone.resume();
    is_claimed(&mut world, &received, on);
}

/// The peer takes its payment back, and we never touch it.
#[track_caller]
fn goes_back(world: &mut World, received: &Htlc, on: On) {
    assert_eq!(world.claim_in_mempool(received, on), None);
    world.wakes_at(received.cltv_expiry);
    assert_eq!(world.claim_in_mempool(received, on), None);
    let claim = world.peers_claim(received, on);
    world.submit(&claim);
    world.wakes_after(1);
    let txid = claim.compute_txid();
    let back = Resolution::TimedOut { txid };
    assert_eq!(world.resolution_of(received, on), back);
    world.comes_to(0);
}

fn never_released(mut world: World, on: On) {
    world.with_reserve();
    let received = world.is_paid(HTLC_SAT);
    world.closes(on);
    goes_back(&mut world, &received, on);
}

fn known_and_not_released(mut world: World, on: On) {
    world.with_reserve();
    let received = world.is_paid(HTLC_SAT);
    world.learns(&received);
    world.closes(on);
    goes_back(&mut world, &received, on);
}

fn released_and_not_known(mut world: World, on: On) {
    world.with_reserve();
    let received = world.is_paid(HTLC_SAT);
    world.tell(Told::Release(htlc_key(received.key)));
    // The preimage of something else says nothing.
    world.phone.learn([42; 32]);
    world.closes(on);
    goes_back(&mut world, &received, on);
}

fn the_peer_is_faster_after_the_expiry(mut world: World, on: On) {
    world.with_reserve();
    let received = world.is_paid(HTLC_SAT);
    world.closes(on);
    world.wakes_at(received.cltv_expiry);
    world.released(&received);
    let theirs = world.peers_claim(&received, on);
    world.phone.resume();
    assert!(world.claim_in_mempool(&received, on).is_some());
    let block = world.chain.mine_txs(std::slice::from_ref(&theirs));
    block.expect("as valid as ours");
    world.phone.resume();
    let txid = theirs.compute_txid();
    let back = Resolution::TimedOut { txid };
    assert_eq!(world.resolution_of(&received, on), back);
    assert_eq!(world.claim_in_mempool(&received, on), None);
    world.comes_to(0);
}

fn one_that_the_peer_is_not_committed_to_is_never_claimed_on_ours(mut world: World) {
    world.with_reserve();
    let expiry = world.chain.tip().height + EXPIRY;
    let received = world.add(NewHtlc::incoming(HTLC_SAT * 1_000, expiry));
    // The peer has signed it for us, and none of its own commitments has it.
    let update = world.channel.our_commitment();
    let channel = world.outpoint();
    let told = world.phone.tell_local(channel, &update);
    told.expect("a good local commitment");
    world.released(&received);
    world.closes(On::Ours);
    goes_back(&mut world, &received, On::Ours);
}

fn one_that_the_peer_is_not_committed_to_is_never_claimed_on_theirs(mut world: World) {
    world.with_reserve();
    let expiry = world.chain.tip().height + EXPIRY;
    let received = world.add(NewHtlc::incoming(HTLC_SAT * 1_000, expiry));
    // The peer still holds a commitment without it, and may yet give that one a branch of its own.
    world.sign_for_peer();
    world.released(&received);
    world.closes(On::TheirPending);
    goes_back(&mut world, &received, On::TheirPending);
}

fn one_that_the_peer_leaves_is_given_up_in_the_end(mut world: World) {
    let received = world.is_paid(HTLC_SAT);
    world.closes(On::Theirs);
    let patience = lightning_arbitrator::Policy::default().end_patience;
    world.wakes_at(received.cltv_expiry + patience - 1);
    let until = received.cltv_expiry + patience;
    let waits = Progress::Contested { until };
    assert_eq!(world.progress_of(&received, On::Theirs), waits);
    world.wakes_after(1);
    let report = world.phone.report(world.outpoint());
    assert_eq!(report.state, ArbitratorState::FullyResolved, "{report:?}");
    let theirs = world.output_of(&received, On::Theirs);
    assert_eq!(world.chain.outspend(theirs), None);
}
