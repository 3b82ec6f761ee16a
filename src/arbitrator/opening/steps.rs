//! One step of an opening, computed and stored.

use bitcoin::blockdata::constants::ChainHash;
use bitcoin::OutPoint;

use crate::arbitrator::core::Core;
use crate::channel::ChannelTerms;
use crate::court::{Event, LogEntry, LogKind};
use crate::error::ArbitratorError;
use crate::opening::{
    advance, Dossier, Input, Opening, OpeningError, OpeningNote, Said, Step, Want,
};
use crate::store::{ChannelRow, OpeningStep};

/// What a step of an opening came to.
#[derive(Default)]
pub(in crate::arbitrator) struct OpeningDone {
    pub(in crate::arbitrator) changed: bool,
    pub(in crate::arbitrator) want: Vec<Want>,
    pub(in crate::arbitrator) notes: Vec<OpeningNote>,
}

impl Core {
    /// Computes one step of an opening and stores it. Gives what is wanted after it, and what was noted of it.
    pub(in crate::arbitrator) fn apply_opening(
        &self,
        row: ChannelRow,
        input: &Input,
    ) -> Result<OpeningDone, ArbitratorError> {
        let Some(opening) = self.store.opening(row)? else {
            return Ok(OpeningDone::default());
        };
        let terms = self.store.terms(row)?;
        let step = self.opening_step(&terms, &opening, input)?;
        let changed = !step.is_empty(&opening);
        if changed {
            self.put_opening(row, &terms, &step, None)?;
        }
        self.show_again(terms.channel(), &step);
        Ok(OpeningDone {
            changed,
            want: step.want,
            notes: step.notes,
        })
    }

    /// What waits to be handed to a peer that is there again is an event once more, for whoever lets `next_event` wait.
    fn show_again(&self, channel: OutPoint, step: &Step) {
        for kind in step.waits.iter().cloned() {
            self.handed_out
                .forget_for_all(&Event { channel, kind }.id());
        }
        if !step.waits.is_empty() {
            self.wake_listeners();
        }
    }

    pub(super) fn opening_step(
        &self,
        terms: &ChannelTerms,
        opening: &Opening,
        input: &Input,
    ) -> Result<Step, OpeningError> {
        let dossier = self.opening_dossier(terms);
        advance(opening, &dossier, input, &self.policy)
    }

    pub(super) fn opening_dossier<'a>(&self, terms: &'a ChannelTerms) -> Dossier<'a> {
        Dossier {
            terms,
            chain: ChainHash::using_genesis_block(self.network),
        }
    }

    pub(super) fn put_opening(
        &self,
        row: ChannelRow,
        terms: &ChannelTerms,
        step: &Step,
        handed_over: Option<&str>,
    ) -> Result<(), ArbitratorError> {
        let channel = terms.channel();
        let events = step.tell.iter().cloned();
        let events: Vec<Event> = events.map(|kind| Event { channel, kind }).collect();
        let log = self.log_of(&step.notes)?;
        let written = OpeningStep {
            opening: &step.opening,
            confirmed: step.opening.short_channel_id(terms, &self.policy),
            log: &log,
            events: &events,
        };
        match handed_over {
            None => self.store.put_opening_step(row, &written)?,
            Some(id) => self.store.hand_over_in_opening(id, row, &written)?,
        }
        self.wake_listeners();
        Ok(())
    }

    /// Notes as lines of a channel's log, at the tip that we know.
    pub(super) fn log_of(&self, notes: &[OpeningNote]) -> Result<Vec<LogEntry>, ArbitratorError> {
        let height = self.tip_height()?;
        let entry = |note: &OpeningNote| LogEntry {
            height,
            kind: LogKind::Opening(*note),
        };
        Ok(notes.iter().map(entry).collect())
    }

    /// The message of this name has reached the peer: that moves its opening on.
    pub(in crate::arbitrator) fn hand_over(
        &self,
        id: &str,
        channel: OutPoint,
        said: Said,
        time: u32,
    ) -> Result<(), ArbitratorError> {
        match self.after_handing_over(channel, said, time) {
            Ok(Some((row, terms, step))) => self.put_opening(row, &terms, &step, Some(id)),
            Ok(None) => Ok(self.store.hand_over(id)?),
            // Every tick reports the row. The event is not to come back for ever because of it.
            Err(error) => {
                log::warn!("{id} moves no opening: {error}");
                Ok(self.store.hand_over(id)?)
            }
        }
    }

    /// The step that follows; `None`: none does.
    fn after_handing_over(
        &self,
        channel: OutPoint,
        said: Said,
        time: u32,
    ) -> Result<Option<(ChannelRow, ChannelTerms, Step)>, ArbitratorError> {
        let row = self.row(channel)?;
        let Some(opening) = self.store.opening(row)? else {
            return Ok(None);
        };
        let terms = self.store.terms(row)?;
        let step = self.opening_step(&terms, &opening, &Input::Acknowledged { said, time })?;
        let is_news = !step.is_empty(&opening);
        Ok(is_news.then_some((row, terms, step)))
    }
}
