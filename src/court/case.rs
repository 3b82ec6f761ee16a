//! The case of one channel: the small part of it that is stored.
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
//!   from any of them to FullyResolved: the channel is abandoned; from the first three: its funding stays away, or can never be
//! ```

use std::collections::BTreeMap;

use bitcoin::{Amount, OutPoint, Transaction, Txid};
use serde::{Deserialize, Serialize};

use super::anchors::{is_void_child, Unconfirmed};
use super::{Advice, Block, Broadcast, Bump, CloseKind, Contract, DoubleSpend, Verdict};
use crate::channel::{Candidate, ChannelTerms, Feed, HtlcLife, HtlcRef, PastHtlc};
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
    /// Another transaction has a coin of it, for good.
    DoubleSpent { by: Txid },
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
    /// Who took a coin of the funding, as the app was told.
    pub double_spend: Option<DoubleSpend>,
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
