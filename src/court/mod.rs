//! The court: what has to be done about a channel, decided from what is stored and what was observed.
//!
//! Pure. [`advance`] takes a [`Case`], the channel's [`Dossier`] and one [`Input`], and gives a [`Step`]: the new
//! case, and what the app, the log and the summary are to learn from it. The shell writes a step in one
//! transaction before anything of it becomes visible. The same input twice gives an empty second step.
//!
//! What is stored is small: outpoints, what is known to spend them, and the latches that survive a reorg.
//! Everything else is computed again from the facts, so a fact that a reorg takes away takes its consequences with it.

mod anchors;
mod arbitrator;
mod audit;
mod balance;
mod books;
mod broadcast;
mod bump;
mod case;
pub mod case_file;
mod claims;
mod close;
mod commands;
mod contracts;
mod deadlines;
mod decisions;
mod ending;
mod event;
mod facts;
#[cfg(test)]
pub(crate) mod fixtures;
mod forecast;
mod funding;
mod lifecycle;
mod output;
mod permit;
pub mod report;
pub mod resolver;
mod restored;
mod step;
mod summary;
mod upstream;
mod waiting;
mod wants;
mod watcher;
mod words;

pub use anchors::{cpfp, spent_by_child, Cpfp, Parent, Reception, Unconfirmed};
pub use arbitrator::advance;
pub use audit::{audit_case, audit_summary};
pub use balance::ClosingBalance;
pub use books::Money;
pub use broadcast::{Broadcast, BroadcastPurpose, Coin};
pub use bump::{Bump, Bumped};
pub use case::{
    ArbitratorState, Cancelled, Case, Close, Dossier, ForceClose, FundingState, Latches, Orphan,
    Void,
};
pub use claims::{is_second_level, Claim, Raise};
pub use deadlines::{Deadline, DeadlineReason, Outlook};
pub use decisions::{Advice, CloseReason, PeerContact};
pub use event::{Event, EventKind};
pub use facts::{Block, Facts, FundingFact, Input, Outcome, Spend, SpendContext, Told};
pub use forecast::{forecast, Forecast};
pub use funding::{contested_coins, DoubleSpend, FundingCoins};
pub use lifecycle::{lifecycle, refusal};
pub use output::{Claimant, CloseOutput, Means, OutputKind, Who};
pub use permit::{permit, Permit};
pub use resolver::{Contract, ContractRole, Progress, Reason, Resolution};
pub use restored::restored;
pub use step::{LogEntry, LogKind, Step, SummaryChange};
pub use upstream::Verdict;
pub use waiting::Waiting;
pub use wants::{due_broadcasts, is_due, next_height, wants, Want};
pub use watcher::{is_signed_by_both, recognise, state_number, CloseKind, Recognition};

use bitcoin::{Amount, FeeRate, OutPoint};

use crate::protocol::ProtocolError;

/// Why the court could not decide.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CourtError {
    /// There is no commitment of ours to broadcast.
    #[error("channel {channel}: there is no commitment of ours to broadcast")]
    NothingToBroadcast { channel: OutPoint },
    /// The peer proved that we lost data: broadcasting what we hold would be punished as a breach.
    #[error("channel {channel}: data was lost, nothing of ours may be broadcast")]
    DataLoss { channel: OutPoint },
    /// The channel comes from a backup, and nobody knows yet whether what it holds is the newest.
    #[error("channel {channel}: restored from a backup and not confirmed, nothing of ours may be broadcast")]
    Restored { channel: OutPoint },
    /// The app said that the funding will never confirm: there is nothing to close.
    #[error("channel {channel}: its funding was cancelled")]
    FundingCancelled { channel: OutPoint },
    /// The funding is on the chain: it cannot be cancelled any more.
    #[error("channel {channel}: its funding is on the chain")]
    FundingConfirmed { channel: OutPoint },
    /// The channel is closed: there is nothing to preview.
    #[error("channel {channel}: it is closed")]
    AlreadyClosed { channel: OutPoint },
    /// No claim of ours takes the output now, and no commitment with that anchor waits.
    #[error("channel {channel}: no transaction of ours claims {outpoint} now")]
    UnknownClaim {
        channel: OutPoint,
        outpoint: OutPoint,
    },
    /// The transaction is as the peer signed it (BOLT 3, without anchors): its fee is fixed.
    #[error("channel {channel}: the transaction that claims {outpoint} is as the peer signed it")]
    NotReplaceable {
        channel: OutPoint,
        outpoint: OutPoint,
    },
    /// The feerate is above [`Policy::feerate_cap`](crate::Policy::feerate_cap).
    #[error("channel {channel}: {feerate} sat/kwu for {outpoint} is above the cap of {cap}")]
    AboveCap {
        channel: OutPoint,
        outpoint: OutPoint,
        feerate: FeeRate,
        cap: FeeRate,
    },
    /// At that feerate the fee would be more than what is claimed, or what a commitment holds for us.
    #[error("channel {channel}: {fee} for {outpoint} is more than the {value} that it brings")]
    AboveValue {
        channel: OutPoint,
        outpoint: OutPoint,
        fee: Amount,
        value: Amount,
    },
    /// The height is not above the tip.
    #[error(
        "channel {channel}: {outpoint} cannot be claimed by height {height}, the tip is {tip}"
    )]
    DeadlinePassed {
        channel: OutPoint,
        outpoint: OutPoint,
        height: u32,
        tip: u32,
    },
    /// The stored terms make no Lightning transaction.
    #[error("channel {channel}: {source}")]
    Protocol {
        channel: OutPoint,
        source: ProtocolError,
    },
}
