//! Until when the device may sleep: the first height at which sleeping on costs money, and why.
//!
//! | what                                    | deadline                                                                  |
//! |-----------------------------------------|---------------------------------------------------------------------------|
//! | a channel that can be breached          | last height proven unspent + the delay that binds the peer − a margin     |
//! | a released incoming HTLC                | `cltv_expiry − fulfil_margin`; on the chain its expiry                    |
//! | an outgoing HTLC that was forwarded     | `cltv_expiry + expiry_grace`, and `upstream_margin` before the upstream expiry |
//! | a commitment that waits unconfirmed     | half the way to the first of these heights at which one of its HTLCs is lost |
//! | an outgoing HTLC of our own             | `cltv_expiry + expiry_grace + own_payment_patience`                       |
//! | an output that the cheater can take     | the end of its delay − the margin; once that is past, the end of its delay |
//! | a claim that the app wants by a height  | that height                                                               |
//! | a funding that is awaited               | 2,016 blocks after the first look: the fundee forgets (`Opening::awaited_until`) |
//! | a claim that nobody else can make       | a week from now, or from when it can be made: nothing is lost by then     |
//!
//! HTLCs without an output on any commitment are no reason to wake: nothing is done about them on the chain. Nothing here
//! needs a network or a clock: heights are counted from the tip that is stored.

use std::collections::BTreeSet;

use bitcoin::OutPoint;

use super::anchors::commitment_deadline;
use super::permit::is_permitted;
use super::upstream::with_output;
use super::{ArbitratorState, Bump, Case, Contract, ContractRole, Dossier, FundingState, Progress};
use crate::channel::{Direction, HtlcLife, HtlcOrigin, HtlcRef};
use crate::config::Policy;

/// Why the device has to be awake. Of two with the same height the one that says more comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeadlineReason {
    /// The chain was never looked at.
    NeverLooked,
    /// An output of a close can be taken by the peer.
    Claim(OutPoint),
    /// An incoming HTLC that is ours has to be settled.
    IncomingHtlc(HtlcRef),
    /// An outgoing HTLC expires.
    OutgoingHtlc(HtlcRef),
    /// An HTLC expires upstream of one that we sent on.
    UpstreamHtlc(HtlcRef),
    /// The peer could broadcast a revoked commitment unseen.
    Breach,
    /// The funding could confirm unseen, and a revoked commitment after it.
    Funding,
    /// The funding has to confirm, or the fundee forgets the channel.
    Opening,
    /// A close of ours, or a claim that nobody else can make, is under way: it is not forgotten, and nothing is lost.
    Unfinished,
}

/// The first height at which sleeping on costs money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Deadline {
    /// At this height it is too late. Not above the tip: what was to be done is being done, and is not through yet.
    pub height: u32,
    /// The device should be awake at this height, which is above the tip: hours earlier, as the jobs of a sleeping phone
    /// run late.
    pub wake_by: u32,
    pub reason: DeadlineReason,
}

/// What the deadline of a channel follows from.
#[derive(Clone, Debug)]
pub struct Outlook<'a> {
    case: &'a Case,
    peer_delay: u16,
    htlcs: Vec<&'a HtlcLife>,
    /// Of a commitment that waits to be confirmed.
    commitment: Option<Stake>,
    watched: Option<u32>,
    tip: u32,
}

impl<'a> Outlook<'a> {
    /// A channel whose peer's delayed outputs wait `peer_delay` blocks, and which carries no HTLCs. `watched` is the
    /// height up to which its funding output is proven unspent.
    pub fn at_rest(case: &'a Case, peer_delay: u16, watched: Option<u32>, tip: u32) -> Self {
        Outlook {
            case,
            peer_delay,
            htlcs: Vec::new(),
            commitment: None,
            watched,
            tip,
        }
    }

    /// Any channel.
    pub fn of(
        case: &'a Case,
        dossier: &'a Dossier,
        watched: Option<u32>,
        tip: u32,
        policy: &Policy,
    ) -> Self {
        let relevant: BTreeSet<HtlcRef> = with_output(dossier);
        let lives = dossier.htlcs.values();
        let commitment = commitment_deadline(case, dossier, policy);
        Outlook {
            commitment: commitment.map(|(height, htlc)| (height, lost(htlc))),
            htlcs: lives
                .filter(|life| relevant.contains(&life.htlc_ref()))
                .collect(),
            ..Self::at_rest(case, dossier.terms.remote.to_self_delay, watched, tip)
        }
    }

    /// The deadline; `None`: nothing of the channel costs money, however long the device sleeps.
    pub fn deadline(&self, policy: &Policy) -> Option<Deadline> {
        if self.case.state == ArbitratorState::FullyResolved || self.case.cancelled.is_some() {
            return None;
        }
        let mut all = Vec::new();
        all.extend(self.breach(policy));
        if self.case.close.is_some() {
            all.extend(self.contracts(policy));
            all.extend(self.untold(policy));
        } else {
            all.extend(self.htlcs(policy));
            all.extend(self.commitment);
            let is_closing = self.case.latches.force_close.is_some();
            all.extend(is_closing.then(|| self.unfinished(self.tip, policy)));
        }
        let least = all.into_iter().min()?;
        Some(self.deadline_at(least, policy))
    }

