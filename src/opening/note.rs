//! What the steps of an opening leave in the channel's log: its story, for people. The words stand in `court/words/log.rs`.

use serde::{Deserialize, Serialize};

use super::{Said, Step};
use crate::config::Policy;
use crate::protocol::{ShortChannelId, WrongSignature};

/// One line of an opening's story. What the court tells of the funding is not told twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpeningNote {
    /// The funding is deep enough where it stands, and the chain calls the channel so.
    Named(ShortChannelId),
    /// The app was asked to hand over a message of ours.
    Tell(Said),
    /// It was asked once more: the peer is connected again, or asks for it; or the graph has lost the channel.
    TellAgain(Said),
    /// The app says that it has handed it over, or the peer shows that it has it.
    Told(Said),
    /// The peer's `channel_ready`, or a later one of another alias.
    PeerReady { alias: Option<ShortChannelId> },
    /// The peer's half of the proof under the name that the chain has for the channel: verified.
    PeerHalf(ShortChannelId),
    /// The peer's half under a name that the chain does not have for the channel, or not yet: kept.
    PeerHalfKept(ShortChannelId),
    /// A message of the peer's was wrong when nobody waited for an answer any more.
    Dropped(Flaw),
    /// Both `channel_ready` are there.
    Usable,
}

/// What is wrong with a message of the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flaw {
    /// BOLT 2: its `channel_ready` tells another second per-commitment point than there is already.
    SecondPoint,
    /// BOLT 7: a signature of its `announcement_signatures` is not its key's.
    Half(WrongSignature),
}

impl Flaw {
    /// The name of the message in the BOLTs.
    pub fn message_name(self) -> &'static str {
        match self {
            Flaw::SecondPoint => "channel_ready",
            Flaw::Half(_) => "announcement_signatures",
        }
    }
}

/// Who can have a note written as often as they like.
enum Cause {
    /// Nobody: there is one for each thing that happens to the funding, or to us.
    Opening,
    /// The peer, with its messages and its reconnections.
    Peer,
}

impl OpeningNote {
    fn cause(&self) -> Cause {
        match self {
            OpeningNote::Named(_)
            | OpeningNote::Tell(_)
            | OpeningNote::Told(_)
            | OpeningNote::Dropped(_)
            | OpeningNote::Usable => Cause::Opening,
            OpeningNote::TellAgain(_)
            | OpeningNote::PeerReady { alias: _ }
            | OpeningNote::PeerHalf(_)
            | OpeningNote::PeerHalfKept(_) => Cause::Peer,
        }
    }
}

/// A peer that talks on, or a connection that breaks all day, fills no log: beyond the policy's number, notes of theirs are
/// left out.
pub(super) fn limit_notes(step: &mut Step, policy: &Policy) {
    let Step { opening, notes, .. } = step;
    notes.retain(|note| match note.cause() {
        Cause::Opening => true,
        Cause::Peer if opening.peer_notes < policy.peer_notes => {
            opening.peer_notes += 1;
            true
        }
        Cause::Peer => false,
    });
}
