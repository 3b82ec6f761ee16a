//! The one object of an app: everything the library does, as async functions that never block the caller.

use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;

use super::foreign::{
    CryptoSystem, ForeignCryptoSystem, ForeignGraphView, ForeignNodeSigner, ForeignSigner,
    ForeignWallet, GraphView, NodeSigner, OnchainWallet, Signer,
};
use super::input::{self, Invalid, Within};
use super::{
    ArbitratorConfig, ArbitratorError, ChannelReport, ChannelTerms, CloseSummary, Delivery, Event,
    ForceCloseStatus, OutPoint, Position, ResumeOptions, ResumeReport,
};
use crate::arbitrator::{self, Config};
use crate::chain::{ChainPolicy, Depth, EsploraSource};
use crate::wallet::Wallet;

/// Keeps the money of many channels safe on-chain. One per database file, usable from any thread.
#[derive(uniffi::Object)]
pub struct ChainArbitrator {
    pub(super) core: Arc<arbitrator::ChainArbitrator>,
}

pub(super) fn channel(outpoint: &OutPoint) -> Result<bitcoin::OutPoint, Invalid> {
    outpoint.to_core().within("channel")
}

#[uniffi::export]
impl ChainArbitrator {
    /// Opens or creates the database and starts the library's thread. Nothing is asked of the server yet. Everything secret
    /// in the file is sealed by `crypto_system`: a `KeyCrypto`, the app's own, or `Unsealed`. Public channels need the
    /// node's key (`node_signer`); with `graph`, an announcement that the network forgot is handed out again.
    #[uniffi::constructor(default(node_signer = None, graph = None))]
    pub async fn open(
        config: ArbitratorConfig,
        signer: Arc<dyn Signer>,
        wallet: Arc<dyn OnchainWallet>,
        crypto_system: Arc<dyn CryptoSystem>,
        node_signer: Option<Arc<dyn NodeSigner>>,
        graph: Option<Arc<dyn GraphView>>,
    ) -> Result<Arc<Self>, ArbitratorError> {
        let wallet = Wallet::App(Arc::new(ForeignWallet(wallet)));
        let core_config = core_config(&config, signer, wallet, crypto_system, node_signer, graph)?;
        let core = Arc::new(arbitrator::ChainArbitrator::open(core_config).await?);
        Ok(Arc::new(ChainArbitrator { core }))
    }

    /// Registers a channel, before its funding is broadcast. A repeat with equal terms changes nothing.
    pub async fn register(&self, terms: ChannelTerms) -> Result<(), ArbitratorError> {
        let terms = terms.to_core().within("terms")?;
        Ok(self.core.register(terms).await?)
    }

    /// Keeps a fully signed cooperative close. It is recognised on the chain, and preferred to a force close.
    pub async fn closing_signed(
        &self,
        channel: OutPoint,
        transaction: Vec<u8>,
    ) -> Result<(), ArbitratorError> {
        let channel = self::channel(&channel)?;
        let transaction = input::transaction("transaction", &transaction)?;
        Ok(self.core.closing_signed(channel, transaction).await?)
    }

    /// Where the store stands in a channel's stream of updates, for an engine that was interrupted.
    pub async fn position(&self, channel: OutPoint) -> Result<Position, ArbitratorError> {
        let channel = self::channel(&channel)?;
        Ok(self.core.position(channel).await?.into())
    }

    /// Closes a channel with our commitment, or with a cooperative close that is held. Durable when it returns; the broadcast
    /// was attempted, and is repeated on every tick. A second call answers with the state of the first.
    pub async fn force_close(
        &self,
        channel: OutPoint,
    ) -> Result<ForceCloseStatus, ArbitratorError> {
        let channel = self::channel(&channel)?;
        Ok(self.core.force_close(channel).await?.into())
    }

    /// Says that a channel's funding will never confirm. Nothing of ours goes out any more; the close summary becomes final,
    /// and the working data goes, when the funding has stayed away for `finalDepth` blocks, counted from the next tick. A
    /// funding that confirms before that makes the cancellation void, and is told of; one that confirms later is not seen any
    /// more. A repeat changes nothing.
    pub async fn cancel_funding(&self, channel: OutPoint) -> Result<(), ArbitratorError> {
        let channel = self::channel(&channel)?;
        Ok(self.core.cancel_funding(channel).await?)
    }

    /// Gives a channel up, whatever its state, at once and for good: no output is claimed any more, no breach is answered,
    /// nothing is broadcast. Money that is not settled is lost, unless the peer leaves it to us. A repeat changes nothing.
    pub async fn abandon(&self, channel: OutPoint) -> Result<(), ArbitratorError> {
        let channel = self::channel(&channel)?;
        Ok(self.core.abandon(channel).await?)
    }

    /// One tick: asks the chain server what happened, moves every case, broadcasts what must be broadcast. A server that
    /// fails is no error: the report says what was not learnt. Without options it has no limits and looks at blocks only.
    #[uniffi::method(default(options = None))]
    pub async fn resume(
        &self,
        options: Option<ResumeOptions>,
    ) -> Result<ResumeReport, ArbitratorError> {
        let options = options
            .map(|options| options.to_core())
            .transpose()?
            .unwrap_or_default();
        Ok(self.core.resume(options).await?.into())
    }

    /// Ends the running tick at its next durable point. Nothing happens when none is running.
    pub async fn cancel_resume(&self) -> Result<(), ArbitratorError> {
        Ok(self.core.cancel_resume().await?)
    }

