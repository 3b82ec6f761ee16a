//! The funding as the chain has it: there, away, without its output, or its coins spent by another transaction.

use bitcoin::{OutPoint, Txid};
use serde::{Deserialize, Serialize};

use super::contracts::is_heard;
use super::ending::on_void_funding;
use super::{
    Block, BroadcastPurpose, Case, Dossier, EventKind, Facts, FundingFact, FundingState, LogKind,
    Outcome, Step, Void,
};
use crate::config::Policy;

/// A transaction on the chain that spends a coin of the funding: for as long as it is there, the funding cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DoubleSpend {
    /// The coin.
    pub coin: OutPoint,
    pub by: Txid,
    pub block: Block,
}

/// What is known of the coins of a funding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FundingCoins {
    /// Nothing new: they were not looked at.
    Unknown,
    /// No other transaction is proven to spend one of them.
    Free,
    /// So deep is the one that does.
    Spent(DoubleSpend, u32),
}

/// The coins of a funding of ours that may have been spent by another transaction: a server has refused it, and not as too
/// cheap.
pub fn contested_coins(case: &Case) -> Vec<OutPoint> {
    if case.funding != FundingState::Pending {
        return Vec::new();
    }
    let is_refused = |outcome: &Outcome| match outcome {
        Outcome::Conflict(_) | Outcome::Other(_) => true,
        Outcome::Accepted | Outcome::AlreadyKnown | Outcome::FeeTooLow | Outcome::Unreachable => {
            false
        }
    };
    let held = case.broadcasts.iter();
    let funding = held.filter(|held| held.purpose == BroadcastPurpose::Funding);
    let contested = funding.filter(|held| {
        case.double_spend.is_some() || held.outcome.as_ref().is_some_and(is_refused)
    });
    let inputs = contested.flat_map(|held| &held.transaction.input);
    inputs.map(|input| input.previous_output).collect()
}

/// Where the funding stands now.
pub(super) fn funding(step: &mut Step, dossier: &Dossier, facts: &Facts) {
    let now = match facts.funding {
        FundingFact::Unconfirmed => FundingState::Pending,
        FundingFact::Confirmed(block) => FundingState::Open(block),
        FundingFact::WrongOutput(block) => FundingState::Mismatch(block),
    };
    let before = step.case.funding;
    if now == before {
        return;
    }
    step.case.funding = now;
    step.log(facts.tip, LogKind::Funding(now));
    let channel = dossier.channel();
    match now {
        FundingState::Open(Block { height, hash }) => step.tell(
            channel,
            EventKind::ChannelOpen {
                height,
                block: hash,
            },
        ),
        FundingState::Mismatch(Block { height, .. }) => {
            step.tell(channel, EventKind::FundingMismatch { height });
        }
        FundingState::Pending => match before {
            FundingState::Open(Block { height, .. })
            | FundingState::Mismatch(Block { height, .. }) => {
                step.tell(channel, EventKind::FundingReorged { height });
            }
            FundingState::Pending => {}
        },
    }
}

/// A funding whose coin another transaction has: told at once, and the end of the channel when that is there for good.
pub(super) fn double_spent_funding(
    step: &mut Step,
    dossier: &Dossier,
    facts: &Facts,
    policy: &Policy,
) {
    let now = match facts.funding_coins {
        FundingCoins::Unknown => return,
        FundingCoins::Free => None,
        FundingCoins::Spent(double_spend, _) => Some(double_spend),
    };
    let before = step.case.double_spend;
    if now != before {
        step.case.double_spend = now;
        match (now, before) {
            (Some(double_spend), _) => found(step, dossier, facts.tip, double_spend),
            (None, Some(double_spend)) => gone(step, dossier, facts.tip, double_spend),
            (None, None) => {}
        }
    }
    let FundingCoins::Spent(DoubleSpend { by, .. }, depth) = facts.funding_coins else {
        return;
    };
    if depth >= policy.final_depth && is_heard(step, facts) {
        on_void_funding(step, dossier, Void::DoubleSpent { by }, facts.tip);
    }
}

fn found(step: &mut Step, dossier: &Dossier, tip: u32, double_spend: DoubleSpend) {
    let DoubleSpend { coin, by, block } = double_spend;
    step.log(tip, LogKind::FundingDoubleSpent(double_spend));
    step.tell(
        dossier.channel(),
        EventKind::FundingDoubleSpent {
            coin,
            by,
            height: block.height,
            block: block.hash,
        },
    );
}

fn gone(step: &mut Step, dossier: &Dossier, tip: u32, double_spend: DoubleSpend) {
    let DoubleSpend { by, block, .. } = double_spend;
    step.log(tip, LogKind::DoubleSpendReorged(double_spend));
    step.tell(
        dossier.channel(),
        EventKind::DoubleSpendReorged {
            by,
            block: block.hash,
        },
    );
}

/// The height at which the channel ends because of a double spend, if nothing else happens.
pub(super) fn void_at(case: &Case, policy: &Policy) -> Option<u32> {
    let block = case.double_spend?.block;
    let above = policy.final_depth.saturating_sub(1);
    Some(block.height.saturating_add(above))
}

#[cfg(test)]
mod tests;
