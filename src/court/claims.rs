//! Which outputs are claimed now, and which of them together.
//!
//! | output                                             | goes with                                                   |
//! |----------------------------------------------------|-------------------------------------------------------------|
//! | our balance, a second-level output of ours         | all of them that are ours by now: nobody else can spend them, so nothing is lost by waiting. On a commitment that we may have revoked: nothing |
//! | an outgoing HTLC, past its expiry                  | those with the same expiry, which is the lock time          |
//! | an incoming HTLC                                   | those that expire within the same `wake_interval`; alone from `justice_split_margin` blocks before its expiry, when the peer can take it back |
//! | an HTLC on our commitment, static_remotekey        | nothing: the peer signed the transaction as it is           |
//! | both balances of a breach                          | each other: nobody but us can spend them yet, so nobody can pin their claim |
//! | what the cheater can spend of a breach             | all of that kind; each alone when their claim stays unconfirmed for `claim_patience` blocks |
//! | any of a breach, `justice_split_margin` blocks before the cheater's delay is over | nothing                      |

use std::cmp::Reverse;
use std::collections::BTreeSet;

use bitcoin::{FeeRate, OutPoint, Transaction};

use super::bump::{first, Bumped};
use super::deadlines::{claim_deadline, contestable_from};
use super::resolver::Progress;
use super::wants::is_due_claim;
use super::{
    Broadcast, BroadcastPurpose, Case, CloseKind, Contract, ContractRole, Dossier, Outcome,
};
use crate::channel::Direction;
use crate::config::Policy;
use crate::protocol::{ContractOutput, Party, SpendPath};

/// Outputs that one transaction claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// At least one; all spent in ways that fit together.
    pub contracts: Vec<Contract>,
    /// The height by which it has to be confirmed, for the first of them; `None`: nothing is lost by waiting.
    pub deadline: Option<u32>,
    /// The tip when one of them was first claimed by a transaction that can still confirm.
    pub since: Option<u32>,
    /// The feerate that the app has asked for, for one of them.
    pub floor: Option<FeeRate>,
    /// The claim that did not confirm.
    pub raise: Option<Raise>,
}

/// A claim that did not confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raise {
    /// It waits for a block, and is bid for anew if the curve has risen above it.
    Reprice(Broadcast),
    /// The new one takes its place, whatever its outputs can pay: it was refused, its coin is gone, or it is taken apart. Its
    /// coins are free for the new one, and a mempool that holds it wants more than all of its fee (BIP 125).
    Replace(Broadcast),
    /// It was taken apart, and another part of it takes its place.
    Follow(Broadcast),
}

impl Raise {
    /// The claim that did not confirm.
    pub fn held(&self) -> &Broadcast {
        match self {
            Raise::Reprice(held) | Raise::Replace(held) | Raise::Follow(held) => held,
        }
    }
}

/// What may share a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Alone(OutPoint),
    /// What nobody but us can spend: our balance, and what our second level left, once their delay is over.
    Ours,
    /// What the cheater cannot spend before its delay is over.
    Balances,
    /// What the cheater can spend at any time.
    Pinnable,
    /// HTLCs that we take back, with this lock time.
    Timeouts(u32),
    /// HTLCs that we claim with their preimages, and that the peer cannot take back soon: those that expire within this
    /// interval between two wakes.
    Successes(u32),
}

/// The claims that have to be made, or made anew, at this tip.
pub fn claims(case: &Case, dossier: &Dossier, tip: u32, policy: &Policy) -> Vec<Claim> {
    let mut open: Vec<(Group, Contract)> = Vec::new();
    let mut claims: Vec<(Vec<Contract>, Option<Raise>)> = Vec::new();
    let mut raised: BTreeSet<OutPoint> = BTreeSet::new();
    for contract in case.contracts.iter().filter(|it| is_claimable(it)) {
        if raised.contains(&contract.outpoint) {
            continue;
        }
        let group = group(case, contract, dossier, tip, policy);
        let Some(held) = newest(case, contract) else {
            open.push((group, contract.clone()));
            continue;
        };
        let raise = raise(case, held, contract, dossier, tip, policy);
        let Some(raise) = raise else {
            continue;
        };
        let together = together(case, held);
        raised.extend(together.iter().map(|it| it.outpoint));
        let is_apart = match group {
            Group::Ours | Group::Balances | Group::Timeouts(_) | Group::Successes(_) => false,
            Group::Pinnable => tip.saturating_sub(held.since) >= policy.claim_patience,
            Group::Alone(_) => true,
        };
        if is_apart && together.len() > 1 {
            claims.extend(apart(together, held));
        } else {
            claims.push((together, Some(raise)));
        }
    }
    open.sort_by_key(|(group, contract)| (*group, contract.outpoint));
    for chunk in open.chunk_by(|a, b| a.0 == b.0) {
        for part in chunk.chunks(policy.max_claim_inputs.max(1)) {
            claims.push((part.iter().map(|(_, it)| it.clone()).collect(), None));
        }
    }
    let claim = |(contracts, raise): (Vec<Contract>, Option<Raise>)| {
        let bumped = Bumped::of(case, contracts.iter().map(|it| &it.outpoint));
        let deadline = deadline(case, dossier, &contracts, policy);
        Claim {
            deadline: first([deadline, bumped.deadline]),
            since: since(case, &contracts),
            floor: bumped.feerate,
            contracts,
            raise,
        }
    };
    claims.into_iter().map(claim).collect()
}

