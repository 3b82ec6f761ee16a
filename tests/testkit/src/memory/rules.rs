//! The rules of consensus for one transaction: what Bitcoin's own library judges (scripts and signatures), and around it the
//! rules that stand outside of scripts: finality, relative locks, maturity, amounts.

use bitcoin::consensus::encode;
use bitcoin::{absolute, Amount, Sequence, Transaction, TxIn, TxOut};
use bitcoinconsensus as consensus;

use crate::chain::Reject;
use crate::miner::COINBASE_MATURITY;

/// Every soft fork that the consensus library knows.
const ALL_RULES: u32 = consensus::VERIFY_ALL_PRE_TAPROOT | consensus::VERIFY_TAPROOT;

/// BIP 68: this bit of a sequence makes the relative lock one of time.
const SEQUENCE_TYPE_FLAG: u32 = 1 << 22;
/// BIP 68: the bits that hold the lock's value.
const SEQUENCE_MASK: u32 = 0xffff;
/// BIP 68: a lock of time counts units of 2^9 = 512 seconds.
const SEQUENCE_GRANULARITY: u32 = 9;

/// An unspent output and what the rules must know of its origin.
#[derive(Clone, Debug)]
pub(crate) struct Coin {
    pub(crate) output: TxOut,
    /// Height of the block that holds it; the next height for an output of the mempool.
    pub(crate) height: u32,
    /// Median time of the block before that one, in which BIP 68 counts time locks.
    pub(crate) median_time_before: u32,
    pub(crate) origin: Origin,
}

/// Whether an output was mined out of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Coinbase,
    Payment,
}

/// The block a transaction wants to be part of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Height of that block.
    pub(crate) height: u32,
    /// Median of the eleven block times before it (BIP 113).
    pub(crate) median_time: u32,
}

/// Rules that need nothing but the transaction.
pub(crate) fn check_form(transaction: &Transaction) -> Result<(), Reject> {
    if transaction.input.is_empty() {
        return Err(Reject::rules("bad-txns-vin-empty"));
    }
    if transaction.output.is_empty() {
        return Err(Reject::rules("bad-txns-vout-empty"));
    }
    if transaction.is_coinbase() {
        return Err(Reject::rules("coinbase"));
    }
    let total = transaction
        .output
        .iter()
        .try_fold(Amount::ZERO, |sum, o| sum.checked_add(o.value));
    if total.is_none_or(|total| total > Amount::MAX_MONEY) {
        return Err(Reject::rules("bad-txns-txouttotal-toolarge"));
    }
    let mut seen = std::collections::HashSet::new();
    if !transaction
        .input
        .iter()
        .all(|input| seen.insert(input.previous_output))
    {
        return Err(Reject::rules("bad-txns-inputs-duplicate"));
    }
    Ok(())
}

/// BIP 65 (as `nLockTime`) and BIP 113: may the transaction be in a block at this place?
pub(crate) fn check_final(transaction: &Transaction, place: Place) -> Result<(), Reject> {
    let reached = match transaction.lock_time {
        absolute::LockTime::Blocks(height) => height.to_consensus_u32() < place.height,
        absolute::LockTime::Seconds(time) => time.to_consensus_u32() < place.median_time,
    };
    let disabled = transaction
        .input
        .iter()
        .all(|input| input.sequence == Sequence::MAX);
    match reached || disabled {
        true => Ok(()),
        false => Err(Reject::rules("non-final")),
    }
}

/// BIP 68: has every input waited as long as its sequence says?
pub(crate) fn check_sequence_locks(
    transaction: &Transaction,
    coins: &[Coin],
    place: Place,
) -> Result<(), Reject> {
    // BIP 68: version 1 transactions are exempt; the version is compared as an unsigned number.
    if (transaction.version.0 as u32) < 2 {
        return Ok(());
    }
    let waited = |(input, coin): (&TxIn, &Coin)| match relative_lock(input.sequence) {
        None => true,
        Some(RelativeLock::Blocks(blocks)) => coin.height.saturating_add(blocks) <= place.height,
        Some(RelativeLock::Seconds(seconds)) => {
            coin.median_time_before.saturating_add(seconds) <= place.median_time
        }
    };
    match transaction.input.iter().zip(coins).all(waited) {
        true => Ok(()),
        false => Err(Reject::rules("non-BIP68-final")),
    }
}

enum RelativeLock {
    Blocks(u32),
    Seconds(u32),
}

fn relative_lock(sequence: Sequence) -> Option<RelativeLock> {
    if !sequence.is_relative_lock_time() {
        return None;
    }
    let value = sequence.to_consensus_u32() & SEQUENCE_MASK;
    Some(match sequence.to_consensus_u32() & SEQUENCE_TYPE_FLAG {
        0 => RelativeLock::Blocks(value),
        _ => RelativeLock::Seconds(value << SEQUENCE_GRANULARITY),
    })
}

/// Maturity and amounts; returns the fee.
pub(crate) fn check_amounts(
    transaction: &Transaction,
    coins: &[Coin],
    place: Place,
) -> Result<Amount, Reject> {
    for coin in coins {
        let depth = place.height.saturating_sub(coin.height);
        if coin.origin == Origin::Coinbase && depth < COINBASE_MATURITY {
            return Err(Reject::rules(format!(
                "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth {depth}"
            )));
        }
    }
    let paid_in: Amount = coins.iter().map(|coin| coin.output.value).sum();
    let paid_out: Amount = transaction.output.iter().map(|output| output.value).sum();
    paid_in.checked_sub(paid_out).ok_or_else(|| {
        Reject::rules(format!(
            "bad-txns-in-belowout, value in ({}) < value out ({})",
            bitcoins(paid_in),
            bitcoins(paid_out)
        ))
    })
}

/// Runs every input's script in the consensus library, with every rule up to taproot switched on.
pub(crate) fn check_scripts(transaction: &Transaction, coins: &[Coin]) -> Result<(), Reject> {
    let bytes = encode::serialize(transaction);
    let spent: Vec<consensus::Utxo> = coins
        .iter()
        .map(|coin| consensus::Utxo {
            script_pubkey: coin.output.script_pubkey.as_bytes().as_ptr(),
            script_pubkey_len: coin.output.script_pubkey.len() as u32,
            value: coin.output.value.to_sat() as i64,
        })
        .collect();
    for (index, coin) in coins.iter().enumerate() {
        let script = coin.output.script_pubkey.as_bytes();
        let value = coin.output.value.to_sat();
        consensus::verify_with_flags(script, value, &bytes, Some(&spent), index, ALL_RULES)
            .map_err(|_| {
                // The library says only that it failed, where bitcoind names the rule.
                Reject::rules(format!(
                    "mandatory-script-verify-flag-failed (unknown error), input {index} of {}",
                    transaction.compute_txid()
                ))
            })?;
    }
    Ok(())
}

/// An amount as bitcoind prints it.
pub(crate) fn bitcoins(amount: Amount) -> String {
    format!("{:.8}", amount.to_btc())
}
