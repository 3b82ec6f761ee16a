//! What people, the signer and the servers bring: a wish to close, a signature, the outcome of a broadcast, the
//! peer's proof that we lost data.

use bitcoin::{OutPoint, Transaction, Txid};

use super::resolver::{Progress, Reason};

use super::again::forget_revoked;
use super::anchors::is_raised;
use super::permit::{is_permitted, permit};
use super::{
    ArbitratorState, Broadcast, BroadcastPurpose, Coin, CourtError, Dossier, EventKind, ForceClose,
    FundingState, LogKind, Outcome, Step,
};

pub(super) fn on_force_close(
    step: &mut Step,
    dossier: &Dossier,
    tip: u32,
) -> Result<(), CourtError> {
    let channel = dossier.channel();
    permit(channel, &step.case)?;
    // A second request, or one for a channel that is closed, is answered with the state of the first.
    if step.case.state != ArbitratorState::Default {
        return Ok(());
    }
    if dossier.cooperative.is_empty() && dossier.local_commitment().is_none() {
        return Err(CourtError::NothingToBroadcast { channel });
    }
    forget_revoked(step, dossier);
    step.case.latches.updates_refused = true;
    step.case.latches.force_close = Some(ForceClose { since: tip });
    step.log(tip, LogKind::ForceCloseRequested);
    // An unconfirmed funding goes out first: the close spends it.
    if step.case.funding == FundingState::Pending {
        if let Some(funding) = dossier.terms.funding.to_broadcast() {
            hold(step, BroadcastPurpose::Funding, funding, tip);
        }
    }
    for transaction in &dossier.cooperative {
        hold(step, BroadcastPurpose::Cooperative, transaction, tip);
    }
    step.enter(tip, ArbitratorState::BroadcastCommit);
    Ok(())
}

/// The funding goes out, and again on every tick until it confirms.
pub(super) fn on_broadcast_funding(step: &mut Step, dossier: &Dossier, tip: u32) {
    if let Some(funding) = dossier.terms.funding.to_broadcast() {
        hold(step, BroadcastPurpose::Funding, funding, tip);
    }
}

fn hold(step: &mut Step, purpose: BroadcastPurpose, transaction: &Transaction, tip: u32) {
    hold_with(step, purpose, transaction, &[], tip);
}

fn hold_with(
    step: &mut Step,
    purpose: BroadcastPurpose,
    transaction: &Transaction,
    coins: &[Coin],
    tip: u32,
) {
    if step.hold(purpose, transaction, coins, tip) {
        let txid = transaction.compute_txid();
        step.log(tip, LogKind::Signed { purpose, txid });
    }
}

pub(super) fn on_signed(
    step: &mut Step,
    purpose: BroadcastPurpose,
    transaction: &Transaction,
    coins: &[Coin],
    tip: u32,
) {
    match purpose {
        BroadcastPurpose::Commitment => {
            // The state may have moved on while the signer was asked: then nothing of it is used.
            if step.case.state == ArbitratorState::BroadcastCommit && is_permitted(&step.case) {
                hold(step, purpose, transaction, tip);
                step.enter(tip, ArbitratorState::CommitmentBroadcasted);
            }
        }
        BroadcastPurpose::Sweep(_) => {
            let claimed = step.case.claimed_by(transaction);
            let claimed: Vec<OutPoint> = claimed.map(|contract| contract.outpoint).collect();
            if !claimed.is_empty() {
                hold_with(step, purpose, transaction, coins, tip);
            }
            for outpoint in claimed {
                reprice(step, outpoint, Progress::Claimable, tip);
            }
        }
        // A close may have confirmed while the signer was asked.
        BroadcastPurpose::Cpfp(anchor) => {
            if is_raised(&step.case, anchor) {
                hold_with(step, purpose, transaction, coins, tip);
                step.case.lacks_coin = None;
            }
        }
        BroadcastPurpose::Funding
        | BroadcastPurpose::Cooperative
        | BroadcastPurpose::OrphanedClose
        | BroadcastPurpose::PeerCommitment => {}
    }
}

