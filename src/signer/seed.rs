//! The embedded signer: every channel's keys from one seed (BIP 32), or imported one by one.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use bitcoin::bip32::{ChildNumber, Xpriv};
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
use bitcoin::NetworkKind;
use zeroize::Zeroize;

use super::{InputToSign, KeyTweak, SignRequest, Signer, SignerError};
use crate::channel::KeysId;
use crate::protocol::{
    commitment_secret, derive_revocation_secret_key, derive_secret_key, Basepoints,
    ChannelPublicKeys, CommitmentNumber, KeyRole,
};

/// First level of the derivation path: "LA", so that no other use of the seed meets it.
const PURPOSE: u32 = 0x4c41;

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

/// Signs with keys from one seed, and with keys imported per channel.
pub struct SeedSigner {
    master: Xpriv,
    imported: Mutex<HashMap<KeysId, ChannelSecrets>>,
}

impl fmt::Debug for SeedSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeedSigner(..)")
    }
}

impl SeedSigner {
    /// A signer over a seed of 16 to 64 bytes (BIP 32).
    ///
    /// # Errors
    /// When the seed has another length.
    pub fn new(seed: &[u8]) -> Result<Self, SignerError> {
        if !(16..=64).contains(&seed.len()) {
            return Err(SignerError(format!(
                "a seed has 16 to 64 bytes, not {}",
                seed.len()
            )));
        }
        // Which network is meant shows in the serialisation only, and nothing here is serialised.
        let master = Xpriv::new_master(NetworkKind::Main, seed)
            .map_err(|error| SignerError(error.to_string()))?;
        Ok(SeedSigner {
            master,
            imported: Mutex::new(HashMap::new()),
        })
    }

    /// Makes a channel's own secrets known under `keys_id`; from then on they are used instead of the seed's.
    pub fn import(&self, keys_id: KeysId, secrets: ChannelSecrets) {
        if let Ok(mut imported) = self.imported.lock() {
            imported.insert(keys_id, secrets);
        }
    }

    /// A channel's secrets, for the channel engine that signs the peer's commitments with them.
    ///
    /// # Errors
    /// When the seed gives no key there (never met by chance).
    pub fn channel_secrets(&self, keys_id: &KeysId) -> Result<ChannelSecrets, SignerError> {
        let imported = self
            .imported
            .lock()
            .map_err(|_| SignerError("another caller failed while importing keys".into()))?;
        match imported.get(keys_id) {
            Some(secrets) => Ok(secrets.clone()),
            None => self.derive(keys_id),
        }
    }

    /// m / PURPOSE' / sixteen levels of two bytes of the name / role'. All hardened: no public half leaks another.
    fn derive(&self, keys_id: &KeysId) -> Result<ChannelSecrets, SignerError> {
        let refuse = |error: bitcoin::bip32::Error| SignerError(error.to_string());
        let hardened = |index: u32| ChildNumber::Hardened { index };
        let name = keys_id
            .0
            .chunks_exact(2)
            .map(|pair| hardened(u32::from(pair[0]) << 8 | u32::from(pair[1])));
        let path: Vec<ChildNumber> = std::iter::once(hardened(PURPOSE)).chain(name).collect();
        let channel = self.master.derive_priv(SECP256K1, &path).map_err(refuse)?;
        let key = |role: u32| -> Result<SecretKey, SignerError> {
            Ok(channel
                .derive_priv(SECP256K1, &[hardened(role)])
                .map_err(refuse)?
                .private_key)
        };
        Ok(ChannelSecrets {
            funding: key(0)?,
            revocation_base: key(1)?,
            payment: key(2)?,
            delayed_payment_base: key(3)?,
            htlc_base: key(4)?,
            commitment_seed: key(5)?.secret_bytes(),
        })
    }

    fn sign_input(
        &self,
        secrets: &ChannelSecrets,
        input: &InputToSign,
    ) -> Result<Signature, SignerError> {
        let key = secrets.signing_key(input.key.role, &input.key.tweak)?;
        if key.public_key(SECP256K1) != input.key.public_key {
            return Err(SignerError(format!(
                "the {:?} key of {:?} is not the one asked for",
                input.key.role, input.key.keys_id
            )));
        }
        Ok(SECP256K1.sign_ecdsa_low_r(&input.sighash, &key))
    }
}

impl Signer for SeedSigner {
    fn channel_keys(&self, keys_id: &KeysId) -> Result<ChannelPublicKeys, SignerError> {
        Ok(self.channel_secrets(keys_id)?.public_keys())
    }

    fn per_commitment_point(
        &self,
        keys_id: &KeysId,
        number: CommitmentNumber,
    ) -> Result<PublicKey, SignerError> {
        let secrets = self.channel_secrets(keys_id)?;
        commitment_secret(&secrets.commitment_seed, number)
            .point()
            .map_err(|error| SignerError(error.to_string()))
    }

    fn sign(&self, request: &SignRequest) -> Result<Vec<Signature>, SignerError> {
        request
            .inputs
            .iter()
            .map(|input| {
                let secrets = self.channel_secrets(&input.key.keys_id)?;
                self.sign_input(&secrets, input)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_and_name_give_the_same_keys_again_and_other_names_give_others() {
        let keys = |seed: u8, name: u8| {
            SeedSigner::new(&[seed; 32])
                .and_then(|signer| signer.channel_keys(&KeysId([name; 32])))
                .expect("a seed of 32 bytes gives keys")
        };
        assert_eq!(keys(1, 1), keys(1, 1));
        assert_ne!(keys(1, 1), keys(1, 2));
        assert_ne!(keys(1, 1), keys(2, 1));
    }

    #[test]
    fn seeds_that_bip_32_does_not_know_are_refused() {
        assert!(SeedSigner::new(&[0; 15]).is_err());
        assert!(SeedSigner::new(&[0; 65]).is_err());
    }

    #[test]
    fn no_secret_is_printed() {
        let signer = SeedSigner::new(&[7; 32]).expect("32 bytes");
        let secrets = signer.channel_secrets(&KeysId([0; 32])).expect("derived");
        assert_eq!(
            format!("{signer:?} {secrets:?}"),
            "SeedSigner(..) ChannelSecrets(..)"
        );
    }
}
