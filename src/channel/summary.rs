//! What remains of a channel when its working data is gone.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, Txid};
use serde::{Deserialize, Serialize};

use crate::protocol::{CommitmentSecret, Party};

/// How a channel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SummaryKind {
    Cooperative,
    /// Our commitment confirmed.
    Local,
    /// The peer's commitment confirmed: the current, the pending, or one that we know nothing of any more.
    Remote,
    /// The peer's revoked commitment confirmed.
    Breach,
    /// The funding output was spent in a way that belongs to no commitment known.
    Unknown,
    /// The app said that the funding transaction will never confirm.
    FundingCancelled,
    /// Another attempt at the funding confirmed, for good.
    FundingReplaced {
        by: OutPoint,
    },
    /// The peer never broadcast the funding (BOLT 2: forgotten after 2,016 blocks).
    FundingTimedOut,
    /// Another transaction has a coin of the funding, for good.
    FundingDoubleSpent {
        by: Txid,
    },
    /// The app gave the channel up: what was not settled then was not claimed any more.
    Abandoned,
}

/// The close summary: provisional from the first proven confirmation of a close, final once every contract is
/// irrevocably resolved. A reorg may replace or withdraw a provisional one, never a final one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseSummary {
    pub channel: OutPoint,
    pub peer: PublicKey,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub capacity: Amount,
    pub kind: SummaryKind,
    /// `None` where nothing closed the channel on the chain: a cancelled funding, a channel abandoned before.
    pub closing_txid: Option<Txid>,
    /// Height of the block that holds the closing transaction.
    pub close_height: Option<u32>,
    /// Who opened the channel.
    pub opener: Party,
    /// Ours without waiting: paid to our scripts by the close itself, or swept since.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub settled_balance: Amount,
    /// Ours, but not swept.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub time_locked_balance: Amount,
    /// What the closing transaction left to its miner, as far as it came off our side: all of it for the opener of a
    /// channel closed with a commitment (BOLT 3), what our balance shrank by in a cooperative close. Outputs too small
    /// to exist are part of it.
    #[serde(with = "bitcoin::amount::serde::as_sat", default)]
    pub closing_fee: Amount,
    /// Paid by us in fees for sweeps.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub sweep_fees: Amount,
    /// For a peer that comes back asking. `None` only in summaries of versions that did not keep it.
    #[serde(default)]
    pub reestablish: Option<Reestablish>,
    pub is_final: bool,
}

/// What we answer a peer that reconnects and still asks for the channel: the fields of `channel_reestablish` (BOLT 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reestablish {
    /// The commitment of ours that the peer would sign next.
    pub next_commitment_number: u64,
    /// The commitment of its own that the peer would revoke next.
    pub next_revocation_number: u64,
    /// The peer's last revealed secret; `None` while it has revealed none (BOLT 2 then sends zeros), and if the rows
    /// that held it could not be read. The store keeps it sealed, beside the summary.
    #[serde(skip)]
    pub your_last_per_commitment_secret: Option<CommitmentSecret>,
    /// Our point of the commitment that we would broadcast.
    pub my_current_per_commitment_point: PublicKey,
}
