//! What people and engines ask of an opening: how far it is, and what it waits for.

use super::{Opening, Said};
use crate::channel::ChannelTerms;
use crate::config::Policy;
use crate::protocol::{ChannelReady, ShortChannelId};

/// How far an opening is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The funding is not on the chain.
    Unconfirmed,
    /// It is, and not deep enough.
    Confirming,
    /// `channel_ready` is not exchanged yet: ours has to be told, or the peer's has to come.
    AwaitingReady,
    /// The channel may be used.
    Usable,
    /// The channel may be used, and the network was told of it.
    Announced,
    /// The channel is closing.
    Closing,
    /// Nothing of the opening matters any more: it was given up, or its funding has been spent for long.
    Over,
}

/// How an opening stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningStatus {
    pub stage: Stage,
    /// What the chain calls the channel, once the funding is deep enough.
    pub short_channel_id: Option<ShortChannelId>,
    /// Blocks that bury the funding.
    pub depth: u32,
    /// As many as it takes before we say `channel_ready`.
    pub needed_depth: u32,
    /// The app was asked to tell the peer our `channel_ready`.
    pub is_ready_said: bool,
    /// It says that the peer has it.
    pub is_ready_told: bool,
    /// The peer's.
    pub peer_ready: Option<ChannelReady>,
    /// The name that our half of the proof is for; `None` for a private channel, too.
    pub our_half: Option<ShortChannelId>,
    /// The name that the peer's half is for.
    pub peer_half: Option<ShortChannelId>,
    /// The height at which a funding that the peer owes us is waited for no longer.
    pub gives_up_at: Option<u32>,
}

impl Opening {
    /// How it stands.
    pub fn status(&self, terms: &ChannelTerms, policy: &Policy) -> OpeningStatus {
        let proof = self.proof.as_ref();
        let needed_depth = self.needed_depth(terms, policy);
        OpeningStatus {
            stage: self.stage(needed_depth),
            short_channel_id: self.short_channel_id(terms, policy),
            depth: self.depth(),
            needed_depth,
            is_ready_said: self.ready.said_in.is_some(),
            is_ready_told: self.ready.is_told,
            peer_ready: self.ready.theirs,
            our_half: proof.and_then(|it| Some(it.ours?.short_channel_id)),
            peer_half: proof.and_then(|it| Some(it.theirs?.short_channel_id)),
            gives_up_at: self.gives_up_at(terms, policy),
        }
    }

    fn stage(&self, needed_depth: u32) -> Stage {
        let is_announced = |opening: &Opening| {
            let proof = opening.proof.as_ref();
            proof.is_some_and(|proof| proof.announced.is_some())
        };
        if self.is_over {
            Stage::Over
        } else if self.closing {
            Stage::Closing
        } else if self.ready.is_usable && is_announced(self) {
            Stage::Announced
        } else if self.ready.is_usable {
            Stage::Usable
        } else if self.ready.said_in.is_some() || self.depth() >= needed_depth.max(1) {
            Stage::AwaitingReady
        } else if self.place.is_some() {
            Stage::Confirming
        } else {
            Stage::Unconfirmed
        }
    }
}

impl Said {
    /// The name of the message in the BOLTs, for people and for the names of events.
    pub fn message_name(self) -> &'static str {
        match self {
            Said::ChannelReady => "channel_ready",
            Said::AnnouncementSignatures(_) => "announcement_signatures",
            Said::ChannelAnnouncement(_) => "channel_announcement",
        }
    }

    /// The name of the channel that the message is about, as far as it has one.
    pub fn short_channel_id(self) -> Option<ShortChannelId> {
        match self {
            Said::ChannelReady => None,
            Said::AnnouncementSignatures(id) | Said::ChannelAnnouncement(id) => Some(id),
        }
    }
}
