//! The case of one channel: the small part of it that is stored, and the step from one to the next.
//!
//! ```text
//!   Default ──► BroadcastCommit ──► CommitmentBroadcasted
//!      │               │                     │
//!      └───────────────┴──────────┬──────────┘   a proven close, from any of the three
//!                                 ▼
//!                          ContractClosed ──► WaitingFullResolution ──► FullyResolved
//!                                 │                     │
//!                                 └──────────┬──────────┘
//!                                            ▼
//!                    back to one of the first three: a reorg took the close away (the latches stay)
//! ```

use std::collections::BTreeMap;

use bitcoin::{OutPoint, Transaction, Txid};
use serde::{Deserialize, Serialize};

use super::{Block, CloseKind, Contract, CourtError, Event, EventKind, Outcome};
use crate::channel::{Candidate, ChannelTerms, CloseSummary, Feed, HtlcLife, HtlcRef, PastHtlc};
use crate::protocol::Party;

/// Where the channel arbitrator stands.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum ArbitratorState {
    /// Nothing is to be done on-chain.
    #[default]
    Default,
    /// We decided to close; our commitment waits for its signature.
    BroadcastCommit,
    /// Our commitment is signed, stored, and broadcast on every tick until a close is proven.
    CommitmentBroadcasted,
    /// A close is proven; what is needed to resolve its outputs is stored.
    ContractClosed,
    /// The outputs are being resolved.
    WaitingFullResolution,
    /// Every output is irrevocably resolved.
    FullyResolved,
}

impl ArbitratorState {
    /// Whether a proven close is being resolved, or was.
    pub fn is_closed(self) -> bool {
        match self {
            ArbitratorState::Default
            | ArbitratorState::BroadcastCommit
            | ArbitratorState::CommitmentBroadcasted => false,
            ArbitratorState::ContractClosed
            | ArbitratorState::WaitingFullResolution
            | ArbitratorState::FullyResolved => true,
        }
    }
}

/// Whether the channel's money is on the chain at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FundingState {
    #[default]
    Pending,
    Open(Block),
    /// The transaction confirmed without the output that the terms name.
    Mismatch(Block),
}

/// What no reorg undoes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Latches {
    /// The channel takes no more commitments.
    pub updates_refused: bool,
    /// Since when we want our commitment on the chain.
    pub force_close: Option<ForceClose>,
    /// The number the peer is at, from which we know that we lost data: nothing of ours may be broadcast.
    pub data_loss: Option<u64>,
    /// Opened from a backup, and not confirmed by the peer: nothing of ours may be broadcast.
    #[serde(default)]
    pub restored: bool,
}

impl Latches {
    /// Whether our commitment may be signed and broadcast.
    ///
    /// # Errors
    /// Why not: [`CourtError::DataLoss`] or [`CourtError::Restored`].
    pub fn allow_broadcast(&self, channel: OutPoint) -> Result<(), CourtError> {
        // BOLT 2: what is ours may be revoked, and would be punished.
        if self.data_loss.is_some() {
            Err(CourtError::DataLoss { channel })
        } else if self.restored {
            Err(CourtError::Restored { channel })
        } else {
            Ok(())
        }
    }

    /// The same as a question.
    pub(super) fn may_broadcast(&self) -> bool {
        self.data_loss.is_none() && !self.restored
    }
}

/// A decision to close, and the tip at which it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ForceClose {
    pub since: u32,
}

/// The close that is on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close {
    pub kind: CloseKind,
    pub txid: Txid,
    pub transaction: Transaction,
    pub block: Block,
    /// What it pays to our own scripts at once.
    pub paid_to_us_sat: u64,
    /// Whether that was reported as recovered.
    pub settled: bool,
}

/// A close that a reorg took away. It is broadcast again; if it stays away, ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Orphan {
    pub txid: Txid,
    pub since: u32,
}

