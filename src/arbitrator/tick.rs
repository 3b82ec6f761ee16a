//! One tick, top to bottom: look at the chain, move every case, get signatures, broadcast, report.
//!
//! Every await is a point at which the process may be killed: what was learnt and decided before it is on disk, and the
//! next tick goes on from there.

mod answers;
mod back;
mod cases;
mod emptying;
mod offers;
mod openings;
mod reserve;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bitcoin::{FeeRate, OutPoint};

use super::core::Core;
use super::facts::{coin_watches, contract_watches, Unsaid};
use super::glance::Glances;
use super::options::{ResumeOptions, ResumeReport, Trouble};
use super::purge::purge;
use crate::chain::{BlockRef, Budget, ChainError, ChainView, Expected, Observer, Urgency, Watch};
use crate::court::{due_broadcasts, ArbitratorState};
use crate::error::ArbitratorError;

/// How often a tick looks at the chain again because a step brought new outputs to watch: a close, then its second
/// level, each once more for a reorg in between.
const MAX_ROUNDS: usize = 6;

/// Fee estimates are asked for once per tick, and only if a claim needs them.
#[derive(Default)]
struct Estimates(Option<BTreeMap<u16, FeeRate>>);

/// What a tick has gone through so far.
struct Tick<'a> {
    core: &'a Core,
    options: ResumeOptions,
    budget: Budget,
    estimates: Estimates,
    report: ResumeReport,
    glances: Glances,
    /// Whether every question of the last look was answered.
    looked_everywhere: bool,
    /// What the server left unsaid then.
    unsaid: Unsaid,
    /// A step of this pass learnt a preimage or released an HTLC: linked channels are looked at again.
    has_news_for_others: bool,
    /// The coins that the server named of the embedded wallet's scripts in this tick.
    named: BTreeSet<OutPoint>,
    /// Every one of these scripts was asked for.
    asked_scripts: bool,
    /// Channels whose report is already in trouble: nothing further is tried for them in this tick.
    troubled: BTreeSet<OutPoint>,
}

/// Runs one tick.
pub(super) async fn resume(
    core: Rc<Core>,
    options: ResumeOptions,
) -> Result<ResumeReport, ArbitratorError> {
    let budget = options.budget();
    {
        let mut running = core.tick.borrow_mut();
        if running.is_some() {
            return Err(ArbitratorError::ResumeRunning);
        }
        *running = Some(budget.clone());
    }
    // Cleared however the tick ends, also when its future is dropped.
    let _running = Running(&core);
    Tick {
        core: &core,
        options,
        budget,
        estimates: Estimates::default(),
        report: ResumeReport::default(),
        glances: Glances::default(),
        looked_everywhere: false,
        unsaid: Unsaid::Everything,
        has_news_for_others: false,
        named: BTreeSet::new(),
        asked_scripts: false,
        troubled: BTreeSet::new(),
    }
    .run()
    .await
}

struct Running<'a>(&'a Core);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.tick.borrow_mut().take();
    }
}