/// The first deadline of the outputs.
fn deadline(
    case: &Case,
    dossier: &Dossier,
    contracts: &[Contract],
    policy: &Policy,
) -> Option<u32> {
    let of = |contract: &Contract| claim_deadline(case, dossier, contract, policy);
    contracts.iter().filter_map(of).min()
}

/// The tip when one of the outputs was first claimed.
fn since(case: &Case, contracts: &[Contract]) -> Option<u32> {
    let claims_one = |held: &&Broadcast| {
        let mut contracts = contracts.iter();
        contracts.any(|contract| spends(&held.transaction, &contract.outpoint))
    };
    let live = case.broadcasts.iter().filter(|held| is_sweep(held));
    let live = live.filter(claims_one).filter(|held| !case.is_void(held));
    live.map(|held| held.since).min()
}

/// A claim taken apart: one for each output, so that none waits for one that the peer is pinning. The most valuable one can
/// best afford to take its place, and goes first.
fn apart(
    mut contracts: Vec<Contract>,
    held: &Broadcast,
) -> impl Iterator<Item = (Vec<Contract>, Option<Raise>)> + '_ {
    contracts.sort_by_key(|contract| (Reverse(contract.value_sat), contract.outpoint));
    contracts.into_iter().enumerate().map(|(index, contract)| {
        let raise = match index {
            0 => Raise::Replace(held.clone()),
            _ => Raise::Follow(held.clone()),
        };
        (vec![contract], Some(raise))
    })
}

pub(super) fn is_claimable(contract: &Contract) -> bool {
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

fn group(case: &Case, contract: &Contract, dossier: &Dossier, tip: u32, policy: &Policy) -> Group {
    let alone = Group::Alone(contract.outpoint);
    match contract.role {
        ContractRole::CommitSweep => match case.close.as_ref().map(|close| close.kind) {
            Some(CloseKind::Breach { .. }) => Group::Balances,
            // The peer may hold its secret, and take one of them.
            Some(CloseKind::LocalOther { .. }) => alone,
            Some(
                CloseKind::Cooperative
                | CloseKind::Local { .. }
                | CloseKind::Remote { .. }
                | CloseKind::RemotePending { .. }
                | CloseKind::RemoteFuture { .. }
                | CloseKind::Unknown,
            )
            | None => Group::Ours,
        },
        ContractRole::Anchor => alone,
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
                Group::Successes(expiry / policy.wake_interval.max(1))
            }
            // One that the peer takes back must not undo the claim of the others.
            Some((Direction::Incoming, ..)) | None => alone,
        },
    }
}

pub(super) fn has_free_outputs(dossier: &Dossier) -> bool {
    let format = dossier.terms.channel_type.format();
    format.peer_sighash() != bitcoin::EcdsaSighashType::All
}

/// The newest transaction of ours that claims the contract and can confirm as things stand. One of whose inputs a reorg has
/// made wait, or another claim has taken the place, is none: the others do not wait for it.
fn newest<'a>(case: &'a Case, contract: &Contract) -> Option<&'a Broadcast> {
    case.broadcasts.iter().rfind(|held| {
        is_sweep(held)
            && spends(&held.transaction, &contract.outpoint)
            && !case.is_void(held)
            && is_due_claim(case, held)
    })
}

pub(super) fn is_sweep(held: &Broadcast) -> bool {
    match held.purpose {
        BroadcastPurpose::Sweep(_) => true,
        BroadcastPurpose::Funding
        | BroadcastPurpose::Commitment
        | BroadcastPurpose::Cooperative
        | BroadcastPurpose::OrphanedClose
        | BroadcastPurpose::PeerCommitment
        | BroadcastPurpose::Cpfp(_) => false,
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

/// Whether, and how, a claim has to be made anew: refused as too cheap, its coin gone, or unconfirmed in a block that might
/// have held it.
fn raise(
    case: &Case,
    held: &Broadcast,
    contract: &Contract,
    dossier: &Dossier,
    tip: u32,
    policy: &Policy,
) -> Option<Raise> {
    // As signed by the peer, it cannot be raised.
    if is_second_level(contract) && held.coins.is_empty() {
        return None;
    }
    let replace = || Raise::Replace(held.clone());
    match &held.outcome {
        Some(Outcome::FeeTooLow) => Some(replace()),
        Some(Outcome::Conflict(_)) => {
            let is_contested = claim_deadline(case, dossier, contract, policy).is_some();
            let has_waited = tip.saturating_sub(held.since) >= policy.claim_patience;
            (!held.coins.is_empty() || (is_contested && has_waited)).then(replace)
        }
        Some(
            Outcome::Accepted | Outcome::AlreadyKnown | Outcome::Unreachable | Outcome::Other(_),
        )
        | None => {
            let claimed = held.transaction.input.iter();
            let bumped = Bumped::of(case, claimed.map(|input| &input.previous_output));
            // What the app asks for counts at once, and is no news to one that pays it already.
            (tip > held.since || bumped.is_any()).then(|| Raise::Reprice(held.clone()))
        }
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
