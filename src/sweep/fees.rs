//! The feerate of a claim.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, Transaction, Weight};

use crate::config::Policy;

/// The feerate for a claim that should confirm within `target` blocks: the estimate for the longest target within it,
/// or the shortest there is, held between floor and cap. A bid that was too low is raised by the policy's share.
pub fn feerate(
    estimates: &BTreeMap<u16, FeeRate>,
    target: u16,
    refused: Option<FeeRate>,
    policy: &Policy,
) -> FeeRate {
    let estimate = estimates
        .range(..=target)
        .next_back()
        .or_else(|| estimates.first_key_value())
        .map_or(0, |(_, feerate)| feerate.to_sat_per_kwu());
    let raised = refused.map_or(0, |refused| {
        let refused = refused.to_sat_per_kwu();
        refused.saturating_add(refused.saturating_mul(policy.refused_raise_percent.into()) / 100)
    });
    let floor = u64::from(policy.feerate_floor);
    let cap = u64::from(policy.feerate_cap).max(floor);
    FeeRate::from_sat_per_kwu(estimate.max(raised).clamp(floor, cap))
}

/// What a signed transaction that spends `value_sat` pays.
pub(super) fn feerate_of(transaction: &Transaction, value_sat: u64) -> FeeRate {
    let paid: u64 = transaction
        .output
        .iter()
        .map(|output| output.value.to_sat())
        .sum();
    let weight = transaction.weight().max(Weight::from_wu(1));
    FeeRate::from_sat_per_kwu(value_sat.saturating_sub(paid).saturating_mul(1000) / weight.to_wu())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimates(pairs: &[(u16, u64)]) -> BTreeMap<u16, FeeRate> {
        pairs
            .iter()
            .map(|(target, rate)| (*target, FeeRate::from_sat_per_kwu(*rate)))
            .collect()
    }

    #[test]
    fn the_longest_target_within_a_week_is_bid_between_floor_and_cap() {
        let policy = Policy::default();
        for (given, refused, expected) in [
            (&[][..], None, 253),
            (&[(1, 9000), (144, 2000), (1008, 1000)], None, 1000),
            (&[(1, 9000), (144, 2000), (2000, 500)], None, 2000),
            (&[(144, 1)], None, 253),
            (&[(144, u64::MAX)], None, 250_000),
            (&[(144, 300)], Some(1000), 1250),
            (&[(144, 3000)], Some(1000), 3000),
        ] {
            let bid = feerate(
                &estimates(given),
                policy.patient_target,
                refused.map(FeeRate::from_sat_per_kwu),
                &policy,
            );
            assert_eq!(bid.to_sat_per_kwu(), expected, "{given:?} {refused:?}");
        }
    }
}
