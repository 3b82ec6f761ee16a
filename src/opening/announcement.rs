//! The announcement of a public channel (BOLT 7): our half of the proof, the peer's, and the whole.
//!
//! The peer's half is kept whenever it comes: before six confirmations, before ours, for a place that a reorg is about to
//! change. It is verified as soon as it is for the place where the funding stands.

use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use super::{Dossier, Flaw, Opening, OpeningError, OpeningNote, Said, Step, Telling, Want};
use crate::config::Policy;
use crate::protocol::{
    AnnouncementSignatures, ChannelAnnouncement, ChannelEnd, ChannelFeatures, ShortChannelId,
    UnsignedChannelAnnouncement, WrongSignature,
};

/// The whole proof, as it was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Announced {
    pub short_channel_id: ShortChannelId,
    /// How often the graph had lost it.
    pub time: u32,
}

/// What there is of the proof of a public channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Ours.
    pub node_id: PublicKey,
    pub features: ChannelFeatures,
    pub ours: Option<AnnouncementSignatures>,
    /// In which connection the app was last asked to tell the peer ours.
    pub said_in: Option<u32>,
    pub theirs: Option<AnnouncementSignatures>,
    pub announced: Option<Announced>,
    /// The name under which the app has last handed our half over. Rows of earlier versions are without it.
    #[serde(default)]
    pub half_told: Option<ShortChannelId>,
    /// The name under which it has last handed the whole out. Rows of earlier versions are without it.
    #[serde(default)]
    pub whole_told: Option<ShortChannelId>,
}

impl Proof {
    pub(super) fn new(node_id: PublicKey, features: ChannelFeatures) -> Self {
        Proof {
            node_id,
            features,
            ours: None,
            said_in: None,
            theirs: None,
            announced: None,
            half_told: None,
            whole_told: None,
        }
    }

    fn ends(&self, dossier: &Dossier<'_>) -> Ends {
        Ends {
            ours: ChannelEnd {
                node_id: self.node_id,
                bitcoin_key: dossier.terms.local.keys.funding,
            },
            theirs: ChannelEnd {
                node_id: dossier.terms.peer,
                bitcoin_key: dossier.terms.remote.keys.funding,
            },
        }
    }

    /// What both nodes sign.
    fn contents(&self, dossier: &Dossier<'_>, name: ShortChannelId) -> UnsignedChannelAnnouncement {
        let Ends { ours, theirs } = self.ends(dossier);
        let features = self.features.clone();
        UnsignedChannelAnnouncement::new(features, dossier.chain, name, ours, theirs)
    }
}

struct Ends {
    ours: ChannelEnd,
    theirs: ChannelEnd,
}

/// Keeps the peer's half. One that repeats what we have asks for ours.
pub(super) fn on_peer_half(
    step: &mut Step,
    dossier: &Dossier<'_>,
    half: &AnnouncementSignatures,
) -> Result<(), OpeningError> {
    let channel = step.opening.channel;
    let name = step.opening.chain_name();
    let Some(proof) = &mut step.opening.proof else {
        // BOLT 7: a channel that was agreed to be private has no proof.
        return Ok(());
    };
    let note = if name == Some(half.short_channel_id) {
        verify(proof, dossier, half)
            .map_err(|source| OpeningError::WrongHalf { channel, source })?;
        OpeningNote::PeerHalf(half.short_channel_id)
    } else {
        OpeningNote::PeerHalfKept(half.short_channel_id)
    };
    let is_repeat = proof.theirs.replace(*half) == Some(*half);
    if is_repeat {
        // BOLT 7: whoever sends its half again has not got ours: it is told again, once in a connection.
        say_half(step, dossier);
    } else {
        step.notes.push(note);
    }
    Ok(())
}

/// Takes our half, as it was signed.
pub(super) fn on_our_half(
    opening: &mut Opening,
    dossier: &Dossier<'_>,
    half: AnnouncementSignatures,
) -> Result<(), OpeningError> {
    // A reorg may have given the channel another name while the signers were asked.
    let is_current = opening.chain_name() == Some(half.short_channel_id);
    let channel = opening.channel;
    if let Some(proof) = opening.proof.as_mut().filter(|_| is_current) {
        let contents = proof.contents(dossier, half.short_channel_id);
        contents
            .verify_half(&proof.ends(dossier).ours, &half)
            .map_err(|source| OpeningError::WrongHalf { channel, source })?;
        proof.ours = Some(half);
    }
    Ok(())
}

/// BOLT 7: on reconnection our half is told again for as long as the peer's is not there.
pub(super) fn on_reestablished(step: &mut Step, dossier: &Dossier<'_>) {
    let proof = step.opening.proof.as_ref();
    if proof.is_some_and(|proof| proof.announced.is_none()) {
        say_half(step, dossier);
    }
}

