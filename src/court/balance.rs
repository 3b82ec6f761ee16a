//! What a proven close has brought so far: every satoshi of the channel in exactly one sum.

use std::collections::BTreeMap;

use bitcoin::{Amount, Transaction};

use super::books::{Books, Money};
use super::{Case, Close, Contract};

/// The money of a channel whose close is proven, or of several. The sums together, but for what the wallet's coins have
/// paid, are the capacity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClosingBalance {
    /// Ours without waiting: paid to our scripts by the close itself, or claimed since.
    pub settled: Amount,
    /// Ours now, and its claim is not confirmed.
    pub claimable: Amount,
    /// Ours once the tip has reached a height, by that height.
    pub maturing: BTreeMap<u32, Amount>,
    /// In outputs of which it is open who gets them.
    pub contested: Amount,
    /// Ours, and not worth its fee for now.
    pub uneconomic: Amount,
    /// It would be ours, and there are no means to claim it.
    pub given_up: Amount,
    /// In outputs that were ours, and that somebody else has spent.
    pub lost: Amount,
    /// The peer's, or in outputs that fit nothing we know.
    pub others: Amount,
    /// What the closing transaction left to its miner, whoever paid it.
    pub closing_fee: Amount,
    /// Paid out of our outputs for claiming them.
    pub sweep_fees: Amount,
    /// Paid for the same out of the wallet's coins, which are no part of the capacity.
    pub wallet_fees: Amount,
}

impl ClosingBalance {
    /// The balance of a case whose channel holds this much; zero while no close is proven.
    pub fn of(case: &Case, capacity: Amount) -> Self {
        let Some(close) = &case.close else {
            return Self::default();
        };
        let books = Books::of(case);
        let contracts = case.contracts.iter();
        contracts
            .map(|contract| books.share(contract))
            .fold(at_once(case, close, capacity), Self::plus)
    }

    /// Ours, and not claimed yet: what is claimable and what will be.
    pub fn time_locked(&self) -> Amount {
        self.maturing.values().copied().fold(self.claimable, add)
    }

    /// Ours if all goes well, and not here yet.
    pub fn in_limbo(&self) -> Amount {
        [self.time_locked(), self.contested, self.uneconomic]
            .into_iter()
            .fold(Amount::ZERO, add)
    }

    /// All sums together that are part of the capacity.
    pub fn total(&self) -> Amount {
        let ClosingBalance {
            settled,
            claimable: _,
            maturing: _,
            contested: _,
            uneconomic: _,
            given_up,
            lost,
            others,
            closing_fee,
            sweep_fees,
            wallet_fees: _,
        } = *self;
        [settled, given_up, lost, others, closing_fee, sweep_fees]
            .into_iter()
            .fold(self.in_limbo(), add)
    }

    /// The balance of a case that has ended and whose working data is gone, by what its books came to.
    pub(super) fn past(close: &Close, capacity: Amount, books: &[Money]) -> Self {
        let sum = |of: fn(&Money) -> u64| {
            let amounts = books.iter().map(|money| Amount::from_sat(of(money)));
            amounts.fold(Amount::ZERO, add)
        };
        let paid_to_us = Amount::from_sat(close.paid_to_us_sat);
        let known = ClosingBalance {
            settled: add(paid_to_us, sum(|money| money.recovered_sat)),
            uneconomic: sum(|money| money.in_limbo_sat),
            lost: sum(|money| money.lost_sat),
            sweep_fees: sum(|money| money.fees_sat),
            wallet_fees: sum(|money| money.wallet_fees_sat),
            closing_fee: less(capacity, paid_out(&close.transaction)),
            ..Self::default()
        };
        ClosingBalance {
            others: less(capacity, known.total()),
            ..known
        }
    }

    /// The sum of two.
    pub fn plus(mut self, other: Self) -> Self {
        for (height, amount) in other.maturing {
            let sum = self.maturing.entry(height).or_default();
            *sum = add(*sum, amount);
        }
        ClosingBalance {
            settled: add(self.settled, other.settled),
            claimable: add(self.claimable, other.claimable),
            maturing: self.maturing,
            contested: add(self.contested, other.contested),
            uneconomic: add(self.uneconomic, other.uneconomic),
            given_up: add(self.given_up, other.given_up),
            lost: add(self.lost, other.lost),
            others: add(self.others, other.others),
            closing_fee: add(self.closing_fee, other.closing_fee),
            sweep_fees: add(self.sweep_fees, other.sweep_fees),
            wallet_fees: add(self.wallet_fees, other.wallet_fees),
        }
    }
}

/// What the closing transaction itself decides: all but the outputs that are ours to resolve.
fn at_once(case: &Case, close: &Close, capacity: Amount) -> ClosingBalance {
    let paid_out = paid_out(&close.transaction);
    let settled = Amount::from_sat(close.paid_to_us_sat);
    let to_resolve = case
        .contracts
        .iter()
        .filter(|contract| contract.parent.is_none())
        .map(value)
        .fold(settled, add);
    ClosingBalance {
        settled,
        others: less(paid_out, to_resolve),
        closing_fee: less(capacity, paid_out),
        ..ClosingBalance::default()
    }
}

pub(super) fn value(contract: &Contract) -> Amount {
    Amount::from_sat(contract.value_sat)
}

pub(super) fn paid_out(transaction: &Transaction) -> Amount {
    let values = transaction.output.iter().map(|output| output.value);
    values.fold(Amount::ZERO, add)
}

pub(super) fn add(a: Amount, b: Amount) -> Amount {
    a.checked_add(b).unwrap_or(Amount::MAX_MONEY)
}

pub(super) fn less(a: Amount, b: Amount) -> Amount {
    a.checked_sub(b).unwrap_or(Amount::ZERO)
}

#[cfg(test)]
mod tests;
