//! A stored case, judged once more: whether it agrees with itself, with the terms, and with what both sides signed.

use bitcoin::{ScriptBuf, Transaction};

use super::claims::is_second_level;
use super::summary::{remade, Standing};
use super::watcher::is_signed_by_both;
use super::{ArbitratorState, Broadcast, BroadcastPurpose, Case, Close, Contract, Dossier};
use crate::channel::audit::Flaw;
use crate::channel::{ChannelTerms, CloseSummary};

/// Judges a case.
pub fn audit_case(case: &Case, dossier: &Dossier, sweep_script: Option<&ScriptBuf>) -> Vec<Flaw> {
    let terms = &dossier.terms;
    let mut flaws = Vec::new();
    flaws.extend(latches(case));
    match &case.close {
        Some(close) => {
            flaws.extend(close_itself(terms, close));
            let contracts = case.contracts.iter();
            flaws
                .extend(contracts.filter_map(|contract| of_contract(case, terms, close, contract)));
        }
        None if case.contracts.is_empty() => {}
        None => flaws.push(Flaw::new("contract", "detail", "there is no close")),
    }
    for transaction in &dossier.cooperative {
        if !is_signed_by_both(terms, transaction) {
            let what = "not signed by both funding keys";
            flaws.push(Flaw::new("cooperative_close", "transaction_bytes", what));
        }
    }
    let broadcasts = case.broadcasts.iter();
    flaws.extend(broadcasts.filter_map(|held| of_broadcast(case, terms, held, sweep_script)));
    flaws
}

/// Judges a close summary by making it again, as long as what it is made of is there.
pub fn audit_summary(
    case: &Case,
    dossier: &Dossier,
    stored: Option<&CloseSummary>,
) -> Option<Flaw> {
    let flaw = |what| Some(Flaw::new("close_summary", "detail", what));
    let has_ended = case.state == ArbitratorState::FullyResolved;
    let is_due = case.close.is_some() || case.cancelled.is_some() || has_ended;
    match stored {
        None if is_due => flaw("there is none"),
        None => None,
        Some(_) if !is_due => flaw("the channel is not closed"),
        Some(stored) if stored.is_final != has_ended => flaw("the case says otherwise"),
        // Its contracts may be purged.
        Some(_) if has_ended => None,
        Some(stored) => {
            let mut expected = remade(case, dossier, stored.kind, Standing::Provisional);
            // What the peer would be answered is that of the day of the close.
            expected.reestablish = stored.reestablish.clone();
            if stored.reestablish.is_none() {
                // Made by a version that knew neither.
                expected.closing_fee = stored.closing_fee;
            }
            (expected != *stored)
                .then(|| Flaw::new("close_summary", "detail", "the case says otherwise"))
        }
    }
}

/// States and latches imply each other.
fn latches(case: &Case) -> Option<Flaw> {
    let flaw = |field, what| Some(Flaw::new("court_case", field, what));
    let latches = &case.latches;
    match case.state {
        ArbitratorState::BroadcastCommit | ArbitratorState::CommitmentBroadcasted
            if latches.force_close.is_none() =>
        {
            return flaw("state", "nobody decided to close");
        }
        ArbitratorState::Default
        | ArbitratorState::BroadcastCommit
        | ArbitratorState::CommitmentBroadcasted
            if case.close.is_some() =>
        {
            return flaw("state", "there is a close");
        }
        ArbitratorState::ContractClosed | ArbitratorState::WaitingFullResolution
            if case.close.is_none() =>
        {
            return flaw("state", "there is no close");
        }
        ArbitratorState::Default
        | ArbitratorState::BroadcastCommit
        | ArbitratorState::CommitmentBroadcasted
        | ArbitratorState::ContractClosed
        | ArbitratorState::WaitingFullResolution
        | ArbitratorState::FullyResolved => {}
    }
    let refuses = case.close.is_some() || latches.data_loss.is_some();
    if refuses && !latches.updates_refused {
        return flaw("updates_refused", "updates must be refused");
    }
    None
}

fn close_itself(terms: &ChannelTerms, close: &Close) -> Option<Flaw> {
    if close.transaction.compute_txid() != close.txid {
        return Some(Flaw::new(
            "court_case",
            "detail",
            "the close is another transaction",
        ));
    }
    spends(&close.transaction, terms.channel(), "court_case", "detail")
}

