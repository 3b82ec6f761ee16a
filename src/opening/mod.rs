//! Opening a channel: from the funding transaction to a channel that is announced, in steps that any sleep may part.
//!
//! ```text
//!                  deep enough            acknowledged, and the peer's is there       6 blocks, both halves
//!   funding ────────────────► channel_ready ────────────────────────────► usable ───────────────────────► announced
//!   known      (zero-conf:    told                                               (private: ends here)
//!              at once)
//! ```
//!
//! Pure. An [`Opening`] holds what is known; [`advance`] puts one [`Input`] into it and then draws every consequence there
//! is: what the peer is to be told, and what is wanted from outside. The same input twice gives an empty second step. What
//! was told stays told, whatever a reorg does; where the funding stands is forgotten with its block.
//!
//! `funding.rs` says where the funding stands, `ready.rs` when the channel may be used, `announcement.rs` how it becomes
//! public. Beside the opening the court goes on as ever: an opening channel is watched and closed as any other.

mod announcement;
mod error;
mod funding;
mod note;
mod ready;
mod status;
#[cfg(test)]
mod tests;

pub use announcement::{Announced, Proof};
pub use error::OpeningError;
pub use funding::{Commitments, Facts, Place};
pub use note::{Flaw, OpeningNote};
pub use ready::Ready;
pub use status::{OpeningStatus, Stage};

use bitcoin::blockdata::constants::ChainHash;
use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;
use serde::{Deserialize, Serialize};

use crate::channel::ChannelTerms;
use crate::config::Policy;
use crate::court::EventKind;
use crate::protocol::{
    AnnouncementSignatures, ChannelFeatures, ChannelId, ChannelReady, ProtocolError,
    ShortChannelId, UnsignedChannelAnnouncement,
};

/// With which message the channel was opened: it decides how both nodes call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OpenedWith {
    /// `open_channel`: named by its funding output.
    OpenChannel,
    /// `open_channel2`: named by both revocation basepoints, whichever attempt at its funding confirms.
    OpenChannel2,
}

/// How deep the funding must be before we say `channel_ready` (BOLT 2: `minimum_depth`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MinimumDepth {
    /// As the policy has it for the channel's capacity.
    ByCapacity,
    /// So many blocks, the funding's own included.
    Blocks(u32),
    /// None: whoever can spend the funding's inputs otherwise is trusted (`option_zeroconf`).
    ZeroConf,
}

/// Whether the network is told of the channel (BOLT 2: `announce_channel`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Announcement {
    Private,
    Public {
        /// The peer signs the same.
        features: ChannelFeatures,
    },
}

/// What is agreed about an opening beside the channel's terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningTerms {
    pub opened_with: OpenedWith,
    pub minimum_depth: MinimumDepth,
    pub announcement: Announcement,
    /// A name of ours for the channel that the peer routes by (`option_scid_alias`).
    pub alias: Option<ShortChannelId>,
    /// The attempt at the funding that this one replaces: only one of them can confirm. Each attempt is a channel of its
    /// own, with its own commitments, and watched.
    pub replaces: Option<OutPoint>,
}

/// One of our messages to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Said {
    ChannelReady,
    /// Our half of the proof under this name.
    AnnouncementSignatures(ShortChannelId),
    /// The whole proof under this name: for every peer.
    ChannelAnnouncement(ShortChannelId),
}

/// The stored record of one opening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The channel, once more: a row that was moved to another channel is found out.
    pub channel: OutPoint,
    pub terms: OpeningTerms,
    /// Our per-commitment point of commitment 1, which `channel_ready` tells.
    pub second_point: PublicKey,
    /// The tip at the first look.
    pub since: Option<u32>,
    /// Where the funding stands, proven and as agreed.
    pub place: Option<Place>,
    /// Which commitments there are.
    pub commitments: Commitments,
    /// The channel's end has begun.
    pub closing: bool,
    pub ready: Ready,
    /// The proof of a public channel.
    pub proof: Option<Proof>,
    /// Which connection to the peer this is: what was said in one is not said in it again.
    pub reconnects: u32,
    /// Nothing that was said in this connection has been handed over: the next one may be the same, and is not told more.
    /// What an older version kept may have been.
    #[serde(default)]
    pub is_fresh: bool,
    /// How many notes the peer has caused. Rows of earlier versions are without it.
    #[serde(default)]
    pub peer_notes: u32,
    /// Nothing of the opening matters any more.
    pub is_over: bool,
    pub attention: Attention,
}

