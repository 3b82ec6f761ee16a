//! The books of a case: what each output of the close comes to for us, and what claiming it has cost.

use std::collections::BTreeMap;

use bitcoin::{Amount, OutPoint, Txid};
use serde::{Deserialize, Serialize};

use super::balance::{add, less, paid_out, value, ClosingBalance};
use super::{Broadcast, Case, Contract, ContractRole, LogKind, Progress, Reason, Resolution, Step};
use crate::protocol::Party;

/// What an output comes to for us, in satoshi. One that is not ours comes to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Ours if all goes well, and not settled; in a case that has ended: left where it is.
    pub in_limbo_sat: u64,
    /// Ours, settled, less the fees.
    pub recovered_sat: u64,
    /// It was ours, and somebody else has spent it.
    pub lost_sat: u64,
    /// Paid out of it for claiming it.
    pub fees_sat: u64,
    /// Paid for the same out of the wallet's coins.
    pub wallet_fees_sat: u64,
}

impl Money {
    /// As it is reported: recovered is only what is settled.
    pub(super) fn of(share: &ClosingBalance, is_settled: bool) -> Self {
        let (limbo, settled) = (share.in_limbo().to_sat(), share.settled.to_sat());
        let (in_limbo_sat, recovered_sat) = if is_settled {
            (limbo, settled)
        } else {
            (limbo.saturating_add(settled), 0)
        };
        Money {
            in_limbo_sat,
            recovered_sat,
            lost_sat: share.lost.to_sat(),
            fees_sat: share.sweep_fees.to_sat(),
            wallet_fees_sat: share.wallet_fees.to_sat(),
        }
    }
}

/// Writes into the log what every output came to: the working data that says so goes with the end of the case.
pub(super) fn close_books(step: &mut Step, tip: u32) {
    let books = Books::of(&step.case);
    let entries: Vec<LogKind> = step
        .case
        .contracts
        .iter()
        .map(|contract| LogKind::Account {
            outpoint: contract.outpoint,
            money: books.money(contract),
        })
        .collect();
    for entry in entries {
        step.log(tip, entry);
    }
}

/// What has to be known of all outputs to say what one of them comes to.
pub(super) struct Books {
    /// What the second-level spend of an output left.
    second_level: BTreeMap<OutPoint, Amount>,
    /// What claiming an output has cost.
    fees: BTreeMap<OutPoint, Amount>,
    /// What the wallet's coins have paid for it.
    wallet_fees: BTreeMap<OutPoint, Amount>,
}

impl Books {
    pub(super) fn of(case: &Case) -> Self {
        let contracts = case.contracts.iter();
        let mut books = Books {
            second_level: contracts
                .filter_map(|contract| Some((contract.parent?, value(contract))))
                .collect(),
            fees: BTreeMap::new(),
            wallet_fees: BTreeMap::new(),
        };
        let claimed = claimed(case);
        for held in &case.broadcasts {
            if let Some(taken) = claimed.get(&held.txid) {
                books.enter(held, taken);
            }
        }
        books
    }

    /// A claim that confirmed, and what it took: each output bears its part of what the outputs have paid, and of what the
    /// wallet's coins have.
    fn enter(&mut self, held: &Broadcast, taken: &[&Contract]) {
        let values: Vec<Amount> = taken.iter().map(|contract| value(contract)).collect();
        let total = sum(values.iter().copied());
        let coins = sum(held.coins.iter().map(|coin| coin.output.value));
        let paid_out = paid_out(&held.transaction);
        let of_outputs = less(total, paid_out);
        let parts = divided(of_outputs, &values);
        let second_level = taken.iter().zip(&parts).map(|(contract, part)| {
            let left = self.second_level.get(&contract.outpoint);
            left.map_or(*part, |left| less(value(contract), *left))
        });
        let of_coins = match held.coins.is_empty() {
            true => Amount::ZERO,
            false => less(less(add(total, coins), paid_out), sum(second_level)),
        };
        let of_coins = divided(of_coins, &values);
        for ((contract, part), of_coins) in taken.iter().zip(parts).zip(of_coins) {
            self.fees.insert(contract.outpoint, part);
            self.wallet_fees.insert(contract.outpoint, of_coins);
        }
    }

    /// What one output of the close comes to, as it is reported.
    pub(super) fn money(&self, contract: &Contract) -> Money {
        // What the second level cost is not recovered, and what it left is an output of its own.
        Money::of(&self.share(contract), contract.progress.settled().is_some())
    }

    /// In which sum of the balance one output of the close stands.
    pub(super) fn share(&self, contract: &Contract) -> ClosingBalance {
        let of_coins = self.wallet_fees.get(&contract.outpoint).copied();
        ClosingBalance {
            wallet_fees: of_coins.unwrap_or(Amount::ZERO),
            ..self.part_of_capacity(contract)
        }
    }

