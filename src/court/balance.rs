//! What a proven close has brought so far, in a few sums.

use bitcoin::{Amount, Transaction};

use super::{Case, Contract, ContractRole, Progress, Resolution};

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
        Progress::Unresolved => ClosingBalance {
            contested: value,
            ..nothing
        },
        Progress::Maturing { .. } | Progress::Claimable => ClosingBalance {
            time_locked: value,
            ..nothing
        },
        Progress::Spent { resolution, .. } | Progress::Resolved { resolution } => {
            match resolution {
                Resolution::Claimed { txid } => {
                    let sweep = case.broadcasts.iter().find(|ours| ours.txid == txid);
                    let paid = sweep.map_or(value, |ours| paid_out(&ours.transaction));
                    ClosingBalance {
                        settled: paid,
                        sweep_fees: less(value, paid),
                        ..nothing
                    }
                }
                Resolution::SweptByAnother { .. } if is_ours_alone(contract.role) => {
                    ClosingBalance {
                        lost: value,
                        ..nothing
                    }
                }
                Resolution::SweptByAnother { .. } => nothing,
            }
        }
    }
}

/// An HTLC that somebody else takes was paid or given back; anything else is a loss.
fn is_ours_alone(role: ContractRole) -> bool {
    match role {
        ContractRole::CommitSweep | ContractRole::Anchor | ContractRole::Breach => true,
        ContractRole::Htlc => false,
    }
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
