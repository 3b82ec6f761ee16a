//! The stage of a channel's life that its case means, and why it takes no more updates.

use super::{ArbitratorState, Case, FundingState};
use crate::channel::{Lifecycle, Refusal};

/// The stage of the channel's life. The store keeps it in a column, so that it can be asked for.
pub fn lifecycle(case: &Case) -> Lifecycle {
    match case.state {
        ArbitratorState::FullyResolved => Lifecycle::Closed,
        ArbitratorState::BroadcastCommit
        | ArbitratorState::CommitmentBroadcasted
        | ArbitratorState::ContractClosed
        | ArbitratorState::WaitingFullResolution => Lifecycle::Closing,
        ArbitratorState::Default if case.latches.updates_refused || case.cancelled.is_some() => {
            Lifecycle::Closing
        }
        ArbitratorState::Default => match case.funding {
            FundingState::Open(_) => Lifecycle::Open,
            // Confirmed without its output the channel is on the chain no more than unconfirmed.
            FundingState::Pending | FundingState::Mismatch(_) => Lifecycle::Pending,
        },
    }
}

/// Why the channel takes no more updates, the gravest reason first; `None` while it takes them.
pub fn refusal(case: &Case) -> Option<Refusal> {
    let latches = &case.latches;
    if case.state == ArbitratorState::FullyResolved {
        Some(Refusal::Ended)
    } else if latches.data_loss.is_some() {
        Some(Refusal::DataLoss)
    } else if case.cancelled.is_some() {
        Some(Refusal::FundingCancelled)
    } else if latches.restored {
        Some(Refusal::Restored)
    } else if latches.force_close.is_some() {
        Some(Refusal::ForceClose)
    } else if case.close.is_some() {
        Some(Refusal::Closed)
    } else if let Some(txid) = latches.cooperative {
        Some(Refusal::CooperativeClose { txid })
    } else if latches.updates_refused {
        Some(Refusal::Closed)
    } else {
        None
    }
}
