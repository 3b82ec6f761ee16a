//! The HTLCs of a channel.

use super::page::{parts, Parts};
use crate::channel;
use crate::ffi::{HtlcKey, HtlcOrigin};
use crate::store::queries;

/// Whether an HTLC may still become an output on the chain without somebody being punished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum HtlcStage {
    /// A commitment carries it that is not revoked.
    Live,
    /// Only revoked commitments carry it: it was settled off-chain.
    Past,
}

impl From<queries::HtlcStage> for HtlcStage {
    fn from(stage: queries::HtlcStage) -> Self {
        match stage {
            queries::HtlcStage::Live => HtlcStage::Live,
            queries::HtlcStage::Past => HtlcStage::Past,
        }
    }
}

/// The commitment numbers of one side that carried an HTLC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NumberInterval {
    /// The first; nothing while none has.
    pub first: Option<u64>,
    /// The last; nothing while the newest commitment still does.
    pub last: Option<u64>,
}

impl From<channel::Interval> for NumberInterval {
    fn from(interval: channel::Interval) -> Self {
        NumberInterval {
            first: interval.first,
            last: interval.last,
        }
    }
}

/// One HTLC as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct HtlcRecord {
    /// Its name within the channel.
    pub key: HtlcKey,
    /// Whether it is still of importance.
    pub stage: HtlcStage,
    /// SHA256 of the preimage, 32 bytes.
    pub payment_hash: Vec<u8>,
    /// Its amount.
    pub amount_msat: u64,
    /// The block height from which the payer may take it back (BOLT 2: `cltv_expiry`).
    pub cltv_expiry: u32,
    /// Where it came from; not kept of those that are past.
    pub origin: Option<HtlcOrigin>,
    /// The commitments of ours that carried it.
    pub local: NumberInterval,
    /// The commitments of the peer that carried it.
    pub remote: NumberInterval,
    /// We had decided to claim it.
    pub released: bool,
}

impl From<queries::HtlcRecord> for HtlcRecord {
    fn from(htlc: queries::HtlcRecord) -> Self {
        HtlcRecord {
            key: htlc.key.into(),
            stage: htlc.stage.into(),
            payment_hash: htlc.payment_hash.0.to_vec(),
            amount_msat: htlc.amount_msat,
            cltv_expiry: htlc.cltv_expiry,
            origin: htlc.origin.map(HtlcOrigin::from),
            local: htlc.local.into(),
            remote: htlc.remote.into(),
            released: htlc.released,
        }
    }
}

/// Some HTLCs of many.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct HtlcPage {
    /// Live ones, then past ones, newest first.
    pub htlcs: Vec<HtlcRecord>,
    /// Why other HTLCs of this page cannot be shown, for people.
    pub unreadable: Vec<String>,
    /// Where the next page begins; nothing when this was the last one.
    pub next: Option<String>,
}

impl From<queries::Page<queries::HtlcRecord>> for HtlcPage {
    fn from(page: queries::Page<queries::HtlcRecord>) -> Self {
        let (htlcs, unreadable, next): Parts<HtlcRecord> = parts(page);
        HtlcPage {
            htlcs,
            unreadable,
            next,
        }
    }
}
