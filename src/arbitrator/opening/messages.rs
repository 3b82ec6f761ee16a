//! What peers say of openings: checked, and given to the channel that it is about, or kept until that is registered.

use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;

use crate::arbitrator::core::Core;
use crate::arbitrator::peers::Received;
use crate::channel::{Candidate, ChannelTerms, RemoteUpdate, UpdateError};
use crate::error::ArbitratorError;
use crate::opening::{Input, Opening, OpeningError, OpeningNote};
use crate::protocol::{ChannelId, Message, MessageError, Party};
use crate::store::{ChannelRow, EarlyLimits, Unreadable};

impl Core {
    /// Takes a message of an opening, or keeps it for later.
    pub(in crate::arbitrator) fn opening_message(
        &self,
        peer: &PublicKey,
        message: &Message,
    ) -> Result<Received, ArbitratorError> {
        let Some((channel_id, input)) = input_of(message) else {
            // Whoever keeps the graph reads it.
            return Err(OpeningError::from(MessageError::NotForUs(message.message_type())).into());
        };
        let openings = self.openings_named(peer, channel_id)?;
        if openings.is_empty() {
            let limits = EarlyLimits {
                of_peer: self.policy.early_messages,
                of_all: self.policy.all_early_messages,
            };
            self.store.keep_early(peer, channel_id, message, limits)?;
            return Ok(Received::Kept);
        }
        self.take_message(&openings, &input)?;
        Ok(Received::Taken)
    }

    /// Gives a message to every attempt at its channel: to all, or to none if it is wrong for one.
    fn take_message(
        &self,
        openings: &[(ChannelRow, ChannelTerms, Opening)],
        input: &Input,
    ) -> Result<(), ArbitratorError> {
        let mut steps = Vec::new();
        for (row, terms, opening) in openings {
            self.check_second_point(*row, terms.channel(), input)?;
            steps.push(self.opening_step(terms, opening, input)?);
        }
        for ((row, terms, opening), step) in openings.iter().zip(steps) {
            if !step.is_empty(opening) {
                self.put_opening(*row, terms, &step, None)?;
            }
        }
        Ok(())
    }

    /// The openings that a peer calls so; none: it is not known yet.
    fn openings_named(
        &self,
        peer: &PublicKey,
        channel_id: ChannelId,
    ) -> Result<Vec<(ChannelRow, ChannelTerms, Opening)>, ArbitratorError> {
        let named = self.channels_named(peer, channel_id)?.into_iter();
        let openings = named.map(|(row, channel)| {
            let opening = self.store.opening(row)?;
            let opening = opening.ok_or(OpeningError::NotOpenedHere { channel })?;
            Ok((row, self.store.terms(row)?, opening))
        });
        openings.collect()
    }

    /// Takes what a peer said of a channel before it was registered. Nobody waits for an answer: what is wrong is dropped, and
    /// the log tells of it.
    pub(super) fn take_early(
        &self,
        peer: &PublicKey,
        channel_id: ChannelId,
    ) -> Result<(), ArbitratorError> {
        let mut unreadable = Unreadable::default();
        let early = self
            .store
            .early_messages(peer, channel_id, &mut unreadable)?;
        if early.is_empty() && unreadable.reasons().is_empty() {
            return Ok(());
        }
        let mut dropped = Vec::new();
        for message in early {
            // Nothing else is kept.
            let Some((_, input)) = input_of(&message) else {
                continue;
            };
            let openings = self.openings_named(peer, channel_id)?;
            let flaw = match self.take_message(&openings, &input) {
                Ok(()) => continue,
                Err(ArbitratorError::Opening(wrong)) => wrong.flaw().ok_or(wrong)?,
                Err(error) => return Err(error),
            };
            let log = self.log_of(&[OpeningNote::Dropped(flaw)])?;
            dropped.extend(openings.iter().map(|(row, ..)| (*row, log.clone())));
        }
        Ok(self.store.forget_early(peer, channel_id, &dropped)?)
    }

    /// Refuses a commitment 1 of the peer on another point than its `channel_ready` told (BOLT 2).
    pub(in crate::arbitrator) fn check_announced_point(
        &self,
        row: ChannelRow,
        channel: OutPoint,
        update: &RemoteUpdate,
    ) -> Result<(), ArbitratorError> {
        let number = update.commitment.number.get();
        if number != 1 {
            return Ok(());
        }
        let told = self.store.opening(row)?.and_then(|it| it.ready.theirs);
        let point = update.per_commitment_point;
        match told.filter(|told| told.second_per_commitment_point != point) {
            Some(_) => Err(UpdateError::PerCommitmentPoint { channel, number }.into()),
            None => Ok(()),
        }
    }

    /// The point that the peer's `channel_ready` told must be the one that its commitment 1 is built on.
    fn check_second_point(
        &self,
        row: ChannelRow,
        channel: OutPoint,
        input: &Input,
    ) -> Result<(), ArbitratorError> {
        let Input::PeerReady(said) = input else {
            return Ok(());
        };
        let is_second = |it: &Candidate| it.owner == Party::Remote && it.number.get() == 1;
        let candidates = self
            .store
            .candidates(row, channel, &mut Unreadable::default())?;
        let second = candidates.into_iter().find(is_second);
        if second.is_some_and(|it| it.per_commitment_point != said.second_per_commitment_point) {
            return Err(OpeningError::SecondPoint { channel }.into());
        }
        Ok(())
    }
}

/// What a message says to an opening, and of which channel; `None`: it is not one of an opening.
fn input_of(message: &Message) -> Option<(ChannelId, Input)> {
    match message {
        Message::ChannelReady(said) => Some((said.channel_id, Input::PeerReady(*said))),
        Message::AnnouncementSignatures(half) => Some((half.channel_id, Input::PeerHalf(*half))),
        Message::ChannelReestablish(_) | Message::ChannelAnnouncement(_) => None,
    }
}