    fn deadline_at(&self, (height, reason): Stake, policy: &Policy) -> Deadline {
        let next = self.tip.saturating_add(1);
        Deadline {
            height,
            wake_by: height.saturating_sub(policy.wake_margin).max(next),
            reason,
        }
    }

    /// A revoked commitment can confirm in any block after the last that is known to hold none. A close that is not
    /// final may give way to one in a reorg.
    fn breach(&self, policy: &Policy) -> Option<Stake> {
        let (proven, reason) = match (self.case.funding, &self.case.close) {
            (FundingState::Mismatch(_), _) => return None,
            (FundingState::Pending, _) => (self.tip, DeadlineReason::Funding),
            (FundingState::Open(funding), None) => (
                self.watched.unwrap_or(funding.height),
                DeadlineReason::Breach,
            ),
            (FundingState::Open(_), Some(close)) => {
                let depth = self
                    .tip
                    .saturating_add(1)
                    .saturating_sub(close.block.height);
                if depth >= policy.final_depth {
                    return None;
                }
                (self.tip, DeadlineReason::Breach)
            }
        };
        let delay = u32::from(self.peer_delay);
        let rest = delay.saturating_sub(margin(self.peer_delay, policy));
        Some((proven.saturating_add(rest), reason))
    }

    fn htlcs(&self, policy: &Policy) -> Vec<Stake> {
        // Nothing of ours may go out: being awake changes nothing.
        if !is_permitted(self.case) {
            return Vec::new();
        }
        let lives = self.htlcs.iter();
        lives.flat_map(|life| htlc_stakes(life, policy)).collect()
    }

    /// The HTLCs of a closed channel that somebody upstream waits for.
    fn untold(&self, policy: &Policy) -> Vec<Stake> {
        let is_waited_for = |life: &&&HtlcLife| {
            let is_told = self.case.verdict(life.htlc_ref()).is_some();
            let is_outgoing = life.terms.key.direction == Direction::Outgoing;
            is_outgoing && !is_told && life.terms.origin != HtlcOrigin::Own
        };
        let lives = self.htlcs.iter().filter(is_waited_for);
        lives.flat_map(|life| htlc_stakes(life, policy)).collect()
    }

    fn contracts(&self, policy: &Policy) -> Vec<Stake> {
        let contracts = self.case.contracts.iter();
        contracts
            .flat_map(|contract| {
                let own = self.contested(contract, policy);
                let own = own.or_else(|| self.uncontested(contract, policy));
                [own, self.asked(contract)].into_iter().flatten()
            })
            .collect()
    }

    /// The height by which the app has asked that a claim is confirmed.
    fn asked(&self, contract: &Contract) -> Option<Stake> {
        match (self.case.bump(&contract.outpoint)?, contract.progress) {
            (Bump::Deadline(height), Progress::Claimable) => {
                Some((height, DeadlineReason::Claim(contract.outpoint)))
            }
            (Bump::Feerate(_) | Bump::Deadline(_), _) => None,
        }
    }

    fn contested(&self, contract: &Contract, policy: &Policy) -> Option<Stake> {
        let end = contestable_from(self.case, contract, self.peer_delay)?;
        let early = match contract.role {
            ContractRole::Breach => end.saturating_sub(margin(self.peer_delay, policy)),
            ContractRole::IncomingSuccess
            | ContractRole::IncomingContest
            | ContractRole::OutgoingContest
            | ContractRole::OutgoingTimeout
            | ContractRole::CommitSweep
            | ContractRole::Anchor => end,
        };
        let height = if early > self.tip { early } else { end };
        Some((height, DeadlineReason::Claim(contract.outpoint)))
    }

    fn uncontested(&self, contract: &Contract, policy: &Policy) -> Option<Stake> {
        match contract.progress {
            Progress::Maturing { claimable_at } => {
                Some(self.unfinished(claimable_at.max(self.tip), policy))
            }
            Progress::Claimable => Some(self.unfinished(self.tip, policy)),
            // At its expiry an HTLC becomes a claim.
            Progress::Contested { until } => match contract.role {
                ContractRole::OutgoingContest => Some(self.unfinished(until, policy)),
                ContractRole::IncomingContest
                | ContractRole::IncomingSuccess
                | ContractRole::OutgoingTimeout
                | ContractRole::CommitSweep
                | ContractRole::Anchor
                | ContractRole::Breach => None,
            },
            Progress::Uneconomic { .. }
            | Progress::GivenUp { .. }
            | Progress::Spent { .. }
            | Progress::Resolved { .. } => None,
        }
    }