/// Outputs are left for now. What is out for them already stays out: it is too late to take it back, and it may confirm.
pub(super) fn on_not_claimed(
    step: &mut Step,
    channel: OutPoint,
    outpoints: &[OutPoint],
    reason: Reason,
    tip: u32,
) {
    if step.case.close.is_none() {
        return without_a_child(step, channel, outpoints, reason);
    }
    for outpoint in outpoints {
        if is_out(step, outpoint) || !reprice(step, *outpoint, Progress::Uneconomic { reason }, tip)
        {
            continue;
        }
        if let Reason::ReserveNeeded { fee_sat } = reason {
            let outpoint = *outpoint;
            step.tell(channel, EventKind::ReserveNeeded { outpoint, fee_sat });
        }
    }
}

/// A commitment that is not confirmed goes without a child, for want of a coin. Told once for each anchor.
fn without_a_child(step: &mut Step, channel: OutPoint, anchors: &[OutPoint], reason: Reason) {
    let Reason::ReserveNeeded { fee_sat } = reason else {
        return;
    };
    for anchor in anchors {
        if step.case.lacks_coin.replace(*anchor) != Some(*anchor) {
            let outpoint = *anchor;
            step.tell(channel, EventKind::ReserveNeeded { outpoint, fee_sat });
        }
    }
}

fn is_out(step: &Step, outpoint: &OutPoint) -> bool {
    let held = step.case.broadcasts.iter();
    // One that was refused as too cheap is nowhere but here.
    let is_refused = |held: &&Broadcast| held.outcome == Some(Outcome::FeeTooLow);
    let mut live = held.filter(|held| !step.case.is_void(held) && !is_refused(held));
    live.any(|held| {
        let mut inputs = held.transaction.input.iter();
        inputs.any(|input| input.previous_output == *outpoint)
    })
}

/// A claim became worth making, or is not worth it any more. `false`: that is nothing new.
fn reprice(step: &mut Step, outpoint: OutPoint, progress: Progress, tip: u32) -> bool {
    let contract = step
        .case
        .contracts
        .iter_mut()
        .find(|contract| contract.outpoint == outpoint);
    let Some(contract) = contract else {
        return false;
    };
    let is_news = match (contract.progress, progress) {
        (Progress::Claimable, Progress::Uneconomic { .. })
        | (Progress::Uneconomic { .. }, Progress::Claimable) => true,
        // The fee moves with every block; why the output is left does not.
        (Progress::Uneconomic { reason: before }, Progress::Uneconomic { reason: now }) => {
            !before.is_like(&now)
        }
        (_, _) => false,
    };
    if is_news {
        contract.progress = progress;
        step.log(tip, LogKind::Contract { outpoint, progress });
    }
    is_news
}

pub(super) fn on_outcome(step: &mut Step, txid: &Txid, outcome: &Outcome, tip: u32) {
    let Some(broadcast) = step
        .case
        .broadcasts
        .iter_mut()
        .find(|broadcast| broadcast.txid == *txid)
    else {
        return;
    };
    if broadcast.outcome.as_ref() == Some(outcome) {
        return;
    }
    broadcast.outcome = Some(outcome.clone());
    let (txid, outcome) = (*txid, outcome.clone());
    step.log(tip, LogKind::BroadcastOutcome { txid, outcome });
}

pub(super) fn on_data_loss(step: &mut Step, dossier: &Dossier, number: u64, tip: u32) {
    if step.case.latches.data_loss.is_some() {
        return;
    }
    step.case.latches.updates_refused = true;
    step.case.latches.data_loss = Some(number);
    // What is ours and unconfirmed must not go out any more: it may be revoked.
    step.case
        .broadcasts
        .retain(|broadcast| match broadcast.purpose {
            BroadcastPurpose::Commitment => false,
            BroadcastPurpose::Funding
            | BroadcastPurpose::Cooperative
            | BroadcastPurpose::OrphanedClose
            | BroadcastPurpose::PeerCommitment
            | BroadcastPurpose::Sweep(_)
            | BroadcastPurpose::Cpfp(_) => true,
        });
    step.log(tip, LogKind::DataLoss { number });
    step.tell(dossier.channel(), EventKind::DataLoss { number });
    match step.case.state {
        ArbitratorState::BroadcastCommit | ArbitratorState::CommitmentBroadcasted => {
            step.enter(tip, ArbitratorState::Default);
        }
        ArbitratorState::Default
        | ArbitratorState::ContractClosed
        | ArbitratorState::WaitingFullResolution
        | ArbitratorState::FullyResolved => {}
    }
}
