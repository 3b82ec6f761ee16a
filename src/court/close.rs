//! The close of a channel, from the first sight of it to its proof, and back when a reorg takes it away.

use bitcoin::Txid;

use super::again;
use super::commands::on_data_loss;
use super::permit::is_permitted;
use super::summary::{self, Standing};
use super::watcher::{self, CloseKind, Recognition};
use super::{
    ArbitratorState, Block, BroadcastPurpose, Close, CourtError, Dossier, EventKind, Facts,
    ForceClose, LogKind, Orphan, Spend, Step, SummaryChange,
};
use crate::config::Policy;

pub(super) fn closing(step: &mut Step, dossier: &Dossier, facts: &Facts) -> Result<(), CourtError> {
    let spend = facts.spends.get(&dossier.channel());
    match spend.map(|spend| (spend, spend.confirmed)) {
        Some((spend, Some((block, _)))) => proven_close(step, dossier, facts, spend, block),
        Some((spend, None)) => {
            orphaned_close(step, dossier, facts);
            seen_close(step, dossier, facts, spend)
        }
        None => {
            orphaned_close(step, dossier, facts);
            Ok(())
        }
    }
}

/// A close in the mempool warns, and silences no action of ours: but one of a state beyond all we know, for both have signed it,
/// and no server can make that up. The peer's is kept: the mempool may forget it.
fn seen_close(
    step: &mut Step,
    dossier: &Dossier,
    facts: &Facts,
    spend: &Spend,
) -> Result<(), CourtError> {
    if step.case.seen == Some(spend.txid)
        || !watcher::is_signed_by_both(&dossier.terms, &spend.transaction)
    {
        return Ok(());
    }
    let Recognition { kind, .. } = watcher::recognise(dossier, &spend.transaction, &facts.context)?;
    step.case.seen = Some(spend.txid);
    let txid = spend.txid;
    step.log(facts.tip, LogKind::CloseSeen { txid, kind });
    let channel = dossier.channel();
    step.tell(channel, EventKind::CloseSeen { txid, kind });
    if let CloseKind::Breach { number } = kind {
        step.tell(channel, EventKind::BreachSeen { txid, number });
    }
    lost_data(step, dossier, facts, kind);
    if let Some(purpose) = again::out_of_a_mempool(kind) {
        step.hold(purpose, &spend.transaction, &[], facts.tip);
    }
    Ok(())
}

fn proven_close(
    step: &mut Step,
    dossier: &Dossier,
    facts: &Facts,
    spend: &Spend,
    block: Block,
) -> Result<(), CourtError> {
    match &step.case.close {
        Some(close) if close.txid == spend.txid && close.block == block => {
            return revoked_since(step, dossier, facts, spend);
        }
        Some(_) => forget_close(step, dossier, facts),
        None => {}
    }
    let Recognition {
        kind,
        contracts,
        paid_to_us_sat,
        outputs,
    } = watcher::recognise(dossier, &spend.transaction, &facts.context)?;
    let channel = dossier.channel();
    let txid = spend.txid;
    step.case.latches.updates_refused = true;
    step.case.orphan = None;
    step.case.close = Some(Close {
        kind,
        txid,
        transaction: spend.transaction.clone(),
        block,
        paid_to_us_sat,
        settled: false,
    });
    step.log(facts.tip, LogKind::CloseProven { txid, kind, block });
    for output in outputs {
        step.log(facts.tip, LogKind::Output(output));
    }
    step.tell(
        channel,
        EventKind::ChannelClosed {
            txid,
            kind,
            height: block.height,
            block: block.hash,
        },
    );
    step.case.contracts = contracts;
    remarkable_close(step, dossier, facts, kind, txid);
    step.enter(facts.tip, ArbitratorState::ContractClosed);
    summary::of_close(step, dossier, Standing::Provisional);
    Ok(())
}

/// The peer revoked the commitment after it had broadcast it: now it is a breach.
fn revoked_since(
    step: &mut Step,
    dossier: &Dossier,
    facts: &Facts,
    spend: &Spend,
) -> Result<(), CourtError> {
    let Some(close) = &step.case.close else {
        return Ok(());
    };
    let number = match close.kind {
        CloseKind::Remote { number } | CloseKind::RemotePending { number } => number,
        CloseKind::Cooperative
        | CloseKind::Local { .. }
        | CloseKind::LocalOther { .. }
        | CloseKind::Breach { .. }
        | CloseKind::RemoteFuture { .. }
        | CloseKind::Unknown => return Ok(()),
    };
    let is_revoked = dossier
        .feed
        .remote_revoked
        .is_some_and(|revoked| number <= revoked.get());
    if !is_revoked || facts.context.peer_secret.is_none() {
        return Ok(());
    }
    let Recognition {
        kind, contracts, ..
    } = watcher::recognise(dossier, &spend.transaction, &facts.context)?;
    let txid = close.txid;
    let block = close.block;
    if let Some(close) = step.case.close.as_mut() {
        close.kind = kind;
    }
    step.log(facts.tip, LogKind::CloseProven { txid, kind, block });
    step.case.contracts = contracts;
    remarkable_close(step, dossier, facts, kind, txid);
    Ok(())
}

