//! One step of an opening, computed and stored.

use bitcoin::blockdata::constants::ChainHash;

use crate::arbitrator::core::Core;
use crate::channel::ChannelTerms;
use crate::court::{Event, EventKind};
use crate::error::ArbitratorError;
use crate::opening::{advance, Dossier, Input, Opening, OpeningError, Step, Want};
use crate::store::{ChannelRow, OpeningStep};

/// What a step of an opening came to.
#[derive(Default)]
pub(in crate::arbitrator) struct OpeningDone {
    pub(in crate::arbitrator) changed: bool,
    pub(in crate::arbitrator) want: Vec<Want>,
    pub(in crate::arbitrator) troubles: Vec<String>,
}

impl Core {
    /// Computes one step of an opening and stores it. Gives what is wanted after it, and what went wrong.
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
        Ok(OpeningDone {
            changed,
            want: step.want,
            troubles: step.troubles,
        })
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
        acknowledged: Option<(&str, &str)>,
    ) -> Result<(), ArbitratorError> {
        let channel = terms.channel();
        let events = step.tell.iter().cloned();
        let events: Vec<Event> = events.map(|kind| Event { channel, kind }).collect();
        let written = OpeningStep {
            opening: &step.opening,
            confirmed: step.opening.short_channel_id(terms, &self.policy),
            events: &events,
        };
        match acknowledged {
            None => self.store.put_opening_step(row, &written)?,
            Some((subscriber, id)) => {
                self.store
                    .acknowledge_in_opening(subscriber, id, row, &written)?;
            }
        }
        self.wake_listeners();
        Ok(())
    }

    /// Takes an event off a subscriber's list; that the peer has a message moves its opening on.
    pub(in crate::arbitrator) fn acknowledge_event(
        &self,
        subscriber: &str,
        id: &str,
    ) -> Result<(), ArbitratorError> {
        if let Some(Event {
            channel,
            kind: EventKind::TellPeer { said, .. },
        }) = self.store.event(id)?
        {
            let row = self.row(channel)?;
            if let Some(opening) = self.store.opening(row)? {
                let terms = self.store.terms(row)?;
                let step = self.opening_step(&terms, &opening, &Input::Acknowledged(said))?;
                return self.put_opening(row, &terms, &step, Some((subscriber, id)));
            }
        }
        Ok(self.store.acknowledge(subscriber, id)?)
    }
}
