//! What justice pays, and what it does when that was not enough.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, Transaction};

use super::{inputs, worth_having, REVOKED};
use crate::support::World;

twins!(
    justice_is_urgent_from_the_start,
    after_four_blocks_it_is_taken_apart_and_pays_more,
    at_the_same_tip_nothing_is_priced_anew,
    one_output_that_is_pinned_holds_up_no_other,
);

impl World {
    /// What a transaction pays, in sat per 1,000 weight units.
    fn feerate(&self, transaction: &Transaction) -> u64 {
        self.paid_by(transaction) * 1_000 / transaction.weight().to_wu()
    }

    /// The feerates that wait in the mempool, the lowest first.
    fn feerates(&self) -> Vec<u64> {
        let waiting = self.waiting();
        let mut rates: Vec<u64> = waiting
            .iter()
            .map(|waiting| self.feerate(waiting))
            .collect();
        rates.sort_unstable();
        rates
    }

    /// The lowest feerate that waits in the mempool.
    pub fn lowest_feerate(&self) -> u64 {
        *self.feerates().first().expect("something waits")
    }
}

fn justice_is_urgent_from_the_start(mut world: World) {
    // The delay leaves some hundred blocks; the estimate for a part of them is taken.
    let estimates = [(1, 40.0), (4, 20.0), (1_008, 1.0)];
    world.chain.set_fee_estimates(estimates.into());
    world.revoked_with_htlcs();
    world.cheated();
    assert!(
        world.lowest_feerate() >= 5_000,
        "{}",
        world.lowest_feerate()
    );
}

pub fn after_four_blocks_it_is_taken_apart_and_pays_more(mut world: World) {
    world.revoked_with_htlcs();
    let breach = world.cheated();
    let before = world.feerates();
    world.chain.mine_empty(3);
    world.phone.resume();
    assert_eq!(world.waiting().len(), 2, "three blocks are no reason");
    world.chain.mine_empty(1);
    world.phone.resume();
    // The balances together, and each of the two HTLCs alone.
    let claimed: Vec<usize> = world.waiting().iter().map(|it| inputs(it).len()).collect();
    assert_eq!(claimed.len(), 3);
    assert_eq!(claimed.iter().filter(|inputs| **inputs == 1).count(), 2);
    // One of them took the place of both, and paid for it.
    assert!(world.feerates().last() > before.last());
    world.assert_taken(&breach);
    world.mine(1);
    world.resolve();
}

fn at_the_same_tip_nothing_is_priced_anew(mut world: World) {
    world.revoked_with_htlcs();
    world.cheated();
    let before = world.chain.mempool();
    for _ in 0..6 {
        world.phone.resume();
    }
    assert_eq!(world.chain.mempool(), before);
}

pub fn one_output_that_is_pinned_holds_up_no_other(mut world: World) {
    let [outgoing, _] = world.revoked_with_htlcs();
    let breach = world.peer_closes(REVOKED);
    // It waits in the mempool, and pays more than we begin with.
    let pin = world.cheaters_second_level(&outgoing);
    world.submit(&pin);
    world.phone.resume();
    let pinned = inputs(&pin);
    let all: BTreeSet<OutPoint> = worth_having(&breach).into_iter().collect();
    let free = || all.difference(&pinned);
    let is_ours = |world: &World, outpoint: &OutPoint| {
        let spender = world.spender(*outpoint);
        spender.is_some_and(|spender| world.is_ours(&spender))
    };
    let ticks = (0..10).find(|_| {
        world.chain.mine_empty(1);
        world.phone.resume();
        free().all(|outpoint| is_ours(&world, outpoint))
    });
    assert!(ticks.is_some(), "what is not pinned is claimed");
    // Raised again and again, ours is worth more to a miner in the end.
    let ticks = (0..60).find(|_| {
        world.chain.mine_empty(1);
        world.phone.resume();
        all.iter().all(|outpoint| is_ours(&world, outpoint))
    });
    assert!(ticks.is_some(), "what is pinned is outbid");
    world.mine(1);
    world.assert_taken(&breach);
    world.resolve();
}
