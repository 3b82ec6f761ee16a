//! The proof that a public channel exists (BOLT 7): each node's half, and the whole.

use bitcoin::blockdata::constants::ChainHash;
use bitcoin::hashes::{sha256d, Hash};
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{self, PublicKey, SECP256K1};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::wire::{Reader, Writer};
use super::{ChannelId, MessageError};
use crate::protocol::ShortChannelId;

/// One node's half: its signatures of the [`UnsignedChannelAnnouncement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncementSignatures {
    pub channel_id: ChannelId,
    pub short_channel_id: ShortChannelId,
    /// Of the sender's node key.
    pub node_signature: Signature,
    /// Of the sender's funding key.
    pub bitcoin_signature: Signature,
}

impl AnnouncementSignatures {
    /// Its type on the wire.
    pub const TYPE: u16 = 259;

    /// The message, type first.
    pub fn encode(&self) -> Vec<u8> {
        Writer::of_type(Self::TYPE)
            .channel_id(self.channel_id)
            .short_channel_id(self.short_channel_id)
            .signature(&self.node_signature)
            .signature(&self.bitcoin_signature)
            .done()
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, MessageError> {
        let message = AnnouncementSignatures {
            channel_id: reader.channel_id()?,
            short_channel_id: reader.short_channel_id()?,
            node_signature: reader.signature("node_signature")?,
            bitcoin_signature: reader.signature("bitcoin_signature")?,
        };
        reader.extension(&[], |_, _| Ok(()))?;
        Ok(message)
    }
}

/// Features of a channel, in the bytes of BOLT 9. None are assigned to announcements today.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelFeatures(Vec<u8>);

impl ChannelFeatures {
    /// BOLT 8: a message has at most 65,535 bytes. The fixed fields of an announcement take 430 of them.
    const MAX: usize = u16::MAX as usize - 430;

