//! The stages of a channel's life, and why one takes no more updates.

use std::fmt;

use crate::channel;

/// How far a channel's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Lifecycle {
    /// The funding transaction is not on the chain as the terms say.
    Pending,
    /// The channel may be used.
    Open,
    /// It takes no more updates, and its end is under way.
    Closing,
    /// It has ended, irrevocably.
    Closed,
}

impl From<channel::Lifecycle> for Lifecycle {
    fn from(lifecycle: channel::Lifecycle) -> Self {
        match lifecycle {
            channel::Lifecycle::Pending => Lifecycle::Pending,
            channel::Lifecycle::Open => Lifecycle::Open,
            channel::Lifecycle::Closing => Lifecycle::Closing,
            channel::Lifecycle::Closed => Lifecycle::Closed,
        }
    }
}

impl From<Lifecycle> for channel::Lifecycle {
    fn from(lifecycle: Lifecycle) -> Self {
        match lifecycle {
            Lifecycle::Pending => channel::Lifecycle::Pending,
            Lifecycle::Open => channel::Lifecycle::Open,
            Lifecycle::Closing => channel::Lifecycle::Closing,
            Lifecycle::Closed => channel::Lifecycle::Closed,
        }
    }
}

/// Why a channel takes no more updates.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Refusal {
    /// It has ended, and its working data is gone.
    Ended,
    /// The peer proved that we lost data.
    DataLoss,
    /// Its funding was cancelled.
    FundingCancelled,
    /// It comes from a backup, and waits for the peer's `channel_reestablish`.
    Restored,
    /// Our commitment is broadcast, or about to be.
    ForceClose,
    /// A cooperative close is fully signed: either side may have broadcast it.
    CooperativeClose {
        /// The closing transaction.
        txid: String,
    },
    /// A close of it was proven, if only once.
    Closed,
}

impl From<channel::Refusal> for Refusal {
    fn from(refusal: channel::Refusal) -> Self {
        match refusal {
            channel::Refusal::Ended => Refusal::Ended,
            channel::Refusal::DataLoss => Refusal::DataLoss,
            channel::Refusal::FundingCancelled => Refusal::FundingCancelled,
            channel::Refusal::Restored => Refusal::Restored,
            channel::Refusal::ForceClose => Refusal::ForceClose,
            channel::Refusal::CooperativeClose { txid } => Refusal::CooperativeClose {
                txid: txid.to_string(),
            },
            channel::Refusal::Closed => Refusal::Closed,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Ended => f.write_str("it has ended"),
            Refusal::DataLoss => f.write_str("data was lost"),
            Refusal::FundingCancelled => f.write_str("its funding was cancelled"),
            Refusal::Restored => f.write_str("restored from a backup and not confirmed"),
            Refusal::ForceClose => f.write_str("our commitment is broadcast"),
            Refusal::CooperativeClose { txid } => {
                write!(f, "the cooperative close {txid} is fully signed")
            }
            Refusal::Closed => f.write_str("a close of it was proven"),
        }
    }
}
