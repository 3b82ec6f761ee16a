//! The tables of an opening, each against the rule that it follows.

mod announcement;
mod funding;
mod note;
mod ready;

use bitcoin::blockdata::constants::ChainHash;
use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
use bitcoin::Network;

use super::*;
use crate::channel::ChannelTerms;
use crate::court::fixtures::{block, channel, point, terms, FUNDED_AT};
use crate::protocol::{ChannelEnd, WrongSignature};

/// Our node's key, as a byte.
const OUR_NODE: u8 = 0x51;
/// The peer's node key, and both funding keys: those of the court's fixtures.
const PEER_NODE: u8 = 0x50;
const OUR_FUNDING: u8 = 0x11;
const PEER_FUNDING: u8 = 0x21;

/// A channel that we opened and fund with nothing that is known here.
struct Desk {
    terms: ChannelTerms,
    policy: Policy,
    opening: Opening,
}

impl Desk {
    fn new(agreed: OpeningTerms) -> Self {
        let node_id = point(OUR_NODE);
        Desk {
            terms: terms(),
            policy: Policy::default(),
            opening: Opening::new(channel(), agreed, point(0x77), Some(node_id)),
        }
    }

    fn private() -> Self {
        Self::new(agreed(Announcement::Private))
    }

    fn public() -> Self {
        let features = ChannelFeatures::default();
        Self::new(agreed(Announcement::Public { features }))
    }

    fn dossier(&self) -> Dossier<'_> {
        Dossier {
            terms: &self.terms,
            chain: ChainHash::using_genesis_block(Network::Regtest),
        }
    }

    /// One step, which changes nothing when it is made once more.
    #[track_caller]
    fn step(&mut self, input: Input) -> Step {
        let advance = |opening| advance(opening, &self.dossier(), &input, &self.policy);
        let step = advance(&self.opening).expect("nothing is wrong");
        match input {
            // Each is another loss.
            Input::NotInGraph => {}
            Input::Facts(_)
            | Input::PeerReady(_)
            | Input::PeerHalf(_)
            | Input::OurHalf(_)
            | Input::Acknowledged { .. }
            | Input::Reestablished(_) => {
                let again = advance(&step.opening).expect("nothing is wrong");
                assert!(again.is_empty(&step.opening), "{again:?}");
            }
        }
        self.opening = step.opening.clone();
        step
    }

    #[track_caller]
    fn refuses(&self, input: &Input) -> OpeningError {
        advance(&self.opening, &self.dossier(), input, &self.policy).expect_err("it is wrong")
    }

    /// What the step tells the app to say.
    #[track_caller]
    fn says(&mut self, input: Input) -> Vec<Said> {
        said(&self.step(input))
    }

    /// What the log tells of the step.
    #[track_caller]
    fn notes(&mut self, input: Input) -> Vec<OpeningNote> {
        self.step(input).notes
    }

    /// The funding stands there, so deep.
    #[track_caller]
    fn at_depth(&mut self, depth: u32) -> Vec<Said> {
        self.says(Input::Facts(seen(depth)))
    }

    /// The app hands over what was said last.
    fn hands_over(&mut self, said: Said) {
        let time = self.opening.reconnects;
        self.step(acknowledged(said, time));
    }

    /// Both `channel_ready` are exchanged.
    fn usable(mut self) -> Self {
        self.at_depth(3);
        self.hands_over(Said::ChannelReady);
        self.step(Input::PeerReady(peer_ready(0x66)));
        assert!(self.opening.ready.is_usable);
        self
    }

    fn contents(&self, name: ShortChannelId) -> UnsignedChannelAnnouncement {
        UnsignedChannelAnnouncement::new(
            ChannelFeatures::default(),
            self.dossier().chain,
            name,
            end(OUR_NODE, OUR_FUNDING),
            end(PEER_NODE, PEER_FUNDING),
        )
    }

    fn half(&self, name: ShortChannelId, node: u8, funding: u8) -> AnnouncementSignatures {
        let digest = self.contents(name).digest();
        AnnouncementSignatures {
            channel_id: self.opening.channel_id(&self.terms).expect("output 0"),
            short_channel_id: name,
            node_signature: secret(node).sign_ecdsa(digest),
            bitcoin_signature: secret(funding).sign_ecdsa(digest),
        }
    }

    fn our_half(&self, name: ShortChannelId) -> Input {
        Input::OurHalf(self.half(name, OUR_NODE, OUR_FUNDING))
    }

    fn peer_half(&self, name: ShortChannelId) -> Input {
        Input::PeerHalf(self.half(name, PEER_NODE, PEER_FUNDING))
    }
}

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).expect("no test uses 0 or 255")
}

fn end(node: u8, funding: u8) -> ChannelEnd {
    let key = |byte| -> PublicKey { secret(byte).public_key(SECP256K1) };
    ChannelEnd {
        node_id: key(node),
        bitcoin_key: key(funding),
    }
}

fn agreed(announcement: Announcement) -> OpeningTerms {
    OpeningTerms {
        opened_with: OpenedWith::OpenChannel,
        minimum_depth: MinimumDepth::ByCapacity,
        announcement,
        alias: None,
        replaces: None,
    }
}

fn peer_ready(second_point: u8) -> ChannelReady {
    ChannelReady {
        channel_id: ChannelId([0; 32]),
        second_per_commitment_point: point(second_point),
        alias: None,
    }
}

/// Where the funding stands in these tests.
fn place(depth: u32) -> Place {
    Place {
        block: block(FUNDED_AT),
        position: 3,
        depth,
    }
}

/// Its name there.
fn name() -> ShortChannelId {
    ShortChannelId::new(FUNDED_AT, 3, 0).expect("small numbers")
}

/// Open, with the first commitments signed, and the funding so deep; 0: nowhere.
fn seen(depth: u32) -> Facts {
    Facts {
        tip: (FUNDED_AT + depth).saturating_sub(1),
        place: (depth > 0).then(|| place(depth)),
        spent_depth: 0,
        commitments: Commitments::First,
        closing: false,
        ended: false,
    }
}

/// What was said that time is handed over.
fn acknowledged(said: Said, time: u32) -> Input {
    Input::Acknowledged { said, time }
}

/// Both sides expect these commitments next.
fn reestablished(ours: u64, theirs: u64) -> Input {
    Input::Reestablished(NextCommitments { ours, theirs })
}

fn said(step: &Step) -> Vec<Said> {
    messages(&step.tell)
}

/// What the app is shown once more.
fn waiting(step: &Step) -> Vec<Said> {
    messages(&step.waits)
}

fn messages(events: &[EventKind]) -> Vec<Said> {
    let said = events.iter().filter_map(|event| match event {
        EventKind::TellPeer { said, .. } => Some(*said),
        _other => None,
    });
    said.collect()
}

fn any_transaction() -> bitcoin::Transaction {
    bitcoin::Transaction {
        version: bitcoin::transaction::Version::TWO,
        lock_time: bitcoin::absolute::LockTime::ZERO,
        input: Vec::new(),
        output: Vec::new(),
    }
}
