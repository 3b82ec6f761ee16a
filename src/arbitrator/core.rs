//! What the executor's thread owns, and what all that runs on it needs: calls into the app, steps of the court, events.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use bitcoin::{Network, OutPoint};
use futures::channel::oneshot;

use super::callout::Callout;
use super::coins::Purse;
use super::handed_out::HandedOut;
use super::report;
use crate::chain::{Budget, ChainPolicy, ChainSource};
use crate::config::Policy;
use crate::court::report::ChannelReport;
use crate::court::{Case, Dossier, Event, EventKind, Input};
use crate::error::ArbitratorError;
use crate::graph::GraphView;
use crate::reserve::ReserveWallet;
use crate::signer::{Keyring, NodeSigner, Signer};
use crate::store::{ChannelRow, Store, StoreError, StoredEvent, Unreadable};
use crate::wallet::OnchainWallet;

/// Everything one arbitrator owns. Lives on the executor's thread.
pub(super) struct Core {
    pub(super) network: Network,
    pub(super) policy: Policy,
    pub(super) chain_policy: ChainPolicy,
    pub(super) store: Store,
    pub(super) source: Arc<dyn ChainSource>,
    pub(super) signer: Arc<Keyring>,
    pub(super) wallet: Arc<dyn OnchainWallet>,
    /// The same, if it is the embedded one.
    pub(super) reserve: Option<Arc<ReserveWallet>>,
    pub(super) node_signer: Option<Arc<dyn NodeSigner>>,
    pub(super) graph: Option<Arc<dyn GraphView>>,
    pub(super) callout: Callout,
    /// Whether openings were looked at since the database was opened.
    pub(super) has_ticked: Cell<bool>,
    pub(super) purse: RefCell<Purse>,
    /// The running tick's limits, to cancel it by.
    pub(super) tick: RefCell<Option<Budget>>,
    /// Whoever waits for the next event.
    pub(super) waiting: RefCell<Vec<oneshot::Sender<()>>>,
    /// What `next_event` has handed out since the database was opened.
    pub(super) handed_out: Arc<HandedOut>,
}

/// How often a step is computed again because another command changed the case meanwhile. Commands are served between
/// awaits only, so a second attempt already meets a rare case; more than a few mean a fault of ours.
pub(super) const CONFLICT_RETRIES: usize = 8;

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    Nothing,
    Changed,
    /// A preimage or a release, which may move other channels as well.
    NewsForOthers,
}

impl Core {
    pub(super) fn row(&self, channel: OutPoint) -> Result<ChannelRow, ArbitratorError> {
        self.store
            .find(channel)?
            .ok_or(ArbitratorError::UnknownChannel { channel })
    }

    /// The height of our tip; 0 before the first tick.
    pub(super) fn tip_height(&self) -> Result<u32, ArbitratorError> {
        report::tip_height(&self.store)
    }

