//! What a transaction of ours is for, in the history and in the case file.

use crate::court;
use crate::ffi::OutPoint;

/// What a transaction of ours is for.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum BroadcastPurpose {
    /// The funding transaction, if ours.
    Funding,
    /// Our own commitment.
    Commitment,
    /// A fully signed cooperative close.
    Cooperative,
    /// A close that was confirmed once, whoever made it.
    OrphanedClose,
    /// The sweep of one output of the close.
    Sweep {
        /// That output.
        outpoint: OutPoint,
    },
    /// The child that raises the fee of an unconfirmed commitment, ours or the peer's.
    Cpfp {
        /// Our anchor on it.
        anchor: OutPoint,
    },
}

impl From<court::BroadcastPurpose> for BroadcastPurpose {
    fn from(purpose: court::BroadcastPurpose) -> Self {
        match purpose {
            court::BroadcastPurpose::Funding => BroadcastPurpose::Funding,
            court::BroadcastPurpose::Commitment => BroadcastPurpose::Commitment,
            court::BroadcastPurpose::Cooperative => BroadcastPurpose::Cooperative,
            court::BroadcastPurpose::OrphanedClose => BroadcastPurpose::OrphanedClose,
            court::BroadcastPurpose::Cpfp(anchor) => BroadcastPurpose::Cpfp {
                anchor: anchor.into(),
            },
            court::BroadcastPurpose::Sweep(outpoint) => BroadcastPurpose::Sweep {
                outpoint: outpoint.into(),
            },
        }
    }
}
