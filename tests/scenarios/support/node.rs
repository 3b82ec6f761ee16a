//! Our node's key, and the network as the phone knows it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
use lightning_arbitrator::graph::{GraphError, GraphView};
use lightning_arbitrator::protocol::ShortChannelId;
use lightning_arbitrator::signer::{AnnouncementRequest, NodeSigner, SignerError};

/// Signs for our node.
pub struct OurNode(SecretKey);

impl OurNode {
    pub fn new() -> Self {
        OurNode(SecretKey::from_slice(&[0x61; 32]).expect("a key"))
    }

    pub fn id(&self) -> PublicKey {
        self.0.public_key(SECP256K1)
    }
}

impl NodeSigner for OurNode {
    fn node_id(&self) -> Result<PublicKey, SignerError> {
        Ok(self.id())
    }

    fn sign_announcement(&self, request: &AnnouncementRequest) -> Result<Signature, SignerError> {
        assert_eq!(request.public_key, self.id());
        Ok(self.0.sign_ecdsa(request.digest()))
    }
}

/// The channels that the network knows.
#[derive(Clone, Default)]
pub struct Graph(Arc<Mutex<BTreeSet<ShortChannelId>>>);

impl Graph {
    pub fn learns(&self, id: ShortChannelId) {
        self.lock().insert(id);
    }

    pub fn forgets(&self, id: ShortChannelId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<ShortChannelId>> {
        self.0.lock().expect("no test panics while it holds this")
    }
}

impl GraphView for Graph {
    fn has_channel(&self, id: ShortChannelId) -> Result<bool, GraphError> {
        Ok(self.lock().contains(&id))
    }
}
