//! The chain arbitrator: the docket of all channels, and the tick that moves every case.

mod anchors;
mod bump;
mod callout;
mod care;
mod claims;
mod close;
mod coins;
mod core;
mod empty;
mod engine;
mod executor;
mod facts;
mod glance;
mod handed_out;
mod keys;
mod life;
mod opening;
mod options;
mod peers;
mod preview;
mod purge;
mod queries;
mod reader;
mod reestablish;
mod report;
mod reserve;
mod sign;
mod sleep;
mod tick;
mod updates;

pub use bump::BumpStatus;
pub use care::{IntegrityReport, WipeScope};
pub use empty::Emptied;
pub use options::{Config, ForceCloseStatus, ReserveLook, ResumeOptions, ResumeReport, Trouble};
pub use peers::Received;
pub use sleep::{Moment, SleepBudget, WakeUp};

use std::sync::Arc;

use bitcoin::{OutPoint, Transaction};

use self::executor::Executor;
use self::handed_out::HandedOut;
use self::reader::Reader;
use crate::channel::{ChannelTerms, Position};
use crate::config::Policy;
use crate::error::ArbitratorError;
use crate::store::{Delivery, ShortChannelIds, StoredEvent};

/// Keeps the money of many channels safe on-chain. One per database file; clones of an `Arc` may be used from any
/// thread, and from any async runtime or none.
pub struct ChainArbitrator {
    /// Before the executor: what it reads over is closed first, and the database alone again.
    reader: Arc<Reader>,
    executor: Executor,
    policy: Policy,
    handed_out: Arc<HandedOut>,
    /// Held by whoever reads the file on a thread of its own, and by whoever takes it away.
    file: Arc<futures::lock::Mutex<()>>,
}

impl ChainArbitrator {
    /// Opens or creates the database and starts the library's thread. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`]: in use (after [`Config::wait_for_lock`]), another network's, a newer schema, another
    /// key's, damaged, read-only. [`ArbitratorError::Callback`] when the
    /// [`CryptoSystem`](crate::store::CryptoSystem) does not come back.
    pub async fn open(config: Config) -> Result<Self, ArbitratorError> {
        let handed_out = Arc::new(HandedOut::default());
        let seen_by_core = handed_out.clone();
        let policy = config.policy.clone();
        let executor =
            Executor::start(move || Box::pin(keys::open_core(config, seen_by_core))).await?;
        let queries = executor
            .run(|core| Box::pin(async move { Ok(core.store.queries()?) }))
            .await?;
        Ok(ChainArbitrator {
            reader: Arc::new(Reader::start(queries)?),
            executor,
            policy,
            handed_out,
            file: Arc::default(),
        })
    }

