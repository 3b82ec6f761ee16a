//! `channel_ready` (BOLT 2): the funding is as deep as its sender wanted it.

use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use super::wire::{Reader, Writer};
use super::{ChannelId, MessageError};
use crate::protocol::ShortChannelId;

/// BOLT 2: the extension's `short_channel_id`, an alias of the sender's.
const ALIAS: u64 = 1;

/// Tells the peer that the channel may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelReady {
    pub channel_id: ChannelId,
    /// The sender's per-commitment point of commitment 1.
    pub second_per_commitment_point: PublicKey,
    /// A name that the sender accepts for the channel before, or instead of, the one that the chain gives it.
    pub alias: Option<ShortChannelId>,
}

impl ChannelReady {
    /// Its type on the wire.
    pub const TYPE: u16 = 36;

    /// The message, type first.
    pub fn encode(&self) -> Vec<u8> {
        let fixed = Writer::of_type(Self::TYPE)
            .channel_id(self.channel_id)
            .point(&self.second_per_commitment_point);
        match self.alias {
            // BOLT 1: type and length take one byte each below 253.
            Some(alias) => fixed
                .bytes(&[ALIAS as u8, size_of::<u64>() as u8])
                .short_channel_id(alias)
                .done(),
            None => fixed.done(),
        }
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, MessageError> {
        let mut message = ChannelReady {
            channel_id: reader.channel_id()?,
            second_per_commitment_point: reader.point("second_per_commitment_point")?,
            alias: None,
        };
        reader.extension(&[ALIAS], |_, value| {
            let alias = value.try_into().map_err(|_| MessageError::Length {
                field: "short_channel_id",
                length: value.len(),
            })?;
            message.alias = Some(ShortChannelId::from_u64(u64::from_be_bytes(alias)));
            Ok(())
        })?;
        Ok(message)
    }
}
