//! The base secrets of one channel, and what can be done with them.

use std::fmt;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey, SecretKey, SECP256K1};
use zeroize::Zeroize;

use super::{AnnouncementRequest, InputToSign, KeyTweak, SignerError};
use crate::protocol::{
    commitment_secret, derive_revocation_secret_key, derive_secret_key, Basepoints,
    ChannelPublicKeys, CommitmentNumber, KeyRole,
};

/// All base secrets of one channel. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct ChannelSecrets {
    pub funding: SecretKey,
    pub revocation_base: SecretKey,
    pub payment: SecretKey,
    pub delayed_payment_base: SecretKey,
    pub htlc_base: SecretKey,
    /// Seed of the per-commitment secrets (BOLT 3).
    pub commitment_seed: [u8; 32],
}

impl fmt::Debug for ChannelSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelSecrets(..)")
    }
}

impl Drop for ChannelSecrets {
    fn drop(&mut self) {
        for key in [
            &mut self.funding,
            &mut self.revocation_base,
            &mut self.payment,
            &mut self.delayed_payment_base,
            &mut self.htlc_base,
        ] {
            key.non_secure_erase();
        }
        self.commitment_seed.zeroize();
    }
}

impl ChannelSecrets {
    /// The public half.
    pub fn public_keys(&self) -> ChannelPublicKeys {
        ChannelPublicKeys {
            funding: self.funding.public_key(SECP256K1),
            basepoints: Basepoints {
                revocation: self.revocation_base.public_key(SECP256K1),
                payment: self.payment.public_key(SECP256K1),
                delayed_payment: self.delayed_payment_base.public_key(SECP256K1),
                htlc: self.htlc_base.public_key(SECP256K1),
            },
        }
    }

    /// Our per-commitment point of commitment `number`.
    ///
    /// # Errors
    /// When the seed gives no secret there (never met by chance).
    pub fn per_commitment_point(&self, number: CommitmentNumber) -> Result<PublicKey, SignerError> {
        commitment_secret(&self.commitment_seed, number)
            .point()
            .map_err(|error| SignerError(error.to_string()))
    }

    /// Signs one input.
    ///
    /// # Errors
    /// When the key that is asked for is none of this channel's.
    pub fn sign(&self, input: &InputToSign) -> Result<Signature, SignerError> {
        let key = self.signing_key(input.key.role, &input.key.tweak)?;
        if key.public_key(SECP256K1) != input.key.public_key {
            return Err(SignerError(format!(
                "the {:?} key of {:?} is not the one asked for",
                input.key.role, input.key.keys_id
            )));
        }
        Ok(SECP256K1.sign_ecdsa_low_r(&input.sighash, &key))
    }

    /// The funding key's signature of an announcement (BOLT 7).
    pub(super) fn sign_announcement(
        &self,
        request: &AnnouncementRequest,
    ) -> Result<Signature, SignerError> {
        self.sign_digest(&request.public_key, &request.digest())
    }

    /// The funding key's signature of a digest.
    pub(crate) fn sign_digest(
        &self,
        public_key: &PublicKey,
        digest: &Message,
    ) -> Result<Signature, SignerError> {
        if self.funding.public_key(SECP256K1) != *public_key {
            let reason = format!("{public_key} is not the channel's funding key");
            return Err(SignerError(reason));
        }
        Ok(SECP256K1.sign_ecdsa_low_r(digest, &self.funding))
    }

    fn signing_key(&self, role: KeyRole, tweak: &KeyTweak) -> Result<SecretKey, SignerError> {
        let base = match role {
            KeyRole::Funding => &self.funding,
            KeyRole::Payment => &self.payment,
            KeyRole::DelayedPayment => &self.delayed_payment_base,
            KeyRole::Htlc => &self.htlc_base,
            KeyRole::Revocation => &self.revocation_base,
        };
        let derived = match tweak {
            KeyTweak::None => Ok(*base),
            KeyTweak::Point(point) => derive_secret_key(base, point),
            KeyTweak::Secret(secret) => secret
                .secret_key()
                .and_then(|secret| derive_revocation_secret_key(base, &secret)),
        };
        derived.map_err(|error| SignerError(error.to_string()))
    }
}
