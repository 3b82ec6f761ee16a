//! The embedded signer, as apps use it: handed over as it is, or asked by a signer of the app's own.

use std::fmt;
use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use super::foreign::{AnnouncementRequest, SignRequest, Signer, SignerError};
use super::input::{self, Invalid, Within};
use super::{ArbitratorError, ChannelKeys};
use crate::signer::{self, Signer as _};

/// All base secrets of one channel, 32 bytes each.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct ChannelSecrets {
    /// Signs commitments and closing transactions.
    pub funding: Vec<u8>,
    /// Punishes the peer's revoked commitments.
    pub revocation_base: Vec<u8>,
    /// Owns our balance on the peer's commitments.
    pub payment: Vec<u8>,
    /// Owns our balance on our commitments.
    pub delayed_payment_base: Vec<u8>,
    /// Owns our side of HTLCs.
    pub htlc_base: Vec<u8>,
    /// Seed of the per-commitment secrets (BOLT 3).
    pub commitment_seed: Vec<u8>,
}

impl fmt::Debug for ChannelSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelSecrets(..)")
    }
}

impl ChannelSecrets {
    pub(super) fn to_core(&self) -> Result<signer::ChannelSecrets, Invalid> {
        Ok(signer::ChannelSecrets {
            funding: input::secret_key("funding", &self.funding)?,
            revocation_base: input::secret_key("revocation_base", &self.revocation_base)?,
            payment: input::secret_key("payment", &self.payment)?,
            delayed_payment_base: input::secret_key(
                "delayed_payment_base",
                &self.delayed_payment_base,
            )?,
            htlc_base: input::secret_key("htlc_base", &self.htlc_base)?,
            commitment_seed: input::array("commitment_seed", &self.commitment_seed)?,
        })
    }

    pub(super) fn wipe(&mut self) {
        for secret in [
            &mut self.funding,
            &mut self.revocation_base,
            &mut self.payment,
            &mut self.delayed_payment_base,
            &mut self.htlc_base,
            &mut self.commitment_seed,
        ] {
            secret.zeroize();
        }
    }
}

impl From<&signer::ChannelSecrets> for ChannelSecrets {
    fn from(secrets: &signer::ChannelSecrets) -> Self {
        ChannelSecrets {
            funding: secrets.funding.secret_bytes().to_vec(),
            revocation_base: secrets.revocation_base.secret_bytes().to_vec(),
            payment: secrets.payment.secret_bytes().to_vec(),
            delayed_payment_base: secrets.delayed_payment_base.secret_bytes().to_vec(),
            htlc_base: secrets.htlc_base.secret_bytes().to_vec(),
            commitment_seed: secrets.commitment_seed.to_vec(),
        }
    }
}

/// Signs with keys from one seed (BIP 32), and with keys imported channel by channel.
#[derive(Debug, uniffi::Object)]
pub struct SeedSigner {
    signer: signer::SeedSigner,
}

#[uniffi::export]
impl SeedSigner {
    /// A signer over a seed of 16 to 64 bytes.
    #[uniffi::constructor]
    pub fn new(seed: Vec<u8>) -> Result<Arc<Self>, ArbitratorError> {
        let seed = Zeroizing::new(seed);
        let signer = signer::SeedSigner::new(&seed).map_err(|error| Invalid::new("seed", error))?;
        Ok(Arc::new(SeedSigner { signer }))
    }

    /// Makes a channel's own secrets known under the 32 bytes of `keys_id`, for as long as this signer lives; from then on
    /// they are used instead of the seed's. To keep them: `ChainArbitrator.import_channel_keys`.
    pub fn import_channel(
        &self,
        keys_id: Vec<u8>,
        secrets: ChannelSecrets,
    ) -> Result<(), ArbitratorError> {
        let mut secrets = secrets;
        let imported = secrets.to_core().within("secrets");
        secrets.wipe();
        self.signer
            .import(input::keys_id("keys_id", &keys_id)?, imported?);
        Ok(())
    }

    /// A channel's secrets, for the channel engine that signs the peer's commitments with them.
    pub fn channel_secrets(&self, keys_id: Vec<u8>) -> Result<ChannelSecrets, ArbitratorError> {
        let keys_id = input::keys_id("keys_id", &keys_id)?;
        let secrets = self
            .signer
            .channel_secrets(&keys_id)
            .map_err(|error| Invalid::new("keys_id", error))?;
        Ok((&secrets).into())
    }
}

#[uniffi::export]
impl Signer for SeedSigner {
    fn channel_keys(&self, keys_id: Vec<u8>) -> Result<ChannelKeys, SignerError> {
        let keys_id = input::keys_id("keys_id", &keys_id)?;
        Ok(self.signer.channel_keys(&keys_id)?.into())
    }

    fn per_commitment_point(&self, keys_id: Vec<u8>, number: u64) -> Result<Vec<u8>, SignerError> {
        let keys_id = input::keys_id("keys_id", &keys_id)?;
        let number = input::commitment_number("number", number)?;
        let point = self.signer.per_commitment_point(&keys_id, number)?;
        Ok(point.serialize().to_vec())
    }

    fn sign_announcement(&self, request: AnnouncementRequest) -> Result<Vec<u8>, SignerError> {
        let keys_id = input::keys_id("keys_id", &request.keys_id)?;
        let public_key = input::public_key("public_key", &request.public_key)?;
        let secrets = self.signer.channel_secrets(&keys_id)?;
        let signature = secrets.sign_digest(&public_key, &request.digest()?)?;
        Ok(signature.serialize_compact().to_vec())
    }

    fn sign(&self, request: SignRequest) -> Result<Vec<Vec<u8>>, SignerError> {
        let signatures = self.signer.sign(&request.to_core()?)?;
        Ok(signatures
            .iter()
            .map(|signature| signature.serialize_compact().to_vec())
            .collect())
    }
}
