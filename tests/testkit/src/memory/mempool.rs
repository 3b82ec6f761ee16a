//! The in-memory chain's mempool: what waits for a block, with the policy a node applies at its door (standardness as far as
//! Lightning transactions meet it, minimum fee, replacement). Texts are those of bitcoind's `sendrawtransaction`.

use std::collections::{HashMap, HashSet};

use bitcoin::{Amount, OutPoint, Transaction, Txid};

use super::ledger::{new_coins, resolve, Ledger};
use super::rules::{self, bitcoins, Coin};
use crate::chain::{Reject, Spend};

/// Bitcoin Core's default `-minrelaytxfee` and `-incrementalrelayfee` up to version 29, in sat per 1,000 vB.
pub(crate) const DEFAULT_MIN_FEE: u64 = 1_000;
/// A transaction must not push more than this many others out (BIP 125, rule 5).
const MAX_REPLACED: usize = 100;
/// Without witness a standard transaction has at least this many bytes (bitcoind, CVE-2017-12842).
const MIN_STANDARD_SIZE: usize = 65;
/// The heaviest standard transaction, in weight units.
const MAX_STANDARD_WEIGHT: u64 = 400_000;

/// What a full mempool says to a low fee.
pub(super) const FULL: &str = "mempool min fee not met";

/// Transactions that wait for a block.
pub(crate) struct Mempool {
    /// In the order of their arrival, which puts parents before children.
    entries: Vec<Entry>,
    spends: HashMap<OutPoint, Txid>,
    pub(super) min_fee: u64,
}

pub(super) struct Entry {
    txid: Txid,
    transaction: Transaction,
    pub(super) fee: Amount,
    pub(super) vsize: u64,
}

/// Which rules a transaction has to pass on its way in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Consensus and policy, for what somebody sends.
    Policy,
    /// Consensus only, for what was in before the tip changed.
    Consensus,
}

impl Mempool {
    pub(crate) fn new() -> Self {
        Mempool {
            entries: Vec::new(),
            spends: HashMap::new(),
            min_fee: DEFAULT_MIN_FEE,
        }
    }

    pub(crate) fn set_min_fee(&mut self, sat_per_kvb: u64) {
        self.min_fee = sat_per_kvb;
    }

    pub(crate) fn txids(&self) -> Vec<Txid> {
        self.entries.iter().map(|entry| entry.txid).collect()
    }

    pub(crate) fn transactions(&self) -> Vec<Transaction> {
        self.entries
            .iter()
            .map(|entry| entry.transaction.clone())
            .collect()
    }

    /// What a miner takes whose block is full at this rate: a transaction with all its unconfirmed ancestors, if together they
    /// pay it. Parents stand before children.
    pub(crate) fn paying(&self, sat_per_kvb: u64) -> Vec<Transaction> {
        let mut taken: HashSet<Txid> = HashSet::new();
        loop {
            let before = taken.len();
            for entry in &self.entries {
                let family = self.ancestors_outside(entry, &taken);
                let of_family = |it: &&Entry| family.contains(&it.txid);
                let members = || self.entries.iter().filter(of_family);
                let fee: Amount = members().map(|it| it.fee).sum();
                let vsize = members().map(|it| it.vsize).sum();
                if fee >= fee_at(sat_per_kvb, vsize) {
                    taken.extend(family);
                }
            }
            if taken.len() == before {
                break;
            }
        }
        let is_taken = |entry: &&Entry| taken.contains(&entry.txid);
        let entries = self.entries.iter().filter(is_taken);
        entries.map(|entry| entry.transaction.clone()).collect()
    }

    /// A transaction and its ancestors here, but for those that are taken.
    fn ancestors_outside(&self, entry: &Entry, taken: &HashSet<Txid>) -> HashSet<Txid> {
        let mut family = HashSet::from([entry.txid]);
        for older in self.entries.iter().rev() {
            let mut members = self.entries.iter().filter(|it| family.contains(&it.txid));
            let is_parent = members.any(|member| {
                let mut inputs = member.transaction.input.iter();
                inputs.any(|input| input.previous_output.txid == older.txid)
            });
            if is_parent {
                family.insert(older.txid);
            }
        }
        family.retain(|txid| !taken.contains(txid));
        family
    }

    pub(crate) fn get(&self, txid: Txid) -> Option<&Transaction> {
        self.entries
            .iter()
            .find(|entry| entry.txid == txid)
            .map(|entry| &entry.transaction)
    }

