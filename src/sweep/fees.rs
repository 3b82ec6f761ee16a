//! What a claim may pay, and what a replacement must.

use std::collections::BTreeMap;

use bitcoin::{Amount, FeeRate, Weight};

use super::curve::{bounded, patient_feerate, Schedule};
use super::not_now::{NotNow, Uneconomic};
use crate::config::{share, Policy};
use crate::court::{spent_by_child, Broadcast, Case, Claim, Cpfp, Dossier, Outcome, Raise};

/// What a claim is bid for.
#[derive(Clone, Copy, Debug)]
pub struct Bid<'a> {
    pub estimates: &'a BTreeMap<u16, FeeRate>,
    pub schedule: Schedule,
    /// The feerate that the app has asked for.
    pub floor: Option<FeeRate>,
    /// The claim that did not confirm, with what its inputs held.
    pub raise: Option<(&'a Raise, Amount)>,
    pub policy: &'a Policy,
}

impl<'a> Bid<'a> {
    /// The bid for a claim of the court's, at this tip.
    pub fn of_claim(
        claim: &'a Claim,
        case: &Case,
        tip: u32,
        estimates: &'a BTreeMap<u16, FeeRate>,
        policy: &'a Policy,
    ) -> Self {
        let raise = claim.raise.as_ref();
        Bid {
            estimates,
            schedule: Schedule {
                tip,
                since: claim.since,
                deadline: claim.deadline,
            },
            floor: claim.floor,
            raise: raise.map(|raise| (raise, case.spent_by(raise.held()))),
            policy,
        }
    }

    /// The bid for the child of a commitment, at this tip.
    pub fn of_child(
        child: &'a Cpfp,
        dossier: &Dossier,
        tip: u32,
        estimates: &'a BTreeMap<u16, FeeRate>,
        policy: &'a Policy,
    ) -> Self {
        let raise = child.raise.as_ref();
        Bid {
            estimates,
            schedule: Schedule {
                tip,
                since: Some(child.parent.since),
                deadline: child.deadline,
            },
            floor: child.floor,
            raise: raise.map(|raise| (raise, spent_by_child(raise.held(), dossier))),
            policy,
        }
    }
}

