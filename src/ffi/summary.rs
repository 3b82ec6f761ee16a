//! What remains of a channel when it is closed.

use std::fmt;

use super::{OutPoint, Party};
use crate::channel;

/// How a channel ended.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum SummaryKind {
    /// Both sides agreed.
    Cooperative,
    /// Our commitment confirmed.
    Local,
    /// The peer's commitment confirmed.
    Remote,
    /// The peer's revoked commitment confirmed.
    Breach,
    /// The funding output was spent by something that belongs to no commitment known.
    Unknown,
    /// The app said that the funding transaction will never confirm.
    FundingCancelled,
    /// Another attempt at the funding confirmed, for good.
    FundingReplaced {
        /// Which.
        by: OutPoint,
    },
    /// The peer never broadcast the funding.
    FundingTimedOut,
    /// Another transaction has a coin of the funding, for good.
    FundingDoubleSpent {
        /// Which.
        by: String,
    },
    /// The app gave the channel up: what was not settled then was not claimed any more.
    Abandoned,
}

impl From<channel::SummaryKind> for SummaryKind {
    fn from(kind: channel::SummaryKind) -> Self {
        match kind {
            channel::SummaryKind::Cooperative => SummaryKind::Cooperative,
            channel::SummaryKind::Local => SummaryKind::Local,
            channel::SummaryKind::Remote => SummaryKind::Remote,
            channel::SummaryKind::Breach => SummaryKind::Breach,
            channel::SummaryKind::Unknown => SummaryKind::Unknown,
            channel::SummaryKind::FundingCancelled => SummaryKind::FundingCancelled,
            channel::SummaryKind::FundingReplaced { by } => {
                SummaryKind::FundingReplaced { by: by.into() }
            }
            channel::SummaryKind::FundingTimedOut => SummaryKind::FundingTimedOut,
            channel::SummaryKind::FundingDoubleSpent { by } => {
                SummaryKind::FundingDoubleSpent { by: by.to_string() }
            }
            channel::SummaryKind::Abandoned => SummaryKind::Abandoned,
        }
    }
}

/// What remains of a closed channel: provisional from the first proven confirmation of a close, final once every output
/// is irrevocably resolved.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct CloseSummary {
    /// The channel.
    pub channel: OutPoint,
    /// The peer's node id, 33 bytes.
    pub peer: Vec<u8>,
    /// The channel's capacity.
    pub capacity_sat: u64,
    /// How it ended.
    pub kind: SummaryKind,
    /// The closing transaction; none where nothing closed the channel on the chain.
    pub closing_txid: Option<String>,
    /// Height of the block that holds the closing transaction.
    pub close_height: Option<u32>,
    /// Who opened the channel.
    pub opener: Party,
    /// Ours without waiting: paid to our scripts by the close itself, or swept since.
    pub settled_balance_sat: u64,
    /// Ours, but not swept.
    pub time_locked_balance_sat: u64,
    /// What the closing transaction left to its miner, as far as it came off our side.
    pub closing_fee_sat: u64,
    /// Paid by us in fees for sweeps.
    pub sweep_fees_sat: u64,
    /// For a peer that comes back asking. None only in summaries of versions that did not keep it.
    pub reestablish: Option<Reestablish>,
    /// A reorg may replace or withdraw a summary that is not final.
    pub is_final: bool,
}

impl From<channel::CloseSummary> for CloseSummary {
    fn from(summary: channel::CloseSummary) -> Self {
        CloseSummary {
            channel: summary.channel.into(),
            peer: summary.peer.serialize().to_vec(),
            capacity_sat: summary.capacity.to_sat(),
            kind: summary.kind.into(),
            closing_txid: summary.closing_txid.map(|txid| txid.to_string()),
            close_height: summary.close_height,
            opener: summary.opener.into(),
            settled_balance_sat: summary.settled_balance.to_sat(),
            time_locked_balance_sat: summary.time_locked_balance.to_sat(),
            closing_fee_sat: summary.closing_fee.to_sat(),
            sweep_fees_sat: summary.sweep_fees.to_sat(),
            reestablish: summary.reestablish.map(Reestablish::from),
            is_final: summary.is_final,
        }
    }
}

/// What to answer a peer that reconnects and still asks for the channel: the fields of `channel_reestablish` (BOLT 2).
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Reestablish {
    /// The commitment of ours that the peer would sign next.
    pub next_commitment_number: u64,
    /// The commitment of its own that the peer would revoke next.
    pub next_revocation_number: u64,
    /// The peer's last revealed secret, 32 bytes. None while it has revealed none, where the message has 32 zeros; and if
    /// the file was damaged.
    pub your_last_per_commitment_secret: Option<Vec<u8>>,
    /// Our point of the commitment that we would broadcast, 33 bytes.
    pub my_current_per_commitment_point: Vec<u8>,
}

impl fmt::Debug for Reestablish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reestablish")
            .field("next_commitment_number", &self.next_commitment_number)
            .field("next_revocation_number", &self.next_revocation_number)
            .finish_non_exhaustive()
    }
}

impl From<channel::Reestablish> for Reestablish {
    fn from(fields: channel::Reestablish) -> Self {
        let point = fields.my_current_per_commitment_point;
        Reestablish {
            next_commitment_number: fields.next_commitment_number,
            next_revocation_number: fields.next_revocation_number,
            your_last_per_commitment_secret: fields
                .your_last_per_commitment_secret
                .map(|secret| secret.as_bytes().to_vec()),
            my_current_per_commitment_point: point.serialize().to_vec(),
        }
    }
}
