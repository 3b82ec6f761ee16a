//! What is lost when a commitment does not confirm in time.

use std::collections::BTreeSet;

use bitcoin::Amount;

use crate::channel::{Candidate, Direction, HtlcLife, HtlcRef};
use crate::config::Policy;
use crate::court::deadlines::failed_upstream_at;
use crate::court::{Case, Dossier};
use crate::protocol::Commitment;

/// What stands on a commitment for us.
pub(super) struct Stake {
    /// The HTLCs that are lost if it does not confirm.
    pub htlcs: Amount,
    /// The first height at which one of them is, and which.
    pub first_lost: Option<(u32, HtlcRef)>,
    pub balance: Amount,
}

impl Stake {
    pub fn of(
        case: &Case,
        dossier: &Dossier,
        candidate: &Candidate,
        commitment: &Commitment,
        policy: &Policy,
    ) -> Self {
        let with_output: BTreeSet<usize> =
            commitment.htlc_outputs().map(|(_, index)| index).collect();
        let mut stake = Stake {
            htlcs: Amount::ZERO,
            first_lost: None,
            balance: Amount::from_sat(candidate.local_msat / 1000),
        };
        for (index, htlc) in candidate.htlcs.iter().enumerate() {
            let life = dossier.htlcs.get(htlc);
            let life =
                life.filter(|_| with_output.contains(&index) && case.verdict(*htlc).is_none());
            let Some((life, lost_at)) = life.and_then(|life| Some((life, lost_at(life, policy)?)))
            else {
                continue;
            };
            let amount = Amount::from_sat(life.terms.amount_msat / 1000);
            stake.htlcs = stake.htlcs.checked_add(amount).unwrap_or(Amount::MAX_MONEY);
            let lost = (lost_at, *htlc);
            stake.first_lost = Some(stake.first_lost.map_or(lost, |first| first.min(lost)));
        }
        stake
    }
}

/// The height at which an HTLC is lost that was not claimed on the chain; `None`: none.
fn lost_at(life: &HtlcLife, policy: &Policy) -> Option<u32> {
    match life.terms.key.direction {
        // BOLT 5: from the expiry on the peer can take it back.
        Direction::Incoming => life.released.then_some(life.terms.cltv_expiry),
        Direction::Outgoing => failed_upstream_at(life.terms.origin, policy),
    }
}
