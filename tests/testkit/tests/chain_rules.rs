//! Which transactions a chain takes, asked of both: the in-memory chain and a real bitcoind must answer alike.

#[macro_use]
mod common;

use bitcoin::{absolute::LockTime, Sequence};
use common::{block_time, key, paying, taproot_spend, Coin, Spending, VALUE};
use testkit::chain::Chain;

promises! {
    a_wrong_signature_is_refused
    a_relative_lock_opens_at_its_height_and_no_block_earlier
    a_relative_lock_of_the_script_must_stand_in_the_sequence
    an_absolute_lock_opens_at_its_height_and_no_block_earlier
    a_relative_lock_of_time_counts_median_times
    an_absolute_lock_of_time_counts_median_times
    a_taproot_output_wants_the_signature_of_its_key
    a_block_reward_waits_for_a_hundred_blocks
    dust_is_not_relayed
    a_spent_output_cannot_be_spent_again
    a_transaction_is_mined_once
    a_fee_below_the_minimum_is_refused
    a_replacement_pays_more_than_what_it_replaces
    a_known_transaction_is_taken_again
}

fn a_wrong_signature_is_refused(chain: &dyn Chain) {
    let forged = Coin::plain(chain).spend(Spending {
        signed_by: key(2),
        ..paying(1_000)
    });
    let reject = chain.submit(&forged).unwrap_err();
    assert_eq!(reject.code, -26);
    assert!(
        reject.text.contains("script-verify-flag-failed"),
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

fn a_relative_lock_of_time_counts_median_times(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    // 1,024 seconds: two blocks of ten minutes each.
    let sequence = Sequence::from_512_second_intervals(2);
    let spend = coin.spend(Spending {
        sequence,
        ..paying(1_000)
    });
    assert_eq!(chain.submit(&spend).unwrap_err().text, "non-BIP68-final");
    chain.mine_empty(1);
    chain.submit(&spend).unwrap();
}

fn an_absolute_lock_of_time_counts_median_times(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    // The median of eleven blocks is the time of the sixth.
    let median = block_time(chain, chain.tip().height - 5);
    let lock_time = LockTime::from_time(median).unwrap();
    let spend = coin.spend(Spending {
        lock_time,
        ..paying(1_000)
    });
    assert_eq!(chain.submit(&spend).unwrap_err().text, "non-final");
    chain.mine_empty(1);
    chain.submit(&spend).unwrap();
}

fn a_taproot_output_wants_the_signature_of_its_key(chain: &dyn Chain) {
    let reject = chain.submit(&taproot_spend(chain, key(2))).unwrap_err();
    assert!(
        reject.text.contains("script-verify-flag-failed"),
        "{reject}"
    );
    chain.submit(&taproot_spend(chain, key(1))).unwrap();
}

fn a_block_reward_waits_for_a_hundred_blocks(chain: &dyn Chain) {
    let coinbase = chain.block(chain.tip().hash).unwrap().block.txdata[0].clone();
    let reject = chain
        .submit(&Coin::made_by(&coinbase).spend(paying(1_000)))
        .unwrap_err();
    let told = "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 1";
    assert_eq!(reject.text, told);
}

fn dust_is_not_relayed(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    // A P2WSH output of 330 sat is just worth its spending, at the 3 sat/vB of the dust rule.
    let left = |sat: u64| coin.spend(paying(VALUE.to_sat() - sat));
    let reject = chain.submit(&left(329)).unwrap_err();
    assert!(reject.text.starts_with("dust"), "{reject}");
    chain.submit(&left(330)).unwrap();
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
        reject.text.starts_with("mempool min fee not met, 2000 < 2"),
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
