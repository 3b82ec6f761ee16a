//! How a channel was closed, and why it went to the chain.

use super::HtlcKey;
use crate::court;

/// How a channel was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum CloseKind {
    /// Both sides agreed.
    Cooperative,
    /// With a commitment of ours that we hold.
    Local {
        /// Which.
        number: u64,
    },
    /// With a commitment of ours that we do not hold: an older state, or one made by another device.
    LocalOther {
        /// Which.
        number: u64,
    },
    /// With the peer's current commitment.
    Remote {
        /// Which.
        number: u64,
    },
    /// With the peer's next commitment, signed by us while the current one is not revoked.
    RemotePending {
        /// Which.
        number: u64,
    },
    /// With a revoked commitment of the peer.
    Breach {
        /// Which.
        number: u64,
    },
    /// With a commitment of the peer beyond all we know: we lost data.
    RemoteFuture {
        /// Which.
        number: u64,
    },
    /// With something that belongs to no commitment known.
    Unknown,
}

impl From<court::CloseKind> for CloseKind {
    fn from(kind: court::CloseKind) -> Self {
        match kind {
            court::CloseKind::Cooperative => CloseKind::Cooperative,
            court::CloseKind::Local { number } => CloseKind::Local { number },
            court::CloseKind::LocalOther { number } => CloseKind::LocalOther { number },
            court::CloseKind::Remote { number } => CloseKind::Remote { number },
            court::CloseKind::RemotePending { number } => CloseKind::RemotePending { number },
            court::CloseKind::Breach { number } => CloseKind::Breach { number },
            court::CloseKind::RemoteFuture { number } => CloseKind::RemoteFuture { number },
            court::CloseKind::Unknown => CloseKind::Unknown,
        }
    }
}

/// Why an open channel goes to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum CloseReason {
    /// An HTLC that is ours to claim would expire.
    IncomingExpires {
        /// Which.
        htlc: HtlcKey,
    },
    /// An HTLC that we offered has expired, and the peer did not give it back.
    OutgoingExpired {
        /// Which.
        htlc: HtlcKey,
    },
    /// HTLCs too small for an output are overdue, together more than may be risked.
    DustAtRisk {
        /// What they are worth together.
        amount_msat: u64,
    },
}

impl From<court::CloseReason> for CloseReason {
    fn from(reason: court::CloseReason) -> Self {
        match reason {
            court::CloseReason::IncomingExpires { htlc } => CloseReason::IncomingExpires {
                htlc: htlc.key.into(),
            },
            court::CloseReason::OutgoingExpired { htlc } => CloseReason::OutgoingExpired {
                htlc: htlc.key.into(),
            },
            court::CloseReason::DustAtRisk { amount_msat } => {
                CloseReason::DustAtRisk { amount_msat }
            }
        }
    }
}