    /// What may wait, but not for ever.
    fn unfinished(&self, from: u32, policy: &Policy) -> Stake {
        let patience = u32::from(policy.patient_target);
        (from.saturating_add(patience), DeadlineReason::Unfinished)
    }
}

/// A height at which something is lost, and what.
type Stake = (u32, DeadlineReason);

/// Half of the peer's delay is kept for getting the justice transaction confirmed, within bounds.
fn margin(delay: u16, policy: &Policy) -> u32 {
    let bounded = (u32::from(delay) / 2).min(policy.max_breach_margin);
    bounded.max(policy.min_breach_margin)
}

fn htlc_stakes(life: &HtlcLife, policy: &Policy) -> Vec<Stake> {
    let htlc = life.htlc_ref();
    let expiry = life.terms.cltv_expiry;
    let overdue = expiry.saturating_add(policy.expiry_grace);
    let upstream = failed_upstream_at(life.terms.origin, policy);
    match (life.terms.key.direction, upstream) {
        (Direction::Incoming, _) if life.released => vec![(
            expiry.saturating_sub(policy.fulfil_margin),
            DeadlineReason::IncomingHtlc(htlc),
        )],
        // One that may not be claimed costs nothing when it expires.
        (Direction::Incoming, _) => Vec::new(),
        (Direction::Outgoing, None) => vec![(
            overdue.saturating_add(policy.own_payment_patience),
            DeadlineReason::OutgoingHtlc(htlc),
        )],
        (Direction::Outgoing, Some(upstream)) => vec![
            (overdue, DeadlineReason::OutgoingHtlc(htlc)),
            (upstream, DeadlineReason::UpstreamHtlc(htlc)),
        ],
    }
}

/// The height at which an HTLC that we sent on is failed upstream, whatever may still be won; `None`: nobody waits there.
pub(super) fn failed_upstream_at(origin: HtlcOrigin, policy: &Policy) -> Option<u32> {
    match origin {
        HtlcOrigin::Forwarded { expiry, .. } => Some(expiry.saturating_sub(policy.upstream_margin)),
        HtlcOrigin::Own => None,
    }
}

/// Why an HTLC that is not claimed in time is lost.
fn lost(htlc: HtlcRef) -> DeadlineReason {
    match htlc.key.direction {
        Direction::Incoming => DeadlineReason::IncomingHtlc(htlc),
        Direction::Outgoing => DeadlineReason::UpstreamHtlc(htlc),
    }
}

/// From which height on the peer can take an output that is ours; `None`: it cannot, or that is decided. `peer_delay`
/// is the delay that binds it, in blocks.
pub fn contestable_from(case: &Case, contract: &Contract, peer_delay: u16) -> Option<u32> {
    match contract.progress {
        Progress::Contested { .. } | Progress::Maturing { .. } | Progress::Claimable => {}
        // A reorg may take back a claim that is not settled.
        Progress::Spent { settled: false, .. } => {}
        Progress::Spent { settled: true, .. }
        | Progress::Uneconomic { .. }
        | Progress::GivenUp { .. }
        | Progress::Resolved { .. } => return None,
    }
    let close = case.close.as_ref()?;
    match contract.role {
        // BOLT 5: until its delay has passed, nobody but us can spend what is the cheater's by the script; and an HTLC's
        // second level only starts that delay.
        ContractRole::Breach => {
            let created = contract.created.unwrap_or(close.block).height;
            Some(created.saturating_add(u32::from(peer_delay)))
        }
        // BOLT 5: from the expiry on the peer can take it back.
        ContractRole::IncomingSuccess => contract.htlc_figures().map(|(_, _, expiry)| expiry),
        // The peer may come with the preimage at any time: what that costs is upstream's deadline.
        ContractRole::OutgoingTimeout
        | ContractRole::OutgoingContest
        | ContractRole::IncomingContest
        | ContractRole::CommitSweep
        | ContractRole::Anchor => None,
    }
}

/// The height at which a claim of an output has to be confirmed; `None`: nothing is lost by waiting. As
/// [`contestable_from`], and an HTLC that we take back before the upstream one has to be failed.
pub fn claim_deadline(
    case: &Case,
    dossier: &Dossier,
    contract: &Contract,
    policy: &Policy,
) -> Option<u32> {
    let peer_delay = dossier.terms.remote.to_self_delay;
    contestable_from(case, contract, peer_delay).or_else(|| match contract.role {
        ContractRole::OutgoingTimeout => {
            let life = dossier.htlcs.get(&contract.htlc_ref()?)?;
            failed_upstream_at(life.terms.origin, policy)
        }
        ContractRole::IncomingSuccess
        | ContractRole::IncomingContest
        | ContractRole::OutgoingContest
        | ContractRole::CommitSweep
        | ContractRole::Anchor
        | ContractRole::Breach => None,
    })
}

#[cfg(test)]
mod tests;
