//! Which outputs are claimed now, and which of them together.
//!
//! | output                                             | goes with                                                   |
//! |----------------------------------------------------|-------------------------------------------------------------|
//! | a balance, a second-level output of ours           | nothing, but for the balance on a revoked commitment        |
//! | an outgoing HTLC, past its expiry                  | those with the same expiry, which is the lock time          |
//! | an incoming HTLC                                   | the others; alone from `justice_split_margin` blocks before its expiry, when the peer can take it back |
//! | an HTLC on our commitment, static_remotekey        | nothing: the peer signed the transaction as it is           |
//! | both balances of a breach                          | each other: nobody but us can spend them yet, so nobody can pin their claim |
//! | what the cheater can spend of a breach             | all of that kind; each alone when their claim stays unconfirmed for `claim_patience` blocks |
//! | any of a breach, `justice_split_margin` blocks before the cheater's delay is over | nothing                      |

use std::cmp::Reverse;
use std::collections::BTreeSet;

use bitcoin::{OutPoint, Transaction};

use super::deadlines::contestable_from;
use super::resolver::Progress;
use super::{
    Broadcast, BroadcastPurpose, Case, CloseKind, Contract, ContractRole, Dossier, Outcome,
};
use crate::channel::Direction;
use crate::config::Policy;
use crate::protocol::{ContractOutput, Party, SpendPath};

/// How soon a claim has to confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Urgency {
    /// Nobody else can have it.
    Patient,
    /// The peer can, now or from a height on.
    Urgent,
}

/// Outputs that one transaction claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// At least one; all spent in ways that fit together.
    pub contracts: Vec<Contract>,
    pub urgency: Urgency,
    /// The claim that did not confirm.
    pub raise: Option<Raise>,
}

/// A claim that did not confirm, and that has to be outbid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raise {
    /// The new one takes its place: its coins are free for it, and a mempool that holds it wants more than all of its fee
    /// (BIP 125).
    Replace(Broadcast),
    /// It was taken apart, and another part of it takes its place.
    Follow(Broadcast),
}

impl Raise {
    /// The claim that did not confirm.
    pub fn held(&self) -> &Broadcast {
        match self {
            Raise::Replace(held) | Raise::Follow(held) => held,
        }
    }
}

/// What may share a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Alone(OutPoint),
    /// What the cheater cannot spend before its delay is over.
    Balances,
    /// What the cheater can spend at any time.
    Pinnable,
    /// HTLCs that we take back, with this lock time.
    Timeouts(u32),
    /// HTLCs that we claim with their preimages, and that the peer cannot take back soon.
    Successes,
}

/// The claims that have to be made, or made anew, at this tip.
pub fn claims(case: &Case, dossier: &Dossier, tip: u32, policy: &Policy) -> Vec<Claim> {
    let mut open: Vec<(Group, &Contract)> = Vec::new();
    let mut claims: Vec<Claim> = Vec::new();
    let mut raised: BTreeSet<OutPoint> = BTreeSet::new();
    for contract in case.contracts.iter().filter(|it| is_claimable(it)) {
        if raised.contains(&contract.outpoint) {
            continue;
        }
        let group = group(case, contract, dossier, tip, policy);
        match newest(case, contract) {
            None => open.push((group, contract)),
            Some(held) if is_due_again(held, contract, tip, policy) => {
                let together = together(case, held);
                raised.extend(together.iter().map(|it| it.outpoint));
                match group {
                    Group::Balances | Group::Timeouts(_) | Group::Successes => {
                        claims.push(again(together, Raise::Replace(held.clone())));
                    }
                    Group::Alone(_) | Group::Pinnable => claims.extend(apart(together, held)),
                }
            }
            Some(_) => {}
        }
    }
    open.sort_by_key(|(group, contract)| (*group, contract.outpoint));
    for chunk in open.chunk_by(|a, b| a.0 == b.0) {
        for part in chunk.chunks(policy.max_claim_inputs.max(1)) {
            let contracts: Vec<Contract> = part.iter().map(|(_, it)| (*it).clone()).collect();
            claims.push(Claim {
                urgency: urgency(&contracts),
                contracts,
                raise: None,
            });
        }
    }
    claims
}

/// A claim made anew.
fn again(contracts: Vec<Contract>, raise: Raise) -> Claim {
    Claim {
        urgency: urgency(&contracts),
        contracts,
        raise: Some(raise),
    }
}

/// A claim taken apart: one for each output, so that none waits for one that the peer is pinning. The most valuable one can
/// best afford to take its place, and goes first.
fn apart(mut contracts: Vec<Contract>, held: &Broadcast) -> impl Iterator<Item = Claim> + '_ {
    contracts.sort_by_key(|contract| (Reverse(contract.value_sat), contract.outpoint));
    contracts.into_iter().enumerate().map(|(index, contract)| {
        let raise = match index {
            0 => Raise::Replace(held.clone()),
            _ => Raise::Follow(held.clone()),
        };
        again(vec![contract], raise)
    })
}

fn is_claimable(contract: &Contract) -> bool {
    // What was declared uneconomic is priced again at every look.
    match contract.progress {
        Progress::Claimable => true,
        Progress::Uneconomic { .. } => contract.role != ContractRole::Anchor,
        Progress::Contested { .. }
        | Progress::Maturing { .. }
        | Progress::GivenUp { .. }
        | Progress::Spent { .. }
        | Progress::Resolved { .. } => false,
    }
}

