//! `channel_reestablish` (BOLT 2): where its sender stands, the first message of a channel on each connection.

use bitcoin::secp256k1::PublicKey;

use super::wire::{Reader, Writer};
use super::{ChannelId, MessageError};
use crate::protocol::{CommitmentNumber, CommitmentSecret, ProtocolError};

/// The extension's `next_funding_txid`, with which peers of before splicing ask for the rest of a funding's signing.
const NEXT_FUNDING: u64 = 0;

/// What a node says of a channel when it is connected again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelReestablish {
    pub channel_id: ChannelId,
    /// The number of the sender's commitment that it expects to be signed next.
    pub next_commitment_number: u64,
    /// The number of the receiver's commitment that it expects to be revoked next.
    pub next_revocation_number: u64,
    /// The receiver's secret of the commitment before that one; zeros where there is none.
    pub your_last_per_commitment_secret: CommitmentSecret,
    /// With `option_static_remotekey` any point: nothing follows from it.
    pub my_current_per_commitment_point: PublicKey,
}

impl ChannelReestablish {
    /// Its type on the wire.
    pub const TYPE: u16 = 136;

    /// The receiver's commitment whose secret the message holds; `None`: the sender has seen none revoked.
    ///
    /// # Errors
    /// [`ProtocolError::CommitmentNumberTooLarge`]: no commitment has that number.
    pub fn revealed(&self) -> Result<Option<CommitmentNumber>, ProtocolError> {
        // BOLT 2: the secret is that of the commitment before the one that is to be revoked next.
        let revealed = self.next_revocation_number.checked_sub(1);
        revealed.map(CommitmentNumber::new).transpose()
    }

    /// The message, type first. It holds a secret.
    pub fn encode(&self) -> Vec<u8> {
        Writer::of_type(Self::TYPE)
            .channel_id(self.channel_id)
            .u64(self.next_commitment_number)
            .u64(self.next_revocation_number)
            .bytes(self.your_last_per_commitment_secret.as_bytes())
            .point(&self.my_current_per_commitment_point)
            .done()
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, MessageError> {
        let message = ChannelReestablish {
            channel_id: reader.channel_id()?,
            next_commitment_number: reader.u64("next_commitment_number")?,
            next_revocation_number: reader.u64("next_revocation_number")?,
            your_last_per_commitment_secret: CommitmentSecret::new(
                reader.array("your_last_per_commitment_secret")?,
            ),
            my_current_per_commitment_point: reader.point("my_current_per_commitment_point")?,
        };
        // The engine signs fundings: it is known, and its to answer.
        reader.extension(&[NEXT_FUNDING], |_, value| match value.len() {
            32 => Ok(()),
            length => Err(MessageError::Length {
                field: "next_funding_txid",
                length,
            }),
        })?;
        Ok(message)
    }
}
