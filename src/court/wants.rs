//! What a case needs from outside to go on, and when it needs attention next.

use super::anchors::is_due_child;
use super::claims::{claims, is_sweep, spends};
use super::funding::void_at;
use super::permit::is_permitted;
use super::resolver::Progress;
use super::waiting::Clock;
use super::{
    cpfp, ArbitratorState, Broadcast, BroadcastPurpose, Cancelled, Case, Claim, Contract, Cpfp,
    Dossier, FundingState,
};
use crate::config::Policy;

/// What the court needs from outside to go on: a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Our signature of our own commitment.
    SignCommitment,
    /// A signed transaction that claims outputs of the close.
    Claim(Box<Claim>),
    /// A signed child that raises the fee of an unconfirmed commitment.
    Cpfp(Box<Cpfp>),
}

/// What the court needs to go on with a case at this tip.
pub fn wants(case: &Case, dossier: &Dossier, tip: u32, policy: &Policy) -> Vec<Want> {
    let mut wants = Vec::new();
    if case.state == ArbitratorState::FullyResolved {
        return wants;
    }
    if case.state == ArbitratorState::BroadcastCommit
        && is_permitted(case)
        && cooperative_until(case, policy).is_none_or(|until| tip >= until)
    {
        wants.push(Want::SignCommitment);
    }
    wants.extend(
        claims(case, dossier, tip, policy)
            .into_iter()
            .map(|claim| Want::Claim(Box::new(claim))),
    );
    wants.extend(cpfp(case, dossier, tip, policy).map(|child| Want::Cpfp(Box::new(child))));
    wants
}

/// The height up to which a cooperative close is preferred to our commitment.
fn cooperative_until(case: &Case, policy: &Policy) -> Option<u32> {
    let force_close = case.latches.force_close?;
    case.broadcasts
        .iter()
        .any(|held| held.purpose == BroadcastPurpose::Cooperative)
        .then(|| {
            force_close
                .since
                .saturating_add(policy.cooperative_patience)
        })
}

/// The next height above `tip` at which the case has something to do, if nothing else happens.
pub fn next_height(case: &Case, dossier: &Dossier, tip: u32, policy: &Policy) -> Option<u32> {
    let mut heights = Vec::new();
    if case.state == ArbitratorState::FullyResolved {
        return None;
    }
    heights.extend(void_at(case, policy));
    if let Some(Cancelled { unseen_since }) = case.cancelled {
        // The next look is the first one, if there was none yet.
        heights.push(unseen_since.map_or(tip.saturating_add(1), |since| {
            since.saturating_add(policy.final_depth)
        }));
    } else if let Some(close) = &case.close {
        let clock = Clock::of(close, dossier, tip, policy);
        let of_close = clock.burial(close.block.height, close.settled);
        let contracts = case.contracts.iter();
        let waiting = contracts.map(|contract| clock.waiting(contract, None));
        let all = waiting.chain([of_close]);
        heights.extend(all.filter_map(|waiting| waiting.next_height(tip)));
    } else {
        if let Some(orphan) = case.orphan {
            heights.push(orphan.since.saturating_add(policy.orphan_patience));
        }
        heights.extend(cooperative_until(case, policy));
        // What waits in a mempool is priced anew with every block.
        heights.extend(case.unconfirmed.map(|_| tip.saturating_add(1)));
        match case.state {
            ArbitratorState::BroadcastCommit | ArbitratorState::CommitmentBroadcasted => {
                heights.push(tip.saturating_add(1));
            }
            ArbitratorState::Default
            | ArbitratorState::ContractClosed
            | ArbitratorState::WaitingFullResolution
            | ArbitratorState::FullyResolved => {}
        }
    }
    heights.into_iter().filter(|height| *height > tip).min()
}

/// The transactions of ours that belong on the chain now. They are broadcast on every tick: a mempool forgets.
pub fn due_broadcasts(case: &Case) -> impl Iterator<Item = &Broadcast> {
    case.broadcasts.iter().filter(|held| is_due(case, held))
}

/// Whether one of the case's transactions belongs on the chain now.
pub fn is_due(case: &Case, held: &Broadcast) -> bool {
    // An end that the app decided silences everything.
    if case.state == ArbitratorState::FullyResolved || case.cancelled.is_some() {
        return false;
    }
    match held.purpose {
        BroadcastPurpose::Funding => case.funding == FundingState::Pending,
        BroadcastPurpose::Commitment => case.close.is_none() && is_permitted(case),
        // It may have been ours. Whoever else made it broadcasts it again.
        BroadcastPurpose::OrphanedClose => case.close.is_none() && !case.latches.restored,
        BroadcastPurpose::Cooperative => case.close.is_none(),
        BroadcastPurpose::Sweep(_) => is_due_claim(case, held),
        BroadcastPurpose::Cpfp(anchor) => is_due_child(case, held, anchor),
    }
}

/// Whether a claim of ours is still to be broadcast: its outputs are there to be had, and no newer claim of ours that can
/// still confirm takes one of them.
pub(super) fn is_due_claim(case: &Case, held: &Broadcast) -> bool {
    let claimed: Vec<&Contract> = case.claimed_by(&held.transaction).collect();
    let can_be_had = |contract: &&Contract| match contract.progress {
        // One that was signed before its fee rose above the value may still confirm.
        Progress::Claimable | Progress::Uneconomic { .. } => true,
        Progress::Contested { .. }
        | Progress::Maturing { .. }
        | Progress::GivenUp { .. }
        | Progress::Spent { .. }
        | Progress::Resolved { .. } => false,
    };
    let takes = |other: &Broadcast| {
        let mut claimed = claimed.iter();
        claimed.any(|contract| spends(&other.transaction, &contract.outpoint))
    };
    let mut newer = case
        .broadcasts
        .iter()
        .skip_while(|other| other.txid != held.txid)
        .skip(1);
    !claimed.is_empty()
        && claimed.iter().all(can_be_had)
        && !newer.any(|other| is_sweep(other) && takes(other) && !case.is_void(other))
}

#[cfg(test)]
mod tests;