    /// Registers a channel, before its funding is broadcast. A repeat with equal terms changes nothing.
    ///
    /// # Errors
    /// [`UpdateError`](crate::channel::UpdateError): impossible terms, keys that are not the signer's, or another
    /// channel's terms under the same funding outpoint.
    pub async fn register(&self, terms: ChannelTerms) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.register(terms).await }))
            .await
    }

    /// Keeps a fully signed cooperative close. It is recognised on the chain, and preferred to a force close.
    ///
    /// # Errors
    /// [`UpdateError::ClosingTransaction`](crate::channel::UpdateError::ClosingTransaction).
    pub async fn closing_signed(
        &self,
        channel: OutPoint,
        transaction: Transaction,
    ) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| {
                Box::pin(async move { core.closing_signed(channel, transaction).await })
            })
            .await
    }

    /// Where the store stands in a channel's stream of updates, for an engine that was interrupted.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`].
    pub async fn position(&self, channel: OutPoint) -> Result<Position, ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.position(channel) }))
            .await
    }

    /// Closes a channel with our commitment (or a cooperative close that is held), and with a child that pays for it, where
    /// its HTLCs make haste. Durable when it returns; the broadcast was attempted, and is repeated on every tick. A second
    /// call answers with the state of the first.
    ///
    /// # Errors
    /// [`CourtError`](crate::court::CourtError): nothing to broadcast, or data was lost.
    pub async fn force_close(
        &self,
        channel: OutPoint,
    ) -> Result<ForceCloseStatus, ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.force_close(channel).await }))
            .await
    }

    /// One tick: asks the chain server what happened, moves every case, broadcasts what must be broadcast.
    ///
    /// # Errors
    /// [`ArbitratorError::ResumeRunning`], [`ArbitratorError::Store`]. A server that fails is no error: the report says
    /// what was not learnt.
    pub async fn resume(&self, options: ResumeOptions) -> Result<ResumeReport, ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(tick::resume(core, options)))
            .await
    }

    /// Ends the running tick at its next durable point. Nothing happens when none is running.
    ///
    /// # Errors
    /// [`ArbitratorError::ShutDown`].
    pub async fn cancel_resume(&self) -> Result<(), ArbitratorError> {
        self.executor
            .run(|core| {
                Box::pin(async move {
                    if let Some(budget) = core.tick.borrow().as_ref() {
                        budget.cancel();
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Says what waits for a subscriber: with [`Delivery::Synchronous`] no case ends before it has acknowledged every event of
    /// the channel, messages to the peer apart. Durable when it returns, and kept until it is said otherwise; whoever only asks for events is
    /// asynchronous. No claim and no broadcast ever waits for anybody.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`].
    pub async fn subscribe(
        &self,
        subscriber: String,
        delivery: Delivery,
    ) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| {
                Box::pin(async move { Ok(core.store.set_delivery(&subscriber, delivery)?) })
            })
            .await
    }

    /// The events that `subscriber` has not acknowledged, oldest first. Does not wait.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`].
    pub async fn pending_events(
        &self,
        subscriber: String,
        max: usize,
    ) -> Result<Vec<StoredEvent>, ArbitratorError> {
        self.executor
            .run(move |core| {
                Box::pin(async move {
                    core.store.subscribe(&subscriber)?;
                    Ok(core.store.pending_events(&subscriber, max)?)
                })
            })
            .await
    }

    /// Waits for the next event that `subscriber` has not acknowledged; each is given once per open. Dropped while it
    /// waits, it has taken nothing.
    ///
    /// # Errors
    /// [`ArbitratorError::ShutDown`] when the arbitrator is shut down meanwhile.
    pub async fn next_event(&self, subscriber: String) -> Result<StoredEvent, ArbitratorError> {
        loop {
            let name = subscriber.clone();
            let event = self
                .executor
                .run_while_awaited(move |core| {
                    Box::pin(async move { core.wait_for_event(name).await })
                })
                .await?;
            if self.handed_out.mark(&subscriber, &event) {
                return Ok(event);
            }
        }
    }

    /// Takes an event off a subscriber's list. A repeat changes nothing. Of a message ([`EventKind::TellPeer`](crate::court::EventKind::TellPeer)) it says that the
    /// peer has it: it goes from every list.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`].
    pub async fn acknowledge(&self, subscriber: String, id: String) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.acknowledge(&subscriber, &id) }))
            .await
    }

    /// Gives a channel these names, and takes those that it had: an alias from the start, the short channel id once the
    /// funding is buried. Accepted in any state; a repeat changes nothing.
    ///
    /// # Errors
    /// [`UpdateError::ShortChannelIdTaken`](crate::channel::UpdateError::ShortChannelIdTaken): a name is another channel's.
    pub async fn set_short_channel_ids(
        &self,
        channel: OutPoint,
        ids: ShortChannelIds,
    ) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.set_short_channel_ids(channel, &ids) }))
            .await
    }

    /// Ends the library's threads and closes the database. Every later call gives [`ArbitratorError::ShutDown`]. What is
    /// cut off goes on with the next open.
    pub fn shutdown(&self) {
        self.reader.stop();
        self.executor.stop();
    }
}