impl Tick<'_> {
    async fn run(mut self) -> Result<ResumeReport, ArbitratorError> {
        let core = self.core;
        let store = &core.store;
        let before = store.tip()?;
        let budget = self.budget.clone();
        let mut observer = Observer::new(
            core.network,
            core.source.as_ref(),
            store,
            &budget,
            &core.chain_policy,
        )?;
        for reason in store.take_unreadable_facts().reasons() {
            self.tell_trouble(None, reason.to_string());
        }
        core.purse.borrow_mut().begin_tick();
        self.hold_coins(core.hold_coins_again()).await;
        let look = self.options.look;
        let mut watched = BTreeSet::new();
        let mut complete = true;
        self.look_at_reserve_if_asked();
        for _ in 0..MAX_ROUNDS {
            self.look_further_for_coins().await?;
            let mut watches = self.watches(observer.view())?;
            watches.extend(self.reserve_watches()?);
            let outcome = observer.sync(&watches, &[], look).await?;
            complete = outcome.complete;
            self.looked_everywhere = outcome.complete;
            self.unsaid = Unsaid::of(&outcome);
            self.report.take_sync(&outcome);
            self.offer_reserve(&mut observer)?;
            complete &= self.advance_linked(observer.view()).await?;
            let now: BTreeSet<OutPoint> = watches.iter().map(|watch| watch.outpoint).collect();
            watched.extend(now);
            let is_new = |watch: &Watch| !watched.contains(&watch.outpoint);
            if self.wants_coins() {
                continue;
            }
            if !complete || !self.watches(observer.view())?.iter().any(is_new) {
                break;
            }
        }
        let view = observer.view().clone();
        complete &= self.advance_openings(&view).await?;
        complete &= self.offer_all(&view).await?;
        complete &= self.offer_emptyings(&view).await?;
        complete &= self.purge_all().await?;
        self.finish(before, &view, complete)
    }

    // ── looking ──────────────────────────────────────────────────────────────────────────────────────────────

    /// The outputs whose spends matter: the funding of every channel, the coins of one that may be spent by another
    /// transaction, and what a close left to resolve.
    fn watches(&self, view: &ChainView) -> Result<Vec<Watch>, ArbitratorError> {
        let store = &self.core.store;
        let mut watches = Vec::new();
        for (row, channel) in self.glances.over(store)?.channels {
            // A row that cannot be read is reported by `finish`; the other channels are watched all the same.
            let Ok(glance) = self.glances.at(store, row) else {
                continue;
            };
            let case = &glance.case;
            if case.state == ArbitratorState::FullyResolved {
                continue;
            }
            let unsettled = case.close.is_none()
                && (case.seen.is_some()
                    || glance.carries_htlcs
                    || due_broadcasts(case).next().is_some());
            watches.push(Watch {
                outpoint: channel,
                expected: Expected::Exactly(glance.expected.clone()),
                urgency: if unsettled {
                    Urgency::Always
                } else {
                    Urgency::AtTip
                },
            });
            watches.extend(coin_watches(case));
            watches.extend(contract_watches(case, view));
        }
        Ok(watches)
    }

    fn trouble(&mut self, channel: OutPoint, error: ArbitratorError) {
        self.troubled.insert(channel);
        self.tell_trouble(Some(channel), error.to_string());
    }

    /// Takes note of what became of one channel. `false`: a limit ended the tick. Any other error is the channel's own, and
    /// the others go on.
    fn goes_on(&mut self, channel: OutPoint, done: Result<(), ArbitratorError>) -> bool {
        match done {
            Ok(()) => true,
            Err(error) if is_limit(&error) => {
                self.report.stopped = Some(error.to_string());
                false
            }
            Err(error) => {
                self.trouble(channel, error);
                true
            }
        }
    }

    /// Puts a trouble into the report, once.
    fn tell_trouble(&mut self, channel: Option<OutPoint>, what: String) {
        let trouble = Trouble { channel, what };
        if !self.report.troubles.contains(&trouble) {
            log::warn!("{trouble:?}");
            self.report.troubles.push(trouble);
        }
    }

    // ── ending ───────────────────────────────────────────────────────────────────────────────────────────────

    /// Purges what has ended. `false`: a limit ended it.
    async fn purge_all(&mut self) -> Result<bool, ArbitratorError> {
        let store = &self.core.store;
        for (row, channel) in store.channels_to_purge()?.channels {
            let budget = self.budget.clone();
            match budget.within(purge(store, row, channel)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.trouble(channel, error.into()),
                Err(limit) => {
                    self.report.stopped = Some(limit.to_string());
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn finish(
        mut self,
        before: Option<BlockRef>,
        view: &ChainView,
        complete: bool,
    ) -> Result<ResumeReport, ArbitratorError> {
        let store = &self.core.store;
        let tip = view.tip();
        store.at_once(|| self.look_back(view))?;
        self.report.next_height = self
            .report
            .open
            .iter()
            .filter_map(|channel| channel.next_height)
            .min();
        self.report.tip_before = before;
        self.report.tip = tip;
        self.report.requests = self.budget.requests_made();
        self.report.complete = complete && self.troubled.is_empty();
        Ok(self.report)
    }
}

/// Whether an error only says that the tick's own limits were reached.
fn is_limit(error: &ArbitratorError) -> bool {
    matches!(error, ArbitratorError::Chain(error) if is_limit_of(error))
}

fn is_limit_of(error: &ChainError) -> bool {
    matches!(
        error,
        ChainError::Cancelled | ChainError::BudgetExhausted(_)
    )
}
