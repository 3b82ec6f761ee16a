//! How blocks, reorgs and evictions change a chain, asked of both: the in-memory chain and a real bitcoind must answer alike.

#[macro_use]
mod common;

use std::slice::from_ref;

use common::{block_time, key, paying, plain_script, Coin, Spending, VALUE};
use testkit::chain::{Branch, Chain, Orphaned};

promises! {
    a_block_of_chosen_transactions_leaves_the_others_waiting
    a_mined_conflict_pushes_the_loser_out
    a_block_that_breaks_a_rule_is_refused_and_changes_nothing
    a_reorg_returns_transactions_to_the_mempool
    a_reorg_of_empty_blocks_makes_other_blocks
    a_reorg_can_forget_transactions
    a_reorg_can_replace_a_transaction
    a_reorg_with_an_invalid_replacement_leaves_the_old_branch
    a_deep_reorg_returns_old_transactions_too
    eviction_takes_the_children_along_and_nobody_else
    a_funding_is_unknown_until_it_is_sent
    fundings_do_not_spend_each_others_coins
    outputs_are_found_by_their_script
    each_block_comes_ten_minutes_after_its_parent
}

fn a_block_of_chosen_transactions_leaves_the_others_waiting(chain: &dyn Chain) {
    let (waiting, chosen) = (
        Coin::plain(chain).spend(paying(1_000)),
        Coin::plain(chain).spend(paying(1_000)),
    );
    chain.submit(&waiting).unwrap();
    chain.mine_txs(from_ref(&chosen)).unwrap();
    assert_eq!(chain.mempool(), [waiting.compute_txid()]);
    assert_eq!(
        chain.transaction(chosen.compute_txid()).unwrap().block,
        Some(chain.tip())
    );
}

fn a_mined_conflict_pushes_the_loser_out(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    let loser = coin.spend(paying(5_000));
    chain.submit(&loser).unwrap();
    chain
        .submit(&Coin::made_by(&loser).spend(paying(1_000)))
        .unwrap();
    chain.mine_txs(&[coin.spend(paying(1_000))]).unwrap();
    assert!(chain.mempool().is_empty());
}

fn a_block_that_breaks_a_rule_is_refused_and_changes_nothing(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    let before = chain.tip();
    chain
        .mine_txs(&[coin.spend(Spending {
            signed_by: key(2),
            ..paying(1_000)
        })])
        .unwrap_err();
    assert_eq!(chain.tip(), before);
    assert_eq!(chain.outspend(coin.outpoint), None);
}

fn a_reorg_returns_transactions_to_the_mempool(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    let spend = coin.spend(paying(1_000));
    chain.submit(&spend).unwrap();
    let [left] = chain.mine(1)[..] else {
        panic!("one block was asked for")
    };
    let new = chain.reorg(1, 2, Orphaned::Keep).unwrap();
    assert_eq!(chain.tip().hash, new[1]);
    assert_eq!(chain.block(left).unwrap().branch, Branch::Stale);
    assert_eq!(chain.block(new[0]).unwrap().branch, Branch::Best);
    assert_eq!(chain.mempool(), [spend.compute_txid()]);
    assert_eq!(chain.outspend(coin.outpoint).unwrap().block, None);
}

fn a_reorg_of_empty_blocks_makes_other_blocks(chain: &dyn Chain) {
    let old = chain.mine_empty(2);
    let new = chain.reorg(2, 3, Orphaned::Keep).unwrap();
    let again = chain.reorg(3, 4, Orphaned::Keep).unwrap();
    assert_eq!(chain.block_hash(chain.tip().height - 3), Some(again[0]));
    assert!(old[0] != new[0] && new[0] != again[0] && old[0] != again[0]);
}

fn a_reorg_can_forget_transactions(chain: &dyn Chain) {
    let (forgotten, waiting) = (Coin::plain(chain), Coin::plain(chain).spend(paying(1_000)));
    let spend = forgotten.spend(paying(1_000));
    chain.mine_txs(from_ref(&spend)).unwrap();
    chain.submit(&waiting).unwrap();
    chain.reorg(1, 2, Orphaned::Drop).unwrap();
    assert_eq!(chain.transaction(spend.compute_txid()), None);
    assert_eq!(chain.outspend(forgotten.outpoint), None);
    assert_eq!(chain.mempool(), [waiting.compute_txid()]);
}

