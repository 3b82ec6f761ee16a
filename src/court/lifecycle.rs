//! The life of a channel in four words, derived from its case.

use super::{ArbitratorState, Case, FundingState};

/// Where a channel stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lifecycle {
    /// The funding is not proven to be on the chain.
    Pending,
    /// The funding is on the chain, and nobody closes.
    Open,
    /// A close was decided on, or is proven and not yet irrevocably resolved.
    Closing,
    /// Every output is irrevocably resolved.
    Closed,
}

impl Case {
    /// Where the channel stands in its life.
    pub fn lifecycle(&self) -> Lifecycle {
        match (self.state, self.funding) {
            (ArbitratorState::FullyResolved, _) => Lifecycle::Closed,
            (
                ArbitratorState::BroadcastCommit
                | ArbitratorState::CommitmentBroadcasted
                | ArbitratorState::ContractClosed
                | ArbitratorState::WaitingFullResolution,
                _,
            ) => Lifecycle::Closing,
            (ArbitratorState::Default, FundingState::Open(_)) => Lifecycle::Open,
            (ArbitratorState::Default, FundingState::Pending | FundingState::Mismatch(_)) => {
                Lifecycle::Pending
            }
        }
    }
}