fn urgency(contracts: &[Contract]) -> Urgency {
    let of = |contract: &Contract| match contract.role {
        ContractRole::CommitSweep | ContractRole::Anchor => Urgency::Patient,
        ContractRole::OutgoingContest
        | ContractRole::OutgoingTimeout
        | ContractRole::IncomingContest
        | ContractRole::IncomingSuccess
        | ContractRole::Breach => Urgency::Urgent,
    };
    contracts.iter().map(of).max().unwrap_or(Urgency::Patient)
}

fn group(case: &Case, contract: &Contract, dossier: &Dossier, tip: u32, policy: &Policy) -> Group {
    let alone = Group::Alone(contract.outpoint);
    match contract.role {
        ContractRole::CommitSweep if is_breach(case) => Group::Balances,
        ContractRole::CommitSweep | ContractRole::Anchor => alone,
        ContractRole::Breach => {
            let delay = dossier.terms.remote.to_self_delay;
            let soon = contestable_from(case, contract, delay)
                .is_some_and(|height| tip.saturating_add(policy.justice_split_margin) >= height);
            match contract.output {
                ContractOutput::Htlc { .. }
                | ContractOutput::SecondLevel
                | ContractOutput::ToLocal
                | ContractOutput::ToRemote
                    if soon =>
                {
                    alone
                }
                ContractOutput::Htlc { .. } | ContractOutput::SecondLevel => Group::Pinnable,
                ContractOutput::ToLocal | ContractOutput::ToRemote => Group::Balances,
                ContractOutput::OwnerAnchor | ContractOutput::CounterpartyAnchor => alone,
            }
        }
        ContractRole::OutgoingContest
        | ContractRole::OutgoingTimeout
        | ContractRole::IncomingContest
        | ContractRole::IncomingSuccess => match contract.htlc_figures() {
            // BOLT 3: without anchors the peer's signature covers the whole second-level transaction.
            Some(_) if contract.owner == Party::Local && !has_free_outputs(dossier) => alone,
            Some((Direction::Outgoing, _, expiry)) => Group::Timeouts(expiry),
            Some((Direction::Incoming, _, expiry))
                if tip.saturating_add(policy.justice_split_margin) < expiry =>
            {
                Group::Successes
            }
            // One that the peer takes back must not undo the claim of the others.
            Some((Direction::Incoming, ..)) | None => alone,
        },
    }
}

fn is_breach(case: &Case) -> bool {
    let kind = case.close.as_ref().map(|close| close.kind);
    matches!(kind, Some(CloseKind::Breach { .. }))
}

fn has_free_outputs(dossier: &Dossier) -> bool {
    let format = dossier.terms.channel_type.format();
    format.peer_sighash() != bitcoin::EcdsaSighashType::All
}

/// The newest transaction of ours that claims the contract and can still confirm.
fn newest<'a>(case: &'a Case, contract: &Contract) -> Option<&'a Broadcast> {
    case.broadcasts.iter().rfind(|held| {
        is_sweep(held) && spends(&held.transaction, &contract.outpoint) && !case.is_void(held)
    })
}

pub(super) fn is_sweep(held: &Broadcast) -> bool {
    match held.purpose {
        BroadcastPurpose::Sweep(_) => true,
        BroadcastPurpose::Funding
        | BroadcastPurpose::Commitment
        | BroadcastPurpose::Cooperative
        | BroadcastPurpose::OrphanedClose => false,
    }
}

pub(super) fn spends(transaction: &Transaction, outpoint: &OutPoint) -> bool {
    let mut inputs = transaction.input.iter();
    inputs.any(|input| input.previous_output == *outpoint)
}

/// The contracts that a transaction of ours claims and that are still to be had.
fn together(case: &Case, held: &Broadcast) -> Vec<Contract> {
    let claimed = case.claimed_by(&held.transaction);
    claimed.filter(|it| is_claimable(it)).cloned().collect()
}

/// Whether a claim has to be made anew: refused as too cheap, its coin gone, or unconfirmed for too long while the peer may
/// come.
fn is_due_again(held: &Broadcast, contract: &Contract, tip: u32, policy: &Policy) -> bool {
    let is_contested = urgency(std::slice::from_ref(contract)) == Urgency::Urgent;
    let has_waited = is_contested && tip.saturating_sub(held.since) >= policy.claim_patience;
    match &held.outcome {
        // As signed by the peer, it cannot be raised.
        _ if is_second_level(contract) && held.coins.is_empty() => false,
        Some(Outcome::FeeTooLow) => true,
        Some(Outcome::Conflict(_)) => has_waited || !held.coins.is_empty(),
        Some(
            Outcome::Accepted | Outcome::AlreadyKnown | Outcome::Unreachable | Outcome::Other(_),
        )
        | None => has_waited,
    }
}

/// Whether a contract of ours is claimed through its second level.
pub fn is_second_level(contract: &Contract) -> bool {
    match contract.path() {
        SpendPath::HtlcTimeoutSecondLevel | SpendPath::HtlcSuccessSecondLevel => true,
        SpendPath::ToLocalDelayed
        | SpendPath::ToLocalRevoked
        | SpendPath::ToRemote
        | SpendPath::AnchorOwner
        | SpendPath::AnchorAnyone
        | SpendPath::HtlcTimeoutDirect
        | SpendPath::HtlcSuccessDirect
        | SpendPath::HtlcRevoked
        | SpendPath::SecondLevelDelayed
        | SpendPath::SecondLevelRevoked => false,
    }
}

#[cfg(test)]
mod tests;
