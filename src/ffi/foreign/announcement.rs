//! What only public channels need: our node's key, and what the app knows of the network.

use std::sync::Arc;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;

use super::SignerError;
use crate::ffi::input::{self, Invalid};
use crate::ffi::OutPoint;
use crate::graph;
use crate::protocol::ShortChannelId;
use crate::signer;

/// An announcement of a public channel, to be signed.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct AnnouncementRequest {
    /// The channel it is about.
    pub channel: OutPoint,
    /// The name of the channel's keys, 32 bytes.
    pub keys_id: Vec<u8>,
    /// The key that signs, 33 bytes: the node's, or the channel's funding key.
    pub public_key: Vec<u8>,
    /// What the chain calls the channel, such as `700000x1x0`.
    pub short_channel_id: String,
    /// The digest to sign, 32 bytes (BOLT 7).
    pub digest: Vec<u8>,
}

impl From<&signer::AnnouncementRequest> for AnnouncementRequest {
    fn from(request: &signer::AnnouncementRequest) -> Self {
        AnnouncementRequest {
            channel: request.channel.into(),
            keys_id: request.keys_id.0.to_vec(),
            public_key: request.public_key.serialize().to_vec(),
            short_channel_id: request.contents.short_channel_id.to_string(),
            digest: request.digest().as_ref().to_vec(),
        }
    }
}

/// Our node's key. Needed for public channels only; what it signs is verified.
#[uniffi::export(rust, foreign)]
pub trait NodeSigner: Send + Sync {
    /// Our node id, 33 bytes.
    fn node_id(&self) -> Result<Vec<u8>, SignerError>;

    /// The node key's ECDSA signature of the request's digest: 64 bytes.
    fn sign_announcement(&self, request: AnnouncementRequest) -> Result<Vec<u8>, SignerError>;
}

/// The app's node key, as the arbitrator calls it.
pub(in crate::ffi) struct ForeignNodeSigner(pub(in crate::ffi) Arc<dyn NodeSigner>);

impl signer::NodeSigner for ForeignNodeSigner {
    fn node_id(&self) -> Result<PublicKey, signer::SignerError> {
        Ok(input::public_key("node_id", &self.0.node_id()?)?)
    }

    fn sign_announcement(
        &self,
        request: &signer::AnnouncementRequest,
    ) -> Result<Signature, signer::SignerError> {
        let signature = self.0.sign_announcement(request.into())?;
        Ok(input::signature("sign_announcement", &signature)?)
    }
}

/// Why the graph could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum GraphError {
    /// It is not to be had now.
    #[error("{reason}")]
    Unavailable {
        /// Why, for people.
        reason: String,
    },
    /// The implementation threw something that it does not declare.
    #[error("it threw {reason}")]
    Unexpected {
        /// What it threw.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for GraphError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        GraphError::Unexpected {
            reason: error.reason,
        }
    }
}

/// The network as the app knows it. Asked once for each announced channel, in the first tick after the database was opened: one
/// that is missing is handed out again.
#[uniffi::export(rust, foreign)]
pub trait GraphView: Send + Sync {
    /// Whether the graph holds the channel of this name, such as `700000x1x0`.
    fn has_channel(&self, short_channel_id: String) -> Result<bool, GraphError>;
}

/// The app's graph, as the arbitrator calls it.
pub(in crate::ffi) struct ForeignGraphView(pub(in crate::ffi) Arc<dyn GraphView>);

impl graph::GraphView for ForeignGraphView {
    fn has_channel(&self, id: ShortChannelId) -> Result<bool, graph::GraphError> {
        let answer = self.0.has_channel(id.to_string());
        answer.map_err(|error| graph::GraphError(error.to_string()))
    }
}

impl AnnouncementRequest {
    /// What a signer of ours signs: the digest is all that it needs.
    pub(in crate::ffi) fn digest(&self) -> Result<bitcoin::secp256k1::Message, Invalid> {
        let digest = input::array("digest", &self.digest)?;
        Ok(bitcoin::secp256k1::Message::from_digest(digest))
    }
}
