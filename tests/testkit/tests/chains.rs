//! What a chain of the testkit promises, asked of both: the in-memory chain and a real bitcoind must answer alike.

mod common;

use bitcoin::{absolute::LockTime, Sequence};
use common::{key, paying, plain_script, Coin, Spending, VALUE};
use testkit::chain::{Branch, Chain, Orphaned};

/// Runs each promise once over each chain.
macro_rules! promises {
    ($($name:ident)*) => {
        mod memory {
            $(#[test] fn $name() { super::$name(&testkit::memory::MemoryChain::new()) })*
        }
        mod bitcoind {
            $(#[test] fn $name() {
                match testkit::regtest::Bitcoind::start() {
                    Ok(node) => super::$name(&node),
                    Err(reason) => reason.say(),
                }
            })*
        }
    };
}

promises! {
    a_wrong_signature_is_refused
    a_relative_lock_opens_at_its_height_and_no_block_earlier
    a_relative_lock_of_the_script_must_stand_in_the_sequence
    an_absolute_lock_opens_at_its_height_and_no_block_earlier
    a_spent_output_cannot_be_spent_again
    a_transaction_is_mined_once
    a_fee_below_the_minimum_is_refused
    a_replacement_pays_more_than_what_it_replaces
    a_known_transaction_is_taken_again
    a_block_of_chosen_transactions_leaves_the_others_waiting
    a_mined_conflict_pushes_the_loser_out
    a_block_that_breaks_a_rule_is_refused_and_changes_nothing
    a_reorg_returns_transactions_to_the_mempool
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

fn a_wrong_signature_is_refused(chain: &dyn Chain) {
    let forged = Coin::plain(chain).spend(Spending {
        signed_by: key(2),
        ..paying(1_000)
    });
    let reject = chain.submit(&forged).unwrap_err();
    assert_eq!(reject.code, -26);
    assert!(
        reject
            .text
            .starts_with("mandatory-script-verify-flag-failed"),
        "{reject}"
    );
}

fn a_relative_lock_opens_at_its_height_and_no_block_earlier(chain: &dyn Chain) {
    let coin = Coin::locked_for(chain, 6);
    let spend = coin.spend(Spending {
        sequence: Sequence::from_height(6),
        ..paying(1_000)
    });
    // In the block after its own the coin has waited one block; the sixth may hold the spend.
    chain.mine_empty(4);
    assert_eq!(chain.submit(&spend).unwrap_err().text, "non-BIP68-final");
    chain.mine_empty(1);
    chain.submit(&spend).unwrap();
}

fn a_relative_lock_of_the_script_must_stand_in_the_sequence(chain: &dyn Chain) {
    let coin = Coin::locked_for(chain, 6);
    chain.mine_empty(10);
    let hasty = coin.spend(Spending {
        sequence: Sequence::from_height(5),
        ..paying(1_000)
    });
    let reject = chain.submit(&hasty).unwrap_err();
    assert!(reject.text.contains("script-verify-flag"), "{reject}");
}

fn an_absolute_lock_opens_at_its_height_and_no_block_earlier(chain: &dyn Chain) {
    let expiry = chain.tip().height + 5;
    let coin = Coin::locked_until(chain, expiry);
    let lock_time = LockTime::from_height(expiry).unwrap();
    let spend = coin.spend(Spending {
        lock_time,
        ..paying(1_000)
    });
    chain.mine_empty(expiry - chain.tip().height - 1);
    assert_eq!(chain.submit(&spend).unwrap_err().text, "non-final");
    chain.mine_empty(1);
    assert_eq!(chain.tip().height, expiry);
    chain.submit(&spend).unwrap();
}

fn a_spent_output_cannot_be_spent_again(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    let first = coin.spend(paying(1_000));
    chain.submit(&first).unwrap();
    chain.mine(1);
    let spend = chain.outspend(coin.outpoint).unwrap();
    assert_eq!(
        (spend.txid, spend.vin, spend.block),
        (first.compute_txid(), 0, Some(chain.tip()))
    );
    let reject = chain.submit(&coin.spend(paying(9_000))).unwrap_err();
    assert_eq!(
        (reject.code, reject.text.as_str()),
        (-25, "bad-txns-inputs-missingorspent")
    );
}

fn a_transaction_is_mined_once(chain: &dyn Chain) {
    let spend = Coin::plain(chain).spend(paying(1_000));
    chain.submit(&spend).unwrap();
    chain.mine(1);
    assert!(chain.mempool().is_empty());
    let reject = chain.submit(&spend).unwrap_err();
    assert_eq!(
        (reject.code, reject.text.as_str()),
        (-27, "Transaction outputs already in utxo set")
    );
}

fn a_fee_below_the_minimum_is_refused(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    let reject = chain.submit(&coin.spend(paying(50))).unwrap_err();
    assert!(
        reject.text.starts_with("min relay fee not met, 50 < 1"),
        "{reject}"
    );
    chain.set_min_fee(20_000);
    let reject = chain.submit(&coin.spend(paying(2_000))).unwrap_err();
    assert!(
        reject.text.starts_with("min relay fee not met, 2000 < 2"),
        "{reject}"
    );
    chain.submit(&coin.spend(paying(3_000))).unwrap();
}

fn a_replacement_pays_more_than_what_it_replaces(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    let old = coin.spend(paying(1_000));
    chain.submit(&old).unwrap();
    let reject = chain.submit(&coin.spend(paying(900))).unwrap_err();
    assert!(
        reject
            .text
            .starts_with("insufficient fee, rejecting replacement"),
        "{reject}"
    );
    let reject = chain.submit(&coin.spend(paying(1_010))).unwrap_err();
    assert!(
        reject.text.contains("not enough additional fees to relay"),
        "{reject}"
    );
    let new = coin.spend(paying(2_000));
    chain.submit(&new).unwrap();
    assert_eq!(chain.mempool(), [new.compute_txid()]);
    assert_eq!(chain.transaction(old.compute_txid()), None);
}

fn a_known_transaction_is_taken_again(chain: &dyn Chain) {
    let spend = Coin::plain(chain).spend(paying(1_000));
    assert_eq!(chain.submit(&spend), chain.submit(&spend));
    assert_eq!(chain.mempool(), [spend.compute_txid()]);
}

fn a_block_of_chosen_transactions_leaves_the_others_waiting(chain: &dyn Chain) {
    let (waiting, chosen) = (
        Coin::plain(chain).spend(paying(1_000)),
        Coin::plain(chain).spend(paying(1_000)),
    );
    chain.submit(&waiting).unwrap();
    chain.mine_txs(&[chosen.clone()]).unwrap();
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

fn a_reorg_can_forget_transactions(chain: &dyn Chain) {
    let (forgotten, waiting) = (Coin::plain(chain), Coin::plain(chain).spend(paying(1_000)));
    let spend = forgotten.spend(paying(1_000));
    chain.mine_txs(&[spend.clone()]).unwrap();
    chain.submit(&waiting).unwrap();
    chain.reorg(1, 2, Orphaned::Drop).unwrap();
    assert_eq!(chain.transaction(spend.compute_txid()), None);
    assert_eq!(chain.outspend(forgotten.outpoint), None);
    assert_eq!(chain.mempool(), [waiting.compute_txid()]);
}

fn a_reorg_can_replace_a_transaction(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    let (old, new) = (coin.spend(paying(1_000)), coin.spend(paying(2_000)));
    chain.mine_txs(&[old.clone()]).unwrap();
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
    chain.mine_txs(&[old.clone()]).unwrap();
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
    chain.mine_txs(&[spend.clone()]).unwrap();
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
    let time = |height| {
        chain
            .block(chain.block_hash(height).unwrap())
            .unwrap()
            .block
            .header
            .time
    };
    chain.mine_empty(3);
    let tip = chain.tip().height;
    assert_eq!(
        (time(tip) - time(tip - 1), time(tip - 1) - time(tip - 2)),
        (600, 600)
    );
}
