//! A transaction of ours: what it pays, since when it is out, and what the server last said of it.

use bitcoin::{Amount, FeeRate, OutPoint, Txid};

use crate::court::balance::paid_out;
use crate::court::{Broadcast, BroadcastPurpose, Case, Dossier, Outcome};

/// A signed transaction of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroadcastFile {
    pub txid: Txid,
    pub purpose: BroadcastPurpose,
    /// What it pays; `None` where it spends coins that are not the channel's.
    pub fee: Option<Amount>,
    /// The fee by its weight.
    pub feerate: Option<FeeRate>,
    /// The tip when it was signed.
    pub since: u32,
    /// What became of its last broadcast; `None`: there was none yet.
    pub outcome: Option<Outcome>,
}

impl BroadcastFile {
    pub(super) fn of(held: &Broadcast, case: &Case, dossier: &Dossier) -> Self {
        let fee = fee(held, case, dossier);
        let weight = held.transaction.weight().to_wu().max(1);
        BroadcastFile {
            txid: held.txid,
            purpose: held.purpose,
            fee,
            feerate: fee
                .map(|fee| FeeRate::from_sat_per_kwu(fee.to_sat().saturating_mul(1000) / weight)),
            since: held.since,
            outcome: held.outcome.clone(),
        }
    }
}

fn fee(held: &Broadcast, case: &Case, dossier: &Dossier) -> Option<Amount> {
    let inputs = held.transaction.input.iter();
    let spent = inputs
        .map(|input| value_of(input.previous_output, case, dossier))
        .try_fold(Amount::ZERO, |sum, value| sum.checked_add(value?))?;
    spent.checked_sub(paid_out(&held.transaction))
}

fn value_of(outpoint: OutPoint, case: &Case, dossier: &Dossier) -> Option<Amount> {
    if outpoint == dossier.channel() {
        return Some(dossier.terms.funding.capacity);
    }
    let mut contracts = case.contracts.iter();
    let contract = contracts.find(|contract| contract.outpoint == outpoint)?;
    Some(Amount::from_sat(contract.value_sat))
}