/// What the kind of a proven close means beyond the close itself.
fn remarkable_close(
    step: &mut Step,
    dossier: &Dossier,
    facts: &Facts,
    kind: CloseKind,
    txid: Txid,
) {
    let channel = dossier.channel();
    match kind {
        CloseKind::Breach { number } => {
            step.tell(channel, EventKind::BreachDetected { txid, number });
        }
        CloseKind::Unknown => step.tell(channel, EventKind::FundsAtRisk { txid }),
        CloseKind::Cooperative
        | CloseKind::Local { .. }
        | CloseKind::LocalOther { .. }
        | CloseKind::Remote { .. }
        | CloseKind::RemotePending { .. }
        | CloseKind::RemoteFuture { .. } => {}
    }
    lost_data(step, dossier, facts, kind);
}

/// A state beyond all we know was signed by us: we lost data, and what we hold may be revoked.
fn lost_data(step: &mut Step, dossier: &Dossier, facts: &Facts, kind: CloseKind) {
    match kind {
        CloseKind::RemoteFuture { number } => on_data_loss(step, dossier, number, facts.tip),
        // Another device goes on where we stopped.
        CloseKind::LocalOther { number } if is_ahead_of_us(dossier, number) => {
            on_data_loss(step, dossier, number, facts.tip);
        }
        CloseKind::LocalOther { .. }
        | CloseKind::Cooperative
        | CloseKind::Local { .. }
        | CloseKind::Remote { .. }
        | CloseKind::RemotePending { .. }
        | CloseKind::Breach { .. }
        | CloseKind::Unknown => {}
    }
}

fn is_ahead_of_us(dossier: &Dossier, number: u64) -> bool {
    dossier
        .feed
        .local
        .is_none_or(|newest| number > newest.get())
}

/// The proven close is gone: back to before it. The latches stay; a close that may be is broadcast again.
fn orphaned_close(step: &mut Step, dossier: &Dossier, facts: &Facts) {
    let Some(close) = step.case.close.clone() else {
        return;
    };
    forget_close(step, dossier, facts);
    step.case.orphan = Some(Orphan {
        txid: close.txid,
        since: facts.tip,
    });
    if let Some(purpose) = again::after_a_reorg(close.kind, &step.case) {
        step.hold(purpose, &close.transaction, &[], facts.tip);
    }
    let holds = |purpose| {
        step.case
            .broadcasts
            .iter()
            .any(|broadcast| broadcast.purpose == purpose)
    };
    let back_to = if holds(BroadcastPurpose::Commitment) {
        ArbitratorState::CommitmentBroadcasted
    } else if step.case.latches.force_close.is_some() && is_permitted(&step.case) {
        ArbitratorState::BroadcastCommit
    } else {
        ArbitratorState::Default
    };
    step.enter(facts.tip, back_to);
}

/// Takes back what was derived from the close: its summary and its contracts. The claims of its outputs stay, unused: when
/// the same close confirms again, what confirms with it is known for ours, and what is broadcast anew pays no less.
fn forget_close(step: &mut Step, dossier: &Dossier, facts: &Facts) {
    let Some(close) = step.case.close.take() else {
        return;
    };
    let (txid, block) = (close.txid, close.block);
    step.log(facts.tip, LogKind::CloseReorged { txid, block });
    step.tell(
        dossier.channel(),
        EventKind::CloseReorged {
            txid,
            block: block.hash,
        },
    );
    step.summary = SummaryChange::Withdraw;
    step.case.contracts.clear();
    step.case.seen = Some(txid);
}

/// A close that stays away, or a cooperative one that does not confirm, makes our commitment go out.
pub(super) fn absent_close(step: &mut Step, dossier: &Dossier, facts: &Facts, policy: &Policy) {
    let Some(orphan) = step.case.orphan else {
        return;
    };
    let is_looked_at = facts.looked_at.contains(&dossier.channel());
    let waited = facts.tip.saturating_sub(orphan.since) >= policy.orphan_patience && is_looked_at;
    let can_broadcast = is_permitted(&step.case) && dossier.local_commitment().is_some();
    if waited && can_broadcast && step.case.state == ArbitratorState::Default {
        step.case.latches.force_close = Some(ForceClose { since: facts.tip });
        let txid = orphan.txid;
        step.log(facts.tip, LogKind::OrphanAbandoned { txid });
        step.enter(facts.tip, ArbitratorState::BroadcastCommit);
    }
}

#[cfg(test)]
mod tests;