/// What a transaction of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BroadcastPurpose {
    /// The funding transaction, if ours.
    Funding,
    /// Our own commitment.
    Commitment,
    /// A fully signed cooperative close.
    Cooperative,
    /// A close that was confirmed once, whoever made it.
    OrphanedClose,
    /// The sweep of one output of the close.
    Sweep(OutPoint),
}

/// A signed transaction that is broadcast on every tick until its inputs are known to be spent on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broadcast {
    pub txid: Txid,
    pub purpose: BroadcastPurpose,
    pub transaction: Transaction,
    /// The tip when it was signed.
    pub since: u32,
    pub outcome: Option<Outcome>,
}

/// The stored case of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    pub revision: u64,
    pub state: ArbitratorState,
    pub funding: FundingState,
    pub latches: Latches,
    /// A close in the mempool that the app was told of.
    pub seen: Option<Txid>,
    pub close: Option<Close>,
    pub orphan: Option<Orphan>,
    pub contracts: Vec<Contract>,
    pub broadcasts: Vec<Broadcast>,
}

/// What is known of the channel beside its case. Read-only for the court.
#[derive(Clone, Debug)]
pub struct Dossier {
    pub terms: ChannelTerms,
    pub feed: Feed,
    pub candidates: Vec<Candidate>,
    /// The HTLCs that are not past.
    pub htlcs: BTreeMap<HtlcRef, HtlcLife>,
    /// The past HTLCs whose interval holds the spender's number.
    pub past: Vec<PastHtlc>,
    /// The fully signed cooperative closes.
    pub cooperative: Vec<Transaction>,
}

impl Dossier {
    pub fn channel(&self) -> OutPoint {
        self.terms.channel()
    }

    /// The commitment we would broadcast: the newest alternative of our newest number.
    pub fn local_commitment(&self) -> Option<&Candidate> {
        self.candidates
            .iter()
            .filter(|candidate| candidate.owner == Party::Local)
            .max_by_key(|candidate| (candidate.number, candidate.alternative))
    }
}

/// One line of the arbitrator's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The tip when it happened.
    pub height: u32,
    pub kind: LogKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogKind {
    State {
        from: ArbitratorState,
        to: ArbitratorState,
    },
    Funding(FundingState),
    CloseSeen {
        txid: Txid,
        kind: CloseKind,
    },
    CloseProven {
        txid: Txid,
        kind: CloseKind,
        block: Block,
    },
    CloseReorged {
        txid: Txid,
        block: Block,
    },
    ForceCloseRequested,
    /// The orphaned close stayed away: ours goes out.
    OrphanAbandoned {
        txid: Txid,
    },
    DataLoss {
        number: u64,
    },
    /// Opened from the backup of this name.
    Restored {
        backup: String,
    },
    /// The peer has confirmed that what the backup held is the newest.
    RestoredConfirmed,
    Signed {
        purpose: BroadcastPurpose,
        txid: Txid,
    },
    BroadcastOutcome {
        txid: Txid,
        outcome: Outcome,
    },
    Contract {
        outpoint: OutPoint,
        progress: super::Progress,
    },
}

/// What one input brings about. Written in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub case: Case,
    pub log: Vec<LogEntry>,
    pub events: Vec<Event>,
    pub summary: Option<CloseSummary>,
}

impl Step {
    /// Whether nothing has to be written.
    pub fn is_empty(&self, before: &Case) -> bool {
        self.case == *before && self.log.is_empty() && self.events.is_empty()
    }

    /// Whether the working data may go.
    pub fn purges(&self) -> bool {
        self.case.state == ArbitratorState::FullyResolved
    }

    pub(super) fn log(&mut self, height: u32, kind: LogKind) {
        self.log.push(LogEntry { height, kind });
    }

    pub(super) fn tell(&mut self, channel: OutPoint, kind: EventKind) {
        self.events.push(Event { channel, kind });
    }

    pub(super) fn enter(&mut self, height: u32, to: ArbitratorState) {
        let from = self.case.state;
        if from != to {
            self.case.state = to;
            self.log(height, LogKind::State { from, to });
        }
    }
}
