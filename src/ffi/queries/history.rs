//! What the arbitrator did and saw: its log, as records and as lines for people.

use super::page::{parts, Parts};
use super::{BroadcastPurpose, OpeningNote};
use crate::court;
use crate::ffi::{
    ArbitratorState, Block, BroadcastOutcome, Bump, CloseKind, CloseReason, ContractProgress,
    ContractRole, FundingState, HtlcKey, OutPoint, OutputKind, OutputMoney,
};
use crate::store::queries;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum HistoryKind {
    /// The case went on.
    StateChanged {
        /// From here.
        before: ArbitratorState,
        /// To here.
        after: ArbitratorState,
    },
    /// The chain said something new of the funding.
    FundingChanged {
        /// What it says now.
        funding: FundingState,
    },
    /// A close is in the mempool, unproven.
    CloseSeen {
        /// The closing transaction.
        txid: String,
        /// Who closes, and how.
        kind: CloseKind,
    },
    /// A close is proven.
    CloseProven {
        /// The closing transaction.
        txid: String,
        /// Who closed, and how.
        kind: CloseKind,
        /// Its block.
        block: Block,
    },
    /// A reorg took the close away.
    CloseReorged {
        /// The closing transaction.
        txid: String,
        /// The block it stood in.
        block: Block,
    },
    /// Somebody asked for a force close.
    ForceCloseRequested,
    /// A cooperative close is fully signed.
    ClosingSigned {
        /// The closing transaction.
        txid: String,
    },
    /// The app said that the funding will never confirm.
    FundingCancelled,
    /// Another attempt at the funding confirmed, for good.
    FundingReplaced {
        /// Which.
        by: OutPoint,
    },
    /// The peer never broadcast the funding.
    FundingTimedOut,
    /// The cancelled funding is on the chain after all.
    FundingRevived,
    /// Another transaction has a coin of the funding.
    FundingDoubleSpent {
        /// The coin.
        coin: OutPoint,
        /// Who has it.
        by: String,
        /// The block that holds that transaction.
        block: Block,
    },
    /// A reorg took that transaction away.
    DoubleSpendReorged {
        /// It.
        by: String,
        /// The block it stood in.
        block: Block,
    },
    /// The funding can never be: another transaction has a coin of it for good.
    FundingVoid {
        /// It.
        by: String,
    },
    /// The app gave the channel up.
    Abandoned,
    /// A close that a reorg took away stayed away: our commitment goes out.
    OrphanAbandoned {
        /// The closing transaction.
        txid: String,
    },
    /// We lost data.
    DataLoss {
        /// The commitment that the peer is at.
        number: u64,
    },
    /// The channel was opened from a backup.
    Restored {
        /// The backup's name.
        backup: String,
    },
    /// The peer confirmed that what the backup held is the newest.
    RestoredConfirmed,
    /// A transaction of ours was signed.
    Signed {
        /// What it is for.
        purpose: BroadcastPurpose,
        /// Its txid.
        txid: String,
    },
    /// A transaction of ours was offered to the server.
    Broadcast {
        /// Its txid.
        txid: String,
        /// What the server said.
        outcome: BroadcastOutcome,
    },
    /// The resolution of an output of the close went on.
    ContractProgressed {
        /// The output.
        outpoint: OutPoint,
        /// How far it is.
        progress: ContractProgress,
    },
    /// Another resolver is responsible for an output of the close from now on.
    ResolverChanged {
        /// The output.
        outpoint: OutPoint,
        /// Which.
        role: ContractRole,
    },
    /// An output of the close, or behind it, was found.
    OutputFound {
        /// The output.
        outpoint: OutPoint,
        /// Its value.
        value_sat: u64,
        /// What it is.
        kind: OutputKind,
    },
    /// The case has ended: what an output came to.
    OutputAccounted {
        /// The output.
        outpoint: OutPoint,
        /// What it came to.
        money: OutputMoney,
    },
    /// A reorg took away the transaction that made an output.
    ContractGone {
        /// The output.
        outpoint: OutPoint,
    },
    /// The upstream of an outgoing HTLC was told that its preimage is known.
    FulfilledUpstream {
        /// The outgoing HTLC.
        htlc: HtlcKey,
    },
    /// The upstream of an outgoing HTLC was told that nobody can claim it any more.
    FailedUpstream {
        /// The outgoing HTLC.
        htlc: HtlcKey,
    },
    /// The channel engine was advised to fail an HTLC.
    AdvisedToFail {
        /// Which.
        htlc: HtlcKey,
    },
    /// The channel engine was advised to settle an HTLC.
    AdvisedToSettle {
        /// Which.
        htlc: HtlcKey,
    },
    /// An HTLC made the channel go to the chain.
    GoesToChain {
        /// Which, and why.
        reason: CloseReason,
    },
    /// The app asked something of the claim of an output, or of the child through an anchor.
    Bumped {
        /// The output, or the anchor.
        outpoint: OutPoint,
        /// What it asked.
        bump: Bump,
    },
    /// The opening went on, or the peer said something of it.
    Opening {
        /// What.
        note: OpeningNote,
    },
}

