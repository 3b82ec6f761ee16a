//! Openings: what the app says of them, what peers say, and what both are told. What a tick does for them stands in
//! `tick/openings.rs`.

use bitcoin::blockdata::constants::ChainHash;
use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;

use super::core::Core;
use super::ChainArbitrator;
use crate::channel::{Candidate, ChannelTerms, RemoteUpdate, UpdateError};
use crate::court::{Event, EventKind};
use crate::error::ArbitratorError;
use crate::opening::{
    advance, Announcement, Dossier, Input, MinimumDepth, OpenedWith, Opening, OpeningError,
    OpeningStatus, OpeningTerms, Step, Want,
};
use crate::protocol::{
    AnnouncementSignatures, ChannelEnd, ChannelId, CommitmentNumber, Message, MessageError, Party,
    UnsignedChannelAnnouncement,
};
use crate::signer::AnnouncementRequest;
use crate::store::{ChannelRow, OpeningStep, Unreadable};

/// What became of a peer's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Received {
    /// It is part of an opening now.
    Taken,
    /// Its channel is not known yet: it is kept for some time.
    Kept,
}

impl ChainArbitrator {
    /// Registers a channel, as [`register`](ChainArbitrator::register) does, and sees it through its opening: the funding is
    /// broadcast if it is ours and our first commitment is signed, `channel_ready` told when it is deep enough, and a public
    /// channel announced. What the peer is to be told comes as events. A repeat changes nothing.
    ///
    /// Each attempt at the funding of a channel (`tx_init_rbf`) is registered by itself, and names the one that it replaces.
    ///
    /// # Errors
    /// [`UpdateError`](crate::channel::UpdateError) as `register`; [`OpeningError`]: what the opening lacks.
    pub async fn open_channel(
        &self,
        terms: ChannelTerms,
        opening: OpeningTerms,
    ) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.open_channel(terms, opening).await }))
            .await
    }

    /// Takes a message of a peer: `channel_ready` or `announcement_signatures`, type first, whenever it comes. On disk when this
    /// returns.
    ///
    /// # Errors
    /// [`MessageError::NotForUs`] for every other message; [`OpeningError`]: it is wrong, and nothing has changed.
    pub async fn peer_message(
        &self,
        peer: PublicKey,
        message: Vec<u8>,
    ) -> Result<Received, ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.peer_message(&peer, &message) }))
            .await
    }

    /// Says that the app is connected to the peer again, after `channel_reestablish`: what the peer may not have got is told
    /// again. [`ResumeOptions::reconnected_peers`](super::ResumeOptions::reconnected_peers) says the same to a tick.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`].
    pub async fn peer_reconnected(&self, peer: PublicKey) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.peer_reconnected(&peer) }))
            .await
    }

    /// How a channel's opening stands; `None`: its engine opens it by itself, or it has ended.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`].
    pub async fn opening(
        &self,
        channel: OutPoint,
    ) -> Result<Option<OpeningStatus>, ArbitratorError> {
        let policy = self.policy.clone();
        self.reader
            .ask(move |queries| {
                let store = queries.store();
                let row = queries.row(channel)?;
                let Some(opening) = store.opening(row)? else {
                    return Ok(None);
                };
                let terms = store.terms(row)?;
                Ok(Some(opening.status(&terms, &policy)))
            })
            .await
    }

    /// The whole proof of a public channel, for a peer that asks: a `channel_announcement`, type first. `None` while a half
    /// of it is missing.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`].
    pub async fn channel_announcement(
        &self,
        channel: OutPoint,
    ) -> Result<Option<Vec<u8>>, ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.channel_announcement(channel) }))
            .await
    }
}

