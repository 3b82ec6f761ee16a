//! What a channel engine tells of a channel while it lives, as one type: what it does together, it tells together.

use bitcoin::secp256k1::PublicKey;

use super::{Feed, HtlcKey, LocalUpdate, RemoteUpdate};
use crate::protocol::{CommitmentNumber, CommitmentSecret};

/// One update of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelUpdate {
    /// A commitment of ours that the peer signed (BOLT 2: a `commitment_signed` we received).
    Local(LocalUpdate),
    /// A commitment of the peer that we are about to sign.
    Remote(RemoteUpdate),
    /// The peer's `revoke_and_ack`.
    Revocation {
        /// The commitment that is revoked.
        number: CommitmentNumber,
        /// Its secret.
        secret: CommitmentSecret,
        /// The point of the peer's commitment after the next.
        next_point: PublicKey,
    },
    /// We have decided to claim this HTLC.
    Release(HtlcKey),
}

impl ChannelUpdate {
    /// Whether this was stored together with the updates `later` in its call, which have made it past: nothing is left that
    /// a repeat could be compared with, nor anything that it could change. They themselves are compared.
    pub(crate) fn was_told_with(&self, later: &[ChannelUpdate], feed: &Feed) -> bool {
        match self {
            ChannelUpdate::Local(update) => {
                let number = update.commitment.number;
                let mut after = later.iter().filter_map(ChannelUpdate::local_number);
                after.any(|next| number < next && Some(next) <= feed.local)
            }
            ChannelUpdate::Remote(update) => {
                let number = update.commitment.number;
                let mut after = later.iter().filter_map(ChannelUpdate::revoked_number);
                after.any(|revoked| number <= revoked && Some(revoked) <= feed.remote_revoked)
            }
            // The tree of secrets and the ledger forget nothing.
            ChannelUpdate::Revocation { .. } | ChannelUpdate::Release(_) => false,
        }
    }

    /// The number of a commitment of ours.
    pub(crate) fn local_number(&self) -> Option<CommitmentNumber> {
        match self {
            ChannelUpdate::Local(update) => Some(update.commitment.number),
            ChannelUpdate::Remote(_)
            | ChannelUpdate::Revocation { .. }
            | ChannelUpdate::Release(_) => None,
        }
    }

    fn revoked_number(&self) -> Option<CommitmentNumber> {
        match self {
            ChannelUpdate::Revocation { number, .. } => Some(*number),
            ChannelUpdate::Local(_) | ChannelUpdate::Remote(_) | ChannelUpdate::Release(_) => None,
        }
    }
}
