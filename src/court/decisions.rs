//! When an open channel has to go to the chain, decided after the whole tick's facts are in.
//!
//! | HTLC                                   | goes to the chain                                                             |
//! |----------------------------------------|-------------------------------------------------------------------------------|
//! | incoming, released                     | `fulfil_margin` before its expiry; `wake_interval` earlier if the peer cannot be reached |
//! | incoming, not released                 | never; inside the margin the engine is told to fail it off-chain, unless it was sent on |
//! | outgoing, forwarded                    | `expiry_grace` after its expiry                                               |
//! | outgoing, our own payment              | the same, and once the peer was reached since, or after `own_payment_patience` |
//! | without an output in any candidate     | never, unless all such that are overdue exceed `max_dust_at_risk`             |
//!
//! Nothing is decided of a channel that the server did not speak of in this tick. A close in a mempool decides nothing
//! either: only a proven one makes ours superfluous.

use std::cell::LazyCell;

use serde::{Deserialize, Serialize};

use super::upstream::with_output;
use super::{ArbitratorState, Dossier, EventKind, Facts, ForceClose, FundingState, LogKind, Step};
use crate::channel::{Direction, HtlcLife, HtlcOrigin, HtlcRef};
use crate::config::Policy;

/// Why an open channel goes to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CloseReason {
    /// An HTLC that is ours to claim would expire.
    IncomingExpires { htlc: HtlcRef },
    /// An HTLC that we offered has expired, and the peer did not give it back.
    OutgoingExpired { htlc: HtlcRef },
    /// HTLCs too small for an output are overdue, together more than may be risked.
    DustAtRisk { amount_msat: u64 },
}

/// What the engine should do off-chain, told once per HTLC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Advice {
    /// Fail it: it may not be claimed, and will expire.
    Fail,
    /// Fulfil it: the next wake may be too late, and the channel would have to be closed.
    Settle,
}

/// Whether the peer was heard of in this tick, as the app says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PeerContact {
    #[default]
    Unknown,
    /// The channel was reestablished.
    Reconnected,
    /// It was tried, and failed.
    Unreachable,
}

/// What one HTLC asks for.
enum Call {
    Nothing,
    Advice(Advice),
    Chain(CloseReason),
}

/// Goes to the chain if an HTLC asks for it.
pub(super) fn decisions(step: &mut Step, dossier: &Dossier, facts: &Facts, policy: &Policy) {
    let is_open = step.case.state == ArbitratorState::Default
        && step.case.close.is_none()
        && matches!(step.case.funding, FundingState::Open(_));
    // A device that has just woken looks before it acts: the close it is about to make may have happened.
    if !is_open || !facts.looked_at.contains(&dossier.channel()) {
        return;
    }
    let mut reason = None;
    let mut dust_msat = 0u64;
    let with_output = LazyCell::new(|| with_output(dossier));
    for (htlc, life) in &dossier.htlcs {
        match call(life, facts, policy) {
            Call::Nothing => {}
            Call::Advice(advice) => advise(step, dossier, facts, *htlc, advice),
            Call::Chain(_) if !with_output.contains(htlc) => {
                dust_msat = dust_msat.saturating_add(life.terms.amount_msat);
            }
            Call::Chain(because) => reason = reason.or(Some(because)),
        }
    }
    if dust_msat / 1000 > policy.max_dust_at_risk.to_sat() {
        reason = reason.or(Some(CloseReason::DustAtRisk {
            amount_msat: dust_msat,
        }));
    }
    if let Some(reason) = reason {
        go_to_chain(step, dossier, facts.tip, reason);
    }
}

fn call(life: &HtlcLife, facts: &Facts, policy: &Policy) -> Call {
    let tip = facts.tip;
    let htlc = life.htlc_ref();
    let expiry = life.terms.cltv_expiry;
    match (life.terms.key.direction, life.terms.origin) {
        (Direction::Incoming, _) => {
            let last = expiry.saturating_sub(policy.fulfil_margin);
            let soft = last.saturating_sub(policy.wake_interval);
            let reason = CloseReason::IncomingExpires { htlc };
            match (life.released, facts.peer) {
                (true, _) if tip >= last => Call::Chain(reason),
                (true, PeerContact::Unreachable) if tip >= soft => Call::Chain(reason),
                (true, PeerContact::Unknown | PeerContact::Reconnected) if tip >= soft => {
                    Call::Advice(Advice::Settle)
                }
                // One that was sent on is decided where it went: the peer there may still bring the preimage.
                (false, _) if tip >= last && life.forwarded_msat.is_none() => {
                    Call::Advice(Advice::Fail)
                }
                (true | false, _) => Call::Nothing,
            }
        }
        (Direction::Outgoing, origin) => {
            let overdue = expiry.saturating_add(policy.expiry_grace);
            let waits_for_the_peer = match origin {
                HtlcOrigin::Forwarded { .. } => false,
                HtlcOrigin::Own => {
                    facts.peer != PeerContact::Reconnected
                        && tip < overdue.saturating_add(policy.own_payment_patience)
                }
            };
            if tip < overdue || waits_for_the_peer {
                Call::Nothing
            } else {
                Call::Chain(CloseReason::OutgoingExpired { htlc })
            }
        }
    }
}

fn advise(step: &mut Step, dossier: &Dossier, facts: &Facts, htlc: HtlcRef, advice: Advice) {
    if step.case.advised.contains(&(htlc, advice)) {
        return;
    }
    step.case.advised.push((htlc, advice));
    step.tell(dossier.channel(), EventKind::Advice { htlc, advice });
    step.log(facts.tip, LogKind::Advice { htlc, advice });
}

fn go_to_chain(step: &mut Step, dossier: &Dossier, tip: u32, reason: CloseReason) {
    // A permit that is missing (data loss, a restored backup) is told; nothing of ours may go out then.
    let Ok(()) = super::commands::on_force_close(step, dossier, tip) else {
        return;
    };
    step.log(tip, LogKind::GoesToChain(reason));
    step.tell(dossier.channel(), EventKind::GoesToChain { reason, tip });
    debug_assert!(step.case.latches.force_close == Some(ForceClose { since: tip }));
}

#[cfg(test)]
mod tests;