    fn part_of_capacity(&self, contract: &Contract) -> ClosingBalance {
        let value = value(contract);
        let nothing = ClosingBalance::default();
        if let Some(left) = self.second_level.get(&contract.outpoint) {
            return second_level_fee(contract, less(value, *left));
        }
        match contract.progress {
            Progress::Contested { .. } => ClosingBalance {
                contested: value,
                ..nothing
            },
            Progress::Maturing { claimable_at } => ClosingBalance {
                maturing: BTreeMap::from([(claimable_at, value)]),
                ..nothing
            },
            Progress::Claimable => ClosingBalance {
                claimable: value,
                ..nothing
            },
            Progress::Uneconomic { .. } => ClosingBalance {
                uneconomic: value,
                ..nothing
            },
            Progress::GivenUp { reason } => given_up(reason, value),
            Progress::Spent { resolution, .. } | Progress::Resolved { resolution } => {
                self.spent(contract, &resolution)
            }
        }
    }

    fn spent(&self, contract: &Contract, resolution: &Resolution) -> ClosingBalance {
        let value = value(contract);
        let nothing = ClosingBalance::default();
        match resolution {
            Resolution::Claimed { txid: _ } => {
                let fee = self.fees.get(&contract.outpoint).copied();
                let fee = fee.unwrap_or(Amount::ZERO);
                ClosingBalance {
                    settled: less(value, fee),
                    sweep_fees: fee,
                    ..nothing
                }
            }
            // An HTLC that the peer takes was paid, or is the peer's again.
            Resolution::Fulfilled { txid: _ } | Resolution::TimedOut { txid: _ } => {
                ClosingBalance {
                    others: value,
                    ..nothing
                }
            }
            Resolution::SweptByAnother { txid: _ } => swept(contract.role, value),
        }
    }
}

/// The outputs that are claimed, by the transaction that did it.
fn claimed(case: &Case) -> BTreeMap<Txid, Vec<&Contract>> {
    let mut taken: BTreeMap<Txid, Vec<&Contract>> = BTreeMap::new();
    for contract in &case.contracts {
        match contract.progress.resolution() {
            Some(Resolution::Claimed { txid }) => taken.entry(txid).or_default().push(contract),
            Some(
                Resolution::Fulfilled { .. }
                | Resolution::TimedOut { .. }
                | Resolution::SweptByAnother { .. },
            )
            | None => {}
        }
    }
    taken
}

/// An amount divided by these values; the parts together are the amount, to the last satoshi.
fn divided(amount: Amount, by: &[Amount]) -> Vec<Amount> {
    let total = u128::from(sum(by.iter().copied()).to_sat().max(1));
    let part_of = |value: Amount| {
        let part = u128::from(amount.to_sat()) * u128::from(value.to_sat()) / total;
        Amount::from_sat(u64::try_from(part).unwrap_or(u64::MAX))
    };
    let mut before = Amount::ZERO;
    by.iter()
        .map(|value| {
            let with = add(before, *value);
            let part = less(part_of(with), part_of(before));
            before = with;
            part
        })
        .collect()
}

fn sum(amounts: impl Iterator<Item = Amount>) -> Amount {
    amounts.fold(Amount::ZERO, add)
}

/// An output that is a contract of its own holds the rest: what it has less was the fee of the second level.
fn second_level_fee(contract: &Contract, fee: Amount) -> ClosingBalance {
    let nothing = ClosingBalance::default();
    match contract.owner {
        Party::Local => ClosingBalance {
            sweep_fees: fee,
            ..nothing
        },
        // The cheater paid it.
        Party::Remote => ClosingBalance {
            others: fee,
            ..nothing
        },
    }
}

fn given_up(reason: Reason, value: Amount) -> ClosingBalance {
    let nothing = ClosingBalance::default();
    match reason {
        Reason::NotOurs => ClosingBalance {
            others: value,
            ..nothing
        },
        Reason::FeeAboveValue { .. }
        | Reason::ReserveNeeded { .. }
        | Reason::AnchorAlone
        | Reason::NoPeerSignature => ClosingBalance {
            given_up: value,
            ..nothing
        },
    }
}

fn swept(role: ContractRole, value: Amount) -> ClosingBalance {
    let nothing = ClosingBalance::default();
    match role {
        // BOLT 3 leaves it to anyone after a while, and to us it was not worth its fee.
        ContractRole::Anchor => ClosingBalance {
            uneconomic: value,
            ..nothing
        },
        ContractRole::CommitSweep
        | ContractRole::OutgoingContest
        | ContractRole::OutgoingTimeout
        | ContractRole::IncomingContest
        | ContractRole::IncomingSuccess
        | ContractRole::Breach => ClosingBalance {
            lost: value,
            ..nothing
        },
    }
}
