//! The stage of a channel's life that its case means.

use super::{ArbitratorState, Case, FundingState};
use crate::channel::Lifecycle;

/// The stage of the channel's life. The store keeps it in a column, so that it can be asked for.
pub fn lifecycle(case: &Case) -> Lifecycle {
    match case.state {
        ArbitratorState::FullyResolved => Lifecycle::Closed,
        ArbitratorState::BroadcastCommit
        | ArbitratorState::CommitmentBroadcasted
        | ArbitratorState::ContractClosed
        | ArbitratorState::WaitingFullResolution => Lifecycle::Closing,
        ArbitratorState::Default => match case.funding {
            FundingState::Open(_) => Lifecycle::Open,
            FundingState::Pending | FundingState::Mismatch(_) => Lifecycle::Pending,
        },
    }
}
