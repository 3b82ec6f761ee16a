//! What a close means for those who wait upstream: which HTLCs are fulfilled there, and which are failed.
//!
//! A verdict is irreversible: it is a latch, which no reorg takes back, and it is made once. A preimage decides at any
//! depth. A failure waits until nobody can bring the preimage any more; where an output stands, until that was looked at.
//!
//! | outgoing HTLC, its preimage unknown, and                                  | failed                            |
//! |---------------------------------------------------------------------------|-----------------------------------|
//! | its output was spent without the preimage                                 | when that is settled              |
//! | its output is left, as we cannot claim it or it is not worth it           | `end_patience` after its expiry   |
//! | no output on the commitment that confirmed, none on any other candidate   | when the close is proven          |
//! | no output on the commitment that confirmed, but on another candidate      | when the close is settled         |
//! | no output found on a commitment that we may not know whole (lost data)    | `end_patience` after its expiry   |
//! | nobody understands what spent the funding                                 | never                             |
//! | the upstream HTLC expires within `upstream_margin`                        | at once, whatever stands above    |

use std::cell::LazyCell;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::resolver::Progress;
use super::{Case, CloseKind, Contract, Dossier, EventKind, Facts, LogKind, Spend, Step};
use crate::channel::{Direction, HtlcKey, HtlcLife, HtlcOrigin, HtlcRef};
use crate::config::Policy;
use crate::protocol::{CommitmentNumber, ContractOutput, PaymentHash};

/// What was told upstream, once and for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// The preimage is known.
    Fulfilled,
    /// Nobody can claim it any more.
    Failed,
}

/// Decides what can be decided of the outgoing HTLCs of a closed channel.
pub(super) fn upstream(step: &mut Step, dossier: &Dossier, facts: &Facts, policy: &Policy) {
    let Some(close) = &step.case.close else {
        return;
    };
    let kind = close.kind;
    let with_output = LazyCell::new(|| with_output(dossier));
    for (htlc, life) in &dossier.htlcs {
        let is_open = step.case.verdict(*htlc).is_none();
        if life.terms.key.direction == Direction::Incoming || !is_open {
            continue;
        }
        let stands = Stands {
            life,
            contract: contract_of(&step.case, *htlc),
            kind,
            newest: dossier.feed.local.map_or(0, CommitmentNumber::get),
            depth: facts.spends.get(&dossier.channel()).map_or(0, Spend::depth),
            settle_depth: policy.settle_depth(dossier.terms.funding.capacity),
            tip: facts.tip,
            policy,
        };
        let is_looked_at = stands
            .contract
            .is_none_or(|contract| facts.looked_at.contains(&contract.outpoint));
        let verdict = if knows(step, facts, &life.terms.payment_hash) {
            Verdict::Fulfilled
        } else if is_looked_at && stands.is_lost(|| with_output.contains(htlc)) {
            Verdict::Failed
        } else {
            continue;
        };
        conclude(step, dossier, life, facts.tip, verdict);
    }
}

/// Whether a preimage is known, if only since this step.
fn knows(step: &Step, facts: &Facts, hash: &PaymentHash) -> bool {
    let mut learned = step.learned.iter();
    facts.preimages.contains_key(hash) || learned.any(|preimage| preimage.hash() == *hash)
}

/// The HTLC's output on the commitment that confirmed.
fn contract_of(case: &Case, htlc: HtlcRef) -> Option<&Contract> {
    case.contracts.iter().find(|contract| {
        contract.htlc_ref() == Some(htlc) && matches!(contract.output, ContractOutput::Htlc { .. })
    })
}