fn a_reorg_can_replace_a_transaction(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    let (old, new) = (coin.spend(paying(1_000)), coin.spend(paying(2_000)));
    chain.mine_txs(from_ref(&old)).unwrap();
    let blocks = chain
        .reorg(1, 2, Orphaned::Replace(vec![new.clone()]))
        .unwrap();
    assert_eq!(chain.transaction(old.compute_txid()), None);
    assert_eq!(
        chain
            .transaction(new.compute_txid())
            .unwrap()
            .block
            .unwrap()
            .hash,
        blocks[0]
    );
}

fn a_reorg_with_an_invalid_replacement_leaves_the_old_branch(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    let old = coin.spend(paying(1_000));
    chain.mine_txs(from_ref(&old)).unwrap();
    let before = chain.tip();
    let forged = coin.spend(Spending {
        signed_by: key(2),
        ..paying(2_000)
    });
    chain
        .reorg(1, 2, Orphaned::Replace(vec![forged]))
        .unwrap_err();
    assert_eq!(chain.tip(), before);
    assert_eq!(
        chain.transaction(old.compute_txid()).unwrap().block,
        Some(before)
    );
}

fn a_deep_reorg_returns_old_transactions_too(chain: &dyn Chain) {
    let spend = Coin::plain(chain).spend(paying(1_000));
    chain.mine_txs(from_ref(&spend)).unwrap();
    chain.mine_empty(15);
    chain.reorg(16, 17, Orphaned::Keep).unwrap();
    assert_eq!(chain.mempool(), [spend.compute_txid()]);
}

fn eviction_takes_the_children_along_and_nobody_else(chain: &dyn Chain) {
    let parent = Coin::plain(chain).spend(paying(1_000));
    let child = Coin::made_by(&parent).spend(paying(1_000));
    let other = Coin::plain(chain).spend(paying(1_000));
    for transaction in [&parent, &child, &other] {
        chain.submit(transaction).unwrap();
    }
    let before = chain.tip();
    chain.evict(parent.compute_txid());
    assert_eq!(chain.mempool(), [other.compute_txid()]);
    assert_eq!(chain.tip(), before);
    chain.submit(&parent).unwrap();
}

fn a_funding_is_unknown_until_it_is_sent(chain: &dyn Chain) {
    let funding = chain.fund_unbroadcast(&plain_script().to_p2wsh(), VALUE);
    assert_eq!(chain.transaction(funding.compute_txid()), None);
    assert_eq!(funding.output[0].value, VALUE);
    chain.submit(&funding).unwrap();
    chain.mine(1);
    assert_eq!(
        chain.transaction(funding.compute_txid()).unwrap().block,
        Some(chain.tip())
    );
}

fn fundings_do_not_spend_each_others_coins(chain: &dyn Chain) {
    let script = plain_script().to_p2wsh();
    let fundings = [
        chain.fund_unbroadcast(&script, VALUE),
        chain.fund_unbroadcast(&script, VALUE),
    ];
    chain.mine_txs(&fundings).unwrap();
    assert_eq!(chain.tip().height, testkit::chain::START_HEIGHT + 1);
}

fn outputs_are_found_by_their_script(chain: &dyn Chain) {
    use bitcoin::hashes::{sha256, Hash};
    let script = plain_script().to_p2wsh();
    let coins = chain.fund_all(&[(script.clone(), VALUE), (script.clone(), VALUE)]);
    let waiting = chain.fund_unbroadcast(&script, VALUE);
    chain.submit(&waiting).unwrap();
    let found = chain.outputs_paying(sha256::Hash::hash(script.as_bytes()));
    assert_eq!(found[..2], coins);
    assert_eq!(found[2].txid, waiting.compute_txid());
}

fn each_block_comes_ten_minutes_after_its_parent(chain: &dyn Chain) {
    let time = |height| block_time(chain, height);
    chain.mine_empty(3);
    let tip = chain.tip().height;
    assert_eq!(
        (time(tip) - time(tip - 1), time(tip - 1) - time(tip - 2)),
        (600, 600)
    );
}
