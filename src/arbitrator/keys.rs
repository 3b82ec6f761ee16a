//! The keys: what opening does with them, a change of the database's key, imported channel keys, and preimages.
//!
//! The app's [`CryptoSystem`] is called through the callout, between what is read and what is written, never inside a
//! transaction.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::callout::Callout;
use super::core::Core;
use super::handed_out::HandedOut;
use super::reserve::open_wallet;
use super::{ChainArbitrator, Config};
use crate::channel::KeysId;
use crate::error::{ArbitratorError, CalloutError};
use crate::protocol::{PaymentHash, Preimage};
use crate::signer::{ChannelSecrets, Keyring, SignerError};
use crate::store::{CryptoSystem, Import, NewDataKey, Opening};

fn unanswered(source: CalloutError) -> ArbitratorError {
    ArbitratorError::Callback {
        callback: "CryptoSystem",
        source,
    }
}

/// Opens the database and its data key.
pub(super) async fn open_core(
    config: Config,
    handed_out: Arc<HandedOut>,
) -> Result<Core, ArbitratorError> {
    let callout = Callout::new(config.policy.callback_limit);
    let (opening, work) = Opening::begin_waiting(
        &config.database,
        config.network,
        config.vfs.as_deref(),
        config.wait_for_lock,
    )?;
    let crypto = config.crypto;
    let key = callout
        .call_times(work.calls(), move || work.run(crypto.as_ref()))
        .await
        .map_err(unanswered)??;
    let store = opening.finish(key)?;
    let signer = Keyring::new(config.signer);
    for (keys_id, secrets) in store.imported()? {
        signer.put(
            keys_id,
            secrets.map_err(|error| SignerError(error.to_string())),
        );
    }
    let wallet = open_wallet(&store, config.network, &config.policy, config.wallet)?;
    let core = Core {
        network: config.network,
        callout,
        policy: config.policy,
        chain_policy: config.chain_policy,
        store,
        source: config.chain,
        signer: Arc::new(signer),
        wallet: wallet.asked,
        reserve: wallet.reserve,
        node_signer: config.node_signer,
        graph: config.graph,
        has_ticked: Cell::new(false),
        purse: RefCell::default(),
        tick: RefCell::new(None),
        waiting: RefCell::new(Vec::new()),
        handed_out,
    };
    core.latch_restored()?;
    Ok(core)
}

impl ChainArbitrator {
    /// Changes the key of the database: everything secret is sealed under a new data key, and that by `new`. All or
    /// nothing; afterwards the file opens with `new` only, which is for the app to remember. If the process dies during the
    /// call the file opens with one of the two: with [`StoreError::WrongKey`](crate::store::StoreError::WrongKey) under
    /// `new`, nothing has changed.
    ///
    /// # Errors
    /// [`ArbitratorError::Callback`], or [`StoreError::Sealing`](crate::store::StoreError::Sealing) when `new` refuses or
    /// a row does not open, which is named.
    pub async fn change_key(&self, new: Arc<dyn CryptoSystem>) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.change_key(new).await }))
            .await
    }

    /// Keeps a channel's own secrets, sealed, for channels whose keys the [`Signer`](crate::Signer) does not have. On disk
    /// when this returns; from then on they are used under this name, in this opening and every later one, and the
    /// signer is not asked. To be called before the channel is registered. A repeat changes nothing.
    ///
    /// # Errors
    /// [`ArbitratorError::KeysIdTaken`]: other keys have this name, imported or a registered channel's.
    pub async fn import_channel_keys(
        &self,
        keys_id: KeysId,
        secrets: ChannelSecrets,
    ) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.import(keys_id, secrets) }))
            .await
    }

    /// Keeps a preimage, sealed. On disk when this returns; the next [`resume`](ChainArbitrator::resume) acts on it. To be
    /// called with every preimage that the engine learns, before the peer's `update_fulfill_htlc` is answered: an HTLC
    /// whose preimage is known is never failed. Claimed is what was [released](ChainArbitrator::release) besides. A repeat
    /// changes nothing.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`].
    pub async fn learn_preimage(&self, preimage: Preimage) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { Ok(core.store.keep_preimage(&preimage)?) }))
            .await
    }

    /// The preimage of a payment hash, if it is known: from the app, or from the chain. Asked for with what
    /// [`EventKind::FulfillUpstream`](crate::court::EventKind::FulfillUpstream) names.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`]: it cannot be opened.
    pub async fn preimage(&self, hash: PaymentHash) -> Result<Option<Preimage>, ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { Ok(core.store.preimage(&hash)?) }))
            .await
    }
}

impl Core {
    async fn change_key(&self, new: Arc<dyn CryptoSystem>) -> Result<(), ArbitratorError> {
        let key = self
            .callout
            .call_times(NewDataKey::CALLS, move || NewDataKey::make(new.as_ref()))
            .await
            .map_err(unanswered)??;
        Ok(self.store.change_key(key)?)
    }

    fn import(&self, keys_id: KeysId, secrets: ChannelSecrets) -> Result<(), ArbitratorError> {
        let public = secrets.public_keys();
        for keys in self.store.registered_under(&keys_id)? {
            if keys != public {
                return Err(ArbitratorError::KeysIdTaken { keys_id });
            }
        }
        match self.store.keep_imported(&keys_id, &secrets)? {
            Import::Kept => {
                self.signer.put(keys_id, Ok(secrets));
                Ok(())
            }
            Import::NameTaken => Err(ArbitratorError::KeysIdTaken { keys_id }),
        }
    }
}
