//! Reorganisations, long sleeps, and servers that lag: what happens to the tip and to the facts below it.

use super::build::{funding, spend_of};
use super::fake::Lie;
use super::world::{watch, World};
use crate::chain::*;

/// A world in which the spend of an output has been proven `depth` blocks deep.
fn with_spend_at_depth(depth: u32) -> (World, Watch) {
    let (world, output) = World::with_output();
    world.chain.mine_with(&[&spend_of(output.outpoint, 1)]);
    world.chain.mine(depth - 1);
    world.tick(std::slice::from_ref(&output));
    assert_eq!(world.spend_depth(&output), depth);
    (world, output)
}

#[test]
fn a_spend_deepens_with_every_block() {
    let (world, output) = with_spend_at_depth(1);
    for depth in 2..=120 {
        world.chain.mine(1);
        assert!(world.tick(std::slice::from_ref(&output)).complete);
        assert!(
            world.spend_depth(&output) >= depth.min(100),
            "at depth {depth}"
        );
    }
}

#[test]
fn a_reorg_of_any_depth_takes_the_spend_back_and_the_output_is_unspent_again() {
    for depth in [1, 5, 6, 99] {
        let (world, output) = with_spend_at_depth(depth);
        world.chain.reorg(depth);
        let outcome = world.tick(std::slice::from_ref(&output));
        assert!(
            outcome.complete && outcome.changed.contains(&output.outpoint),
            "depth {depth}: {outcome:?}"
        );
        let facts = world.facts(&output);
        assert_eq!(facts.spend, None, "depth {depth}");
        assert_eq!(facts.unspent_at, Some(world.chain.tip()), "depth {depth}");
    }
}

#[test]
fn a_spend_that_moves_to_another_block_is_proven_there() {
    for depth in [1, 5, 6, 99] {
        let (world, output) = with_spend_at_depth(depth);
        world.chain.drop_blocks(depth);
        world.chain.mine(depth);
        world.chain.mine_with(&[&spend_of(output.outpoint, 1)]);
        assert!(
            world.tick(std::slice::from_ref(&output)).complete,
            "depth {depth}"
        );
        assert_eq!(
            world.facts(&output).spend.unwrap().block(),
            Some(world.chain.tip()),
            "depth {depth}"
        );
    }
}

#[test]
fn a_reorg_that_takes_the_funding_too_leaves_nothing_proven_until_it_confirms_again() {
    let (world, output) = World::with_output();
    world.chain.reorg(6);
    assert!(world.tick(std::slice::from_ref(&output)).complete);
    let facts = world.facts(&output);
    assert_eq!((facts.confirmed, facts.unspent_at), (None, None));

    world.chain.mine_with(&[&funding(0)]);
    world.tick(std::slice::from_ref(&output));
    assert_eq!(world.facts(&output).unspent_at, Some(world.chain.tip()));
}

#[test]
fn a_branch_with_equal_work_changes_nothing() {
    let (world, output) = with_spend_at_depth(3);
    let before = world.view();
    world.chain.drop_blocks(3);
    world.chain.mine(3);
    let outcome = world.tick(std::slice::from_ref(&output));
    assert_eq!(
        outcome.server,
        ServerStanding::Behind {
            server_tip: world.chain.tip()
        }
    );
    assert!(!outcome.complete);
    assert_eq!(world.view(), before);
}

#[test]
fn a_lagging_server_teaches_nothing_but_hints() {
    let (world, output) = World::with_output();
    world.chain.mine(3);
    world.tick(std::slice::from_ref(&output));
    let before = world.view();
    world.chain.lie(Lie::EndsAt(24));
    world.chain.add_to_mempool(&spend_of(output.outpoint, 1));
    let outcome = world.look_into_mempool(std::slice::from_ref(&output));
    assert_eq!(
        outcome.server,
        ServerStanding::Behind {
            server_tip: world.chain.tip()
        }
    );
    assert_eq!(world.view().tip(), before.tip());
    let facts = world.facts(&output);
    assert_eq!(facts.spend.unwrap().block(), None);
    assert_eq!(
        facts.unspent_at,
        before.output(&output.outpoint).unwrap().unspent_at
    );
}