fn conclude(step: &mut Step, dossier: &Dossier, life: &HtlcLife, tip: u32, verdict: Verdict) {
    let htlc = life.htlc_ref();
    step.case.verdicts.push((htlc, verdict));
    step.log(tip, LogKind::Verdict { htlc, verdict });
    let origin = life.terms.origin;
    let payment_hash = life.terms.payment_hash;
    let kind = match verdict {
        Verdict::Fulfilled => EventKind::FulfillUpstream {
            htlc,
            origin,
            payment_hash,
        },
        Verdict::Failed => EventKind::FailUpstream {
            htlc,
            origin,
            payment_hash,
        },
    };
    step.tell(dossier.channel(), kind);
    if let (Verdict::Fulfilled, HtlcOrigin::Forwarded { channel, id, .. }) = (verdict, origin) {
        let direction = Direction::Incoming;
        // What went out has to come in: from now on the upstream HTLC is ours to claim.
        step.releases.push((channel, HtlcKey { direction, id }));
    }
}

/// How an outgoing HTLC stands whose preimage nobody knows.
struct Stands<'a> {
    life: &'a HtlcLife,
    /// Its output on the commitment that confirmed.
    contract: Option<&'a Contract>,
    kind: CloseKind,
    /// The newest commitment of ours that we know of.
    newest: u64,
    /// Of the close.
    depth: u32,
    settle_depth: u32,
    tip: u32,
    policy: &'a Policy,
}

impl Stands<'_> {
    /// Whether it is to be failed upstream. `is_elsewhere`: whether another commitment has an output for it.
    fn is_lost(&self, is_elsewhere: impl FnOnce() -> bool) -> bool {
        if self.is_due_upstream() {
            return true;
        }
        match (self.contract, self.kind) {
            (Some(contract), _) => self.is_lost_on_chain(contract),
            (None, CloseKind::Unknown) => false,
            // What we do not know of it may hold the HTLC, and the peer may claim it there.
            (None, CloseKind::RemoteFuture { .. }) => self.is_patience_over(),
            (None, CloseKind::LocalOther { number }) if number > self.newest => {
                self.is_patience_over()
            }
            (
                None,
                CloseKind::Cooperative
                | CloseKind::Local { .. }
                | CloseKind::LocalOther { .. }
                | CloseKind::Remote { .. }
                | CloseKind::RemotePending { .. }
                | CloseKind::Breach { .. },
            ) => self.depth >= self.settle_depth || (self.depth > 0 && !is_elsewhere()),
        }
    }

    /// Whether the upstream peer is about to go to the chain for it: what may still be won here is less than that costs.
    fn is_due_upstream(&self) -> bool {
        match self.life.terms.origin {
            HtlcOrigin::Forwarded { expiry, .. } => {
                self.tip.saturating_add(self.policy.upstream_margin) >= expiry
            }
            HtlcOrigin::Own => false,
        }
    }

    fn is_lost_on_chain(&self, contract: &Contract) -> bool {
        match contract.progress {
            Progress::Contested { .. } | Progress::Maturing { .. } | Progress::Claimable => false,
            Progress::Uneconomic { .. } | Progress::GivenUp { .. } => self.is_patience_over(),
            // BOLT 5: an HTLC is failed upstream once the spend of its output is deep enough.
            Progress::Spent { settled, .. } => settled,
            Progress::Resolved { .. } => true,
        }
    }

    fn is_patience_over(&self) -> bool {
        let expiry = self.life.terms.cltv_expiry;
        self.tip >= expiry.saturating_add(self.policy.end_patience)
    }
}

/// The HTLCs that have an output on any candidate. One whose row cannot be read may.
pub(super) fn with_output(dossier: &Dossier) -> BTreeSet<HtlcRef> {
    let mut with_output = BTreeSet::new();
    for candidate in &dossier.candidates {
        let has_output = |htlc: &&HtlcRef| {
            let life = dossier.htlcs.get(*htlc);
            life.is_none_or(|life| !candidate.trims(&dossier.terms, life))
        };
        with_output.extend(candidate.htlcs.iter().filter(has_output));
    }
    with_output
}

#[cfg(test)]
mod tests;
