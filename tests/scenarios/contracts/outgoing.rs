//! Scenario 10: a payment that we offered, on each commitment that may confirm.

use std::collections::BTreeSet;

use bitcoin::absolute::LockTime;
use bitcoin::Txid;
use lightning_arbitrator::chain::Look;
use lightning_arbitrator::court::{Progress, Resolution, Verdict};
use testkit::party::{ChannelType, Htlc, NewHtlc};

use super::{on_each, On, EXPIRY, HTLC_SAT, SETTLE_DEPTH};
use crate::support::World;

on_each!(
    it_times_out as ours_times_out, theirs_times_out, their_pending_one_times_out;
    the_peer_takes_it as the_peer_takes_it_on_ours, the_peer_takes_it_on_theirs,
        the_peer_takes_it_on_its_pending_one;
    its_preimage_is_seen_in_the_mempool as in_the_mempool_on_ours, in_the_mempool_on_theirs,
        in_the_mempool_on_their_pending_one;
    the_peer_is_faster as the_peer_is_faster_on_ours, the_peer_is_faster_on_theirs,
        the_peer_is_faster_on_its_pending_one;
    weeks_later_it_was_taken as weeks_later_it_was_taken_on_ours,
        weeks_later_it_was_taken_on_theirs, weeks_later_it_was_taken_on_their_pending_one;
    weeks_later_it_is_expired as weeks_later_it_is_expired_on_ours,
        weeks_later_it_is_expired_on_theirs, weeks_later_it_is_expired_on_their_pending_one;
);

on_each!(
    several_that_expire_together as several_on_ours, several_on_theirs,
        several_on_their_pending_one;
    two_that_look_the_same as two_alike_on_ours, two_alike_on_theirs,
        two_alike_on_their_pending_one;
);

twins!(our_second_level_waits_for_its_delay);

fn it_times_out(mut world: World, on: On) {
    world.with_reserve();
    let sent = world.pays(HTLC_SAT);
    world.closes(on);
    let until = sent.cltv_expiry;
    assert_eq!(world.progress_of(&sent, on), Progress::Contested { until });
    world.wakes_at(until - 1);
    assert_eq!(world.claim_in_mempool(&sent, on), None);
    world.wakes_at(until);
    // The next block is the first that may hold it.
    let claim = world.claim_in_mempool(&sent, on).expect("made at once");
    assert_eq!(claim.lock_time, LockTime::from_consensus(until));
    world.wakes_after(1);
    let txid = claim.compute_txid();
    let claimed = Resolution::Claimed { txid };
    assert_eq!(world.resolution_of(&sent, on), claimed);
    world.wakes_after(SETTLE_DEPTH - 2);
    assert_eq!(world.verdict(&sent), None, "a reorg may let the peer win");
    world.wakes_after(1);
    assert_eq!(world.verdict(&sent), Some(Verdict::Failed));
    world.comes_to(HTLC_SAT);
}

pub fn our_second_level_waits_for_its_delay(mut world: World) {
    world.with_reserve();
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Ours);
    world.wakes_at(sent.cltv_expiry);
    let claim = world.claim_in_mempool(&sent, On::Ours).expect("made");
    world.wakes_after(1);
    let left = bitcoin::OutPoint::new(claim.compute_txid(), 0);
    let claimable_at = world.chain.tip().height + u32::from(world.channel.setup().our_delay) - 1;
    let output = world.contract(left).expect("a contract of its own");
    assert_eq!(output.progress, Progress::Maturing { claimable_at });
    world.wakes_at(claimable_at - 1);
    assert_eq!(world.chain.outspend(left), None);
    world.wakes_at(claimable_at);
    assert!(world.chain.outspend(left).is_some(), "at the first height");
    world.comes_to(HTLC_SAT);
}

fn the_peer_takes_it(mut world: World, on: On) {
    let sent = world.pays(HTLC_SAT);
    world.closes(on);
    let claim = world.peers_claim(&sent, on);
    world.submit(&claim);
    world.wakes_after(1);
    let txid = claim.compute_txid();
    let taken = Resolution::Fulfilled { txid };
    assert_eq!(world.resolution_of(&sent, on), taken);
    assert_eq!(world.verdict(&sent), Some(Verdict::Fulfilled));
    world.comes_to(0);
}

