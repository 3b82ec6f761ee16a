//! What people, the signer and the servers bring: a wish to close, a signature, the outcome of a broadcast, the
//! peer's proof that we lost data.

use bitcoin::{Transaction, Txid};

use super::permit::{is_permitted, permit};
use super::{
    ArbitratorState, Broadcast, BroadcastPurpose, CourtError, Dossier, EventKind, ForceClose,
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
    step.case.latches.updates_refused = true;
    step.case.latches.force_close = Some(ForceClose { since: tip });
    step.log(tip, LogKind::ForceCloseRequested);
    // An unconfirmed funding goes out first: the close spends it.
    if step.case.funding == FundingState::Pending {
        if let Some(funding) = &dossier.terms.funding.transaction {
            hold(step, BroadcastPurpose::Funding, funding, tip);
        }
    }
    for transaction in &dossier.cooperative {
        hold(step, BroadcastPurpose::Cooperative, transaction, tip);
    }
    step.enter(tip, ArbitratorState::BroadcastCommit);
    Ok(())
}

fn hold(step: &mut Step, purpose: BroadcastPurpose, transaction: &Transaction, tip: u32) {
    let txid = transaction.compute_txid();
    if step.case.broadcasts.iter().all(|held| held.txid != txid) {
        step.case.broadcasts.push(Broadcast {
            txid,
            purpose,
            transaction: transaction.clone(),
            since: tip,
            outcome: None,
        });
        step.log(tip, LogKind::Signed { purpose, txid });
    }
}

pub(super) fn on_signed(
    step: &mut Step,
    purpose: BroadcastPurpose,
    transaction: &Transaction,
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
        BroadcastPurpose::Sweep(outpoint) => {
            let is_open = step
                .case
                .contracts
                .iter()
                .any(|contract| contract.outpoint == outpoint);
            if is_open {
                hold(step, purpose, transaction, tip);
            }
        }
        BroadcastPurpose::Funding
        | BroadcastPurpose::Cooperative
        | BroadcastPurpose::OrphanedClose => {}
    }
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
            | BroadcastPurpose::Sweep(_) => true,
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
