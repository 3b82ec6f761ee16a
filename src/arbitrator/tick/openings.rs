//! What a tick does for openings: each is shown where its funding stands, and what it wants is got for it.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, Txid};

use super::Tick;
use crate::arbitrator::facts::funding_place;
use crate::chain::{BlockRef, ChainView};
use crate::channel::Feed;
use crate::court::{self, refusal, ArbitratorState, Case, Void};
use crate::error::ArbitratorError;
use crate::opening::{
    Attention, Commitments, Facts, Input, OpenedWith, Opening, OpeningNote, Want,
};
use crate::store::ChannelRow;

impl Tick<'_> {
    /// Moves every opening. One that fails is reported; the others go on. `false`: a limit ended it.
    pub(super) async fn advance_openings(
        &mut self,
        view: &ChainView,
    ) -> Result<bool, ArbitratorError> {
        let core = self.core;
        let Some(tip) = view.tip() else {
            return Ok(true);
        };
        let is_first = !core.has_ticked.replace(true);
        let also = if is_first {
            Attention::FirstTick
        } else {
            Attention::EveryTick
        };
        let mut due = core.store.openings_at_work(also)?;
        for channel in &self.report.changed {
            due.extend(core.store.find(*channel)?.map(|row| (row, *channel)));
        }
        due.sort_unstable();
        due.dedup();
        for &(row, channel) in &due {
            let budget = self.budget.clone();
            let advanced = budget
                .within(self.advance_opening(row, channel, view, tip, also))
                .await;
            let advanced = advanced.map_err(ArbitratorError::from).flatten();
            if !self.goes_on(channel, advanced) {
                return Ok(false);
            }
        }
        // Only now it is known of each attempt at a funding where it stands.
        for (row, channel) in due {
            if let Err(error) = self.end_replaced(row, tip.height.to_u32()) {
                self.trouble(channel, error);
            }
        }
        Ok(true)
    }

    async fn advance_opening(
        &mut self,
        row: ChannelRow,
        channel: OutPoint,
        view: &ChainView,
        tip: BlockRef,
        also: Attention,
    ) -> Result<(), ArbitratorError> {
        let core = self.core;
        let Some(opening) = core.store.opening(row)? else {
            return Ok(());
        };
        // What is held no more says nothing, least of all that there was a reorg.
        if opening.place.is_some() && view.output(&channel).is_none() {
            return Ok(());
        }
        let case = core.store.case(row)?;
        let feed = core.store.feed(row)?;
        let facts = opening_facts(&case, &feed, channel, view, tip);
        let done = core.apply_opening(row, &Input::Facts(facts))?;
        if done.changed {
            self.report.changed.insert(channel);
        }
        for note in done.notes {
            self.tell_dropped(channel, note);
        }
        for want in done.want {
            self.answer_opening(row, want, facts.tip).await?;
        }
        match also {
            Attention::FirstTick => self.ask_graph(row, channel, &opening).await,
            Attention::EveryTick | Attention::Never => Ok(()),
        }
    }

    /// The log tells a person later what was dropped, and the report the app now: it may ask the peer for another one.
    fn tell_dropped(&mut self, channel: OutPoint, note: OpeningNote) {
        match note {
            OpeningNote::Dropped(_) => self.tell_trouble(Some(channel), note.to_string()),
            OpeningNote::Named(_)
            | OpeningNote::Tell(_)
            | OpeningNote::TellAgain(_)
            | OpeningNote::Told(_)
            | OpeningNote::PeerReady { .. }
            | OpeningNote::PeerHalf(_)
            | OpeningNote::PeerHalfKept(_)
            | OpeningNote::Usable => {}
        }
    }

    async fn answer_opening(
        &mut self,
        row: ChannelRow,
        want: Want,
        tip: u32,
    ) -> Result<(), ArbitratorError> {
        let core = self.core;
        match want {
            Want::BroadcastFunding => {
                core.apply(row, &court::Input::BroadcastFunding { tip })?;
            }
            Want::GiveUp => {
                // Only a look that would have found it says that the funding is not there.
                if self.looked_everywhere {
                    let why = Void::TimedOut;
                    core.apply(row, &court::Input::VoidFunding { why, tip })?;
                }
            }
            Want::Sign(contents) => {
                let terms = core.store.terms(row)?;
                let opening = core.store.opening(row)?;
                if let Some(opening) = opening {
                    let channel_id = opening.channel_id(&terms)?;
                    let half = core.sign_announcement(&terms, channel_id, *contents);
                    core.apply_opening(row, &Input::OurHalf(half.await?))?;
                }
            }
        }
        Ok(())
    }

    /// Ends an attempt at a funding when another one is there for good.
    fn end_replaced(&self, row: ChannelRow, tip: u32) -> Result<(), ArbitratorError> {
        let core = self.core;
        let Some(opening) = core.store.opening(row)? else {
            return Ok(());
        };
        if opening.place.is_some() || opening.is_over {
            return Ok(());
        }
        let final_depth = core.policy.final_depth;
        let mut rivals = self.rivals_of(row, &opening)?.into_iter();
        if let Some(winner) = rivals.find(|rival| rival.depth() >= final_depth) {
            let why = Void::ReplacedBy(winner.channel);
            core.apply(row, &court::Input::VoidFunding { why, tip })?;
        }
        Ok(())
    }

    /// The other attempts at a funding whose coins another transaction may have.
    pub(super) fn attempts_beside(
        &self,
        row: ChannelRow,
        case: &Case,
    ) -> Result<BTreeSet<Txid>, ArbitratorError> {
        if court::contested_coins(case).is_empty() {
            return Ok(BTreeSet::new());
        }
        let Some(opening) = self.core.store.opening(row)? else {
            return Ok(BTreeSet::new());
        };
        let rivals = self.rivals_of(row, &opening)?.into_iter();
        Ok(rivals.map(|rival| rival.channel.txid).collect())
    }

    /// The other attempts at the same funding.
    fn rivals_of(
        &self,
        row: ChannelRow,
        opening: &Opening,
    ) -> Result<Vec<Opening>, ArbitratorError> {
        match opening.terms.opened_with {
            // BOLT 2: only open_channel2 has attempts.
            OpenedWith::OpenChannel => return Ok(Vec::new()),
            OpenedWith::OpenChannel2 => {}
        }
        let store = &self.core.store;
        let peer = store.terms(row)?.peer;
        let mut attempts = Vec::new();
        for (row, _) in store.channels_with(&peer)? {
            // One that cannot be read is reported where it is looked at itself.
            attempts.extend(store.opening(row).ok().flatten());
        }
        Ok(rivals(opening, attempts))
    }

    /// Asks whether the network still knows a channel that was announced before this tick.
    async fn ask_graph(
        &mut self,
        row: ChannelRow,
        channel: OutPoint,
        before: &Opening,
    ) -> Result<(), ArbitratorError> {
        let core = self.core;
        let announced_in = |opening: &Opening| opening.proof.as_ref()?.announced;
        let now = core.store.opening(row)?;
        let announced = now.as_ref().and_then(announced_in);
        let announced = announced.filter(|now| announced_in(before) == Some(*now));
        let (Some(graph), Some(announced)) = (core.graph.clone(), announced) else {
            return Ok(());
        };
        let name = announced.short_channel_id;
        let asked = core.callout.call(move || graph.has_channel(name)).await;
        let asked = asked.map_err(|source| ArbitratorError::Callback {
            callback: "GraphView",
            source,
        })?;
        match asked {
            Ok(true) => {}
            Ok(false) => {
                core.apply_opening(row, &Input::NotInGraph)?;
            }
            Err(error) => self.tell_trouble(Some(channel), format!("GraphView: {error}")),
        }
        Ok(())
    }
}

