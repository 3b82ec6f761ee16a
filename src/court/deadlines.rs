//! Until when the device may sleep: the first height at which sleeping on costs money, and why.
//!
//! | what                              | deadline                                                                     |
//! |-----------------------------------|------------------------------------------------------------------------------|
//! | an open channel                   | last height proven unspent + the delay that binds the peer − a margin        |
//! | a released incoming HTLC          | `cltv_expiry − fulfil_margin`                                                |
//! | an outgoing HTLC that is forwarded | `cltv_expiry + expiry_grace`, and `upstream_margin` before the upstream expiry |
//! | a case that is being resolved     | its next height, and for what the peer can take, the height from which it can |
//!
//! Nothing here needs a network or a clock: heights are counted from the tip that is stored.

use super::{wants, Case, Contract, Dossier, FundingState, Progress};
use crate::channel::{Direction, HtlcLife, HtlcOrigin, HtlcRef};
use crate::config::Policy;
use crate::protocol::Party;
use bitcoin::OutPoint;

/// Why the device has to be awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeadlineReason {
    /// The peer could broadcast a revoked commitment unseen.
    Breach,
    /// An incoming HTLC that is ours has to be settled.
    IncomingHtlc(HtlcRef),
    /// An outgoing HTLC expires.
    OutgoingHtlc(HtlcRef),
    /// An HTLC expires upstream of one that we sent on.
    UpstreamHtlc(HtlcRef),
    /// An output can be taken by the peer.
    Claim(OutPoint),
    /// A case has something to do.
    NextStep,
}

/// The first height at which sleeping on costs money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Deadline {
    /// At this height it is too late.
    pub height: u32,
    /// The device should be awake at this height: hours earlier, as the jobs of a sleeping phone run late.
    pub wake_by: u32,
    pub reason: DeadlineReason,
}

/// The deadline of one channel; `None`: it may be forgotten about. `watched` is the height up to which its funding
/// output is proven unspent.
pub fn deadline(
    case: &Case,
    dossier: &Dossier,
    watched: Option<u32>,
    tip: u32,
    policy: &Policy,
) -> Option<Deadline> {
    let mut all = Vec::new();
    if case.state.is_closed() {
        all.extend(case_deadlines(case, dossier, tip, policy));
    } else {
        if let FundingState::Open(funding) = case.funding {
            let delay = dossier.terms.remote.to_self_delay;
            let proven = watched.unwrap_or(funding.height);
            all.push((
                breach_deadline(proven, delay, policy),
                DeadlineReason::Breach,
            ));
        }
        let lives = dossier.htlcs.values();
        all.extend(lives.flat_map(|life| htlc_deadlines(life, policy)));
        let next = wants::next_height(case, dossier, tip, policy);
        all.extend(next.map(|height| (height, DeadlineReason::NextStep)));
    }
    all.into_iter()
        .map(|(height, reason)| Deadline {
            height,
            wake_by: height.saturating_sub(policy.wake_margin),
            reason,
        })
        .min()
}

/// Half of the peer's delay is kept for getting the justice transaction confirmed, within bounds.
fn breach_deadline(proven: u32, delay: u16, policy: &Policy) -> u32 {
    let delay = u32::from(delay);
    let margin = (delay / 2)
        .min(policy.max_breach_margin)
        .max(policy.min_breach_margin);
    proven.saturating_add(delay.saturating_sub(margin))
}

fn htlc_deadlines(life: &HtlcLife, policy: &Policy) -> Vec<(u32, DeadlineReason)> {
    let htlc = life.htlc_ref();
    let expiry = life.terms.cltv_expiry;
    match (life.terms.key.direction, life.terms.origin) {
        (Direction::Incoming, _) if life.released => vec![(
            expiry.saturating_sub(policy.fulfil_margin),
            DeadlineReason::IncomingHtlc(htlc),
        )],
        // One that may not be claimed costs nothing when it expires.
        (Direction::Incoming, _) => Vec::new(),
        (Direction::Outgoing, HtlcOrigin::Own) => vec![(
            expiry.saturating_add(policy.own_payment_patience),
            DeadlineReason::OutgoingHtlc(htlc),
        )],
        (Direction::Outgoing, HtlcOrigin::Forwarded { expiry: before, .. }) => vec![
            (
                expiry.saturating_add(policy.expiry_grace),
                DeadlineReason::OutgoingHtlc(htlc),
            ),
            (
                before.saturating_sub(policy.upstream_margin),
                DeadlineReason::UpstreamHtlc(htlc),
            ),
        ],
    }
}

fn case_deadlines(
    case: &Case,
    dossier: &Dossier,
    tip: u32,
    policy: &Policy,
) -> Vec<(u32, DeadlineReason)> {
    let mut all: Vec<_> = case
        .contracts
        .iter()
        .filter_map(|contract| {
            let height = contestable_from(case, contract, dossier)?;
            Some((height, DeadlineReason::Claim(contract.outpoint)))
        })
        .collect();
    let next = wants::next_height(case, dossier, tip, policy);
    all.extend(next.map(|height| (height, DeadlineReason::NextStep)));
    for life in dossier.htlcs.values() {
        let is_told = case.verdict(life.htlc_ref()).is_some();
        let forwarded = matches!(life.terms.origin, HtlcOrigin::Forwarded { .. });
        if life.terms.key.direction == Direction::Outgoing && forwarded && !is_told {
            all.extend(htlc_deadlines(life, policy));
        }
    }
    all
}

/// From which height on somebody else can take an output that is ours; `None`: nobody can, or it is decided.
pub fn contestable_from(case: &Case, contract: &Contract, dossier: &Dossier) -> Option<u32> {
    match contract.progress {
        Progress::Contested { .. } | Progress::Maturing { .. } | Progress::Claimable => {}
        Progress::Uneconomic { .. }
        | Progress::GivenUp { .. }
        | Progress::Spent { .. }
        | Progress::Resolved { .. } => return None,
    }
    let close = case.close.as_ref()?;
    match (contract.role, contract.htlc_figures()) {
        (super::ContractRole::Breach, _) => {
            // The cheater's own delay is all the time there is.
            let created = contract
                .created
                .map_or(close.block.height, |block| block.height);
            let delay = u32::from(dossier.terms.party(Party::Remote).to_self_delay);
            Some(created.saturating_add(delay))
        }
        (super::ContractRole::IncomingSuccess, Some((_, _, expiry))) => Some(expiry),
        (super::ContractRole::OutgoingTimeout, Some(_))
        | (super::ContractRole::OutgoingContest, _)
        | (super::ContractRole::IncomingContest, _)
        | (super::ContractRole::CommitSweep, _)
        | (super::ContractRole::Anchor, _)
        | (super::ContractRole::IncomingSuccess | super::ContractRole::OutgoingTimeout, None) => {
            None
        }
    }
}
