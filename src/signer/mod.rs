//! Who signs: the seam to the app's keys, and the signer that is embedded.
//!
//! The library holds no channel's base secrets but those that were imported into its database. It says which key signs what, together with the PSBT
//! and the computed sighash (general wallets cannot sign these scripts), and verifies every signature it gets.

mod announcement;
mod imported;
mod keyring;
mod secrets;
mod seed;

pub use announcement::{AnnouncementRequest, NodeSigner};
pub(crate) use keyring::Keyring;
pub use secrets::ChannelSecrets;
pub use seed::SeedSigner;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey};
use bitcoin::{EcdsaSighashType, OutPoint, Psbt};

use crate::channel::KeysId;
use crate::protocol::{ChannelPublicKeys, CommitmentNumber, CommitmentSecret, KeyRole};

/// Why the app could not sign; a sentence for people, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SignerError(pub String);

/// What turns a base secret into the key that signs (BOLT 3, "Key Derivation").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyTweak {
    /// The base secret itself.
    None,
    /// Derived with this per-commitment point.
    Point(PublicKey),
    /// Combined with the peer's revealed per-commitment secret: the revocation key.
    Secret(CommitmentSecret),
}

/// Which key signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDescriptor {
    pub keys_id: KeysId,
    pub role: KeyRole,
    pub tweak: KeyTweak,
    /// What the derived key's public key must be.
    pub public_key: PublicKey,
}

/// One input to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputToSign {
    /// Which input of the PSBT.
    pub index: usize,
    pub key: KeyDescriptor,
    /// The digest to sign: computed here, from the PSBT's own figures.
    pub sighash: Message,
    pub sighash_type: EcdsaSighashType,
}

/// A transaction to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignRequest {
    pub channel: OutPoint,
    pub psbt: Psbt,
    pub inputs: Vec<InputToSign>,
}

/// The app's keys.
pub trait Signer: Send + Sync {
    /// The public keys of a channel.
    ///
    /// # Errors
    /// When there are no keys of that name, or the key store refuses.
    fn channel_keys(&self, keys_id: &KeysId) -> Result<ChannelPublicKeys, SignerError>;

    /// Our per-commitment point of commitment `number`.
    ///
    /// # Errors
    /// When there are no keys of that name, or the key store refuses.
    fn per_commitment_point(
        &self,
        keys_id: &KeysId,
        number: CommitmentNumber,
    ) -> Result<PublicKey, SignerError>;

    /// One signature per input of the request, in its order.
    ///
    /// # Errors
    /// When there are no keys of that name, or the key store or the user refuses.
    fn sign(&self, request: &SignRequest) -> Result<Vec<Signature>, SignerError>;

    /// The funding key's signature of an announcement's digest. Asked for public channels only.
    ///
    /// # Errors
    /// When there are no keys of that name, or the key store or the user refuses. A signer that does not override this has no
    /// public channels.
    fn sign_announcement(&self, request: &AnnouncementRequest) -> Result<Signature, SignerError> {
        let channel = request.channel;
        Err(SignerError(format!(
            "no announcements are signed: {channel}"
        )))
    }
}
