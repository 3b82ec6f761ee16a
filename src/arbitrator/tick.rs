//! One tick, top to bottom: look at the chain, move every case, get signatures, broadcast, report.
//!
//! Every await is a point at which the process may be killed: what was learnt and decided before it is on disk, and the
//! next tick goes on from there.

mod answers;
mod emptying;
mod offers;
mod reserve;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{FeeRate, OutPoint, ScriptBuf, Txid};

use super::core::{Applied, Core};
use super::facts::{concerns, contract_watches, facts, has_lost_facts, Known, Unsaid};
use super::glance::Glances;
use super::options::{ResumeOptions, ResumeReport, Trouble};
use super::purge::purge;
use super::sleep::channel_wake_up;
use crate::chain::{BlockRef, Budget, ChainError, ChainView, Observer, Urgency, Watch};
use crate::channel::Feed;
use crate::channel::Lifecycle;
use crate::court::report::ChannelReport;
use crate::court::{
    self, due_broadcasts, ArbitratorState, Case, CloseKind, Contract, Dossier, Input, SpendContext,
};
use crate::error::ArbitratorError;
use crate::protocol::{CommitmentNumber, Party};
use crate::store::ChannelRow;

/// How often a tick looks at the chain again because a step brought new outputs to watch: a close, then its second
/// level, each once more for a reorg in between.
const MAX_ROUNDS: usize = 6;

/// How many steps one case takes with one set of facts: the longest way through the state machine is five.
const MAX_STEPS: usize = 16;

/// How many channels at rest are read whole in one tick: ten milliseconds' worth.
const READ_AT_REST: usize = 32;

/// Fee estimates are asked for once per tick, and only if a claim needs them.
#[derive(Default)]
struct Estimates(Option<BTreeMap<u16, FeeRate>>);

/// What the app's wallet and signer said of a funding output's spender.
#[derive(Default)]
struct LookedUp {
    our_scripts: BTreeSet<ScriptBuf>,
    tagged: Option<Tagged>,
}

