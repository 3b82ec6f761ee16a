//! What a proven close has brought so far, in four sums.

use bitcoin::Amount;

use super::contracts::paid_out;
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
}

impl ClosingBalance {
    /// The balance of a case; zero while no close is proven.
    pub fn of(case: &Case) -> Self {
        let Some(close) = &case.close else {
            return Self::default();
        };
        let mut balance = ClosingBalance {
            settled: Amount::from_sat(close.paid_to_us_sat),
            ..Self::default()
        };
        for contract in &case.contracts {
            balance.count(contract, case);
        }
        balance
    }

    /// The sum of two, which never overflows.
    pub fn plus(self, other: Self) -> Self {
        ClosingBalance {
            settled: plus(self.settled, other.settled),
            time_locked: plus(self.time_locked, other.time_locked),
            contested: plus(self.contested, other.contested),
            lost: plus(self.lost, other.lost),
        }
    }

    fn count(&mut self, contract: &Contract, case: &Case) {
        let value = Amount::from_sat(contract.value_sat);
        match contract.progress {
            Progress::Unresolved => self.contested = plus(self.contested, value),
            Progress::Maturing { .. } | Progress::Claimable => {
                self.time_locked = plus(self.time_locked, value);
            }
            Progress::Spent { resolution, .. } | Progress::Resolved { resolution } => {
                match resolution {
                    Resolution::Claimed { txid } => {
                        let mut held = case.broadcasts.iter();
                        let paid = held
                            .find(|ours| ours.txid == txid)
                            .map_or(value, |ours| Amount::from_sat(paid_out(&ours.transaction)));
                        self.settled = plus(self.settled, paid);
                    }
                    Resolution::SweptByAnother { .. } if is_ours_alone(contract.role) => {
                        self.lost = plus(self.lost, value);
                    }
                    Resolution::SweptByAnother { .. } => {}
                }
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

fn plus(one: Amount, other: Amount) -> Amount {
    one.checked_add(other).unwrap_or(Amount::MAX)
}
