//! One tick's conversation with one server: from the cursor, through as few questions as will do, to a newer cursor.
//!
//! ```text
//! read the tip ── unchanged and nothing due ───────────────────────────────► done (one request)
//!      │
//!   follow   the server's branch from ours, or see that it is behind
//!      │
//!    ask     what is due, eight at a time; prove what is claimed; store each answer
//!      │
//! read the tip again ── unchanged: what was said unspent counts ───────────► done
//!      └── moved: go round again, a few times at most
//! ```

mod ask;
mod follow;
mod inquiry;
mod learn;

use std::collections::BTreeSet;

use bitcoin::{BlockHash, Network, OutPoint, Txid};

use self::ask::Open;
use self::inquiry::{Case, Heard};
use super::block::BlockRef;
use super::budget::Budget;
use super::change::ChainChange;
use super::error::ChainError;
use super::facts::{Look, Watch, WatchTx};
use super::policy::ChainPolicy;
use super::proof::WorkRules;
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
    /// The server's tip as this tick last read it.
    tip_read: Option<BlockHash>,
    /// That tip, if it was found to be behind ours.
    behind: Option<BlockRef>,
    heard: Heard,
}

/// What a sync came to.
#[derive(Debug)]
pub struct SyncOutcome {
    /// Our tip now.
    pub tip: Option<BlockRef>,
    /// Outputs of which something new is known, or something is no longer known.
    pub changed: BTreeSet<OutPoint>,
    /// The same for watched transactions.
    pub changed_transactions: BTreeSet<Txid>,
    /// How far the server can be followed.
    pub server: ServerStanding,
    /// What could not be learnt, and why; each concerns one question only and never stopped the others.
    pub failures: Vec<SyncFailure>,
    /// Why the sync ended early, if it did. What was learnt until then is kept.
    pub stopped: Option<ChainError>,
    /// Everything that was due is answered, and the answers count.
    pub complete: bool,
}

/// How a server's chain relates to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerStanding {
    /// It holds our tip, or has shown a better branch, which is now ours.
    Current,
    /// Its branch has no more work than ours, or it cannot show that it has. Only mempool hints were taken from it.
    Behind {
        /// Its tip.
        server_tip: BlockRef,
    },
    /// It did not get as far as showing where it stands.
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
    /// A watched transaction.
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
        let (tip_read, behind, heard) = (None, None, Heard::default());
        Ok(Self {
            source,
            store,
            budget,
            policy,
            network,
            view,
            tip_read,
            behind,
            heard,
        })
    }

    /// What is known now.
    pub fn view(&self) -> &ChainView {
        &self.view
    }

    /// Brings the cursor up to the server's tip, and answers what is due of the watched outputs and transactions. May be
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
        let cases: Vec<Case> = outputs
            .iter()
            .map(Case::Output)
            .chain(transactions.iter().map(Case::Transaction))
            .collect();
        let mut outcome = SyncOutcome::begun();
        match self.go_round(&cases, look, &mut outcome).await {
            Ok(()) => {}
            Err(ChainError::Store(failure)) => return Err(ChainError::Store(failure)),
            Err(stopped) => {
                outcome.stopped = Some(stopped);
                outcome.complete = false;
            }
        }
        outcome.tip = self.view.tip();
        Ok(outcome)
    }

    /// Lets go of what is known of outputs and transactions that nobody will ask for again.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn forget(
        &mut self,
        outputs: &[OutPoint],
        transactions: &[Txid],
    ) -> Result<(), ChainError> {
        let change = self.view.forgotten(outputs, transactions);
        self.keep(change, &mut SyncOutcome::begun())
    }

    async fn go_round(
        &mut self,
        cases: &[Case<'_>],
        look: Look,
        outcome: &mut SyncOutcome,
    ) -> Result<(), ChainError> {
        let mut tip = match self.tip_read {
            Some(read) => read,
            None => self.read_tip(outcome).await?,
        };
        for _ in 0..self.policy.max_rounds {
            outcome.server = self.follow(tip, outcome).await?;
            let open = self.ask(cases, look, outcome).await?;
            if let ServerStanding::Behind { .. } | ServerStanding::Unknown = outcome.server {
                return Ok(());
            }
            if !open.above_tip && !self.view.waits_for_tip() {
                return self.finish(open, outcome);
            }
            tip = self.read_tip(outcome).await?;
            if self.view.tip().is_some_and(|ours| ours.hash == tip) {
                return self.finish(open, outcome);
            }
        }
        Err(ChainError::TipKeepsMoving {
            rounds: self.policy.max_rounds,
        })
    }

    /// Reads the server's tip. What it said at this tip before, in this tick or an earlier one, now counts.
    async fn read_tip(&mut self, outcome: &mut SyncOutcome) -> Result<BlockHash, ChainError> {
        let read = self.source.tip_hash(self.budget).await?;
        self.tip_read = Some(read);
        if let Some(tip) = self.view.tip().filter(|tip| tip.hash == read) {
            self.keep(self.view.unspent_counts(tip), outcome)?;
        }
        Ok(read)
    }

    /// Nothing more can be asked at this tip: headers that no fact needs any more can go.
    fn finish(&mut self, open: Open, outcome: &mut SyncOutcome) -> Result<(), ChainError> {
        outcome.complete = outcome.failures.is_empty() && !open.above_tip && !open.unanswered;
        outcome.stopped = open.above_tip.then_some(ChainError::AboveTip);
        // What facts say is as before; only the headers that say so are fewer.
        let mut unreported = SyncOutcome::begun();
        self.keep(self.view.pruned(self.policy.final_depth), &mut unreported)?;
        // An output that is watched only later in this tick may need them again.
        self.heard.forget_pages();
        Ok(())
    }

    /// Stores a change, then believes it.
    fn keep(&mut self, change: ChainChange, outcome: &mut SyncOutcome) -> Result<(), ChainError> {
        if change.is_empty() {
            return Ok(());
        }
        self.store.apply(&change).map_err(ChainError::Store)?;
        self.view.merge(&change);
        outcome.changed.extend(change.outputs.keys());
        outcome
            .changed_transactions
            .extend(change.transactions.keys());
        Ok(())
    }

    fn work_rules(&self) -> WorkRules {
        WorkRules {
            network: self.network,
            known: self.view.tip_checkpoint(),
        }
    }
}

impl SyncOutcome {
    fn begun() -> Self {
        Self {
            tip: None,
            changed: BTreeSet::new(),
            changed_transactions: BTreeSet::new(),
            server: ServerStanding::Unknown,
            failures: Vec::new(),
            stopped: None,
            complete: false,
        }
    }
}
