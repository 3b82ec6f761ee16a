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
//!
//!   from any of them to FullyResolved: the channel is abandoned; from the first three: its funding stays away
//! ```

use std::collections::BTreeMap;

use bitcoin::{Amount, OutPoint, Transaction, TxOut, Txid, Weight};
use serde::{Deserialize, Serialize};

use super::anchors::{is_void_child, Unconfirmed};
use super::{
    Advice, Block, Bump, CloseKind, CloseOutput, CloseReason, Contract, Event, EventKind, Money,
    Outcome, Verdict,
};
use crate::channel::{
    Candidate, ChannelTerms, CloseSummary, Feed, HtlcKey, HtlcLife, HtlcRef, PastHtlc,
};
use crate::protocol::{Party, Preimage};

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
    /// The channel is closing, for one of the reasons below or because a close was proven.
    pub updates_refused: bool,
    /// The newest cooperative close that is fully signed.
    pub cooperative: Option<Txid>,
    /// Since when we want our commitment on the chain.
    pub force_close: Option<ForceClose>,
    /// The number the peer is at, from which we know that we lost data: nothing of ours may be broadcast.
    pub data_loss: Option<u64>,
    /// Opened from a backup, and not confirmed by the peer: nothing of ours may be broadcast.
    #[serde(default)]
    pub restored: bool,
}

/// A funding that the app says will never confirm, and that may all the same: until it has not been seen for
/// [`Policy::final_depth`](crate::Policy::final_depth) blocks, nothing of the channel is purged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cancelled {
    /// The tip at the first look at the chain since then.
    pub unseen_since: Option<u32>,
}

/// Why a funding is waited for no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Void {
    /// Another attempt at it confirmed, for good.
    ReplacedBy(OutPoint),
    /// The peer never broadcast it.
    TimedOut,
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
    /// The child that raises the fee of an unconfirmed commitment through this anchor of ours.
    Cpfp(OutPoint),
}

/// A coin of the wallet's that pays a fee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coin {
    pub outpoint: OutPoint,
    pub output: TxOut,
    /// What spending it adds in witness weight, at most.
    pub witness_weight: Weight,
}

impl Coin {
    /// The witness weight of a P2WPKH coin, at most: a count and two lengths, a signature of 72 bytes and a key of 33.
    pub const P2WPKH_WITNESS: Weight = Weight::from_wu(3 + 72 + 33);
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
    /// The wallet's coins in it: what they are worth tells its fee, and whatever replaces it may spend them again.
    pub coins: Vec<Coin>,
}

impl Broadcast {
    /// What the wallet's coins in it hold.
    pub(super) fn coin_values(&self) -> impl Iterator<Item = Amount> + '_ {
        self.coins.iter().map(|coin| coin.output.value)
    }

    /// The anchor that it spends to raise a commitment.
    pub fn anchor(&self) -> Option<OutPoint> {
        match self.purpose {
            BroadcastPurpose::Cpfp(anchor) => Some(anchor),
            BroadcastPurpose::Funding
            | BroadcastPurpose::Commitment
            | BroadcastPurpose::Cooperative
            | BroadcastPurpose::OrphanedClose
            | BroadcastPurpose::Sweep(_) => None,
        }
    }
}

/// The sum of amounts, none of them believed.
pub(super) fn total(amounts: impl Iterator<Item = Amount>) -> Amount {
    amounts.fold(Amount::ZERO, |sum, value| {
        sum.checked_add(value).unwrap_or(Amount::MAX_MONEY)
    })
}

/// The stored case of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    pub revision: u64,
    pub state: ArbitratorState,
    pub funding: FundingState,
    pub latches: Latches,
    pub cancelled: Option<Cancelled>,
    /// A close in the mempool that the app was told of.
    pub seen: Option<Txid>,
    /// The close that a mempool holds, as of the last look.
    pub unconfirmed: Option<Unconfirmed>,
    /// The anchor whose child lacks a coin for its fee, as the app was told.
    pub lacks_coin: Option<OutPoint>,
    pub close: Option<Close>,
    pub orphan: Option<Orphan>,
    pub contracts: Vec<Contract>,
    pub broadcasts: Vec<Broadcast>,
    /// What was told upstream of each outgoing HTLC: once, whatever a reorg does later.
    pub verdicts: Vec<(HtlcRef, Verdict)>,
    /// What the engine was advised to do off-chain, once each.
    pub advised: Vec<(HtlcRef, Advice)>,
    /// What the app has asked of a claim: by the output that it takes, or by the anchor of a child.
    pub bumps: Vec<(OutPoint, Bump)>,
}

impl Case {
    /// What was told upstream of an HTLC.
    pub fn verdict(&self, htlc: HtlcRef) -> Option<Verdict> {
        let told = self.verdicts.iter().find(|(told, _)| *told == htlc);
        told.map(|(_, verdict)| *verdict)
    }

    /// What the inputs of a claim of ours hold: outputs of the close, and coins.
    pub fn spent_by(&self, held: &Broadcast) -> Amount {
        let contracts = self.claimed_by(&held.transaction);
        let contracts = contracts.map(|contract| Amount::from_sat(contract.value_sat));
        total(contracts.chain(held.coin_values()))
    }

    /// The outputs of the close that a transaction spends.
    pub fn claimed_by<'a>(
        &'a self,
        transaction: &'a Transaction,
    ) -> impl Iterator<Item = &'a Contract> {
        let spends = |contract: &&Contract| {
            let mut inputs = transaction.input.iter();
            inputs.any(|input| input.previous_output == contract.outpoint)
        };
        self.contracts.iter().filter(spends)
    }

    /// Whether a claim of ours can never confirm as things stand: another transaction has one of its outputs, or a reorg took
    /// away what made one. A reorg may give it back.
    pub fn is_void(&self, held: &Broadcast) -> bool {
        if held.anchor().is_some() {
            return is_void_child(self, held);
        }
        let is_taken = self.claimed_by(&held.transaction).any(|contract| {
            let resolution = contract.progress.resolution();
            resolution.is_some_and(|resolution| resolution.txid() != held.txid)
        });
        let is_known = |outpoint: &OutPoint| {
            self.contracts.iter().any(|it| it.outpoint == *outpoint)
                || held.coins.iter().any(|coin| coin.outpoint == *outpoint)
        };
        let mut inputs = held.transaction.input.iter();
        is_taken || inputs.any(|input| !is_known(&input.previous_output))
    }
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
    /// A cooperative close is fully signed.
    ClosingSigned {
        txid: Txid,
    },
    FundingCancelled,
    FundingVoid(Void),
    /// The funding is on the chain after all.
    FundingRevived,
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
