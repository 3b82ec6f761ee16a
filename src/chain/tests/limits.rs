//! How many requests a tick makes, what happens when it may not make enough, and that nothing learnt is lost.

use super::fake::{funding, spend_of};
use super::world::{block_on, watch, World};
use crate::chain::*;
use bitcoin::Network;

#[test]
fn an_unchanged_tip_with_nothing_open_costs_one_request_also_after_a_restart() {
    let (world, outputs) = World::with_outputs(30);
    assert!(world.tick(&outputs).complete);
    assert_eq!(world.chain.take_requests(), ["tip"]);
}

#[test]
fn a_new_tip_with_nothing_spent_costs_at_most_one_request_per_output_and_four() {
    for blocks in [1, 9, 10, 11, 12, 50, 2_500] {
        let (world, outputs) = World::with_outputs(30);
        world.chain.mine(blocks);
        assert!(world.tick(&outputs).complete);
        let requests = world.chain.take_requests().len();
        assert!(
            requests <= 30 + 4,
            "{requests} requests after {blocks} blocks"
        );
    }
}

#[test]
fn outputs_that_join_later_in_a_tick_do_not_repeat_what_was_answered() {
    let (world, outputs) = World::with_outputs(3);
    world.chain.mine(1);
    let (budget, policy) = (Budget::unlimited(), ChainPolicy::default());
    let mut observer = Observer::new(
        Network::Regtest,
        &world.chain,
        &world.store,
        &budget,
        &policy,
    )
    .unwrap();
    block_on(observer.sync(&outputs[..2], &[], Look::Mempool)).unwrap();
    world.chain.take_requests();
    let outcome = block_on(observer.sync(&outputs, &[], Look::Mempool)).unwrap();
    assert!(outcome.complete);
    assert_eq!(world.chain.take_requests(), ["outspend", "tip"]);
}

#[test]
fn a_final_spend_is_never_asked_about_again() {
    let (world, output) = World::with_output();
    world.chain.mine_with(&[&spend_of(output.outpoint, 1)]);
    world.chain.mine(120);
    world.tick(std::slice::from_ref(&output));
    world.chain.mine(1);
    world.chain.take_requests();
    world.look_into_mempool(std::slice::from_ref(&output));
    assert_eq!(world.chain.take_requests(), ["tip", "newest"]);
}

#[test]
fn a_tick_that_may_make_no_more_requests_says_so_and_keeps_what_it_has() {
    let (world, outputs) = World::with_outputs(5);
    world.chain.mine(1);
    let budget = Budget::unlimited().with_max_requests(4);
    let outcome = world.tick_within(&budget, &outputs, &[], Look::Tip);
    assert!(matches!(
        outcome.stopped,
        Some(ChainError::BudgetExhausted(BudgetLimit::Requests))
    ));
    assert_eq!((outcome.complete, budget.requests_made()), (false, 4));
    world.chain.take_requests();
    assert!(world.tick(&outputs).complete);
    assert_eq!(
        world.chain.take_requests().len(),
        1 + 3 + 1,
        "two of five were already answered"
    );
}

#[test]
fn a_cancelled_tick_asks_nothing_more() {
    let (world, outputs) = World::with_outputs(5);
    let budget = Budget::unlimited();
    budget.cancel();
    let outcome = world.tick_within(&budget, &outputs, &[], Look::Mempool);
    assert!(matches!(outcome.stopped, Some(ChainError::Cancelled)));
    assert!(world.chain.take_requests().is_empty());
}

/// One story, told to a device that may make only so many requests before each restart.
fn story(max_requests: Option<u32>) -> ChainView {
    let (world, mut outputs) = World::with_outputs(3);
    let settle = |outputs: &[Watch]| {
        for _ in 0..200 {
            let budget = match max_requests {
                Some(max) => Budget::unlimited().with_max_requests(max),
                None => Budget::unlimited(),
            };
            if world.tick_within(&budget, outputs, &[], Look::Tip).complete {
                return;
            }
        }
        panic!("no end with {max_requests:?} requests per tick");
    };
    world.chain.mine_with(&[
        &spend_of(outputs[0].outpoint, 1),
        &spend_of(outputs[1].outpoint, 1),
    ]);
    world.chain.mine(25);
    settle(&outputs);
    world.chain.reorg(7);
    settle(&outputs);
    outputs.push(watch(&funding(50)));
    world.chain.mine_with(&[&funding(50)]);
    world.chain.mine(150);
    settle(&outputs);
    world.chain.mine(2_000);
    settle(&outputs);
    world.view()
}

#[test]
fn a_tick_cut_off_after_any_number_of_requests_ends_with_the_same_facts() {
    let in_one_go = story(None);
    // Three is the fewest that can link anything: the tip, a claim, and a page of headers.
    for max_requests in (4..20).rev() {
        let cut_off = story(Some(max_requests));
        assert_eq!(cut_off.tip(), in_one_go.tip(), "{max_requests} requests");
        for (outpoint, facts) in in_one_go.outputs() {
            let twin = cut_off.output(outpoint).unwrap();
            assert_eq!(
                twin.spend.as_ref().and_then(Spend::block),
                facts.spend.as_ref().and_then(Spend::block)
            );
            assert_eq!(twin.unspent_at, facts.unspent_at, "{max_requests} requests");
            assert_eq!(
                twin.confirmed.map(|at| at.block),
                facts.confirmed.map(|at| at.block)
            );
        }
    }
}
