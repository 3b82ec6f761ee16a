//! What peers say: the door for their messages, and which channels a peer means by a name.

use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;
use zeroize::Zeroizing;

use super::core::Core;
use super::ChainArbitrator;
use crate::channel::UpdateError;
use crate::error::ArbitratorError;
use crate::opening::OpeningError;
use crate::protocol::{ChannelId, Message};
use crate::store::ChannelRow;

/// What became of a peer's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Received {
    /// It is on disk, with all that follows from it.
    Taken,
    /// Its channel is not known yet: it is kept for some time.
    Kept,
    /// With this message, or before, the peer has proven that we lost data. Nothing of ours is broadcast any more; an
    /// `error` asks the peer to close the channel (BOLT 2).
    DataLost,
}

impl ChainArbitrator {
    /// Takes a message of a peer, type first, whenever it comes. On disk when this returns, with all that follows from it.
    ///
    /// | message | means |
    /// |---|---|
    /// | `channel_ready` | a channel that is opened here is usable, when ours is told |
    /// | `announcement_signatures` | the peer's half of the proof of a channel that is opened here |
    /// | `channel_reestablish` | a new connection, for every channel: what the peer may not have got is told again; a restored channel is confirmed; lost data is found out |
    ///
    /// A peer says `channel_reestablish` once on each connection (BOLT 2), so each is a new connection. A repeat of one tells
    /// nothing again that the app has not handed over since the first.
    ///
    /// # Errors
    /// Nothing has changed then.
    /// - [`MessageError::NotForUs`](crate::protocol::MessageError::NotForUs) for every other message;
    /// - [`OpeningError`]: the message is wrong, or is about no channel that is known and of a kind that is not kept;
    /// - [`UpdateError`], after which BOLT 2 has the channel fail:
    ///   [`ReestablishSecret`](UpdateError::ReestablishSecret), [`BehindPeer`](UpdateError::BehindPeer). A restored channel
    ///   stays restored;
    /// - [`UpdateError::Closing`]: the channel has ended. Its close summary says what to answer.
    pub async fn peer_message(
        &self,
        peer: PublicKey,
        message: Vec<u8>,
    ) -> Result<Received, ArbitratorError> {
        // It may hold a secret of ours.
        let message = Zeroizing::new(message);
        self.executor
            .run(move |core| Box::pin(async move { core.peer_message(&peer, &message).await }))
            .await
    }
}

impl Core {
    async fn peer_message(
        &self,
        peer: &PublicKey,
        bytes: &[u8],
    ) -> Result<Received, ArbitratorError> {
        let message = Message::decode(bytes).map_err(OpeningError::from)?;
        match &message {
            Message::ChannelReestablish(said) => self.reestablish(peer, said).await,
            Message::ChannelReady(_)
            | Message::AnnouncementSignatures(_)
            | Message::ChannelAnnouncement(_) => self.opening_message(peer, &message),
        }
    }

    /// The channels that a peer calls so and that have not ended: several attempts at one funding share a name. None: it is
    /// not known.
    ///
    /// # Errors
    /// [`UpdateError::Closing`]: all of them have ended.
    pub(super) fn channels_named(
        &self,
        peer: &PublicKey,
        channel_id: ChannelId,
    ) -> Result<Vec<(ChannelRow, OutPoint)>, ArbitratorError> {
        let mut named = Vec::new();
        let mut ended = None;
        for (row, channel) in self.store.channels_with(peer)? {
            if !self.is_named(row, channel, channel_id) {
                continue;
            }
            match self.refusal(row)?.filter(|reason| reason.is_total()) {
                Some(reason) => ended = Some((channel, reason)),
                None => named.push((row, channel)),
            }
        }
        match ended.filter(|_| named.is_empty()) {
            Some((channel, reason)) => Err(UpdateError::Closing { channel, reason }.into()),
            None => Ok(named),
        }
    }

    /// Whether both nodes call the channel so. Of one without an opening it is not known with which message it was opened: it
    /// may have either name.
    fn is_named(&self, row: ChannelRow, channel: OutPoint, channel_id: ChannelId) -> bool {
        let of_funding = ChannelId::from_funding(channel) == Ok(channel_id);
        // Rows that cannot be read are reported by every tick. They hide no channel that another row names.
        let terms = self.store.terms(row).ok();
        let opening = self.store.opening(row).ok().flatten();
        match (opening, terms) {
            (Some(opening), Some(terms)) => opening.channel_id(&terms) == Ok(channel_id),
            (None, Some(terms)) => {
                let (ours, theirs) = (&terms.local.keys, &terms.remote.keys);
                let of_basepoints = ChannelId::from_revocation_basepoints(
                    &ours.basepoints.revocation,
                    &theirs.basepoints.revocation,
                );
                of_funding || of_basepoints == channel_id
            }
            (Some(_) | None, None) => of_funding,
        }
    }
}
