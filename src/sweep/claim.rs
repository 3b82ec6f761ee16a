//! Claims: outputs of a close, paid to a script of the wallet's.

use std::collections::BTreeMap;

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, FeeRate, OutPoint, ScriptBuf, Transaction, TxOut, Weight};

use super::build::{ClaimInput, Spending, Uneconomic, Unsigned, SEGWIT_MARKER};
use super::fees::{feerate, feerate_of};
use crate::channel::ChannelTerms;
use crate::config::Policy;
use crate::court::{Broadcast, Outcome, Raise, Urgency};
use crate::protocol::ProtocolError;

/// What a claim is bid for.
#[derive(Clone, Copy, Debug)]
pub struct Bid<'a> {
    pub estimates: &'a BTreeMap<u16, FeeRate>,
    pub urgency: Urgency,
    /// The claim that did not confirm, with what its inputs held.
    pub raise: Option<(&'a Raise, Amount)>,
    pub policy: &'a Policy,
}

impl Bid<'_> {
    pub(super) fn feerate(&self) -> FeeRate {
        let refused = self
            .raise
            .map(|(raise, value)| feerate_of(&raise.held().transaction, value.to_sat()));
        let target = match self.urgency {
            Urgency::Patient => self.policy.patient_target,
            Urgency::Urgent => self.policy.urgent_target,
        };
        feerate(self.estimates, target, refused, self.policy)
    }

    /// What a claim of this weight pays.
    pub(super) fn fee(&self, weight: Weight) -> Amount {
        let fee = |feerate: FeeRate| fee_at(feerate, weight);
        let bid = fee(self.feerate());
        match self.raise {
            // BIP 125: a replacement pays for all that it replaces, and for its own relay on top.
            Some((Raise::Replace(held), value)) if is_in_a_mempool(held) => {
                let paid_out = paid_out(&held.transaction);
                let replaced = value.checked_sub(paid_out).unwrap_or(Amount::ZERO);
                let relay = fee(FeeRate::from_sat_per_kwu(self.policy.feerate_floor.into()));
                bid.max(replaced.checked_add(relay).unwrap_or(Amount::MAX_MONEY))
            }
            Some((Raise::Replace(_) | Raise::Follow(_), _)) | None => bid,
        }
    }

    /// The most that may be spent on claiming so much.
    pub(super) fn budget(&self, value: Amount) -> Amount {
        let percent = u64::from(self.policy.budget_percent);
        Amount::from_sat(value.to_sat().saturating_mul(percent) / 100)
    }
}

/// What so much weight costs at a feerate.
pub(super) fn fee_at(feerate: FeeRate, weight: Weight) -> Amount {
    feerate.fee_wu(weight).unwrap_or(Amount::MAX_MONEY)
}

/// Inputs that are worth what they add to a fee, and what those that are not would cost.
#[derive(Debug)]
pub struct Worth {
    pub taken: Vec<ClaimInput>,
    pub left: Vec<(OutPoint, Amount)>,
}

/// Leaves out of a claim for several outputs those that would cost more than they may. A single one is judged when its
/// transaction is made.
///
/// # Errors
/// The keys cannot be derived, or an output has no such path: the stored terms are damaged.
pub fn worthwhile(
    terms: &ChannelTerms,
    inputs: Vec<ClaimInput>,
    bid: &Bid<'_>,
) -> Result<Worth, ProtocolError> {
    let mut worth = Worth {
        taken: Vec::new(),
        left: Vec::new(),
    };
    if inputs.len() < 2 {
        worth.taken = inputs;
        return Ok(worth);
    }
    for input in inputs {
        let spending = Spending::new(terms, input.clone())?;
        let weight = spending.tx_in().segwit_weight() + spending.template.witness_weight();
        let fee = fee_at(bid.feerate(), weight);
        if fee > bid.budget(spending.value()) {
            worth.left.push((input.contract.outpoint, fee));
        } else {
            worth.taken.push(input);
        }
    }
    Ok(worth)
}

/// The claim of outputs that are ours directly, all in one transaction with one output to `script`.
///
/// # Errors
/// The keys cannot be derived, or an output has no such path: the stored terms are damaged.
pub fn claim(
    terms: &ChannelTerms,
    inputs: Vec<ClaimInput>,
    script: ScriptBuf,
    bid: &Bid<'_>,
) -> Result<Result<Unsigned, Uneconomic>, ProtocolError> {
    let spendings: Vec<Spending> = inputs
        .into_iter()
        .map(|input| Spending::new(terms, input))
        .collect::<Result<_, _>>()?;
    let value = spendings.iter().map(Spending::value).sum();
    let mut transaction = Transaction {
        version: Version::TWO,
        lock_time: lock_time(&spendings),
        input: spendings.iter().map(Spending::tx_in).collect(),
        output: vec![TxOut {
            value,
            script_pubkey: script,
        }],
    };
    let witnesses: Weight = spendings
        .iter()
        .map(|spending| spending.template.witness_weight())
        .sum();
    let weight = transaction.weight() + SEGWIT_MARKER + witnesses;
    let fee = bid.fee(weight);
    let left = value.checked_sub(fee);
    match (left, transaction.output.first_mut()) {
        (Some(left), Some(output))
            if fee <= bid.budget(value) && left >= output.script_pubkey.minimal_non_dust() =>
        {
            output.value = left;
        }
        (Some(_) | None, Some(_) | None) => return Ok(Err(Uneconomic { value, fee })),
    }
    Unsigned::new(terms, spendings, Vec::new(), transaction).map(Ok)
}

fn is_in_a_mempool(held: &Broadcast) -> bool {
    held.outcome.as_ref().is_some_and(Outcome::is_held)
}

fn paid_out(transaction: &Transaction) -> Amount {
    transaction.output.iter().map(|output| output.value).sum()
}

/// The highest lock time that an input asks for: those that share a transaction ask for the same.
pub(super) fn lock_time(spendings: &[Spending]) -> LockTime {
    spendings
        .iter()
        .map(|spending| spending.template.lock_time)
        .max_by_key(|lock_time| lock_time.to_consensus_u32())
        .unwrap_or(LockTime::ZERO)
}
