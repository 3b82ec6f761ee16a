//! What becomes known of watched outputs and transactions from an honest server.

use super::build::{funding, output_of, spend_of};
use super::world::{block_on, watch, watch_output, World};
use crate::chain::*;

#[test]
fn an_output_is_unspent_up_to_the_tip_once_its_creation_is_proven() {
    let (world, output) = World::with_output();
    let facts = world.facts(&output);
    assert_eq!(facts.output, OutputCheck::AsExpected);
    assert_eq!(world.view().depth(&facts.confirmed.unwrap()).to_u32(), 6);
    assert_eq!(facts.unspent_at, Some(world.chain.tip()));
}

#[test]
fn an_output_whose_creation_is_not_confirmed_is_not_unspent() {
    let world = World::new(20);
    let creator = funding(1);
    world.chain.add_to_mempool(&creator);
    assert!(world.tick(&[watch(&creator)]).complete);
    let facts = world.facts(&watch(&creator));
    assert_eq!(
        (facts.output, facts.confirmed, facts.unspent_at),
        (OutputCheck::AsExpected, None, None)
    );
}

#[test]
fn an_output_that_nobody_knows_is_not_unspent_though_the_server_says_so() {
    let world = World::new(20);
    let output = watch(&funding(1));
    assert!(
        world
            .look_into_mempool(std::slice::from_ref(&output))
            .complete
    );
    assert_eq!(world.facts(&output), OutputFacts::default());
}

#[test]
fn an_output_with_another_value_or_script_is_a_wrong_output() {
    let world = World::new(20);
    let creator = funding(1);
    let mut output = watch(&creator);
    let mut other = creator.output[0].clone();
    other.value += bitcoin::Amount::ONE_SAT;
    output.expected = Expected::Exactly(other);
    world.chain.mine_with(&[&creator]);
    world.tick(std::slice::from_ref(&output));
    assert_eq!(
        world.facts(&output).output,
        OutputCheck::Wrong(Some(creator.output[0].clone()))
    );
}

#[test]
fn of_a_coin_that_somebody_else_chose_only_its_spender_matters() {
    let world = World::new(20);
    let creator = funding(1);
    let beside = |vout| Watch {
        outpoint: bitcoin::OutPoint::new(creator.compute_txid(), vout),
        expected: Expected::Anything,
        urgency: Urgency::AtTip,
    };
    world.chain.mine_with(&[&creator]);
    let spender = spend_of(output_of(&creator), 1);
    world.chain.mine_with(&[&spender]);
    world.tick(&[beside(0), beside(99)]);
    let coin = world.facts(&beside(0));
    assert_eq!(coin.output, OutputCheck::AsExpected);
    assert_eq!(coin.spend.unwrap().txid, spender.compute_txid());
    assert_eq!(world.facts(&beside(99)).output, OutputCheck::Wrong(None));
}

#[test]
fn a_spend_in_the_mempool_is_a_hint_and_in_a_block_a_fact() {
    let (world, output) = World::with_output();
    let spender = spend_of(output.outpoint, 1);
    world.chain.add_to_mempool(&spender);
    let outcome = world.look_into_mempool(std::slice::from_ref(&output));
    assert!(outcome.complete && outcome.changed.contains(&output.outpoint));
    assert_eq!(world.facts(&output).spend.unwrap().block(), None);

    world.chain.mine_with(&[&spender]);
    world.tick(std::slice::from_ref(&output));
    let spend = world.facts(&output).spend.unwrap();
    assert_eq!(
        (spend.block(), spend.vin, spend.tx),
        (Some(world.chain.tip()), 0, spender)
    );
}

#[test]
fn a_spender_looked_at_for_its_own_output_before_is_believed_to_spend() {
    let world = World::new(20);
    let creator = funding(1);
    let spender = spend_of(output_of(&creator), 1);
    world.chain.mine_with(&[&creator]);
    world.chain.mine_with(&[&spender]);
    // Both are new to the cursor: the spender is fetched as a creator, at the same time as the creator itself.
    let watches = [watch(&spender), watch(&creator)];
    let outcome = world.tick(&watches);
    assert!(outcome.complete, "{outcome:?}");
    assert_eq!(world.spend_depth(&watches[1]), 1);
}

