//! The stages of a channel's life, and why one takes no more updates. What puts a channel into them is the court's to say.

use std::fmt;

use bitcoin::Txid;

/// How far a channel's life is.
///
/// ```text
///   Pending ──► Open ──► Closing ──► Closed
///      ▲  │       │        │ ▲          ▲
///      └──┼───────┘        │ └── a reorg took a close away: the channel stays closing
///         └──────────► Closing ─────────┘   (a funding cancelled, a channel abandoned: from any stage)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lifecycle {
    /// The funding transaction is not on the chain as the terms say.
    Pending,
    /// The channel may be used.
    Open,
    /// It takes no more updates, and its end is under way: decided, broadcast, proven, or waiting for the peer.
    Closing,
    /// It has ended, irrevocably. What remains are its terms, its log and its close summary.
    Closed,
}

/// Why a channel takes no more updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It has ended, and its working data is gone.
    Ended,
    /// The peer proved that we lost data: whatever we would go on from is not the newest state.
    DataLoss,
    /// Its funding was cancelled.
    FundingCancelled,
    /// It comes from a backup, and the peer has not confirmed that this is the newest.
    Restored,
    /// Our commitment is broadcast, or about to be.
    ForceClose,
    /// This cooperative close is fully signed: either side may have broadcast it.
    CooperativeClose { txid: Txid },
    /// A close of it was proven, if only once: a reorg does not make the channel usable again.
    Closed,
}

impl Refusal {
    /// Whether nothing at all is taken any more: not even a secret, which could still punish a breach of a channel that
    /// closes.
    pub fn is_total(self) -> bool {
        match self {
            Refusal::Ended => true,
            Refusal::DataLoss
            | Refusal::Restored
            | Refusal::FundingCancelled
            | Refusal::ForceClose
            | Refusal::CooperativeClose { txid: _ }
            | Refusal::Closed => false,
        }
    }

    /// Whether the channel goes on when the peer has confirmed it. All other reasons are for good.
    pub fn ends_with_a_confirmation(self) -> bool {
        match self {
            Refusal::Restored => true,
            Refusal::Ended
            | Refusal::DataLoss
            | Refusal::FundingCancelled
            | Refusal::ForceClose
            | Refusal::CooperativeClose { txid: _ }
            | Refusal::Closed => false,
        }
    }

    /// Whether the same channel cannot be registered once more.
    pub fn refuses_registration(self) -> bool {
        match self {
            Refusal::Ended | Refusal::FundingCancelled => true,
            Refusal::DataLoss
            | Refusal::Restored
            | Refusal::ForceClose
            | Refusal::CooperativeClose { txid: _ }
            | Refusal::Closed => false,
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
