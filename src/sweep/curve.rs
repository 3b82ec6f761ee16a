//! What a claim bids: the market's price for the blocks that are left, and at the end all that it may cost.
//!
//! | when                                                   | bid                                                                |
//! |--------------------------------------------------------|--------------------------------------------------------------------|
//! | nobody else can have it                                | the estimate for a week                                            |
//! | the device is awake once more before the deadline      | the estimate for a part of the blocks that are left then, and a margin |
//! | it may not be                                          | the estimate for a part of the blocks that are left, and the margin |
//! | unconfirmed in the last blocks before the deadline     | from there up to the budget, slowly at first, whatever the server says |
//!
//! Pure: the heights are all it needs, so a sleep of many blocks is caught up in one step, and a restart changes nothing.

use std::collections::BTreeMap;

use bitcoin::{Amount, FeeRate};

use crate::config::Policy;

/// How long a claim has been tried, and by when it has to be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The height of the newest block.
    pub tip: u32,
    /// The tip when it was first bid for; `None`: this is the first bid.
    pub since: Option<u32>,
    /// The height by which it has to be confirmed; `None`: nothing is lost by waiting.
    pub deadline: Option<u32>,
}

impl Schedule {
    /// What is bid for so much urgency, between the policy's floor and cap: the market's price and a margin, because the
    /// market moves while the device sleeps.
    pub fn feerate(&self, estimates: &BTreeMap<u16, FeeRate>, policy: &Policy) -> FeeRate {
        let estimate = self.estimate(estimates, policy);
        let margin = match self.deadline {
            Some(_) => estimate.saturating_mul(policy.bid_margin_percent.into()) / 100,
            None => 0,
        };
        bounded(estimate.saturating_add(margin), policy)
    }

    /// The market's price of so much urgency, between the policy's floor and cap.
    pub fn market(&self, estimates: &BTreeMap<u16, FeeRate>, policy: &Policy) -> FeeRate {
        bounded(self.estimate(estimates, policy), policy)
    }

    fn estimate(&self, estimates: &BTreeMap<u16, FeeRate>, policy: &Policy) -> u64 {
        let Some(deadline) = self.deadline else {
            return patient_feerate(estimates, policy).to_sat_per_kwu();
        };
        let next_wake = self.tip.saturating_add(policy.wake_interval);
        let target = if next_wake < deadline {
            (deadline - next_wake) / policy.bid_share.max(1)
        } else {
            deadline.saturating_sub(self.tip) / policy.last_bid_share.max(1)
        };
        let target = u16::try_from(target).unwrap_or(u16::MAX).max(1);
        estimate(estimates, target).unwrap_or(policy.fallback_feerate.into())
    }

    /// How much of the way from the market's price to the budget a claim has to go. It grows with the square of the blocks:
    /// the estimates are right more often than not.
    pub fn climb(&self, way: Amount, policy: &Policy) -> Amount {
        let Some((since, deadline)) = self.since.zip(self.end(policy)) else {
            return Amount::ZERO;
        };
        let begin = since.max(deadline.saturating_sub(policy.climb_blocks));
        let whole = u128::from(deadline.saturating_sub(begin)).max(1);
        let done = u128::from(self.tip.saturating_sub(begin)).min(whole);
        let climbed = u128::from(way.to_sat()) * done * done / (whole * whole);
        Amount::from_sat(u64::try_from(climbed).unwrap_or(u64::MAX))
    }

    /// When all of the budget is bid. One that is late has some blocks to climb; one without a deadline has a week.
    fn end(&self, policy: &Policy) -> Option<u32> {
        let since = self.since?;
        Some(match self.deadline {
            Some(deadline) => deadline.max(since.saturating_add(policy.claim_patience)),
            None => since.saturating_add(policy.patient_target.into()),
        })
    }
}

/// The market's price of a claim without a deadline.
pub fn patient_feerate(estimates: &BTreeMap<u16, FeeRate>, policy: &Policy) -> FeeRate {
    market(
        estimates,
        policy.patient_target,
        policy.feerate_floor,
        policy,
    )
}

/// The market's price within `target` blocks, between the policy's floor and cap; without estimates `otherwise`, in sat per
/// 1000 weight units.
pub(super) fn market(
    estimates: &BTreeMap<u16, FeeRate>,
    target: u16,
    otherwise: u32,
    policy: &Policy,
) -> FeeRate {
    let estimate = estimate(estimates, target).unwrap_or(otherwise.into());
    bounded(estimate, policy)
}

/// The least that any estimate asks for within `target` blocks, or the one for the fewest blocks: what is enough for two
/// blocks is enough for ten. In sat per 1000 weight units.
fn estimate(estimates: &BTreeMap<u16, FeeRate>, target: u16) -> Option<u64> {
    let within = estimates.range(..=target).map(|(_, feerate)| *feerate);
    let least = within.min().or_else(|| estimates.values().next().copied());
    least.map(FeeRate::to_sat_per_kwu)
}

/// Held between the policy's floor and cap.
pub(super) fn bounded(sat_per_kwu: u64, policy: &Policy) -> FeeRate {
    let floor = u64::from(policy.feerate_floor);
    let cap = u64::from(policy.feerate_cap).max(floor);
    FeeRate::from_sat_per_kwu(sat_per_kwu.clamp(floor, cap))
}

#[cfg(test)]
mod tests;