/// When a tick has to look at an opening. Never before `FirstTick` stands `EveryTick`: something is awaited then, or a reorg may
/// still undo something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Attention {
    EveryTick,
    /// Only the first after the database was opened: the network may have forgotten the channel.
    FirstTick,
    Never,
}

impl Opening {
    /// The record of a channel that is registered now. `node_id`: ours, of a public channel.
    pub fn new(
        channel: OutPoint,
        terms: OpeningTerms,
        second_point: PublicKey,
        node_id: Option<PublicKey>,
    ) -> Self {
        let proof = match &terms.announcement {
            Announcement::Public { features } => {
                node_id.map(|node_id| Proof::new(node_id, features.clone()))
            }
            Announcement::Private => None,
        };
        Opening {
            channel,
            terms,
            second_point,
            since: None,
            place: None,
            commitments: Commitments::None,
            closing: false,
            ready: Ready::default(),
            proof,
            reconnects: 0,
            is_fresh: true,
            peer_notes: 0,
            is_over: false,
            attention: Attention::EveryTick,
        }
    }

    /// How both nodes call the channel.
    ///
    /// # Errors
    /// [`ProtocolError::FundingOutputIndex`].
    pub fn channel_id(&self, terms: &ChannelTerms) -> Result<ChannelId, ProtocolError> {
        match self.terms.opened_with {
            OpenedWith::OpenChannel => ChannelId::from_funding(terms.channel()),
            OpenedWith::OpenChannel2 => Ok(ChannelId::from_revocation_basepoints(
                &terms.local.keys.basepoints.revocation,
                &terms.remote.keys.basepoints.revocation,
            )),
        }
    }

    fn attention(&self, policy: &Policy) -> Attention {
        let (is_through, at_rest) = match &self.proof {
            None => (self.ready.is_usable, Attention::Never),
            Some(proof) => (proof.announced.is_some(), Attention::FirstTick),
        };
        let is_final = self.depth() >= policy.final_depth;
        if self.is_over {
            Attention::Never
        } else if is_final && is_through && !self.closing {
            at_rest
        } else {
            Attention::EveryTick
        }
    }
}

/// What stands beside the record and does not change.
#[derive(Clone, Copy, Debug)]
pub struct Dossier<'a> {
    pub terms: &'a ChannelTerms,
    /// The network's, as announcements name it.
    pub chain: ChainHash,
}

/// The `next_commitment_number` of each side's `channel_reestablish`: which commitment of its own it expects to be signed next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextCommitments {
    pub ours: u64,
    pub theirs: u64,
}

/// One thing that moves an opening.
#[derive(Clone, Debug)]
pub enum Input {
    /// What a tick saw.
    Facts(Facts),
    /// The peer's `channel_ready`.
    PeerReady(ChannelReady),
    /// The peer's `announcement_signatures`.
    PeerHalf(AnnouncementSignatures),
    /// Our half, signed and verified.
    OurHalf(AnnouncementSignatures),
    /// The app has handed this to the peer, or to all of them.
    Acknowledged { said: Said, time: u32 },
    /// The peer's `channel_reestablish` came, and shows nothing that would end the channel.
    Reestablished(NextCommitments),
    /// The graph does not know the channel, though it was announced.
    NotInGraph,
}

/// What an opening needs from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// The funding transaction, which is ours, on the chain.
    BroadcastFunding,
    /// Our half of the proof.
    Sign(Box<UnsignedChannelAnnouncement>),
    /// The end of a channel whose funding never came.
    GiveUp,
}

/// What one input brings about. Written in one transaction.
#[derive(Clone, Debug)]
pub struct Step {
    pub opening: Opening,
    pub tell: Vec<EventKind>,
    /// What was told before and has not been handed over: the app is to be shown it once more.
    pub waits: Vec<EventKind>,
    /// What is still wanted, also by a step that changes nothing.
    pub want: Vec<Want>,
    /// What the channel's log is to tell of it.
    pub notes: Vec<OpeningNote>,
}

/// Which telling of a message one is.
#[derive(Clone, Copy, Debug)]
struct Telling {
    /// Part of the event's name: it differs from that of every other telling.
    time: u32,
    /// That of the telling before, if it is not the first.
    before: Option<u32>,
}