    pub(crate) fn outspend(&self, outpoint: OutPoint) -> Option<Spend> {
        let txid = *self.spends.get(&outpoint)?;
        let inputs = &self.get(txid)?.input;
        let vin = inputs
            .iter()
            .position(|input| input.previous_output == outpoint)? as u32;
        Some(Spend {
            txid,
            vin,
            block: None,
        })
    }

    /// Takes a transaction that somebody sends.
    pub(crate) fn submit(
        &mut self,
        ledger: &mut Ledger,
        transaction: &Transaction,
    ) -> Result<Txid, Reject> {
        let txid = transaction.compute_txid();
        if (0..transaction.output.len() as u32)
            .any(|vout| ledger.coin(&OutPoint { txid, vout }).is_some())
        {
            return Err(Reject {
                code: -27,
                text: "Transaction outputs already in utxo set".into(),
            });
        }
        if let Some(known) = self.get(txid) {
            return match known.compute_wtxid() == transaction.compute_wtxid() {
                // bitcoind announces a known transaction once more and reports no error.
                true => Ok(txid),
                false => Err(Reject::rules("txn-same-nonwitness-data-in-mempool")),
            };
        }
        self.accept(ledger, transaction, Door::Policy)
            .map(|()| txid)
    }

    /// Sorts the mempool anew after the tip has changed: `returning` (from blocks that were taken off) come before what was
    /// there; whatever is not valid on the new tip is gone.
    pub(crate) fn rebuild(&mut self, ledger: &mut Ledger, returning: Vec<Transaction>) {
        let waiting = self.transactions();
        self.entries.clear();
        self.spends.clear();
        for transaction in returning.iter().chain(&waiting) {
            // Not an error: a transaction that has been mined, or has lost its inputs, leaves here.
            let _ = self.accept(ledger, transaction, Door::Consensus);
        }
    }

    /// Throws out a transaction and all that descends from it.
    pub(crate) fn remove(&mut self, txid: Txid) {
        let gone = self.with_descendants(txid);
        self.entries.retain(|entry| !gone.contains(&entry.txid));
        self.spends.retain(|_, spender| !gone.contains(spender));
    }

    fn accept(
        &mut self,
        ledger: &mut Ledger,
        transaction: &Transaction,
        door: Door,
    ) -> Result<(), Reject> {
        let conflicts = self.conflicts(transaction);
        if door == Door::Consensus && !conflicts.is_empty() {
            return Err(Reject::rules("txn-mempool-conflict"));
        }
        let entry = self.examine(ledger, transaction, None, door)?;
        if door == Door::Policy {
            check_min_fee(entry.fee, entry.vsize, self.min_fee)?;
            self.check_replacement(transaction, entry.fee, entry.vsize, &conflicts)?;
        }
        for conflict in conflicts {
            self.remove(conflict);
        }
        self.insert(entry);
        Ok(())
    }

    /// Judges a transaction by all but its fee. Its inputs may be outputs of a parent that waits for the same judgement.
    pub(super) fn examine(
        &self,
        ledger: &mut Ledger,
        transaction: &Transaction,
        parent: Option<&Transaction>,
        door: Door,
    ) -> Result<Entry, Reject> {
        rules::check_form(transaction)?;
        if door == Door::Policy {
            check_standard(transaction)?;
        }
        let next = ledger.next_place();
        rules::check_final(transaction, next)?;
        let waiting = self.entries.iter().map(|entry| &entry.transaction);
        let pending: HashMap<OutPoint, Coin> = waiting
            .chain(parent)
            .flat_map(|made| new_coins(made, next))
            .collect();
        let find = |outpoint: &OutPoint| {
            pending
                .get(outpoint)
                .or_else(|| ledger.coin(outpoint))
                .cloned()
        };
        let resolved = resolve(transaction, find)?;
        Ok(Entry {
            txid: transaction.compute_txid(),
            transaction: transaction.clone(),
            fee: ledger.check(&resolved)?,
            vsize: transaction.weight().to_vbytes_ceil(),
        })
    }

    /// Takes a transaction that was examined; what it conflicts with is gone.
    pub(super) fn insert(&mut self, entry: Entry) {
        let inputs = entry.transaction.input.iter();
        self.spends
            .extend(inputs.map(|input| (input.previous_output, entry.txid)));
        self.entries.push(entry);
    }

    /// Transactions of the mempool that spend what this one spends.
    pub(super) fn conflicts(&self, transaction: &Transaction) -> Vec<Txid> {
        let mut found = Vec::new();
        for input in &transaction.input {
            if let Some(txid) = self.spends.get(&input.previous_output) {
                if !found.contains(txid) {
                    found.push(*txid);
                }
            }
        }
        found
    }