/// A spender that carries a state number (BOLT 3).
#[derive(Clone, Copy)]
struct Tagged {
    txid: Txid,
    number: CommitmentNumber,
    /// Our per-commitment point there.
    our_point: PublicKey,
}

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
        complete &= self.offer_all(&view).await?;
        complete &= self.offer_emptyings(&view).await?;
        complete &= self.purge_all().await?;
        self.finish(before, &view, complete)
    }

    // ── looking ──────────────────────────────────────────────────────────────────────────────────────────────

    /// The outputs whose spends matter: the funding of every channel, and what a close left to resolve.
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
                expected: glance.expected.clone(),
                urgency: if unsettled {
                    Urgency::Always
                } else {
                    Urgency::AtTip
                },
            });
            watches.extend(contract_watches(case, view));
        }
        Ok(watches)
    }

    // ── deciding ─────────────────────────────────────────────────────────────────────────────────────────────

    /// Moves every case, and again for as long as one of them brought news for the channels it is linked to: a preimage, or
    /// a release.
    async fn advance_linked(&mut self, view: &ChainView) -> Result<bool, ArbitratorError> {
        for _ in 0..MAX_STEPS {
            self.has_news_for_others = false;
            if !self.advance_all(view).await? {
                return Ok(false);
            }
            if !self.has_news_for_others {
                break;
            }
        }
        Ok(true)
    }

    /// Moves every case that something may have changed for. One that fails is reported; the others go on. `false`: a
    /// limit ended it.
    async fn advance_all(&mut self, view: &ChainView) -> Result<bool, ArbitratorError> {
        let Some(tip) = view.tip() else {
            return Ok(true);
        };
        for (row, channel) in self.glances.over(&self.core.store)?.channels {
            if self.troubled.contains(&channel) {
                continue;
            }
            // Signer and wallet may take their time, the tick's may be over earlier: what they were asked is asked again.
            let budget = self.budget.clone();
            let advanced = budget
                .within(self.advance_one(row, channel, view, tip))
                .await;
            match advanced.map_err(ArbitratorError::from).flatten() {
                Ok(()) => {}
                Err(error) if is_limit(&error) => {
                    self.report.stopped = Some(error.to_string());
                    return Ok(false);
                }
                Err(error) => self.trouble(channel, error),
            }
        }
        Ok(true)
    }

    fn trouble(&mut self, channel: OutPoint, error: ArbitratorError) {
        self.troubled.insert(channel);
        self.tell_trouble(Some(channel), error.to_string());
    }

    /// Puts a trouble into the report, once.
    fn tell_trouble(&mut self, channel: Option<OutPoint>, what: String) {
        let trouble = Trouble { channel, what };
        if !self.report.troubles.contains(&trouble) {
            log::warn!("{trouble:?}");
            self.report.troubles.push(trouble);
        }
    }

    async fn advance_one(
        &mut self,
        row: ChannelRow,
        channel: OutPoint,
        view: &ChainView,
        tip: BlockRef,
    ) -> Result<(), ArbitratorError> {
        let core = self.core;
        let glance = self.glances.at(&core.store, row)?;
        let case = &glance.case;
        let concerns = concerns(case, channel, view) || glance.carries_htlcs;
        if !concerns || has_lost_facts(case, channel, view) {
            return Ok(());
        }
        // Only a look that would have found it says that a cancelled funding stays away.
        if case.cancelled.is_some() && !self.looked_everywhere {
            return Ok(());
        }
        let looked_up = self.look_up(row, channel, case, view).await?;
        let mut unchanged = None;
        // Read anew after every await: a revocation may have come in while the app was asked.
        let mut case = core.store.case_again(row, case.clone())?;
        for _ in 0..MAX_STEPS {
            let (dossier, known) = core.store.at_once(|| self.read(row, &case, &looked_up))?;
            let facts = Input::Facts(facts(&case, &dossier, view, tip, known, &self.unsaid));
            let applied;
            (case, applied) = core.apply_to(row, case, &dossier, &facts)?;
            match applied {
                Applied::Nothing => {
                    unchanged = Some(dossier);
                    break;
                }
                Applied::Changed => {}
                Applied::NewsForOthers => self.has_news_for_others = true,
            }
            self.report.changed.insert(channel);
        }
        let dossier = match unchanged {
            Some(dossier) => dossier,
            None => core.dossier(row)?.0,
        };
        self.answer_wants(row, case, &dossier, tip.height.to_u32())
            .await
    }

    /// What only the app can say of the funding output's spender before it can be recognised.
    async fn look_up(
        &self,
        row: ChannelRow,
        channel: OutPoint,
        case: &Case,
        view: &ChainView,
    ) -> Result<LookedUp, ArbitratorError> {
        let core = self.core;
        let Some(spend) = view.output(&channel).and_then(|facts| facts.spend.clone()) else {
            return Ok(LookedUp::default());
        };
        let is_known = case.close.as_ref().is_some_and(|close| {
            Some(close.block.hash) == spend.block().map(|block| block.hash)
                && close.txid == spend.txid
        });
        if is_known && !is_revoked_since(case, &core.store.feed(row)?) {
            return Ok(LookedUp::default());
        }
        let our_scripts = core.our_scripts(&spend.tx).await?;
        let terms = core.store.terms(row)?;
        let Some(number) = court::state_number(&terms, &spend.tx) else {
            return Ok(LookedUp {
                our_scripts,
                ..LookedUp::default()
            });
        };
        let keys_id = terms.keys_id;
        let our_point = core
            .ask_signer(channel, move |signer| {
                signer.per_commitment_point(&keys_id, number)
            })
            .await?;
        Ok(LookedUp {
            our_scripts,
            tagged: Some(Tagged {
                txid: spend.txid,
                number,
                our_point,
            }),
        })
    }

    /// Everything stored that the spender is recognised by, beside what was looked up.
    fn read(
        &mut self,
        row: ChannelRow,
        case: &Case,
        looked_up: &LookedUp,
    ) -> Result<(Dossier, Known), ArbitratorError> {
        let core = self.core;
        let (mut dossier, mut unreadable) = core.dossier(row)?;
        let mut context = SpendContext {
            our_scripts: looked_up.our_scripts.clone(),
            ..SpendContext::default()
        };
        // A candidate is recognised by its txid: damaged secrets are no reason to miss it.
        let unrecognised = looked_up
            .tagged
            .filter(|tagged| dossier.candidates.iter().all(|it| it.txid != tagged.txid));
        if let Some(tagged) = unrecognised {
            let number = tagged.number;
            context.our_point = Some(tagged.our_point);
            context.peer_secret = core.store.secret(row, number, &mut unreadable)?;
            for owner in [Party::Local, Party::Remote] {
                let past = core
                    .store
                    .past_htlcs_at(row, owner, number.get(), &mut unreadable)?;
                dossier.past.extend(past);
            }
        }
        let mut preimages = BTreeMap::new();
        let live = dossier.htlcs.values().map(|life| life.terms.payment_hash);
        // A revoked commitment carries HTLCs that are past: what their spends show is learnt once.
        let contested = case.contracts.iter().filter_map(Contract::htlc_figures);
        let contested = contested.map(|(_, hash, _)| hash);
        for hash in live.chain(contested).collect::<BTreeSet<_>>() {
            match core.store.preimage(&hash) {
                Ok(Some(preimage)) => {
                    preimages.insert(hash, preimage);
                }
                Ok(None) => {}
                // One that does not open is as good as unknown, and may be told again.
                Err(error) => self.tell_trouble(Some(dossier.channel()), error.to_string()),
            }
        }
        for reason in unreadable.reasons() {
            self.tell_trouble(Some(dossier.channel()), reason.to_string());
        }
        let known = Known {
            context,
            preimages,
            peer: self.options.contact(&dossier.terms.peer),
            told: core.store.told(dossier.channel())?,
        };
        Ok((dossier, known))
    }

    /// Until when the device may sleep as far as one channel is concerned. One that cannot be read is reported as such.
    fn tell_wake_up(&mut self, row: ChannelRow, channel: OutPoint, view: &ChainView) {
        let (store, policy) = (&self.core.store, &self.core.policy);
        if let Ok(glance) = self.glances.at(store, row) {
            match channel_wake_up(store, policy, row, channel, view, &glance) {
                Ok(wake_up) => self.report.sleep.channels.extend(wake_up),
                Err(error) => self.trouble(channel, error),
            }
        }
    }

    /// Whether nothing is to be said of a channel. One that cannot be read is not at rest.
    fn is_at_rest(&self, row: ChannelRow) -> bool {
        let glance = self.glances.at(&self.core.store, row);
        glance.is_ok_and(|glance| glance.is_at_rest())
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

    /// Reports on every channel that is not at rest, and on some of those that are.
    fn look_back(&mut self, view: &ChainView) -> Result<(), ArbitratorError> {
        let core = self.core;
        let tip = view.tip();
        let docket = core.store.channels()?;
        for reason in docket.unreadable {
            self.tell_trouble(None, reason.to_string());
        }
        let height = tip.map_or(0, |tip| tip.height.to_u32());
        let at_rest = at_rest_to_read(docket.channels.len(), height);
        for (index, (row, channel)) in docket.channels.into_iter().enumerate() {
            self.tell_wake_up(row, channel, view);
            if !at_rest.contains(&index) && self.is_at_rest(row) {
                continue;
            }
            match core.channel_report(row, channel) {
                Ok((report, unreadable)) => {
                    for reason in unreadable.reasons() {
                        self.tell_trouble(Some(channel), reason.to_string());
                    }
                    if is_remarkable(&report) {
                        self.report.open.push(report);
                    }
                }
                Err(error) => self.trouble(channel, error),
            }
        }
        Ok(())
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

/// Which of the channels at rest are read whole in a tick, so that damage to a channel is told before it matters: all of
/// a phone's few, and of a node's many a part that moves on with every block.
fn at_rest_to_read(channels: usize, height: u32) -> Range<usize> {
    let parts = channels.div_ceil(READ_AT_REST).max(1);
    let part = usize::try_from(height).unwrap_or(0) % parts;
    part * READ_AT_REST..(part + 1) * READ_AT_REST
}

/// Whether the peer revoked its commitment after it had broadcast it.
fn is_revoked_since(case: &Case, feed: &Feed) -> bool {
    match case.close.as_ref().map(|close| close.kind) {
        Some(CloseKind::Remote { number } | CloseKind::RemotePending { number }) => feed
            .remote_revoked
            .is_some_and(|revoked| number <= revoked.get()),
        Some(
            CloseKind::Cooperative
            | CloseKind::Local { .. }
            | CloseKind::LocalOther { .. }
            | CloseKind::Breach { .. }
            | CloseKind::RemoteFuture { .. }
            | CloseKind::Unknown,
        )
        | None => false,
    }
}

/// Whether a report says more than that a channel is open.
fn is_remarkable(report: &ChannelReport) -> bool {
    match report.lifecycle {
        Lifecycle::Pending | Lifecycle::Closing => true,
        Lifecycle::Open => report.restored,
        Lifecycle::Closed => false,
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
