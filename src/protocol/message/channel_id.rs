//! The name under which two nodes speak of a channel (BOLT 2: `channel_id`).

use std::fmt;

use bitcoin::hashes::{sha256, Hash, HashEngine};
use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;
use serde::{Deserialize, Serialize};

use crate::protocol::ProtocolError;

/// Names a channel in the messages between its two nodes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelId(pub [u8; 32]);

impl ChannelId {
    /// The id of a channel opened with `open_channel`, whose funding output this is.
    ///
    /// # Errors
    /// [`ProtocolError::FundingOutputIndex`] when the output's index needs more than 16 bits.
    pub fn from_funding(outpoint: OutPoint) -> Result<Self, ProtocolError> {
        let index = u16::try_from(outpoint.vout)
            .map_err(|_| ProtocolError::FundingOutputIndex(outpoint.vout))?;
        // BOLT 2: the txid's bytes, the last two of them combined with the output's index by exclusive or.
        let mut id = outpoint.txid.to_byte_array();
        for (byte, of_index) in id[30..].iter_mut().zip(index.to_be_bytes()) {
            *byte ^= of_index;
        }
        Ok(ChannelId(id))
    }

    /// The id of a channel opened with `open_channel2`: the same for every attempt at its funding.
    pub fn from_revocation_basepoints(one: &PublicKey, other: &PublicKey) -> Self {
        let (one, other) = (one.serialize(), other.serialize());
        // BOLT 2: the hash of both revocation basepoints, the lesser first.
        let mut engine = sha256::Hash::engine();
        engine.input(&one.min(other));
        engine.input(&one.max(other));
        ChannelId(sha256::Hash::from_engine(engine).to_byte_array())
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
