//! What a close means for those who wait upstream: which HTLCs are fulfilled there, and which are failed.
//!
//! A verdict is irreversible: it is a latch, which no reorg takes back, and it is made once. A preimage decides at any
//! depth. A failure waits until nobody can bring the preimage any more.
//!
//! | outgoing HTLC, its preimage unknown, and                                   | failed                          |
//! |----------------------------------------------------------------------------|---------------------------------|
//! | its output was spent without the preimage                                  | when that is settled            |
//! | no output on the commitment that confirmed, none on any other candidate    | when the close is proven        |
//! | no output on the commitment that confirmed, but on another candidate       | when the close is settled       |
//! | the upstream HTLC expires within `upstream_margin`                         | at once                         |

use serde::{Deserialize, Serialize};

use super::{Case, CloseKind, Dossier, EventKind, Facts, LogKind, Spend, Step};
use crate::channel::{Direction, HtlcKey, HtlcLife, HtlcOrigin, HtlcRef};
use crate::config::Policy;
use crate::protocol::ContractOutput;

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
    if step.case.close.is_none() {
        return;
    }
    for (htlc, life) in &dossier.htlcs {
        let is_open = step.case.verdict(*htlc).is_none();
        if life.terms.key.direction == Direction::Incoming || !is_open {
            continue;
        }
        let verdict = if facts.preimages.contains_key(&life.terms.payment_hash) {
            Verdict::Fulfilled
        } else if is_lost_for_all(&step.case, dossier, life, facts, policy) {
            Verdict::Failed
        } else {
            continue;
        };
        conclude(step, dossier, life, facts.tip, verdict);
    }
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

fn is_lost_for_all(
    case: &Case,
    dossier: &Dossier,
    life: &HtlcLife,
    facts: &Facts,
    policy: &Policy,
) -> bool {
    // The upstream peer is about to go on-chain for it: what may still be won here is less than that costs.
    if let HtlcOrigin::Forwarded { expiry, .. } = life.terms.origin {
        if facts.tip.saturating_add(policy.upstream_margin) >= expiry {
            return true;
        }
    }
    let htlc = life.htlc_ref();
    let contract = case.contracts.iter().find(|contract| {
        contract.htlc_ref() == Some(htlc) && matches!(contract.output, ContractOutput::Htlc { .. })
    });
    if let Some(contract) = contract {
        return contract.progress.settled().is_some();
    }
    // What a spend that we do not understand did with it, is not for us to say.
    if matches!(
        case.close.as_ref().map(|close| close.kind),
        Some(CloseKind::Unknown)
    ) {
        return false;
    }
    let depth = facts.spends.get(&dossier.channel()).map_or(0, Spend::depth);
    depth >= policy.settle_depth(dossier.terms.funding.capacity)
        || (depth > 0 && !has_an_output(dossier, htlc))
}

/// Whether any candidate has an output for the HTLC. One that cannot be built may.
pub(super) fn has_an_output(dossier: &Dossier, htlc: HtlcRef) -> bool {
    dossier.candidates.iter().any(|candidate| {
        let position = candidate.htlcs.iter().position(|carried| *carried == htlc);
        position.is_some_and(|position| {
            candidate
                .build(&dossier.terms, &dossier.htlcs)
                .map_or(true, |built| {
                    built.htlc_outputs().any(|(_, index)| index == position)
                })
        })
    })
}
