//! The app's keys: what a signer is asked, and what it answers.

use std::fmt;
use std::sync::Arc;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey};
use bitcoin::{EcdsaSighashType, Psbt};

use super::AnnouncementRequest;
use crate::channel::KeysId;
use crate::ffi::input::{self, Invalid, Within};
use crate::ffi::{ChannelKeys, OutPoint};
use crate::protocol::{self, ChannelPublicKeys, CommitmentNumber, CommitmentSecret};
use crate::signer;

/// Why the signer did not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum SignerError {
    /// The key store or its user says no.
    #[error("{reason}")]
    Refused {
        /// Why, for people; never a secret.
        reason: String,
    },
    /// The implementation threw something that it does not declare.
    #[error("it threw {reason}")]
    Unexpected {
        /// What it threw.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for SignerError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        SignerError::Unexpected {
            reason: error.reason,
        }
    }
}

impl From<signer::SignerError> for SignerError {
    fn from(error: signer::SignerError) -> Self {
        SignerError::Refused { reason: error.0 }
    }
}

impl From<SignerError> for signer::SignerError {
    fn from(error: SignerError) -> Self {
        signer::SignerError(error.to_string())
    }
}

impl From<Invalid> for signer::SignerError {
    fn from(invalid: Invalid) -> Self {
        signer::SignerError(format!("its answer: {invalid}"))
    }
}

/// Which of a channel's base secrets signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum KeyRole {
    /// The funding key.
    Funding,
    /// The payment base secret.
    Payment,
    /// The delayed payment base secret.
    DelayedPayment,
    /// The HTLC base secret.
    Htlc,
    /// The revocation base secret.
    Revocation,
}

/// What turns a base secret into the key that signs (BOLT 3, "Key Derivation").
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
pub enum KeyTweak {
    /// Nothing: the base secret itself signs.
    Untweaked,
    /// SHA256 of this per-commitment point and the basepoint is added.
    Point {
        /// The point, 33 bytes.
        point: Vec<u8>,
    },
    /// It is combined with the peer's revealed per-commitment secret: the revocation key.
    Secret {
        /// The secret, 32 bytes.
        secret: Vec<u8>,
    },
}

impl fmt::Debug for KeyTweak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyTweak::Untweaked => "Untweaked",
            KeyTweak::Point { point: _ } => "Point(..)",
            KeyTweak::Secret { secret: _ } => "Secret(..)",
        })
    }
}

/// Which key signs.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct KeyDescriptor {
    /// The name of the channel's keys, 32 bytes.
    pub keys_id: Vec<u8>,
    /// Which of them.
    pub role: KeyRole,
    /// How the signing key is derived from it.
    pub tweak: KeyTweak,
    /// What the public key of the derived key must be, 33 bytes.
    pub public_key: Vec<u8>,
}

/// One input to sign.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct InputToSign {
    /// Which input of the PSBT, from 0.
    pub index: u32,
    /// Which key signs it.
    pub key: KeyDescriptor,
    /// The digest to sign, 32 bytes: computed by the library, because general wallets cannot for these scripts.
    pub sighash: Vec<u8>,
    /// The sighash type that the digest commits to (1 = `SIGHASH_ALL`).
    pub sighash_type: u32,
}

/// A transaction to sign.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SignRequest {
    /// The channel it is about.
    pub channel: OutPoint,
    /// The whole transaction with what it spends (BIP 174).
    pub psbt: Vec<u8>,
    /// The inputs to sign.
    pub inputs: Vec<InputToSign>,
}

/// The app's keys. The library never holds a channel's base secrets itself, and verifies every signature it gets.
#[uniffi::export(rust, foreign)]
pub trait Signer: Send + Sync {
    /// The public keys of a channel, by the 32 bytes that name them.
    fn channel_keys(&self, keys_id: Vec<u8>) -> Result<ChannelKeys, SignerError>;

    /// Our per-commitment point of commitment `number` (from 0), 33 bytes.
    fn per_commitment_point(&self, keys_id: Vec<u8>, number: u64) -> Result<Vec<u8>, SignerError>;

    /// One ECDSA signature per input of the request, in its order: 64 bytes each, without a sighash byte.
    fn sign(&self, request: SignRequest) -> Result<Vec<Vec<u8>>, SignerError>;

    /// The funding key's ECDSA signature of the digest of an announcement: 64 bytes. Asked for public channels only.
    fn sign_announcement(&self, request: AnnouncementRequest) -> Result<Vec<u8>, SignerError>;
}

/// The app's signer, as the arbitrator calls it.
pub(in crate::ffi) struct ForeignSigner(pub(in crate::ffi) Arc<dyn Signer>);

impl signer::Signer for ForeignSigner {
    fn channel_keys(&self, keys_id: &KeysId) -> Result<ChannelPublicKeys, signer::SignerError> {
        let keys = self.0.channel_keys(keys_id.0.to_vec())?;
        Ok(keys.to_core().within("channel_keys")?)
    }

