//! The embedded signer: every channel's keys from one seed (BIP 32), or given to it one by one.

use std::fmt;

use bitcoin::bip32::{ChildNumber, Xpriv};
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
use bitcoin::NetworkKind;

use super::imported::ImportedKeys;
use super::{AnnouncementRequest, ChannelSecrets, SignRequest, Signer, SignerError};
use crate::channel::KeysId;
use crate::protocol::{ChannelPublicKeys, CommitmentNumber};

/// First level of the derivation path: "LA", so that no other use of the seed meets it.
const PURPOSE: u32 = 0x4c41;

/// Signs with keys from one seed, and with keys imported per channel.
pub struct SeedSigner {
    master: Xpriv,
    imported: ImportedKeys,
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
            imported: ImportedKeys::default(),
        })
    }

    /// Makes a channel's own secrets known under `keys_id`, for as long as this signer lives; from then on they are used
    /// instead of the seed's. To keep them:
    /// [`ChainArbitrator::import_channel_keys`](crate::ChainArbitrator::import_channel_keys).
    pub fn import(&self, keys_id: KeysId, secrets: ChannelSecrets) {
        self.imported.put(keys_id, Ok(secrets));
    }

    /// A channel's secrets, for the channel engine that signs the peer's commitments with them.
    ///
    /// # Errors
    /// When the seed gives no key there (never met by chance).
    pub fn channel_secrets(&self, keys_id: &KeysId) -> Result<ChannelSecrets, SignerError> {
        match self.imported.get(keys_id)? {
            Some(secrets) => Ok(secrets),
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
        self.channel_secrets(keys_id)?.per_commitment_point(number)
    }

    fn sign_announcement(&self, request: &AnnouncementRequest) -> Result<Signature, SignerError> {
        self.channel_secrets(&request.keys_id)?
            .sign_announcement(request)
    }

    fn sign(&self, request: &SignRequest) -> Result<Vec<Signature>, SignerError> {
        request
            .inputs
            .iter()
            .map(|input| self.channel_secrets(&input.key.keys_id)?.sign(input))
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
