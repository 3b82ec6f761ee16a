//! Scenarios 20 and 22, of claims that are out: one input taken by the peer, and a market above all that a claim may cost.

use lightning_arbitrator::court::Verdict;
use lightning_arbitrator::Policy;

use super::{On, HTLC_SAT};
use crate::support::World;

twins!(
    what_the_peer_leaves_of_a_batch_goes_out_in_the_same_tick,
    in_a_market_above_its_budget_a_claim_pays_its_budget_and_no_more,
    what_our_second_level_left_goes_home_with_our_balance,
);

pub fn what_the_peer_leaves_of_a_batch_goes_out_in_the_same_tick(mut world: World) {
    world.fees_are(2.0);
    let taken = world.pays(HTLC_SAT);
    let left = world.pays(HTLC_SAT + 1_000);
    assert_eq!(taken.cltv_expiry, left.cltv_expiry);
    world.closes(On::Theirs);
    world.wakes_at(taken.cltv_expiry);
    let both = world.claim_in_mempool(&taken, On::Theirs).expect("made");
    assert_eq!(world.claim_in_mempool(&left, On::Theirs), Some(both));
    // The peer comes with the preimage after all, in a block.
    let peers = world.peers_claim(&taken, On::Theirs);
    world.chain.mine_txs(&[peers]).expect("it is valid");
    world.phone.resume();
    let rest = world
        .claim_in_mempool(&left, On::Theirs)
        .expect("made anew");
    assert_eq!(rest.input.len(), 1);
    assert_eq!(world.verdict(&taken), Some(Verdict::Fulfilled));
    world.mine(1);
    world.comes_to_an_end();
    assert_eq!(world.verdict(&left), Some(Verdict::Failed));
}

pub fn in_a_market_above_its_budget_a_claim_pays_its_budget_and_no_more(mut world: World) {
    let estimates = [(1, 400.0), (144, 400.0), (1_008, 2.0)];
    world.chain.set_fee_estimates(estimates.into());
    let received = world.is_paid(HTLC_SAT);
    world.released(&received);
    world.closes(On::Theirs);
    let budget = HTLC_SAT * u64::from(Policy::default().budget_percent) / 100;
    let claim = world.claim_in_mempool(&received, On::Theirs).expect("made");
    assert_eq!(world.paid_by(&claim), budget);
    for _ in 0..3 {
        world.chain.mine_empty(1);
        world.phone.resume();
        let same = world.claim_in_mempool(&received, On::Theirs);
        assert_eq!(same.as_ref(), Some(&claim));
    }
    world.mine(1);
    world.fees_are(2.0);
    world.comes_to_an_end();
}

pub fn what_our_second_level_left_goes_home_with_our_balance(mut world: World) {
    world.fees_are(2.0);
    // One coin raises the commitment, the other pays for the claim.
    world.with_reserve();
    world.with_reserve();
    let received = world.is_paid(HTLC_SAT);
    world.released(&received);
    world.closes(On::Ours);
    world.wakes_after(1);
    // Both delays have long passed when the device wakes again.
    world.wakes_after(200);
    let waiting = world.chain.mempool();
    let [sweep] = waiting[..] else {
        panic!("one transaction: {waiting:?}");
    };
    assert_eq!(world.known(sweep).input.len(), 2);
    world.mine(1);
    world.comes_to_an_end();
}