impl Step {
    /// Whether nothing has to be written.
    pub fn is_empty(&self, before: &Opening) -> bool {
        self.opening == *before && self.tell.is_empty() && self.notes.is_empty()
    }

    fn say(&mut self, peer: PublicKey, said: Said, telling: Telling, message: Vec<u8>) {
        self.notes.push(match telling.before {
            None => OpeningNote::Tell(said),
            Some(_) => OpeningNote::TellAgain(said),
        });
        self.tell.push(EventKind::TellPeer {
            peer,
            said,
            time: telling.time,
            message,
        });
    }

    /// Says it once in a connection. If it was said in this one `before` and not handed over yet, it waits.
    fn say_once(&mut self, peer: PublicKey, said: Said, before: Option<u32>, message: Vec<u8>) {
        let time = self.opening.reconnects;
        if before != Some(time) {
            self.say(peer, said, Telling { time, before }, message);
        } else if self.opening.is_fresh {
            self.waits.push(EventKind::TellPeer {
                peer,
                said,
                time,
                message,
            });
        }
    }
}

/// Moves an opening one step.
///
/// # Errors
/// [`OpeningError`]: what the peer sent is wrong; the opening stays as it is.
pub fn advance(
    opening: &Opening,
    dossier: &Dossier<'_>,
    input: &Input,
    policy: &Policy,
) -> Result<Step, OpeningError> {
    let mut step = Step {
        opening: opening.clone(),
        tell: Vec::new(),
        waits: Vec::new(),
        want: Vec::new(),
        notes: Vec::new(),
    };
    if opening.is_over {
        return Ok(step);
    }
    match input {
        Input::Facts(facts) => funding::observe(&mut step, dossier, facts, policy),
        Input::PeerReady(said) => ready::on_peer_ready(&mut step, *said)?,
        Input::PeerHalf(half) => announcement::on_peer_half(&mut step, dossier, half)?,
        Input::OurHalf(half) => announcement::on_our_half(&mut step.opening, dossier, *half)?,
        Input::Acknowledged { said, time } => on_acknowledged(&mut step, *said, *time),
        Input::Reestablished(next) => {
            on_reestablished(&mut step.opening);
            if !opening.closing {
                // BOLT 7: a half of the proof is said after `channel_ready`.
                ready::on_reestablished(&mut step, dossier, *next)?;
                announcement::on_reestablished(&mut step, dossier);
            }
        }
        Input::NotInGraph => announcement::on_not_in_graph(&mut step, dossier),
    }
    ready::proceed(&mut step, dossier, policy)?;
    announcement::proceed(&mut step, dossier, policy);
    step.want
        .extend(funding::want(&step.opening, dossier, input, policy));
    step.opening.attention = step.opening.attention(policy);
    note::limit_notes(&mut step, policy);
    Ok(step)
}

/// The app has handed a message over. The first time is news.
fn on_acknowledged(step: &mut Step, said: Said, time: u32) {
    let opening = &mut step.opening;
    // That of an announcement counts something else: it is not the peer's alone.
    let is_of_connection = match said {
        Said::ChannelReady | Said::AnnouncementSignatures(_) => time == opening.reconnects,
        Said::ChannelAnnouncement(_) => false,
    };
    if is_of_connection {
        opening.is_fresh = false;
    }
    let Opening { ready, proof, .. } = opening;
    let is_news = match (said, proof) {
        (Said::ChannelReady, _) => !std::mem::replace(&mut ready.is_told, true),
        (Said::AnnouncementSignatures(name), Some(proof)) => {
            proof.half_told.replace(name) != Some(name)
        }
        (Said::ChannelAnnouncement(name), Some(proof)) => {
            proof.whole_told.replace(name) != Some(name)
        }
        (Said::AnnouncementSignatures(_) | Said::ChannelAnnouncement(_), None) => false,
    };
    if is_news {
        step.notes.push(OpeningNote::Told(said));
    }
}

/// BOLT 2: a node says `channel_reestablish` once on each connection, so whatever was handed over before this one belongs to a
/// former connection and may be lost. What still waits to be handed over will be in this one: a repeat tells nothing twice.
fn on_reestablished(opening: &mut Opening) {
    if !opening.is_fresh {
        opening.reconnects = opening.reconnects.saturating_add(1);
        opening.is_fresh = true;
    }
}
