//! Ends that the app decides: a funding that will never confirm, a channel given up; and the peer's agreement to close.

use bitcoin::Transaction;

use super::books::close_books;
use super::contracts::is_heard;
use super::summary::{self, Standing};
use super::{
    ArbitratorState, Cancelled, CourtError, Dossier, EventKind, Facts, FundingState, LogKind, Step,
    SummaryChange, Void,
};
use crate::channel::SummaryKind;
use crate::config::Policy;

/// A cooperative close is fully signed: from now on either side may have broadcast it.
pub(super) fn on_closing_signed(
    step: &mut Step,
    dossier: &Dossier,
    transaction: &Transaction,
    tip: u32,
) {
    let txid = transaction.compute_txid();
    let is_kept = |kept: &Transaction| kept.compute_txid() == txid;
    // One that is kept by an older version has not latched yet.
    if dossier.cooperative.iter().any(is_kept) && step.case.latches.cooperative.is_some() {
        return;
    }
    // BOLT 2: after `shutdown` nothing leads back to the channel's use.
    step.case.latches.updates_refused = true;
    step.case.latches.cooperative = Some(txid);
    step.cooperative = Some(transaction.clone());
    step.log(tip, LogKind::ClosingSigned { txid });
}

/// The app says that the funding will never confirm. It cannot know: nothing of ours goes out any more, but all is kept
/// until the funding has stayed away for as long as it takes to bury a transaction.
pub(super) fn on_cancel_funding(
    step: &mut Step,
    dossier: &Dossier,
    tip: u32,
) -> Result<(), CourtError> {
    let channel = dossier.channel();
    match step.case.funding {
        FundingState::Open(_) | FundingState::Mismatch(_) => {
            return Err(CourtError::FundingConfirmed { channel });
        }
        FundingState::Pending => {}
    }
    if step.case.cancelled.is_some() {
        return Ok(());
    }
    step.case.cancelled = Some(Cancelled::default());
    step.log(tip, LogKind::FundingCancelled);
    step.tell(channel, EventKind::FundingCancelled { height: tip });
    let kind = SummaryKind::FundingCancelled;
    summary::by_the_app(step, dossier, kind, Standing::Provisional);
    Ok(())
}

/// A funding that is not on the chain will never be, or is waited for no longer: nothing of the channel is worth anything.
pub(super) fn on_void_funding(step: &mut Step, dossier: &Dossier, why: Void, tip: u32) {
    let kind = match why {
        Void::ReplacedBy(by) => SummaryKind::FundingReplaced { by },
        Void::TimedOut => SummaryKind::FundingTimedOut,
        Void::DoubleSpent { by } => SummaryKind::FundingDoubleSpent { by },
    };
    match step.case.funding {
        // Whoever said so looked at another chain.
        FundingState::Open(_) | FundingState::Mismatch(_) => {}
        FundingState::Pending => {
            step.log(tip, LogKind::FundingVoid(why));
            end(step, dossier, kind, tip);
        }
    }
}

/// A cancelled funding, looked at again: on the chain after all, or gone for good.
pub(super) fn cancelled_funding(
    step: &mut Step,
    dossier: &Dossier,
    facts: &Facts,
    policy: &Policy,
) {
    let Some(Cancelled { unseen_since }) = step.case.cancelled else {
        return;
    };
    match step.case.funding {
        FundingState::Open(block) | FundingState::Mismatch(block) => {
            step.case.cancelled = None;
            step.summary = SummaryChange::Withdraw;
            step.log(facts.tip, LogKind::FundingRevived);
            step.tell(
                dossier.channel(),
                EventKind::CancelledFundingConfirmed {
                    height: block.height,
                    block: block.hash,
                },
            );
        }
        FundingState::Pending => {
            // What was known before the app spoke says nothing of the time after it.
            let since = unseen_since.unwrap_or(facts.tip);
            step.case.cancelled = Some(Cancelled {
                unseen_since: Some(since),
            });
            let has_stayed_away = facts.tip.saturating_sub(since) >= policy.final_depth;
            if has_stayed_away && is_heard(step, facts) {
                end(step, dossier, SummaryKind::FundingCancelled, facts.tip);
            }
        }
    }
}

/// The app gives the channel up. Whatever is not settled is not claimed any more.
pub(super) fn on_abandon(step: &mut Step, dossier: &Dossier, tip: u32) {
    step.log(tip, LogKind::Abandoned);
    step.tell(dossier.channel(), EventKind::Abandoned);
    end(step, dossier, SummaryKind::Abandoned, tip);
}

fn end(step: &mut Step, dossier: &Dossier, kind: SummaryKind, tip: u32) {
    let txid = step.case.close.as_ref().map(|close| close.txid);
    step.tell(dossier.channel(), EventKind::FullyResolved { txid });
    close_books(step, tip);
    step.enter(tip, ArbitratorState::FullyResolved);
    summary::by_the_app(step, dossier, kind, Standing::Final);
}