impl Bid<'_> {
    /// What a claim of `value` with this weight pays: within its share, unless the app has asked for more, and never above
    /// `most`.
    ///
    /// # Errors
    /// [`NotNow::Uneconomic`]: even a patient one would cost more than it may. [`NotNow::HighEnough`]: the one that waits
    /// pays about as much.
    pub(super) fn fee(
        &self,
        weight: Weight,
        value: Amount,
        most: Amount,
    ) -> Result<Amount, NotNow> {
        let at = |feerate| fee_at(feerate, weight);
        let asked = self.asked(at).filter(|asked| *asked <= most);
        let asked = asked.unwrap_or(Amount::ZERO);
        let budget = self.budget(value).max(asked);
        let least = self.least(weight);
        let patient = self.least_fee(weight);
        let wanted = self.wanted(self.budget(value), at).max(asked);
        let (needed, bid) = match self.raise {
            Some((Raise::Reprice(_), _)) if wanted < least => return Err(NotNow::HighEnough),
            Some((Raise::Reprice(_) | Raise::Follow(_), _)) | None => (patient, wanted),
            Some((Raise::Replace(_), _)) => (patient.max(least), wanted.max(least)),
        };
        if needed > budget {
            let fee = needed;
            return Err(NotNow::Uneconomic(Uneconomic { value, fee }));
        }
        Ok(bid)
    }

    /// What the app has asked for comes to.
    pub(super) fn asked(&self, at: impl Fn(FeeRate) -> Amount) -> Option<Amount> {
        self.floor.map(at)
    }

    /// The most that an output of this value may add to a claim.
    pub(super) fn worth(&self, value: Amount) -> Amount {
        match self.floor {
            Some(_) => value,
            None => self.budget(value),
        }
    }

    /// What the curve bids at this tip: at most `budget`, where a feerate comes to `at`.
    pub(super) fn wanted(&self, budget: Amount, at: impl Fn(FeeRate) -> Amount) -> Amount {
        let market = at(self.schedule.feerate(self.estimates, self.policy));
        let way = budget.checked_sub(market).unwrap_or(Amount::ZERO);
        let climbed = market + self.schedule.climb(way, self.policy);
        climbed.min(at(bounded(u64::MAX, self.policy))).min(budget)
    }

    /// The least that the claim which did not confirm leaves to bid.
    pub(super) fn least(&self, weight: Weight) -> Amount {
        let Some((raise, value)) = self.raise else {
            return Amount::ZERO;
        };
        let held = raise.held();
        match &held.outcome {
            Some(Outcome::FeeTooLow) => {
                let refused = feerate(fee_of(held, value), held.transaction.weight());
                fee_at(self.above(refused), weight)
            }
            // One of its inputs is gone, and it with it.
            Some(Outcome::Conflict(_)) => Amount::ZERO,
            Some(
                Outcome::Accepted
                | Outcome::AlreadyKnown
                | Outcome::Unreachable
                | Outcome::Other(_),
            )
            | None => self.replacing(held, value, weight),
        }
    }

    /// What a mempool that holds the claim asks of the next one.
    fn replacing(&self, held: &Broadcast, value: Amount, weight: Weight) -> Amount {
        let replaced = (fee_of(held, value), held.transaction.weight());
        replacement_fee([replaced], weight, self.policy)
    }

    /// What follows on a feerate that was refused as too low.
    pub(super) fn above(&self, refused: FeeRate) -> FeeRate {
        let rate = refused.to_sat_per_kwu();
        let more = rate.saturating_mul(self.policy.refused_raise_percent.into()) / 100;
        bounded(rate.saturating_add(more), self.policy)
    }

    /// What an input of this weight adds to the fee of a claim without haste.
    pub(super) fn least_fee(&self, weight: Weight) -> Amount {
        fee_at(patient_feerate(self.estimates, self.policy), weight)
    }

    /// The most that may be spent on claiming so much.
    pub(super) fn budget(&self, value: Amount) -> Amount {
        share(value, self.policy.budget_percent)
    }
}

/// What so much weight costs at a feerate.
pub(crate) fn fee_at(feerate: FeeRate, weight: Weight) -> Amount {
    feerate.fee_wu(weight).unwrap_or(Amount::MAX_MONEY)
}

/// What a mempool that holds these, each by its fee and weight, asks of a transaction that takes their place. Zero for none.
pub(crate) fn replacement_fee(
    replaced: impl IntoIterator<Item = (Amount, Weight)>,
    weight: Weight,
    policy: &Policy,
) -> Amount {
    let relay = fee_at(
        FeeRate::from_sat_per_kwu(policy.replacement_feerate.into()),
        weight,
    );
    let sum = |a: Amount, b: Amount| a.checked_add(b).unwrap_or(Amount::MAX_MONEY);
    let (mut by_fee, mut by_rate) = (Amount::ZERO, Amount::ZERO);
    for (fee, old_weight) in replaced {
        // BIP 125: a replacement pays for all that it replaces, and for its own relay on top.
        by_fee = sum(by_fee.max(relay), fee);
        // And its own feerate is higher than each of theirs.
        let rate = feerate(fee, old_weight).to_sat_per_kwu();
        let above = fee_at(FeeRate::from_sat_per_kwu(rate.saturating_add(1)), weight);
        by_rate = by_rate.max(above);
    }
    by_fee.max(by_rate)
}

/// What a claim whose inputs held `value` pays.
fn fee_of(held: &Broadcast, value: Amount) -> Amount {
    let outputs = held.transaction.output.iter();
    let paid_out: Amount = outputs.map(|output| output.value).sum();
    value.checked_sub(paid_out).unwrap_or(Amount::ZERO)
}

/// The feerate of so much weight that pays this fee.
pub(super) fn feerate(fee: Amount, weight: Weight) -> FeeRate {
    FeeRate::from_sat_per_kwu(fee.to_sat().saturating_mul(1000) / weight.to_wu().max(1))
}
