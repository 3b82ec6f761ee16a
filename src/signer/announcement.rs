//! Who signs the announcement of a public channel: our node's key, and the channel's funding key (BOLT 7).

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey};
use bitcoin::OutPoint;

use super::SignerError;
use crate::channel::KeysId;
use crate::protocol::UnsignedChannelAnnouncement;

/// An announcement to sign. Whatever is signed is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncementRequest {
    pub channel: OutPoint,
    /// The channel's keys.
    pub keys_id: KeysId,
    /// The key that signs: the node's, or the channel's funding key.
    pub public_key: PublicKey,
    pub contents: UnsignedChannelAnnouncement,
}

impl AnnouncementRequest {
    /// The digest to sign.
    pub fn digest(&self) -> Message {
        self.contents.digest()
    }
}

/// Our node's key. Needed for public channels only.
pub trait NodeSigner: Send + Sync {
    /// Our node id.
    ///
    /// # Errors
    /// When the key store refuses.
    fn node_id(&self) -> Result<PublicKey, SignerError>;

    /// The node key's signature of the request's digest.
    ///
    /// # Errors
    /// When the key store or the user refuses.
    fn sign_announcement(&self, request: &AnnouncementRequest) -> Result<Signature, SignerError>;
}
