//! What the history tells of an opening.

use crate::ffi::PeerMessage;
use crate::opening;
use crate::protocol::ShortChannelId;

/// One line of an opening's story.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum OpeningNote {
    /// The funding is deep enough, and the chain calls the channel so.
    Named {
        /// Its name there.
        short_channel_id: String,
    },
    /// The app was asked to hand over a message of ours.
    Tell {
        /// Which.
        message: PeerMessage,
        /// The name that it is for, if it is for one.
        short_channel_id: Option<String>,
    },
    /// It was asked once more: the peer is connected again, or asks for it; or the graph has lost the channel.
    TellAgain {
        /// Which.
        message: PeerMessage,
        /// The name that it is for, if it is for one.
        short_channel_id: Option<String>,
    },
    /// The app says that it has handed it over.
    Told {
        /// Which.
        message: PeerMessage,
        /// The name that it is for, if it is for one.
        short_channel_id: Option<String>,
    },
    /// The peer's `channel_ready`, or a later one of another alias.
    PeerReady {
        /// A name of the peer's for the channel.
        alias: Option<String>,
    },
    /// The peer's half of the proof, verified.
    PeerHalf {
        /// The name that it is for.
        short_channel_id: String,
    },
    /// The peer's half under a name that the chain does not have for the channel, or not yet: kept.
    PeerHalfKept {
        /// The name that it is for.
        short_channel_id: String,
    },
    /// A message of the peer's was wrong when nobody waited for an answer any more.
    Dropped {
        /// Which.
        message: PeerMessage,
        /// What is wrong with it, for people.
        reason: String,
    },
    /// Both `channel_ready` are there: the channel may be used.
    Usable,
}

impl From<opening::OpeningNote> for OpeningNote {
    fn from(note: opening::OpeningNote) -> Self {
        use opening::OpeningNote as Core;
        let name_of = |said: opening::Said| said.short_channel_id().map(text);
        match note {
            Core::Named(name) => OpeningNote::Named {
                short_channel_id: text(name),
            },
            Core::Tell(said) => OpeningNote::Tell {
                message: said.into(),
                short_channel_id: name_of(said),
            },
            Core::TellAgain(said) => OpeningNote::TellAgain {
                message: said.into(),
                short_channel_id: name_of(said),
            },
            Core::Told(said) => OpeningNote::Told {
                message: said.into(),
                short_channel_id: name_of(said),
            },
            Core::PeerReady { alias } => OpeningNote::PeerReady {
                alias: alias.map(text),
            },
            Core::PeerHalf(name) => OpeningNote::PeerHalf {
                short_channel_id: text(name),
            },
            Core::PeerHalfKept(name) => OpeningNote::PeerHalfKept {
                short_channel_id: text(name),
            },
            Core::Dropped(flaw) => OpeningNote::Dropped {
                message: match flaw {
                    opening::Flaw::SecondPoint => PeerMessage::ChannelReady,
                    opening::Flaw::Half(_) => PeerMessage::AnnouncementSignatures,
                },
                reason: flaw.to_string(),
            },
            Core::Usable => OpeningNote::Usable,
        }
    }
}

fn text(name: ShortChannelId) -> String {
    name.to_string()
}