/// The edge is missing: the announcement is handed out once more.
pub(super) fn on_not_in_graph(step: &mut Step, dossier: &Dossier<'_>) {
    let Some(announced) = step.opening.proof.as_ref().and_then(|it| it.announced) else {
        return;
    };
    announce(
        step,
        dossier,
        Announced {
            time: announced.time.saturating_add(1),
            ..announced
        },
    );
}

/// What follows from what is known.
pub(super) fn proceed(step: &mut Step, dossier: &Dossier<'_>, policy: &Policy) {
    let name = step.opening.chain_name();
    let may_be_signed = step.opening.may_be_announced(policy);
    let Some(proof) = &mut step.opening.proof else {
        return;
    };
    // A reorg gave the channel another place: what was signed for the old one proves nothing any more.
    let is_of_now = |of: ShortChannelId| name.is_none() || name == Some(of);
    proof.ours = proof.ours.filter(|half| is_of_now(half.short_channel_id));
    proof.announced = proof
        .announced
        .filter(|announced| is_of_now(announced.short_channel_id));
    if proof.ours.is_none() {
        proof.said_in = None;
    }
    let Some(name) = name.filter(|_| may_be_signed) else {
        return;
    };
    let theirs = proof.theirs.filter(|half| half.short_channel_id == name);
    if let Some(wrong) = theirs.and_then(|half| verify(proof, dossier, &half).err()) {
        proof.theirs = None;
        let flaw = Flaw::Half(wrong);
        step.notes.push(OpeningNote::Dropped(flaw));
    }
    let (is_signed, is_said) = (proof.ours.is_some(), proof.said_in.is_some());
    if !is_signed {
        let contents = Box::new(proof.contents(dossier, name));
        step.want.push(Want::Sign(contents));
    } else if !is_said {
        say_half(step, dossier);
    }
    let is_announced = step.opening.proof.as_ref().map(|it| it.announced.is_some());
    if is_announced == Some(false) {
        let announced = Announced {
            short_channel_id: name,
            time: 0,
        };
        announce(step, dossier, announced);
    }
}

/// Hands out the whole, if both halves are there.
fn announce(step: &mut Step, dossier: &Dossier<'_>, announced: Announced) {
    let Some(message) = step.opening.announcement(dossier) else {
        return;
    };
    if let Some(proof) = &mut step.opening.proof {
        let before = proof.announced.replace(announced).map(|it| it.time);
        let Announced {
            short_channel_id,
            time,
        } = announced;
        let said = Said::ChannelAnnouncement(short_channel_id);
        let telling = Telling { time, before };
        step.say(dossier.terms.peer, said, telling, message.encode());
    }
}

fn say_half(step: &mut Step, dossier: &Dossier<'_>) {
    let time = step.opening.reconnects;
    let Some(proof) = &mut step.opening.proof else {
        return;
    };
    if let Some(half) = proof.ours {
        let said_in = proof.said_in.replace(time);
        let said = Said::AnnouncementSignatures(half.short_channel_id);
        step.say_once(dossier.terms.peer, said, said_in, half.encode());
    }
}

fn verify(
    proof: &Proof,
    dossier: &Dossier<'_>,
    half: &AnnouncementSignatures,
) -> Result<(), WrongSignature> {
    let contents = proof.contents(dossier, half.short_channel_id);
    contents.verify_half(&proof.ends(dossier).theirs, half)
}

impl Opening {
    /// What the chain calls the channel where the funding stands now, however deep.
    fn chain_name(&self) -> Option<ShortChannelId> {
        self.place?.short_channel_id(self.channel)
    }

    /// Whether our half may be told.
    fn may_be_announced(&self, policy: &Policy) -> bool {
        // BOLT 7: not before both have sent and received `channel_ready`, and not before six confirmations; BOLT 2: not
        // once `shutdown` was said.
        self.ready.is_usable && self.depth() >= policy.announce_depth && !self.closing
    }

    /// The whole proof, for whoever asks; `None` while a half is missing.
    pub fn announcement(&self, dossier: &Dossier<'_>) -> Option<ChannelAnnouncement> {
        let proof = self.proof.as_ref()?;
        let (ours, theirs) = (proof.ours?, proof.theirs?);
        if ours.short_channel_id != theirs.short_channel_id {
            return None;
        }
        let contents = proof.contents(dossier, ours.short_channel_id);
        let ends = proof.ends(dossier);
        contents
            .complete((&ends.ours, &ours), (&ends.theirs, &theirs))
            .ok()
    }
}
