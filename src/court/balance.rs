//! What a proven close has brought so far, in a few sums.

use bitcoin::{Amount, Transaction, Txid};

use super::{Case, Contract, Progress, Resolution};

/// The money of a channel whose close is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClosingBalance {
    /// Ours without waiting: paid to our scripts by the close itself, or swept since.
    pub settled: Amount,
    /// Ours, but not yet swept.
    pub time_locked: Amount,
    /// In outputs of which it is open who gets them.
    pub contested: Amount,
    /// In outputs that were ours alone, and that somebody else has spent.
    pub lost: Amount,
    /// Paid by us in fees for sweeps.
    pub sweep_fees: Amount,
}

impl ClosingBalance {
    /// The balance of a case; zero while no close is proven.
    pub fn of(case: &Case) -> Self {
        let paid_at_once = case.close.as_ref().map_or(0, |close| close.paid_to_us_sat);
        let at_once = ClosingBalance {
            settled: Amount::from_sat(paid_at_once),
            ..Self::default()
        };
        let contracts = case.contracts.iter();
        contracts
            .map(|contract| share(case, contract))
            .fold(at_once, Self::plus)
    }

    /// The sum of two.
    pub fn plus(self, other: Self) -> Self {
        ClosingBalance {
            settled: add(self.settled, other.settled),
            time_locked: add(self.time_locked, other.time_locked),
            contested: add(self.contested, other.contested),
            lost: add(self.lost, other.lost),
            sweep_fees: add(self.sweep_fees, other.sweep_fees),
        }
    }
}

/// What one output of the close comes to for us.
fn share(case: &Case, contract: &Contract) -> ClosingBalance {
    let value = Amount::from_sat(contract.value_sat);
    let nothing = ClosingBalance::default();
    match contract.progress {
        Progress::Contested { .. } => ClosingBalance {
            contested: value,
            ..nothing
        },
        Progress::Maturing { .. } | Progress::Claimable => ClosingBalance {
            time_locked: value,
            ..nothing
        },
        // It may still become worth its fee, but nobody should count on it.
        Progress::Uneconomic { .. } | Progress::GivenUp { .. } => nothing,
        Progress::Spent { resolution, .. } | Progress::Resolved { resolution } => {
            match resolution {
                Resolution::Claimed { txid } => claimed(case, contract, value, txid),
                // An HTLC that the peer takes was paid, or is the peer's again.
                Resolution::Fulfilled { txid: _ } | Resolution::TimedOut { txid: _ } => nothing,
                Resolution::SweptByAnother { txid: _ } => ClosingBalance {
                    lost: value,
                    ..nothing
                },
            }
        }
    }
}

/// What a claim of ours brought, less this output's share of its fee.
fn claimed(case: &Case, contract: &Contract, value: Amount, txid: Txid) -> ClosingBalance {
    let nothing = ClosingBalance::default();
    if let Some(child) = case
        .contracts
        .iter()
        .find(|child| child.parent == Some(contract.outpoint))
    {
        // Its output is a contract of its own; what it has less was the second level's fee.
        return ClosingBalance {
            sweep_fees: less(value, Amount::from_sat(child.value_sat)),
            ..nothing
        };
    }
    let fee = case
        .broadcasts
        .iter()
        .find(|ours| ours.txid == txid)
        .map_or(Amount::ZERO, |ours| {
            fee_share(case, value, &ours.transaction)
        });
    ClosingBalance {
        settled: less(value, fee),
        sweep_fees: fee,
        ..nothing
    }
}

/// The part of a claim's fee that falls on one of its outputs, by value.
fn fee_share(case: &Case, value: Amount, claim: &Transaction) -> Amount {
    let taken = case.contracts.iter().filter(|contract| {
        let mut inputs = claim.input.iter();
        inputs.any(|input| input.previous_output == contract.outpoint)
    });
    let total = taken
        .map(|contract| Amount::from_sat(contract.value_sat))
        .fold(Amount::ZERO, add);
    let fee = u128::from(less(total, paid_out(claim)).to_sat());
    let part = fee * u128::from(value.to_sat()) / u128::from(total.to_sat().max(1));
    Amount::from_sat(u64::try_from(part).unwrap_or(u64::MAX))
}

pub(super) fn paid_out(transaction: &Transaction) -> Amount {
    let values = transaction.output.iter().map(|output| output.value);
    values.fold(Amount::ZERO, add)
}

fn add(a: Amount, b: Amount) -> Amount {
    a.checked_add(b).unwrap_or(Amount::MAX_MONEY)
}

pub(super) fn less(a: Amount, b: Amount) -> Amount {
    a.checked_sub(b).unwrap_or(Amount::ZERO)
}