impl Core {
    async fn open_channel(
        &self,
        terms: ChannelTerms,
        agreed: OpeningTerms,
    ) -> Result<(), ArbitratorError> {
        let channel = terms.channel();
        self.check_terms(&terms).await?;
        if agreed.minimum_depth == MinimumDepth::ZeroConf && agreed.alias.is_none() {
            return Err(OpeningError::ZeroConfNeedsAlias { channel }.into());
        }
        let node_id = match agreed.announcement {
            Announcement::Public { .. } => Some(self.node_id(channel).await?),
            Announcement::Private => None,
        };
        let keys_id = terms.keys_id;
        let second = CommitmentNumber::ZERO.next()?;
        let second_point = self
            .ask_signer(channel, move |signer| {
                signer.per_commitment_point(&keys_id, second)
            })
            .await?;
        let opening = Opening::new(channel, agreed, second_point, node_id);
        // No await from here on.
        let channel_id = opening
            .channel_id(&terms)
            .map_err(|source| OpeningError::Protocol { channel, source })?;
        if let Some(row) = self.store.find(channel)? {
            let known = self.store.opening(row)?;
            if known.is_none_or(|known| known.terms != opening.terms) {
                let field = "opening";
                return Err(OpeningError::Differs { channel, field }.into());
            }
            self.register_again(row, &terms)?;
            return self.take_early(&terms.peer, channel_id);
        }
        self.check_replaces(&terms, &opening)?;
        if let Some(alias) = opening.terms.alias {
            self.check_name_is_free(channel, alias)?;
        }
        self.store
            .register_opening(&terms, &opening, &self.warnings(&terms))?;
        self.wake_listeners();
        self.take_early(&terms.peer, channel_id)
    }

    /// BOLT 2: attempts at one funding are between the same nodes, and keep their basepoints.
    fn check_replaces(
        &self,
        terms: &ChannelTerms,
        opening: &Opening,
    ) -> Result<(), ArbitratorError> {
        let Some(replaced) = opening.terms.replaces else {
            return Ok(());
        };
        let refuse = |reason| OpeningError::Replaces {
            channel: terms.channel(),
            replaced,
            reason,
        };
        let row = self.store.find(replaced)?;
        let row = row.ok_or_else(|| refuse("it is not registered"))?;
        let former = self.store.opening(row)?;
        let former = former.ok_or_else(|| refuse("it is not opened here"))?;
        let is_dual = |with| match with {
            OpenedWith::OpenChannel => false,
            OpenedWith::OpenChannel2 => true,
        };
        if !is_dual(opening.terms.opened_with) || !is_dual(former.terms.opened_with) {
            return Err(refuse("only open_channel2 has attempts").into());
        }
        if opening.channel_id(terms) != former.channel_id(&self.store.terms(row)?) {
            return Err(refuse("it is another channel").into());
        }
        Ok(())
    }

    async fn node_id(&self, channel: OutPoint) -> Result<PublicKey, ArbitratorError> {
        let node = self.node_signer.clone();
        let node = node.ok_or(OpeningError::NeedsNodeSigner { channel })?;
        self.callout
            .call(move || node.node_id())
            .await
            .map_err(|source| ArbitratorError::Callback {
                callback: "NodeSigner",
                source,
            })?
            .map_err(|source| ArbitratorError::Signer { channel, source })
    }

    /// Our half of the proof.
    pub(super) async fn sign_announcement(
        &self,
        terms: &ChannelTerms,
        channel_id: ChannelId,
        contents: UnsignedChannelAnnouncement,
    ) -> Result<AnnouncementSignatures, ArbitratorError> {
        let channel = terms.channel();
        let end = ChannelEnd {
            node_id: self.node_id(channel).await?,
            bitcoin_key: terms.local.keys.funding,
        };
        let request = |public_key| AnnouncementRequest {
            channel,
            keys_id: terms.keys_id,
            public_key,
            contents: contents.clone(),
        };
        let (by_node, by_funding) = (request(end.node_id), request(end.bitcoin_key));
        let node = self.node_signer.clone();
        let node = node.ok_or(OpeningError::NeedsNodeSigner { channel })?;
        let node_signature = self
            .callout
            .call(move || node.sign_announcement(&by_node))
            .await
            .map_err(|source| ArbitratorError::Callback {
                callback: "NodeSigner",
                source,
            })?
            .map_err(|source| ArbitratorError::Signer { channel, source })?;
        let bitcoin_signature = self
            .ask_signer(channel, move |signer| signer.sign_announcement(&by_funding))
            .await?;
        let half = AnnouncementSignatures {
            channel_id,
            short_channel_id: contents.short_channel_id,
            node_signature,
            bitcoin_signature,
        };
        contents
            .verify_half(&end, &half)
            .map_err(|_| ArbitratorError::SignatureRefused { channel })?;
        Ok(half)
    }

