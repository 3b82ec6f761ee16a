//! What remains of a channel when its working data is gone.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, Txid};
use serde::{Deserialize, Serialize};

use crate::protocol::Party;

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
    /// The funding transaction can never confirm.
    FundingCancelled,
}

/// The close summary: provisional from the first proven confirmation of a close, final once every contract is
/// irrevocably resolved. A reorg may replace a provisional one, never a final one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseSummary {
    pub channel: OutPoint,
    pub peer: PublicKey,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub capacity: Amount,
    pub kind: SummaryKind,
    pub closing_txid: Option<Txid>,
    /// Height of the block that holds the closing transaction.
    pub close_height: u32,
    pub opener: Party,
    /// Ours without waiting: paid to our scripts by the close itself, or swept since.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub settled_balance: Amount,
    /// Ours, but not yet swept.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub time_locked_balance: Amount,
    /// Paid by us in fees for sweeps.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub sweep_fees: Amount,
    pub is_final: bool,
}
