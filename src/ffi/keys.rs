//! The keys of the database and of channels, and preimages: what an app does with them.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::foreign::{CryptoSystem, ForeignCryptoSystem};
use super::input::{self, Within};
use super::{ArbitratorError, ChainArbitrator, ChannelSecrets};
use crate::protocol::{PaymentHash, Preimage};

#[uniffi::export]
impl ChainArbitrator {
    /// Changes the key of the database: everything secret is sealed anew, and the file opens with `new_crypto_system` only,
    /// which is for the app to remember. All or nothing. If the app dies during the call the file opens with one of the
    /// two: with `WrongKey` under the new one, nothing has changed.
    pub async fn change_key(
        &self,
        new_crypto_system: Arc<dyn CryptoSystem>,
    ) -> Result<(), ArbitratorError> {
        let new = Arc::new(ForeignCryptoSystem(new_crypto_system));
        Ok(self.core.change_key(new).await?)
    }

    /// Keeps a channel's own secrets, sealed, for channels whose keys the signer does not have. On disk when this returns;
    /// from then on they are used under the 32 bytes of `keys_id`, after every start as well, and the signer is not asked.
    /// To be called before the channel is registered. A repeat changes nothing.
    pub async fn import_channel_keys(
        &self,
        keys_id: Vec<u8>,
        secrets: ChannelSecrets,
    ) -> Result<(), ArbitratorError> {
        let mut secrets = secrets;
        let imported = secrets.to_core().within("secrets");
        secrets.wipe();
        let keys_id = input::keys_id("keys_id", &keys_id)?;
        Ok(self.core.import_channel_keys(keys_id, imported?).await?)
    }

    /// Keeps a preimage of 32 bytes, sealed. On disk when this returns; the next `resume` acts on it. To be called with every
    /// preimage that the engine learns, before the peer's `update_fulfill_htlc` is answered: an HTLC whose preimage is
    /// known is never failed. A repeat changes nothing.
    pub async fn learn_preimage(&self, preimage: Vec<u8>) -> Result<(), ArbitratorError> {
        let preimage = Zeroizing::new(preimage);
        let preimage = Preimage::new(input::array("preimage", &preimage)?);
        Ok(self.core.learn_preimage(preimage).await?)
    }

    /// The preimage of a payment hash of 32 bytes, if it is known: from the app, or from the chain. Asked for with what
    /// `EventKind.FulfillUpstream` names.
    pub async fn preimage(
        &self,
        payment_hash: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, ArbitratorError> {
        let hash = PaymentHash(input::array("payment_hash", &payment_hash)?);
        let preimage = self.core.preimage(hash).await?;
        Ok(preimage.map(|preimage| preimage.as_bytes().to_vec()))
    }
}