fn its_preimage_is_seen_in_the_mempool(mut world: World, on: On) {
    let sent = world.pays(HTLC_SAT);
    world.closes(on);
    // The fee of a claim with anchors is paid with a coin of the peer's, which has to confirm first.
    let claim = world.peers_claim(&sent, on);
    world.phone.resume();
    world.submit(&claim);
    world.phone.looks(Look::Mempool);
    assert_eq!(world.verdict(&sent), Some(Verdict::Fulfilled));
    let until = sent.cltv_expiry;
    // What is known upstream decides nothing here: ours is made as well.
    assert_eq!(world.progress_of(&sent, on), Progress::Contested { until });
    world.comes_to(0);
}

fn the_peer_is_faster(mut world: World, on: On) {
    world.with_reserve();
    let sent = world.pays(HTLC_SAT);
    world.closes(on);
    let theirs = world.peers_claim(&sent, on);
    world.wakes_at(sent.cltv_expiry);
    assert!(world.claim_in_mempool(&sent, on).is_some());
    let block = world.chain.mine_txs(std::slice::from_ref(&theirs));
    block.expect("as valid as ours");
    world.phone.resume();
    let txid = theirs.compute_txid();
    let taken = Resolution::Fulfilled { txid };
    assert_eq!(world.resolution_of(&sent, on), taken);
    assert_eq!(world.verdict(&sent), Some(Verdict::Fulfilled));
    assert_eq!(world.claim_in_mempool(&sent, on), None);
    world.comes_to(0);
}

fn weeks_later_it_was_taken(mut world: World, on: On) {
    let sent = world.pays(HTLC_SAT);
    asleep(&mut world, on, |world| {
        let claim = world.peers_claim(&sent, on);
        world.submit(&claim);
    });
    assert_eq!(world.verdict(&sent), Some(Verdict::Fulfilled));
    world.comes_to(0);
}

fn weeks_later_it_is_expired(mut world: World, on: On) {
    world.with_reserve();
    let sent = world.pays(HTLC_SAT);
    asleep(&mut world, on, |_| {});
    let claim = world.claim_in_mempool(&sent, on);
    assert!(claim.is_some(), "in the tick that found it");
    assert_eq!(world.verdict(&sent), None);
    world.comes_to(HTLC_SAT);
    assert_eq!(world.verdict(&sent), Some(Verdict::Failed));
}

/// The phone sleeps through the close and four weeks after it, in which something may happen.
fn asleep(world: &mut World, on: On, meanwhile: impl FnOnce(&mut World)) {
    if on == On::TheirPending {
        world.sign_for_peer();
    }
    world.phone.resume();
    let close = match on {
        On::Ours => world.channel.our_commitment_tx(on.which()),
        On::Theirs | On::TheirPending => world.channel.peer_commitment_tx(on.which()),
    };
    world.submit(&close.expect("signed"));
    world.mine(1);
    meanwhile(world);
    world.wakes_after(4_000);
}

fn several_that_expire_together(mut world: World, on: On) {
    let expiry = world.chain.tip().height + EXPIRY;
    let several: Vec<Htlc> = (0..3)
        .map(|more| world.offers(NewHtlc::outgoing((HTLC_SAT + more) * 1_000, expiry)))
        .collect();
    world.with_reserve();
    world.closes(on);
    world.wakes_at(expiry);
    let claims: BTreeSet<Txid> = several
        .iter()
        .filter_map(|sent| world.claim_in_mempool(sent, on))
        .map(|claim| claim.compute_txid())
        .collect();
    let is_as_signed = world.channel.setup().channel_type == ChannelType::StaticRemotekey;
    // As the peer signed them each goes alone, everywhere else all in one; its outputs are swept one by one.
    let alone = on == On::Ours && is_as_signed;
    assert_eq!(claims.len(), if alone { 3 } else { 1 });
    world.comes_to(3 * HTLC_SAT);
    for sent in &several {
        assert_eq!(world.verdict(sent), Some(Verdict::Failed));
    }
}

fn two_that_look_the_same(mut world: World, on: On) {
    // One hash, one amount, one expiry, and so one script: the peer takes one of them.
    let first = world.pays(HTLC_SAT);
    let second = world.offers(
        NewHtlc::outgoing(HTLC_SAT * 1_000, first.cltv_expiry)
            .with_preimage(world.channel.preimage(&first.payment_hash).expect("known")),
    );
    world.with_reserve();
    world.closes(on);
    let claim = world.peers_claim(&first, on);
    world.submit(&claim);
    world.wakes_after(1);
    // Whichever of the two it was, the preimage is known for both.
    for sent in [&first, &second] {
        assert_eq!(world.verdict(sent), Some(Verdict::Fulfilled));
    }
    // The other one is ours again, if the peer leaves it.
    world.wakes_at(first.cltv_expiry);
    world.comes_to(HTLC_SAT);
}
