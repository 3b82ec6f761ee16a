//! One sync: from the cursor, through as few questions as will do, to a newer cursor.

use std::collections::BTreeSet;

use bitcoin::{Network, OutPoint, Txid};

use super::block::BlockRef;
use super::budget::Budget;
use super::error::ChainError;
use super::facts::{Look, Watch, WatchTx};
use super::policy::ChainPolicy;
use super::source::ChainSource;
use super::store::ChainStore;
use super::view::ChainView;

/// Asks one server for one tick, and keeps what was learnt. Made anew for each tick; within it, nothing that was answered
/// at the present tip is asked again.
pub struct Observer<'a> {
    source: &'a dyn ChainSource,
    store: &'a dyn ChainStore,
    budget: &'a Budget,
    policy: &'a ChainPolicy,
    network: Network,
    view: ChainView,
}

/// What a sync came to.
#[derive(Debug)]
pub struct SyncOutcome {
    /// Our tip now.
    pub tip: Option<BlockRef>,
    /// Outputs of which something new is known, or something is no longer known.
    pub changed: BTreeSet<OutPoint>,
    /// The same for transactions.
    pub changed_transactions: BTreeSet<Txid>,
    /// How far the server can be followed.
    pub server: ServerStanding,
    /// What could not be learnt, and why; each concerns one output or transaction only.
    pub failures: Vec<SyncFailure>,
    /// Why the sync ended early, if it did; what was learnt until then is kept.
    pub stopped: Option<ChainError>,
    /// Everything that was due has been answered, and the answers count.
    pub complete: bool,
}

/// How a server's chain relates to ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerStanding {
    /// It holds our tip, or has shown a better branch, which is now ours.
    Current,
    /// Its tip has less work than ours, or is on a branch that it cannot show to be better. Only mempool hints were taken.
    Behind {
        /// Its tip.
        server_tip: BlockRef,
    },
    /// It was not asked successfully for its tip.
    Unknown,
}

/// One question that got no usable answer.
#[derive(Debug)]
pub struct SyncFailure {
    /// What was asked about.
    pub subject: Subject,
    /// Why there is no answer.
    pub error: ChainError,
}

/// What a failure concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A watched output.
    Output(OutPoint),
    /// A watched transaction, or the one that creates a watched output.
    Transaction(Txid),
}

impl<'a> Observer<'a> {
    /// Begins a tick: loads the cursor.
    ///
    /// # Errors
    /// [`ChainError::Store`] when the cursor cannot be read.
    pub fn new(
        network: Network,
        source: &'a dyn ChainSource,
        store: &'a dyn ChainStore,
        budget: &'a Budget,
        policy: &'a ChainPolicy,
    ) -> Result<Self, ChainError> {
        let view = store.load().map_err(ChainError::Store)?;
        Ok(Self {
            source,
            store,
            budget,
            policy,
            network,
            view,
        })
    }

    /// What is known now.
    pub fn view(&self) -> &ChainView {
        &self.view
    }

    /// Brings the cursor up to the server's tip and answers what is due of the watched outputs and transactions. May be
    /// called again in the same tick with more of them.
    ///
    /// # Errors
    /// Only [`ChainError::Store`]. Whatever the server does is in the outcome.
    pub async fn sync(
        &mut self,
        outputs: &[Watch],
        transactions: &[WatchTx],
        look: Look,
    ) -> Result<SyncOutcome, ChainError> {
        let _ = (
            outputs,
            transactions,
            look,
            self.source,
            self.store,
            self.budget,
            self.policy,
            self.network,
        );
        Ok(SyncOutcome {
            tip: self.view.tip(),
            changed: BTreeSet::new(),
            changed_transactions: BTreeSet::new(),
            server: ServerStanding::Unknown,
            failures: Vec::new(),
            stopped: None,
            complete: false,
        })
    }

    /// Lets go of what is known of outputs and transactions that nobody will ask for again.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn forget(
        &mut self,
        _outputs: &[OutPoint],
        _transactions: &[Txid],
    ) -> Result<(), ChainError> {
        Ok(())
    }
}