    /// Says what waits for a subscriber: with `Synchronous` no case ends before it has acknowledged every event of the channel.
    /// Durable when it returns, and kept until it is said otherwise; whoever only asks for events is asynchronous. No claim
    /// and no broadcast ever waits for anybody.
    pub async fn subscribe(
        &self,
        subscriber: String,
        delivery: Delivery,
    ) -> Result<(), ArbitratorError> {
        Ok(self.core.subscribe(subscriber, delivery.into()).await?)
    }

    /// Up to `max` events that `subscriber` has not acknowledged, oldest first. Does not wait, and gives an event again
    /// until it is acknowledged.
    pub async fn pending_events(
        &self,
        subscriber: String,
        max: u32,
    ) -> Result<Vec<Event>, ArbitratorError> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let events = self.core.pending_events(subscriber, max).await?;
        Ok(events.into_iter().map(Event::from).collect())
    }

    /// Waits for the next event that `subscriber` has not acknowledged; gives each once per open. Ends with `ShutDown` when
    /// the arbitrator is shut down meanwhile. A call that is cancelled while it waits has taken nothing; one that is cancelled
    /// at the moment of its answer may have, and `pending_events` still gives that event.
    pub async fn next_event(&self, subscriber: String) -> Result<Event, ArbitratorError> {
        Ok(self.core.next_event(subscriber).await?.into())
    }

    /// Takes an event off a subscriber's list. A repeat changes nothing. Of a message (`TellPeer`) it says that the peer has it:
    /// it goes from every list.
    pub async fn acknowledge(&self, subscriber: String, id: String) -> Result<(), ArbitratorError> {
        Ok(self.core.acknowledge(subscriber, id).await?)
    }

    /// Every registered channel, oldest first.
    pub async fn channels(&self) -> Result<Vec<OutPoint>, ArbitratorError> {
        let channels = self.core.channels().await?;
        Ok(channels.into_iter().map(OutPoint::from).collect())
    }

    /// The channels with one peer (its node id, 33 bytes), oldest first.
    pub async fn channels_with(&self, peer: Vec<u8>) -> Result<Vec<OutPoint>, ArbitratorError> {
        let peer = input::public_key("peer", &peer)?;
        let channels = self.core.channels_with(peer).await?;
        Ok(channels.into_iter().map(OutPoint::from).collect())
    }

    /// How a channel stands.
    pub async fn channel(&self, channel: OutPoint) -> Result<ChannelReport, ArbitratorError> {
        let channel = self::channel(&channel)?;
        Ok(self.core.channel(channel).await?.into())
    }

    /// The close summary of a channel, once a close was proven.
    pub async fn close_summary(
        &self,
        channel: OutPoint,
    ) -> Result<Option<CloseSummary>, ArbitratorError> {
        let channel = self::channel(&channel)?;
        let summary = self.core.close_summary(channel).await?;
        Ok(summary.map(CloseSummary::from))
    }

    /// The arbitrator's log of one channel, oldest first, one line for people each.
    pub async fn log(&self, channel: OutPoint) -> Result<Vec<String>, ArbitratorError> {
        let channel = self::channel(&channel)?;
        Ok(self
            .core
            .log(channel)
            .await?
            .iter()
            .map(ToString::to_string)
            .collect())
    }

    /// Closes the database and ends the library's thread; the database can be opened again when this returns. Every later
    /// call gives `ShutDown`. What is cut off goes on with the next open.
    pub async fn shutdown(&self) {
        let core = self.core.clone();
        let (closed, waiting) = oneshot::channel::<()>();
        // Ending waits for the write in progress, which the caller's thread must not.
        let ending = std::thread::Builder::new()
            .name("lightning-shutdown".into())
            .spawn(move || {
                core.shutdown();
                let _ = closed.send(());
            });
        match ending {
            Ok(_) => {
                let _ = waiting.await;
            }
            Err(_) => self.core.shutdown(),
        }
    }
}

pub(super) fn core_config(
    config: &ArbitratorConfig,
    signer: Arc<dyn Signer>,
    wallet: Wallet,
    crypto_system: Arc<dyn CryptoSystem>,
    node_signer: Option<Arc<dyn NodeSigner>>,
    graph: Option<Arc<dyn GraphView>>,
) -> Result<Config, ArbitratorError> {
    if config.database_path.is_empty() {
        return Err(Invalid::new("config.database_path", "empty").into());
    }
    let mut core = Config::new(
        config.network.into(),
        &config.database_path,
        esplora(&config.esplora_url)?,
        Arc::new(ForeignSigner(signer)),
        wallet,
        Arc::new(ForeignCryptoSystem(crypto_system)),
    );
    core.node_signer = node_signer.map(|app| Arc::new(ForeignNodeSigner(app)) as _);
    core.graph = graph.map(|app| Arc::new(ForeignGraphView(app)) as _);
    core.wait_for_lock = config.wait_for_lock_ms.map(Duration::from_millis);
    if let Some(policy) = &config.policy {
        core.policy = policy.to_core().within("config.policy")?;
        core.chain_policy.final_depth = Depth::new(core.policy.final_depth);
    }
    Ok(core)
}

fn esplora(url: &str) -> Result<Arc<EsploraSource>, Invalid> {
    let source = EsploraSource::new(url, ChainPolicy::default())
        .map_err(|error| Invalid::new("config.esplora_url", error))?;
    Ok(Arc::new(source))
}