    /// # Errors
    /// [`MessageError::Features`] when no message has room for them.
    pub fn new(bytes: Vec<u8>) -> Result<Self, MessageError> {
        if bytes.len() > Self::MAX {
            return Err(MessageError::Features(bytes.len()));
        }
        Ok(ChannelFeatures(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One node of a channel and its funding key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelEnd {
    pub node_id: PublicKey,
    pub bitcoin_key: PublicKey,
}

/// What both nodes sign, each with two keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedChannelAnnouncement {
    pub features: ChannelFeatures,
    pub chain_hash: ChainHash,
    pub short_channel_id: ShortChannelId,
    /// The nodes, the one with the lesser id first.
    pub ends: [ChannelEnd; 2],
    /// Fields after the last one known here: signed with the rest. Empty in what is made here.
    pub extension: Vec<u8>,
}

/// A signature of an announcement that is not its key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
#[error("{} of the channel announcement does not verify", self.field())]
pub enum WrongSignature {
    /// Of a half, by the sender's node key.
    Node,
    /// Of a half, by the sender's funding key.
    Bitcoin,
    /// Of the whole, by the first node's key.
    Node1,
    /// Of the whole, by the second node's key.
    Node2,
    /// Of the whole, by the first node's funding key.
    Bitcoin1,
    /// Of the whole, by the second node's funding key.
    Bitcoin2,
}

impl WrongSignature {
    /// The field that holds the signature, as BOLT 7 calls it.
    pub fn field(self) -> &'static str {
        match self {
            WrongSignature::Node => "node_signature",
            WrongSignature::Bitcoin => "bitcoin_signature",
            WrongSignature::Node1 => "node_signature_1",
            WrongSignature::Node2 => "node_signature_2",
            WrongSignature::Bitcoin1 => "bitcoin_signature_1",
            WrongSignature::Bitcoin2 => "bitcoin_signature_2",
        }
    }
}

impl UnsignedChannelAnnouncement {
    /// The announcement of a channel between these two, named in either order.
    pub fn new(
        features: ChannelFeatures,
        chain_hash: ChainHash,
        short_channel_id: ShortChannelId,
        one: ChannelEnd,
        other: ChannelEnd,
    ) -> Self {
        // BOLT 7: node 1 is the one whose compressed key is the lesser as a string of bytes.
        let ends = if one.node_id.serialize() <= other.node_id.serialize() {
            [one, other]
        } else {
            [other, one]
        };
        UnsignedChannelAnnouncement {
            features,
            chain_hash,
            short_channel_id,
            ends,
            extension: Vec::new(),
        }
    }

    /// What the four signatures are of.
    pub fn digest(&self) -> secp256k1::Message {
        // BOLT 7: the double hash of everything after the signatures, fields that are not known here included.
        secp256k1::Message::from_digest(sha256d::Hash::hash(&self.encode()).to_byte_array())
    }

    /// Whether both signatures of `half` are those of this end of the channel.
    ///
    /// # Errors
    /// [`WrongSignature`] names the first that is not.
    pub fn verify_half(
        &self,
        end: &ChannelEnd,
        half: &AnnouncementSignatures,
    ) -> Result<(), WrongSignature> {
        verify_each(
            &self.digest(),
            [
                (&half.node_signature, &end.node_id, WrongSignature::Node),
                (
                    &half.bitcoin_signature,
                    &end.bitcoin_key,
                    WrongSignature::Bitcoin,
                ),
            ],
        )
    }

    /// The whole proof, of both halves.
    ///
    /// # Errors
    /// [`WrongSignature`] names the first that does not verify.
    pub fn complete(
        self,
        one: (&ChannelEnd, &AnnouncementSignatures),
        other: (&ChannelEnd, &AnnouncementSignatures),
    ) -> Result<ChannelAnnouncement, WrongSignature> {
        let (first, second) = if self.ends.first() == Some(one.0) {
            (one.1, other.1)
        } else {
            (other.1, one.1)
        };
        let announcement = ChannelAnnouncement {
            node_signatures: [first.node_signature, second.node_signature],
            bitcoin_signatures: [first.bitcoin_signature, second.bitcoin_signature],
            contents: self,
        };
        announcement.verify()?;
        Ok(announcement)
    }

    /// The fields that are signed.
    fn encode(&self) -> Vec<u8> {
        let [end_1, end_2] = &self.ends;
        let features = self.features.as_bytes();
        Writer::part()
            .u16(features.len() as u16)
            .bytes(features)
            .bytes(self.chain_hash.as_bytes())
            .short_channel_id(self.short_channel_id)
            .point(&end_1.node_id)
            .point(&end_2.node_id)
            .point(&end_1.bitcoin_key)
            .point(&end_2.bitcoin_key)
            .bytes(&self.extension)
            .done()
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, MessageError> {
        let length = reader.u16("features")?;
        let features = reader.bytes(length.into(), "features")?;
        let features = ChannelFeatures::new(features.to_vec())?;
        let chain_hash = ChainHash::from(reader.array::<32>("chain_hash")?);
        let short_channel_id = reader.short_channel_id()?;
        let (node_id_1, node_id_2) = (reader.point("node_id_1")?, reader.point("node_id_2")?);
        let end_1 = ChannelEnd {
            node_id: node_id_1,
            bitcoin_key: reader.point("bitcoin_key_1")?,
        };
        let end_2 = ChannelEnd {
            node_id: node_id_2,
            bitcoin_key: reader.point("bitcoin_key_2")?,
        };
        Ok(UnsignedChannelAnnouncement {
            features,
            chain_hash,
            short_channel_id,
            ends: [end_1, end_2],
            extension: reader.rest().to_vec(),
        })
    }
}

/// The proof, as it is told to the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelAnnouncement {
    /// Of the node keys, in the order of the ends.
    pub node_signatures: [Signature; 2],
    /// Of the funding keys, in the order of the ends.
    pub bitcoin_signatures: [Signature; 2],
    pub contents: UnsignedChannelAnnouncement,
}

impl ChannelAnnouncement {
    /// Its type on the wire.
    pub const TYPE: u16 = 256;

    /// The message, type first.
    pub fn encode(&self) -> Vec<u8> {
        let signatures = self.node_signatures.iter().chain(&self.bitcoin_signatures);
        signatures
            .fold(Writer::of_type(Self::TYPE), Writer::signature)
            .bytes(&self.contents.encode())
            .done()
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, MessageError> {
        Ok(ChannelAnnouncement {
            node_signatures: [
                reader.signature("node_signature_1")?,
                reader.signature("node_signature_2")?,
            ],
            bitcoin_signatures: [
                reader.signature("bitcoin_signature_1")?,
                reader.signature("bitcoin_signature_2")?,
            ],
            contents: UnsignedChannelAnnouncement::read(reader)?,
        })
    }

    /// Checks the four signatures.
    ///
    /// # Errors
    /// [`WrongSignature`] names the first that is not its key's.
    pub fn verify(&self) -> Result<(), WrongSignature> {
        let [end_1, end_2] = &self.contents.ends;
        let [node_1, node_2] = &self.node_signatures;
        let [bitcoin_1, bitcoin_2] = &self.bitcoin_signatures;
        verify_each(
            &self.contents.digest(),
            [
                (node_1, &end_1.node_id, WrongSignature::Node1),
                (node_2, &end_2.node_id, WrongSignature::Node2),
                (bitcoin_1, &end_1.bitcoin_key, WrongSignature::Bitcoin1),
                (bitcoin_2, &end_2.bitcoin_key, WrongSignature::Bitcoin2),
            ],
        )
    }
}

fn verify_each<const N: usize>(
    digest: &secp256k1::Message,
    signatures: [(&Signature, &PublicKey, WrongSignature); N],
) -> Result<(), WrongSignature> {
    for (signature, key, wrong) in signatures {
        SECP256K1
            .verify_ecdsa(digest, signature, key)
            .map_err(|_| wrong)?;
    }
    Ok(())
}