    fn with_descendants(&self, txid: Txid) -> HashSet<Txid> {
        let mut family = HashSet::from([txid]);
        for entry in &self.entries {
            if entry
                .transaction
                .input
                .iter()
                .any(|input| family.contains(&input.previous_output.txid))
            {
                family.insert(entry.txid);
            }
        }
        family
    }

    /// BIP 125 without its first rule, as nodes apply it since Bitcoin Core 28: signalling is not asked for.
    pub(super) fn check_replacement(
        &self,
        transaction: &Transaction,
        fee: Amount,
        vsize: u64,
        conflicts: &[Txid],
    ) -> Result<(), Reject> {
        if conflicts.is_empty() {
            return Ok(());
        }
        let txid = transaction.compute_txid();
        let refuse = |why: String| {
            Err(Reject::rules(format!(
                "insufficient fee, rejecting replacement {txid}{why}"
            )))
        };
        let evicted: HashSet<Txid> = conflicts
            .iter()
            .flat_map(|conflict| self.with_descendants(*conflict))
            .collect();
        if evicted.len() > MAX_REPLACED {
            return Err(Reject::rules("too many potential replacements"));
        }
        if transaction
            .input
            .iter()
            .any(|input| evicted.contains(&input.previous_output.txid))
        {
            return Err(Reject::rules("bad-txns-spends-conflicting-tx"));
        }
        // The new rate must be above that of each transaction it replaces directly (cross-multiplied: no rounding).
        let entries = self
            .entries
            .iter()
            .filter(|entry| conflicts.contains(&entry.txid));
        for old in entries {
            let (new_rate, old_rate) = (fee.to_sat() * old.vsize, old.fee.to_sat() * vsize);
            if new_rate <= old_rate {
                let rate = |fee: Amount, size: u64| bitcoins(fee * 1_000 / size);
                return refuse(format!(
                    "; new feerate {} BTC/kvB <= old feerate {} BTC/kvB",
                    rate(fee, vsize),
                    rate(old.fee, old.vsize)
                ));
            }
        }
        let old_fees: Amount = self
            .entries
            .iter()
            .filter(|entry| evicted.contains(&entry.txid))
            .map(|entry| entry.fee)
            .sum();
        let Some(additional) = fee.checked_sub(old_fees) else {
            return refuse(format!(
                ", less fees than conflicting txs; {} < {}",
                bitcoins(fee),
                bitcoins(old_fees)
            ));
        };
        let relay = fee_at(DEFAULT_MIN_FEE, vsize);
        if additional < relay {
            return refuse(format!(
                ", not enough additional fees to relay; {} < {}",
                bitcoins(additional),
                bitcoins(relay)
            ));
        }
        Ok(())
    }
}

/// The fee that this rate asks of a transaction of this size.
pub(crate) fn fee_at(sat_per_kvb: u64, vsize: u64) -> Amount {
    Amount::from_sat((sat_per_kvb * vsize).div_ceil(1_000))
}

/// Refuses a fee below the node's minimum: below the one it relays for at all, or below the higher one of a mempool that is
/// full.
pub(crate) fn check_min_fee(fee: Amount, vsize: u64, sat_per_kvb: u64) -> Result<(), Reject> {
    for (rate, what) in [
        (sat_per_kvb.min(DEFAULT_MIN_FEE), "min relay fee not met"),
        (sat_per_kvb, FULL),
    ] {
        let least = fee_at(rate, vsize);
        if fee < least {
            let (fee, least) = (fee.to_sat(), least.to_sat());
            return Err(Reject::rules(format!("{what}, {fee} < {least}")));
        }
    }
    Ok(())
}

fn check_standard(transaction: &Transaction) -> Result<(), Reject> {
    if !(1..=3).contains(&transaction.version.0) {
        return Err(Reject::rules("version"));
    }
    if transaction.weight().to_wu() > MAX_STANDARD_WEIGHT {
        return Err(Reject::rules("tx-size"));
    }
    if transaction.base_size() < MIN_STANDARD_SIZE {
        return Err(Reject::rules("tx-size-small"));
    }
    let dust = |output: &&bitcoin::TxOut| {
        !output.script_pubkey.is_op_return()
            && output.value < output.script_pubkey.minimal_non_dust()
    };
    match transaction.output.iter().find(dust) {
        Some(_) => Err(Reject::rules("dust")),
        None => Ok(()),
    }
}