    /// Calls the signer.
    pub(super) async fn ask_signer<T: Send + 'static>(
        &self,
        channel: OutPoint,
        ask: impl FnOnce(&dyn Signer) -> Result<T, crate::signer::SignerError> + Send + 'static,
    ) -> Result<T, ArbitratorError> {
        let signer = self.signer.clone();
        self.callout
            .call(move || ask(signer.as_ref()))
            .await
            .map_err(|source| ArbitratorError::Callback {
                callback: "Signer",
                source,
            })?
            .map_err(|source| ArbitratorError::Signer { channel, source })
    }

    /// Calls the wallet.
    pub(super) async fn ask_wallet<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn OnchainWallet) -> Result<T, crate::wallet::WalletError> + Send + 'static,
    ) -> Result<T, ArbitratorError> {
        let wallet = self.wallet.clone();
        let answer = self
            .callout
            .call(move || ask(wallet.as_ref()))
            .await
            .map_err(|source| ArbitratorError::Callback {
                callback: "OnchainWallet",
                source,
            })?;
        Ok(answer?)
    }

    /// What is known of a channel beside its case, and which rows of it cannot be read. Its past HTLCs are left
    /// out: they are looked up for a number.
    pub(super) fn dossier(
        &self,
        row: ChannelRow,
    ) -> Result<(Dossier, Unreadable), ArbitratorError> {
        report::dossier(&self.store, row)
    }

    /// The report of one channel, and which of its rows cannot be read.
    pub(super) fn channel_report(
        &self,
        row: ChannelRow,
        channel: OutPoint,
    ) -> Result<(ChannelReport, Unreadable), ArbitratorError> {
        report::channel_report(&self.store, &self.policy, row, channel)
    }

    /// Computes one step and stores it. Gives the case after it, and what changed.
    pub(super) fn apply(
        &self,
        row: ChannelRow,
        input: &Input,
    ) -> Result<(Case, Applied), ArbitratorError> {
        let (dossier, _) = self.dossier(row)?;
        self.apply_to(row, self.store.case(row)?, &dossier, input)
    }

    /// The same for whoever has read the case and what is known beside it.
    pub(super) fn apply_to(
        &self,
        row: ChannelRow,
        mut case: Case,
        dossier: &Dossier,
        input: &Input,
    ) -> Result<(Case, Applied), ArbitratorError> {
        let channel = dossier.channel();
        for _ in 0..CONFLICT_RETRIES {
            case = self.store.case_again(row, case)?;
            let step = crate::court::advance(&case, dossier, input, &self.policy)?;
            if step.is_empty(&case) {
                return Ok((case, Applied::Nothing));
            }
            match self.store.put_step(row, channel, &case, &step) {
                Ok(()) => {
                    self.purse.borrow_mut().note(row, &step.case);
                    if !step.events.is_empty() {
                        self.wake_listeners();
                    }
                    let is_news = !step.learned.is_empty() || !step.releases.is_empty();
                    let applied = if is_news {
                        Applied::NewsForOthers
                    } else {
                        Applied::Changed
                    };
                    return Ok((step.case, applied));
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict { channel }.into())
    }

    // ── events ───────────────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn wake_listeners(&self) {
        for waiting in self.waiting.borrow_mut().drain(..) {
            // A listener that went away needs no waking.
            let _ = waiting.send(());
        }
    }

    /// Waits for the oldest event that a subscriber has neither acknowledged nor been handed since the database was
    /// opened. It is marked as handed out where it is handed out: the caller may have gone away meanwhile.
    pub(super) async fn wait_for_event(
        &self,
        subscriber: String,
    ) -> Result<StoredEvent, ArbitratorError> {
        self.store.subscribe(&subscriber)?;
        loop {
            let known = self.handed_out.count(&subscriber);
            let pending = self
                .store
                .pending_events(&subscriber, known.saturating_add(1))?;
            let mut pending = pending.into_iter();
            if let Some(event) = pending.find(|event| !self.handed_out.holds(&subscriber, event)) {
                return Ok(event);
            }
            let (wake, woken) = oneshot::channel();
            let mut waiting = std::mem::take(&mut *self.waiting.borrow_mut());
            waiting.retain(|listener| !listener.is_canceled());
            waiting.push(wake);
            *self.waiting.borrow_mut() = waiting;
            woken.await.map_err(|_| ArbitratorError::ShutDown)?;
        }
    }

    pub(super) fn acknowledge(&self, subscriber: &str, id: &str) -> Result<(), ArbitratorError> {
        match self.store.event(id) {
            // Whoever has handed it over has done so for everybody.
            Ok(Some(Event {
                channel,
                kind: EventKind::TellPeer { said, time, .. },
            })) => {
                self.hand_over(id, channel, said, time)?;
                self.handed_out.forget_for_all(id);
            }
            Ok(Some(_) | None) | Err(StoreError::Corrupt { .. }) => {
                self.store.acknowledge(subscriber, id)?;
                self.handed_out.forget(subscriber, id);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