impl From<court::LogKind> for HistoryKind {
    fn from(kind: court::LogKind) -> Self {
        use court::LogKind as Core;
        match kind {
            Core::State { from, to } => HistoryKind::StateChanged {
                before: from.into(),
                after: to.into(),
            },
            Core::Funding(funding) => HistoryKind::FundingChanged {
                funding: funding.into(),
            },
            Core::CloseSeen { txid, kind } => HistoryKind::CloseSeen {
                txid: txid.to_string(),
                kind: kind.into(),
            },
            Core::CloseProven { txid, kind, block } => HistoryKind::CloseProven {
                txid: txid.to_string(),
                kind: kind.into(),
                block: block.into(),
            },
            Core::CloseReorged { txid, block } => HistoryKind::CloseReorged {
                txid: txid.to_string(),
                block: block.into(),
            },
            Core::ForceCloseRequested => HistoryKind::ForceCloseRequested,
            Core::ClosingSigned { txid } => HistoryKind::ClosingSigned {
                txid: txid.to_string(),
            },
            Core::FundingCancelled => HistoryKind::FundingCancelled,
            Core::FundingVoid(court::Void::ReplacedBy(by)) => {
                HistoryKind::FundingReplaced { by: by.into() }
            }
            Core::FundingVoid(court::Void::TimedOut) => HistoryKind::FundingTimedOut,
            Core::FundingVoid(court::Void::DoubleSpent { by }) => {
                HistoryKind::FundingVoid { by: by.to_string() }
            }
            Core::FundingDoubleSpent(it) => HistoryKind::FundingDoubleSpent {
                coin: it.coin.into(),
                by: it.by.to_string(),
                block: it.block.into(),
            },
            Core::DoubleSpendReorged(it) => HistoryKind::DoubleSpendReorged {
                by: it.by.to_string(),
                block: it.block.into(),
            },
            Core::FundingRevived => HistoryKind::FundingRevived,
            Core::Abandoned => HistoryKind::Abandoned,
            Core::OrphanAbandoned { txid } => HistoryKind::OrphanAbandoned {
                txid: txid.to_string(),
            },
            Core::DataLoss { number } => HistoryKind::DataLoss { number },
            Core::Restored { backup } => HistoryKind::Restored { backup },
            Core::RestoredConfirmed => HistoryKind::RestoredConfirmed,
            Core::Signed { purpose, txid } => HistoryKind::Signed {
                purpose: purpose.into(),
                txid: txid.to_string(),
            },
            Core::BroadcastOutcome { txid, outcome } => HistoryKind::Broadcast {
                txid: txid.to_string(),
                outcome: outcome.into(),
            },
            Core::Contract { outpoint, progress } => HistoryKind::ContractProgressed {
                outpoint: outpoint.into(),
                progress: progress.into(),
            },
            Core::Resolver { outpoint, role } => HistoryKind::ResolverChanged {
                outpoint: outpoint.into(),
                role: role.into(),
            },
            Core::Output(output) => HistoryKind::OutputFound {
                outpoint: output.outpoint.into(),
                value_sat: output.value_sat,
                kind: output.kind.into(),
            },
            Core::Account { outpoint, money } => HistoryKind::OutputAccounted {
                outpoint: outpoint.into(),
                money: money.into(),
            },
            Core::ContractGone { outpoint } => HistoryKind::ContractGone {
                outpoint: outpoint.into(),
            },
            Core::Verdict { htlc, verdict } => {
                let htlc = htlc.key.into();
                match verdict {
                    court::Verdict::Fulfilled => HistoryKind::FulfilledUpstream { htlc },
                    court::Verdict::Failed => HistoryKind::FailedUpstream { htlc },
                }
            }
            Core::Advice { htlc, advice } => {
                let htlc = htlc.key.into();
                match advice {
                    court::Advice::Fail => HistoryKind::AdvisedToFail { htlc },
                    court::Advice::Settle => HistoryKind::AdvisedToSettle { htlc },
                }
            }
            Core::GoesToChain(reason) => HistoryKind::GoesToChain {
                reason: reason.into(),
            },
            Core::Bumped { outpoint, bump } => HistoryKind::Bumped {
                outpoint: outpoint.into(),
                bump: bump.into(),
            },
            Core::Opening(note) => HistoryKind::Opening { note: note.into() },
        }
    }
}

/// One line of the log, and whose.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct HistoryEntry {
    /// The channel.
    pub channel: OutPoint,
    /// The tip when it happened.
    pub height: u32,
    /// What happened.
    pub kind: HistoryKind,
    /// The same for people, with the height.
    pub line: String,
}

impl HistoryEntry {
    pub(in crate::ffi) fn of(channel: bitcoin::OutPoint, entry: court::LogEntry) -> Self {
        HistoryEntry {
            channel: channel.into(),
            height: entry.height,
            line: entry.to_string(),
            kind: entry.kind.into(),
        }
    }
}

impl From<queries::HistoryEntry> for HistoryEntry {
    fn from(entry: queries::HistoryEntry) -> Self {
        Self::of(entry.channel, entry.entry)
    }
}

/// Some entries of many.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct HistoryPage {
    /// Newest first.
    pub entries: Vec<HistoryEntry>,
    /// Why other entries of this page cannot be shown, for people.
    pub unreadable: Vec<String>,
    /// Where the next page begins; nothing when this was the last one.
    pub next: Option<String>,
}

impl From<queries::Page<queries::HistoryEntry>> for HistoryPage {
    fn from(page: queries::Page<queries::HistoryEntry>) -> Self {
        let (entries, unreadable, next): Parts<HistoryEntry> = parts(page);
        HistoryPage {
            entries,
            unreadable,
            next,
        }
    }
}