#[test]
fn a_lagging_server_is_asked_for_nothing_when_no_hint_is_wanted() {
    let (world, mut outputs) = World::with_outputs(2);
    world.chain.mine(1);
    world.tick(&outputs);
    world.chain.lie(Lie::EndsAt(25));
    world.chain.take_requests();
    outputs.push(watch(&funding(77)));
    world.tick(&outputs);
    assert_eq!(world.chain.take_requests(), ["tip", "newest"]);
}

#[test]
fn after_a_long_sleep_with_nothing_open_the_gap_costs_no_headers() {
    let (world, output) = World::with_output();
    world.chain.mine(3_000);
    assert!(world.tick(std::slice::from_ref(&output)).complete);
    assert_eq!(
        world.chain.take_requests(),
        ["tip", "newest", "status", "outspend", "tip"]
    );
    assert_eq!(world.facts(&output).unspent_at, Some(world.chain.tip()));
}

#[test]
fn after_any_sleeps_an_output_that_is_counted_is_known_to_be_as_deep_as_it_is() {
    for sleeps in [vec![3_000], vec![99], vec![12, 30, 11, 200], vec![3, 3_000]] {
        let (world, mut output) = World::with_output();
        output.counted_to = Depth::new(100);
        for blocks in sleeps {
            world.chain.mine(blocks);
            assert!(world.tick(std::slice::from_ref(&output)).complete);
            let position = world.facts(&output).confirmed.expect("proven");
            let deep = position.block.height.depth_under(world.chain.tip().height);
            let known = world.view().depth(&position);
            assert_eq!(known.min(Depth::new(100)), deep.min(Depth::new(100)));
        }
        // Once.
        world.chain.mine(3_000);
        world.chain.take_requests();
        assert!(world.tick(std::slice::from_ref(&output)).complete);
        assert_eq!(
            world.chain.take_requests(),
            ["tip", "newest", "status", "outspend", "tip"]
        );
    }
}

#[test]
fn after_a_long_sleep_an_open_spend_is_linked_until_it_is_final() {
    let (world, output) = with_spend_at_depth(2);
    world.chain.mine(3_000);
    world.chain.take_requests();
    assert!(world.tick(std::slice::from_ref(&output)).complete);
    assert!(world.spend_depth(&output) >= 100);
    let pages = world
        .chain
        .take_requests()
        .iter()
        .filter(|request| **request == "page")
        .count();
    assert_eq!(pages, 10, "98 blocks, ten at a time");
}

#[test]
fn a_reorg_below_all_headers_held_is_accepted_by_its_work_and_fundings_are_proven_again() {
    let (world, output) = World::with_output();
    world.chain.mine(200);
    world.tick(std::slice::from_ref(&output));
    world.chain.reorg(30);
    let outcome = world.tick(std::slice::from_ref(&output));
    assert!(outcome.complete, "{outcome:?}");
    let facts = world.facts(&output);
    assert!(facts.confirmed.is_some());
    assert_eq!(facts.unspent_at, Some(world.chain.tip()));
}

#[test]
fn a_spend_that_happened_during_a_long_sleep_is_found_and_proven() {
    let (world, output) = World::with_output();
    world.chain.mine(500);
    world.chain.mine_with(&[&spend_of(output.outpoint, 1)]);
    world.chain.mine(400);
    assert!(world.tick(std::slice::from_ref(&output)).complete);
    assert!(world.spend_depth(&output) >= 100);
}

#[test]
fn a_funding_far_below_the_tip_is_proven_by_the_blocks_on_top_of_it() {
    let world = World::new(20);
    world.chain.mine_with(&[&funding(0)]);
    world.chain.mine(1_000);
    let output = watch(&funding(0));
    assert!(world.tick(std::slice::from_ref(&output)).complete);
    let facts = world.facts(&output);
    assert!(world.view().depth(&facts.confirmed.unwrap()).to_u32() >= 100);
    assert_eq!(facts.unspent_at, Some(world.chain.tip()));
}

#[test]
fn the_tip_time_is_that_of_its_header() {
    let (world, _) = World::with_output();
    assert_eq!(
        world.view().tip_time(),
        Some(1_600_000_000 + world.chain.tip().height.to_u32() * 600)
    );
}
