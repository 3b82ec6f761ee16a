//! Our node's key.

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
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
