//! The child of an unconfirmed commitment: our anchor on it, and coins of the wallet's that pay for both.
//!
//! The two together reach the feerate that a claim with the same deadline bids. The commitment's own fee counts; where it is
//! enough, there is no child.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, FeeRate, ScriptBuf, Transaction, Weight};

use super::build::{ClaimInput, Spending, Unsigned};
use super::coins::pay;
use super::fees::{fee_at, feerate, Bid};
use super::not_now::{NotNow, Uneconomic};
use crate::channel::ChannelTerms;
use crate::court::{Coin, Cpfp, Raise, Reception};
use crate::protocol::ProtocolError;

/// The child. `coins` are the wallet's, any number, in the order in which they are taken until the fee is paid. Their change
/// goes to `change`. An anchor is never batched with anything else.
///
/// # Errors
/// The keys cannot be derived: the stored terms are damaged.
pub fn anchor(
    terms: &ChannelTerms,
    child: &Cpfp,
    coins: Vec<Coin>,
    change: ScriptBuf,
    bid: &Bid<'_>,
) -> Result<Result<Unsigned, NotNow>, ProtocolError> {
    let input = ClaimInput {
        contract: child.anchor.clone(),
        preimage: None,
        peer_signature: None,
        secret: None,
    };
    let spending = Spending::new(terms, input)?;
    let surplus = spending.value();
    let mut transaction = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![spending.tx_in()],
        output: Vec::new(),
    };
    let spendings = vec![spending];
    let fee = |weight| bid.fee_of_child(weight, child);
    match pay(&mut transaction, &spendings, surplus, coins, change, fee) {
        Ok(taken) => Unsigned::new(terms, spendings, taken, transaction).map(Ok),
        Err(not_now) => Ok(Err(not_now)),
    }
}

impl Bid<'_> {
    /// What a child of this weight pays, for itself and for what its parent lacks.
    ///
    /// # Errors
    /// [`NotNow::HighEnough`]: the parent's own fee is enough, or the child that waits pays about as much.
    /// [`NotNow::Uneconomic`]: less than it may pay would not help.
    fn fee_of_child(&self, weight: Weight, child: &Cpfp) -> Result<Amount, NotNow> {
        let (parent, budget, policy) = (&child.parent, child.budget, self.policy);
        let nothing = Amount::ZERO;
        let at = |feerate: FeeRate| {
            let together = fee_at(feerate, parent.weight + weight);
            together.checked_sub(parent.fee).unwrap_or(nothing)
        };
        let asked = self.asked(at).unwrap_or(nothing).min(budget);
        let wanted = self.wanted(budget, at).max(asked);
        let least = match (self.raise, parent.reception) {
            (Some(_), _) => self.least(weight),
            (None, Reception::TooCheap) => at(self.above(feerate(parent.fee, parent.weight))),
            (None, Reception::Held | Reception::Unknown) => nothing,
        };
        // The margin is for what is bid, not for what was bid: a parent at the market's price takes no coin from its HTLCs.
        let market = self.schedule.market(self.estimates, policy);
        let fair = self.floor.map_or(market, |asked| asked.max(market));
        let is_fair = feerate(parent.fee, parent.weight) >= fair;
        let is_climbing = self.schedule.climb(budget, policy) > nothing;
        let is_enough = is_fair && !is_climbing && least == nothing;
        let bid = match self.raise {
            None if is_enough => return Err(NotNow::HighEnough),
            Some((Raise::Reprice(_), _)) if wanted < least => return Err(NotNow::HighEnough),
            Some((Raise::Reprice(_) | Raise::Replace(_) | Raise::Follow(_), _)) | None => {
                wanted.max(least)
            }
        };
        // However little the parent lacks: nodes relay nothing below their minimum.
        let bid = bid.max(fee_at(
            FeeRate::from_sat_per_kwu(policy.feerate_floor.into()),
            weight,
        ));
        if bid > budget {
            let (value, fee) = (budget, bid);
            return Err(NotNow::Uneconomic(Uneconomic { value, fee }));
        }
        Ok(bid)
    }
}

#[cfg(test)]
mod tests;
