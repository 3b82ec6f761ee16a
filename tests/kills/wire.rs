//! What the story tells the phone, and what the phone answers: lines of JSON, over the child's standard input and output.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bitcoin::{OutPoint, Transaction};
use lightning_arbitrator::channel::CloseSummary;
use lightning_arbitrator::court::{ArbitratorState, CloseKind, Progress};
use serde::{Deserialize, Serialize};
use testkit::party::{Channel, LocalUpdate, RemoteUpdate, Revocation};

use crate::deeds::Deed;
use crate::disk::{Plan, Work};

/// How a child is started, in the environment variable of this name.
pub const LAUNCH: &str = "KILLS_LAUNCH";

/// What a phone has before anybody tells it anything.
#[derive(Serialize, Deserialize)]
pub struct Launch {
    /// Base URL of the chain server.
    pub esplora: String,
    pub database: PathBuf,
    pub disk: Plan,
    /// The channels that its signer has keys for.
    pub channels: Vec<Channel>,
}

/// What the app or its channel engine does. Channels are named by their index in [`Launch::channels`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    Register(usize),
    /// The library is to open the channel, which is public.
    Open(usize),
    /// A message of the channel's peer.
    Hear(usize, Vec<u8>),
    /// The app hands every message to its peer, and says so.
    HandOver,
    Remote(usize, RemoteUpdate),
    Revocation(usize, Revocation),
    Local(usize, LocalUpdate),
    ClosingSigned(usize, Transaction),
    ForceClose(usize),
    /// The app changes the key of the database, from the first to the second of its two.
    ChangeKey,
    Resume,
    /// The app closes the library; the next order opens it again.
    Sleep,
    /// Says where everything stands.
    Look,
    /// Writes a copy of the database.
    Backup(PathBuf),
    /// Does one deed, and halts before this disk operation, counted from its beginning.
    Do {
        deed: Deed,
        halt_before: Option<u64>,
    },
    /// Space is freed, the disk exchanged: what failed fails no longer.
    RepairDisk,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    Done,
    Resumed(Tick),
    Stands(Standing),
    Refused(Refusal),
    /// The deed begins now.
    Begun,
    /// The deed is done, and took so many disk operations.
    Did {
        operations: u64,
    },
    /// The disk has stopped the machine, which does nothing any more.
    Halted,
}

/// What a tick came to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tick {
    pub complete: bool,
    /// The channels in trouble, and why.
    pub troubles: Vec<(Option<OutPoint>, String)>,
}

/// An error of the library, by its type.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// [`StoreError::Full`](lightning_arbitrator::store::StoreError::Full).
    DiskFull,
    /// [`StoreError::Io`](lightning_arbitrator::store::StoreError::Io).
    DiskBroken,
    /// [`StoreError::Damaged`](lightning_arbitrator::store::StoreError::Damaged).
    Damaged(String),
    Other(String),
}

/// Everything that can be asked of the library, and what the disk has done for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub channels: Vec<ChannelStanding>,
    /// The database has opened with the second of the app's keys.
    pub has_new_key: bool,
    /// The ids of every event so far, which nobody acknowledges. A message to the peer goes when it is handed over: the log
    /// tells of it, in [`ChannelStanding::opening`].
    pub events: BTreeSet<String>,
    pub work: Work,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelStanding {
    pub channel: OutPoint,
    pub local: Option<u64>,
    pub remote: Option<u64>,
    pub remote_revoked: Option<u64>,
    pub takes_commitments: bool,
    pub state: ArbitratorState,
    pub close: Option<CloseKind>,
    pub contracts: Vec<(OutPoint, Progress)>,
    pub summary: Option<CloseSummary>,
    /// What the log tells of the opening, oldest first.
    pub opening: Vec<String>,
}

impl Standing {
    /// Says what of `earlier` is missing here. What was said to be stored may only be followed by more.
    pub fn lacks(&self, earlier: &Standing) -> Option<String> {
        if let Some(event) = earlier.events.difference(&self.events).next() {
            return Some(format!("the event {event}"));
        }
        if earlier.has_new_key && !self.has_new_key {
            return Some("the change of key".into());
        }
        earlier.channels.iter().find_map(|before| {
            let now = self
                .channels
                .iter()
                .find(|now| now.channel == before.channel);
            match now {
                Some(now) if now.continues(before) => None,
                now => Some(format!("what was known: {before:?}, now {now:?}")),
            }
        })
    }
}

impl Standing {
    /// How many events a channel has had.
    pub fn events_of(&self, at: &ChannelStanding) -> usize {
        let name = at.channel.to_string();
        self.events
            .iter()
            .filter(|id| id.starts_with(&name))
            .count()
    }
}

impl ChannelStanding {
    /// Its contracts may be purged.
    fn has_ended(&self) -> bool {
        self.state == ArbitratorState::FullyResolved
    }

    fn continues(&self, before: &ChannelStanding) -> bool {
        self.local >= before.local
            && self.remote >= before.remote
            && self.remote_revoked >= before.remote_revoked
            && self.opening.starts_with(&before.opening)
            && self.takes_commitments <= before.takes_commitments
            && self.state >= before.state
            && (before.close.is_none() || self.close == before.close)
            && (self.has_ended() || self.contracts.len() >= before.contracts.len())
            && self.summary.is_some() >= before.summary.is_some()
    }
}
