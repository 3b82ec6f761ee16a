//! The step from one case to the next, with what the log and the app are to learn from it.

use bitcoin::{OutPoint, Transaction, Txid};
use serde::{Deserialize, Serialize};

use super::{
    Advice, ArbitratorState, Block, BroadcastPurpose, Bump, Case, CloseKind, CloseOutput,
    CloseReason, DoubleSpend, Event, EventKind, FundingState, Money, Outcome, Verdict, Void,
};
use crate::channel::{CloseSummary, HtlcKey, HtlcRef};
use crate::opening::OpeningNote;
use crate::protocol::Preimage;

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
    /// A cooperative close is fully signed.
    ClosingSigned {
        txid: Txid,
    },
    FundingCancelled,
    FundingVoid(Void),
    /// The funding is on the chain after all.
    FundingRevived,
    /// Another transaction has a coin of the funding.
    FundingDoubleSpent(DoubleSpend),
    /// A reorg took that one away.
    DoubleSpendReorged(DoubleSpend),
    /// The app gave the channel up.
    Abandoned,
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
    /// An output of the close, or of a second-level transaction behind it, and what it is.
    Output(CloseOutput),
    Contract {
        outpoint: OutPoint,
        progress: super::Progress,
    },
    /// Another resolver is responsible for a contract from now on.
    Resolver {
        outpoint: OutPoint,
        role: super::ContractRole,
    },
    /// What an output came to in the end.
    Account {
        outpoint: OutPoint,
        money: Money,
    },
    /// A reorg took away the transaction that made the output.
    ContractGone {
        outpoint: OutPoint,
    },
    /// What was told upstream.
    Verdict {
        htlc: HtlcRef,
        verdict: Verdict,
    },
    Advice {
        htlc: HtlcRef,
        advice: Advice,
    },
    GoesToChain(CloseReason),
    /// The app asked something of the claim of an output, or of the child through an anchor.
    Bumped {
        outpoint: OutPoint,
        bump: Bump,
    },
    /// How far the opening is. Written with the opening's steps, not with the court's.
    Opening(OpeningNote),
}

/// What a step does to the channel's close summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SummaryChange {
    #[default]
    Keep,
    Put(Box<CloseSummary>),
    /// What the summary tells of is not so any more: a reorg took the close away.
    Withdraw,
}

/// What one input brings about. Written in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub case: Case,
    pub log: Vec<LogEntry>,
    pub events: Vec<Event>,
    pub summary: SummaryChange,
    /// A cooperative close to be kept.
    pub cooperative: Option<Transaction>,
    /// Preimages that the chain revealed.
    pub learned: Vec<Preimage>,
    /// Incoming HTLCs, of whatever channel, that are ours to claim from now on.
    pub releases: Vec<(OutPoint, HtlcKey)>,
}

impl Step {
    /// Whether nothing has to be written.
    pub fn is_empty(&self, before: &Case) -> bool {
        self.case == *before
            && self.log.is_empty()
            && self.events.is_empty()
            && self.summary == SummaryChange::Keep
            && self.cooperative.is_none()
            && self.learned.is_empty()
            && self.releases.is_empty()
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