    /// Computes one step of an opening and stores it. Gives what is wanted after it, and what went wrong.
    pub(super) fn apply_opening(
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

    fn opening_step(
        &self,
        terms: &ChannelTerms,
        opening: &Opening,
        input: &Input,
    ) -> Result<Step, OpeningError> {
        let dossier = self.opening_dossier(terms);
        advance(opening, &dossier, input, &self.policy)
    }

    fn opening_dossier<'a>(&self, terms: &'a ChannelTerms) -> Dossier<'a> {
        Dossier {
            terms,
            chain: ChainHash::using_genesis_block(self.network),
        }
    }

    fn put_opening(
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
    pub(super) fn acknowledge_event(
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

    fn peer_message(&self, peer: &PublicKey, bytes: &[u8]) -> Result<Received, ArbitratorError> {
        let message = Message::decode(bytes).map_err(OpeningError::from)?;
        let (channel_id, input) = input_of(&message)?;
        let openings = self.openings_named(peer, channel_id)?;
        if openings.is_empty() {
            let most = self.policy.early_messages;
            self.store.keep_early(peer, channel_id, &message, most)?;
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

    /// The openings that a peer calls so.
    fn openings_named(
        &self,
        peer: &PublicKey,
        channel_id: ChannelId,
    ) -> Result<Vec<(ChannelRow, ChannelTerms, Opening)>, ArbitratorError> {
        let mut named = Vec::new();
        for (row, channel) in self.store.channels_with(peer)? {
            let Some(opening) = self.store.opening(row)? else {
                if ChannelId::from_funding(channel) == Ok(channel_id) {
                    return Err(OpeningError::NotOpenedHere { channel }.into());
                }
                continue;
            };
            let terms = self.store.terms(row)?;
            if opening.channel_id(&terms) == Ok(channel_id) {
                named.push((row, terms, opening));
            }
        }
        Ok(named)
    }

    /// Takes what a peer said of a channel before it was registered. What is wrong is put aside: nobody waits for an answer.
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
        for message in early {
            let taken = input_of(&message)
                .map_err(ArbitratorError::from)
                .and_then(|(_, input)| {
                    let openings = self.openings_named(peer, channel_id)?;
                    self.take_message(&openings, &input)
                });
            match taken {
                Ok(()) => {}
                Err(ArbitratorError::Opening(wrong)) => log::warn!("an early message: {wrong}"),
                Err(error) => return Err(error),
            }
        }
        Ok(self.store.forget_early(peer, channel_id)?)
    }

    pub(super) fn peer_reconnected(&self, peer: &PublicKey) -> Result<(), ArbitratorError> {
        for (row, _) in self.store.channels_with(peer)? {
            self.apply_opening(row, &Input::Reconnected)?;
        }
        Ok(())
    }

    fn channel_announcement(&self, channel: OutPoint) -> Result<Option<Vec<u8>>, ArbitratorError> {
        let row = self.row(channel)?;
        let Some(opening) = self.store.opening(row)? else {
            return Ok(None);
        };
        let terms = self.store.terms(row)?;
        let whole = opening.announcement(&self.opening_dossier(&terms));
        Ok(whole.map(|whole| whole.encode()))
    }

    /// Refuses a commitment 1 of the peer on another point than its `channel_ready` told (BOLT 2).
    pub(super) fn check_announced_point(
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

/// What a step of an opening came to.
#[derive(Default)]
pub(super) struct OpeningDone {
    pub(super) changed: bool,
    pub(super) want: Vec<Want>,
    pub(super) troubles: Vec<String>,
}

/// What a peer's message says, and of which channel.
fn input_of(message: &Message) -> Result<(ChannelId, Input), OpeningError> {
    match message {
        Message::ChannelReady(said) => Ok((said.channel_id, Input::PeerReady(*said))),
        Message::AnnouncementSignatures(half) => Ok((half.channel_id, Input::PeerHalf(*half))),
        // Whoever keeps the graph reads it.
        Message::ChannelAnnouncement(_) => {
            Err(MessageError::NotForUs(message.message_type()).into())
        }
    }
}