#[test]
fn a_mempool_spend_is_looked_for_at_an_unchanged_tip_only_when_asked_to_or_urgent() {
    let (world, mut output) = World::with_output();
    world.chain.add_to_mempool(&spend_of(output.outpoint, 1));
    world.tick(std::slice::from_ref(&output));
    assert_eq!(world.facts(&output).spend, None);
    output.urgency = Urgency::Always;
    world.tick(std::slice::from_ref(&output));
    assert!(world.facts(&output).spend.is_some());
}

#[test]
fn a_mempool_spend_is_replaced_by_another_and_dropped_when_the_mempool_forgets_it() {
    let (world, output) = World::with_output();
    world.chain.add_to_mempool(&spend_of(output.outpoint, 1));
    world.look_into_mempool(std::slice::from_ref(&output));
    world.chain.clear_mempool();
    world.chain.add_to_mempool(&spend_of(output.outpoint, 2));
    world.tick(std::slice::from_ref(&output));
    assert_eq!(
        world.facts(&output).spend.unwrap().tx,
        spend_of(output.outpoint, 2)
    );

    world.chain.clear_mempool();
    world.tick(std::slice::from_ref(&output));
    assert_eq!(world.facts(&output).spend, None);
}

#[test]
fn the_outputs_of_a_proven_spend_need_no_proof_of_their_own() {
    let (world, output) = World::with_output();
    let commitment = spend_of(output.outpoint, 1);
    world.chain.mine_with(&[&commitment]);
    world.tick(std::slice::from_ref(&output));
    world.chain.take_requests();
    let child = watch_output(&commitment, output_of(&commitment));
    assert!(world.tick(&[output, child.clone()]).complete);
    assert_eq!(world.chain.take_requests(), ["tip", "outspend", "tip"]);
    assert_eq!(world.facts(&child).unspent_at, Some(world.chain.tip()));
}

#[test]
fn after_a_long_sleep_the_outputs_of_a_spend_are_found_in_the_tick_that_found_the_spend() {
    let (world, output) = World::with_output();
    let commitment = spend_of(output.outpoint, 1);
    let spender = spend_of(output_of(&commitment), 2);
    world.chain.mine_with(&[&commitment]);
    world.chain.mine_with(&[&spender]);
    world
        .chain
        .mine(ChainPolicy::default().final_depth.to_u32());
    let child = watch_output(&commitment, output_of(&commitment));
    let (budget, policy) = (Budget::unlimited(), ChainPolicy::default());
    let mut observer = Observer::new(
        bitcoin::Network::Regtest,
        &world.chain,
        &world.store,
        &budget,
        &policy,
    )
    .unwrap();
    for watches in [vec![output.clone()], vec![output, child.clone()]] {
        let outcome = block_on(observer.sync(&watches, &[], Look::Tip)).unwrap();
        assert!(outcome.complete, "{outcome:?}");
    }
    assert!(world.facts(&child).spend.unwrap().block().is_some());
}

#[test]
fn a_transaction_of_ours_is_confirmed_when_its_place_is_proven() {
    let world = World::new(20);
    let ours = funding(3);
    let watched = WatchTx::new(&ours).unwrap();
    world.chain.add_to_mempool(&ours);
    assert!(world.tick_for(&[watched]).complete);
    assert_eq!(world.view().transaction(&watched.txid()), None);
    world.chain.mine_with(&[&ours]);
    let outcome = world.tick_for(&[watched]);
    assert!(outcome.complete && outcome.changed_transactions.contains(&watched.txid()));
    let position = world
        .view()
        .transaction(&watched.txid())
        .unwrap()
        .confirmed
        .unwrap();
    assert_eq!(position.block, world.chain.tip());
}

#[test]
fn what_is_forgotten_is_gone_after_a_restart() {
    let (world, output) = World::with_output();
    let (budget, policy) = (Budget::unlimited(), ChainPolicy::default());
    let mut observer = Observer::new(
        bitcoin::Network::Regtest,
        &world.chain,
        &world.store,
        &budget,
        &policy,
    )
    .unwrap();
    observer.forget(&[output.outpoint], &[]).unwrap();
    assert_eq!(world.view().output(&output.outpoint), None);
}