    fn per_commitment_point(
        &self,
        keys_id: &KeysId,
        number: CommitmentNumber,
    ) -> Result<PublicKey, signer::SignerError> {
        let point = self
            .0
            .per_commitment_point(keys_id.0.to_vec(), number.get())?;
        Ok(input::public_key("per_commitment_point", &point)?)
    }

    fn sign_announcement(
        &self,
        request: &signer::AnnouncementRequest,
    ) -> Result<Signature, signer::SignerError> {
        let signature = self.0.sign_announcement(request.into())?;
        Ok(input::signature("sign_announcement", &signature)?)
    }

    fn sign(&self, request: &signer::SignRequest) -> Result<Vec<Signature>, signer::SignerError> {
        let signatures = self.0.sign(request.into())?;
        Ok(signatures
            .iter()
            .enumerate()
            .map(|(index, bytes)| input::signature(&format!("sign[{index}]"), bytes))
            .collect::<Result<_, _>>()?)
    }
}

impl From<protocol::KeyRole> for KeyRole {
    fn from(role: protocol::KeyRole) -> Self {
        match role {
            protocol::KeyRole::Funding => KeyRole::Funding,
            protocol::KeyRole::Payment => KeyRole::Payment,
            protocol::KeyRole::DelayedPayment => KeyRole::DelayedPayment,
            protocol::KeyRole::Htlc => KeyRole::Htlc,
            protocol::KeyRole::Revocation => KeyRole::Revocation,
        }
    }
}

impl From<KeyRole> for protocol::KeyRole {
    fn from(role: KeyRole) -> Self {
        match role {
            KeyRole::Funding => protocol::KeyRole::Funding,
            KeyRole::Payment => protocol::KeyRole::Payment,
            KeyRole::DelayedPayment => protocol::KeyRole::DelayedPayment,
            KeyRole::Htlc => protocol::KeyRole::Htlc,
            KeyRole::Revocation => protocol::KeyRole::Revocation,
        }
    }
}

impl From<&signer::KeyTweak> for KeyTweak {
    fn from(tweak: &signer::KeyTweak) -> Self {
        match tweak {
            signer::KeyTweak::None => KeyTweak::Untweaked,
            signer::KeyTweak::Point(point) => KeyTweak::Point {
                point: point.serialize().to_vec(),
            },
            signer::KeyTweak::Secret(secret) => KeyTweak::Secret {
                secret: secret.as_bytes().to_vec(),
            },
        }
    }
}

impl KeyTweak {
    fn to_core(&self) -> Result<signer::KeyTweak, Invalid> {
        Ok(match self {
            KeyTweak::Untweaked => signer::KeyTweak::None,
            KeyTweak::Point { point } => {
                signer::KeyTweak::Point(input::public_key("point", point)?)
            }
            KeyTweak::Secret { secret } => {
                signer::KeyTweak::Secret(CommitmentSecret::new(input::array("secret", secret)?))
            }
        })
    }
}

impl From<&signer::InputToSign> for InputToSign {
    fn from(input: &signer::InputToSign) -> Self {
        InputToSign {
            // A transaction of 4 MB has far fewer inputs than 2^32.
            index: u32::try_from(input.index).unwrap_or(u32::MAX),
            key: KeyDescriptor {
                keys_id: input.key.keys_id.0.to_vec(),
                role: input.key.role.into(),
                tweak: (&input.key.tweak).into(),
                public_key: input.key.public_key.serialize().to_vec(),
            },
            sighash: input.sighash.as_ref().to_vec(),
            sighash_type: input.sighash_type.to_u32(),
        }
    }
}

impl InputToSign {
    fn to_core(&self) -> Result<signer::InputToSign, Invalid> {
        let key = &self.key;
        Ok(signer::InputToSign {
            index: usize::try_from(self.index)
                .map_err(|_| Invalid::new("index", "no transaction has that many inputs"))?,
            key: signer::KeyDescriptor {
                keys_id: input::keys_id("key.keys_id", &key.keys_id)?,
                role: key.role.into(),
                tweak: key.tweak.to_core().within("key.tweak")?,
                public_key: input::public_key("key.public_key", &key.public_key)?,
            },
            sighash: Message::from_digest(input::array("sighash", &self.sighash)?),
            sighash_type: EcdsaSighashType::from_standard(self.sighash_type)
                .map_err(|error| Invalid::new("sighash_type", error))?,
        })
    }
}

impl From<&signer::SignRequest> for SignRequest {
    fn from(request: &signer::SignRequest) -> Self {
        SignRequest {
            channel: request.channel.into(),
            psbt: request.psbt.serialize(),
            inputs: request.inputs.iter().map(InputToSign::from).collect(),
        }
    }
}

impl SignRequest {
    pub(in crate::ffi) fn to_core(&self) -> Result<signer::SignRequest, Invalid> {
        let inputs = self
            .inputs
            .iter()
            .enumerate()
            .map(|(index, input)| input.to_core().within(format_args!("inputs[{index}]")));
        Ok(signer::SignRequest {
            channel: self.channel.to_core().within("channel")?,
            psbt: Psbt::deserialize(&self.psbt).map_err(|error| Invalid::new("psbt", error))?,
            inputs: inputs.collect::<Result<_, _>>()?,
        })
    }
}