fn of_contract(
    case: &Case,
    terms: &ChannelTerms,
    close: &Close,
    contract: &Contract,
) -> Option<Flaw> {
    let flaw = |what| Some(Flaw::new("contract", "detail", what));
    if let Some(parent) = contract.parent {
        let made_it = |it: &Contract| {
            let resolution = it.progress.resolution();
            it.outpoint == parent
                && resolution.is_some_and(|it| it.txid() == contract.outpoint.txid)
        };
        // The transaction between is the chain's, not the case's.
        return if case.contracts.iter().any(made_it) {
            None
        } else {
            flaw("no output of the close leads to it")
        };
    }
    let output = usize::try_from(contract.outpoint.vout)
        .ok()
        .and_then(|vout| close.transaction.output.get(vout))
        .filter(|_| contract.outpoint.txid == close.txid);
    let Some(output) = output else {
        return flaw("it is no output of the close");
    };
    if output.value.to_sat() != contract.value_sat {
        return flaw("the output has another value");
    }
    let script = terms
        .commitment_keys(contract.owner, &contract.per_commitment_point)
        .ok()
        .and_then(|keys| {
            let delay = terms.party(contract.owner).to_self_delay;
            terms
                .channel_type
                .format()
                .script(&contract.output, &keys, delay)
        });
    if script.map(|script| script.script_pubkey).as_ref() != Some(&output.script_pubkey) {
        return flaw("the output has another script");
    }
    None
}

fn of_broadcast(
    case: &Case,
    terms: &ChannelTerms,
    held: &Broadcast,
    sweep_script: Option<&ScriptBuf>,
) -> Option<Flaw> {
    let flaw = |field, what| Some(Flaw::new("broadcast", field, what));
    if held.transaction.compute_txid() != held.txid {
        return flaw("txid", "the transaction has another");
    }
    match held.purpose {
        BroadcastPurpose::Funding if held.txid != terms.channel().txid => {
            flaw("purpose", "it is not the funding")
        }
        BroadcastPurpose::Commitment
        | BroadcastPurpose::Cooperative
        | BroadcastPurpose::OrphanedClose
        | BroadcastPurpose::PeerCommitment
            if !is_signed_by_both(terms, &held.transaction) =>
        {
            flaw("transaction_bytes", "not signed by both funding keys")
        }
        BroadcastPurpose::Sweep(outpoint) => {
            let second_level = second_level_scripts(case, terms, held);
            // Of a close that a reorg took away, its claims alone are left.
            let is_of_another = case.claimed_by(&held.transaction).next().is_none();
            let pays_us = |script: &ScriptBuf| {
                Some(script) == sweep_script || second_level.contains(script) || is_of_another
            };
            let outputs = &held.transaction.output;
            if outputs.iter().all(|output| pays_us(&output.script_pubkey)) {
                spends(
                    &held.transaction,
                    outpoint,
                    "broadcast",
                    "transaction_bytes",
                )
            } else {
                flaw("transaction_bytes", "it does not pay the sweep script")
            }
        }
        BroadcastPurpose::Cpfp(anchor) => {
            let mut outputs = held.transaction.output.iter();
            if outputs.all(|output| Some(&output.script_pubkey) == sweep_script) {
                spends(&held.transaction, anchor, "broadcast", "transaction_bytes")
            } else {
                flaw("transaction_bytes", "it does not pay the sweep script")
            }
        }
        BroadcastPurpose::Funding
        | BroadcastPurpose::Commitment
        | BroadcastPurpose::Cooperative
        | BroadcastPurpose::OrphanedClose
        | BroadcastPurpose::PeerCommitment => None,
    }
}

/// The scripts that HTLCs of our own commitment are taken to by a claim of ours.
fn second_level_scripts(case: &Case, terms: &ChannelTerms, held: &Broadcast) -> Vec<ScriptBuf> {
    case.claimed_by(&held.transaction)
        .filter(|contract| is_second_level(contract))
        .filter_map(|contract| {
            let point = &contract.per_commitment_point;
            let keys = terms.commitment_keys(contract.owner, point).ok()?;
            let delay = terms.party(contract.owner).to_self_delay;
            let format = terms.channel_type.format();
            Some(format.second_level_output(&keys, delay).script_pubkey)
        })
        .collect()
}

fn spends(
    transaction: &Transaction,
    outpoint: bitcoin::OutPoint,
    of: &'static str,
    field: &'static str,
) -> Option<Flaw> {
    let spent = transaction
        .input
        .iter()
        .any(|input| input.previous_output == outpoint);
    (!spent).then(|| Flaw::new(of, field, "it spends something else"))
}
