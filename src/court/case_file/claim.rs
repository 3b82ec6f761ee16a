//! A transaction of ours: what it pays, since when it is out, and what the server last said of it.

use bitcoin::{Amount, FeeRate, Txid};

use crate::court::balance::paid_out;
use crate::court::{spent_by_child, Broadcast, BroadcastPurpose, Case, Dossier, Outcome};

/// A signed transaction of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroadcastFile {
    pub txid: Txid,
    pub purpose: BroadcastPurpose,
    /// What it pays; `None` for a funding.
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

/// What it leaves to its miner. A funding spends what we know nothing of.
fn fee(held: &Broadcast, case: &Case, dossier: &Dossier) -> Option<Amount> {
    let spent = match held.purpose {
        BroadcastPurpose::Funding => return None,
        BroadcastPurpose::Commitment
        | BroadcastPurpose::Cooperative
        | BroadcastPurpose::OrphanedClose
        | BroadcastPurpose::PeerCommitment => dossier.terms.funding.capacity,
        BroadcastPurpose::Sweep(_) => case.spent_by(held),
        BroadcastPurpose::Cpfp(_) => spent_by_child(held, dossier),
    };
    spent.checked_sub(paid_out(&held.transaction))
}