/// The other attempts at the same funding, however many lie between.
fn rivals(one: &Opening, mut all: Vec<Opening>) -> Vec<Opening> {
    let mut group = vec![one.channel];
    let mut known = 0;
    while known < group.len() {
        known = group.len();
        for attempt in &all {
            let (this, replaced) = (attempt.channel, attempt.terms.replaces);
            let is_linked = |of: &OutPoint| *of == this || Some(*of) == replaced;
            if group.iter().any(is_linked) {
                group.extend(std::iter::once(this).chain(replaced));
                group.sort_unstable();
                group.dedup();
            }
        }
    }
    all.retain(|it| it.channel != one.channel && group.contains(&it.channel));
    all
}

fn opening_facts(
    case: &Case,
    feed: &Feed,
    channel: OutPoint,
    view: &ChainView,
    tip: BlockRef,
) -> Facts {
    let spend = view
        .output(&channel)
        .and_then(|facts| facts.spend.as_ref()?.position);
    let above_first = |number: Option<crate::protocol::CommitmentNumber>| {
        number.is_some_and(|number| number.get() > 0)
    };
    Facts {
        tip: tip.height.to_u32(),
        place: funding_place(channel, view),
        spent_depth: spend.map_or(0, |position| view.depth(&position).to_u32()),
        commitments: if above_first(feed.local) || above_first(feed.remote) {
            Commitments::Further
        } else if feed.local.is_some() {
            Commitments::First
        } else {
            Commitments::None
        },
        // A restored channel goes on when the peer has confirmed it.
        closing: refusal(case).is_some_and(|reason| !reason.ends_with_a_confirmation()),
        ended: case.state == ArbitratorState::FullyResolved,
    }
}
