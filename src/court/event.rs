//! What the app is told. An event has a name of its own, made from what it is about: however often a step is
//! computed again, on whatever device, the same thing has the same name.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{BlockHash, OutPoint, Txid};
use serde::{Deserialize, Serialize};

use super::{Advice, CloseKind, CloseReason};
use crate::channel::{HtlcOrigin, HtlcRef};
use crate::opening::Said;
use crate::protocol::PaymentHash;

/// Something the app should know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub channel: OutPoint,
    pub kind: EventKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// The funding transaction is proven to be on the chain.
    ChannelOpen { height: u32, block: BlockHash },
    /// A reorg took the funding transaction away again.
    FundingReorged { height: u32 },
    /// The funding transaction does not pay what the terms say.
    FundingMismatch { height: u32 },
    /// The app said that the funding will never confirm, at this tip. Nothing is purged before it has stayed away for long.
    FundingCancelled { height: u32 },
    /// A funding that the app had cancelled is on the chain all the same: that it was cancelled is forgotten.
    CancelledFundingConfirmed { height: u32, block: BlockHash },
    /// Another transaction has a coin of the funding, proven: the funding cannot confirm beside it. The channel ends when that is
    /// [`Policy::final_depth`](crate::Policy::final_depth) deep.
    FundingDoubleSpent {
        coin: OutPoint,
        by: Txid,
        height: u32,
        block: BlockHash,
    },
    /// A reorg took that transaction away again.
    DoubleSpendReorged { by: Txid, block: BlockHash },
    /// The app gave the channel up: nothing of it is claimed any more.
    Abandoned,
    /// The peer's `to_self_delay` leaves little time to sleep: a breach must be answered within it.
    ShortPeerDelay { delay: u16 },
    /// A close is in the mempool, unproven.
    CloseSeen { txid: Txid, kind: CloseKind },
    /// The close in the mempool is a revoked commitment of the peer's: nothing can be claimed before it confirms.
    BreachSeen { txid: Txid, number: u64 },
    /// A close is proven.
    ChannelClosed {
        txid: Txid,
        kind: CloseKind,
        height: u32,
        block: BlockHash,
    },
    /// A reorg took the close away again.
    CloseReorged { txid: Txid, block: BlockHash },
    /// The peer broadcast a revoked commitment.
    BreachDetected { txid: Txid, number: u64 },
    /// The peer is ahead of what we know: we lost data, and broadcast nothing any more.
    DataLoss { number: u64 },
    /// The channel was opened from a backup: nothing of ours is broadcast until the peer has confirmed that it is the
    /// newest.
    Restored { backup: String },
    /// The funding output was spent by something that belongs to no known commitment.
    FundsAtRisk { txid: Txid },
    /// An output was ours to resolve, and the version that told this could not. Told no more; files of that version may
    /// still hold it.
    NotResolvedYet {
        outpoint: OutPoint,
        value_sat: u64,
        what: String,
        block: BlockHash,
    },
    /// An outgoing HTLC was fulfilled, as the chain or the app told: its preimage is to be passed on to where it came from.
    /// For a payment of our own: it arrived.
    FulfillUpstream {
        htlc: HtlcRef,
        origin: HtlcOrigin,
        payment_hash: PaymentHash,
    },
    /// An outgoing HTLC can never be fulfilled any more: it is to be failed where it came from. For a payment of our own:
    /// it failed.
    FailUpstream {
        htlc: HtlcRef,
        origin: HtlcOrigin,
        payment_hash: PaymentHash,
    },
    /// What the engine should do off-chain about an incoming HTLC that is near its expiry.
    Advice { htlc: HtlcRef, advice: Advice },
    /// An HTLC makes the channel go to the chain, as decided at this tip.
    GoesToChain { reason: CloseReason, tip: u32 },
    /// A claim, or the child that is to raise an unconfirmed commitment through this anchor, needs a coin of the wallet's
    /// for its fee, and there is none. It is made as soon as there is.
    ReserveNeeded { outpoint: OutPoint, fee_sat: u64 },
    /// An amount is ours again, settled deep enough to be reported.
    FundsRecovered {
        txid: Txid,
        value_sat: u64,
        block: BlockHash,
    },
    /// An output of ours was spent by somebody else, settled deep enough to be reported.
    SweptByAnother {
        outpoint: OutPoint,
        value_sat: u64,
        block: BlockHash,
    },
    /// This message is to be sent to the peer, or, if it is a `channel_announcement`, to everybody. To be acknowledged when the
    /// peer has it. `time` counts the connections to the peer, or how often the graph has lost the channel.
    TellPeer {
        peer: PublicKey,
        said: Said,
        time: u32,
        /// The BOLT message, its type first.
        message: Vec<u8>,
    },
    /// `channel_ready` is exchanged: the channel may be used.
    ChannelUsable,
    /// The channel has ended, and its working data is purged: every contract of the close `txid` is irrevocably resolved,
    /// or the app decided the end.
    FullyResolved { txid: Option<Txid> },
}

impl Event {
    /// Whether it is a message to the peer, which is handed over once, rather than news for whoever reads.
    pub fn is_message(&self) -> bool {
        matches!(self.kind, EventKind::TellPeer { .. })
    }

    /// The event's name: equal for equal events, different for different ones.
    pub fn id(&self) -> String {
        let subject = match &self.kind {
            EventKind::ChannelOpen { height: _, block } => format!("open/{block}"),
            EventKind::FundingReorged { height } => format!("funding-reorged/{height}"),
            EventKind::FundingMismatch { height } => format!("funding-mismatch/{height}"),
            EventKind::FundingCancelled { height } => format!("funding-cancelled/{height}"),
            EventKind::FundingDoubleSpent { by, block, .. } => {
                format!("funding-double-spent/{by}/{block}")
            }
            EventKind::DoubleSpendReorged { by, block } => {
                format!("double-spend-reorged/{by}/{block}")
            }
            EventKind::CancelledFundingConfirmed { height: _, block } => {
                format!("cancelled-funding-confirmed/{block}")
            }
            EventKind::Abandoned => "abandoned".into(),
            EventKind::ShortPeerDelay { delay } => format!("short-peer-delay/{delay}"),
            EventKind::CloseSeen { txid, kind: _ } => format!("close-seen/{txid}"),
            EventKind::BreachSeen { txid, number: _ } => format!("breach-seen/{txid}"),
            EventKind::ChannelClosed { txid, block, .. } => format!("closed/{txid}/{block}"),
            EventKind::CloseReorged { txid, block } => format!("close-reorged/{txid}/{block}"),
            EventKind::BreachDetected { txid, number: _ } => format!("breach/{txid}"),
            EventKind::DataLoss { number } => format!("data-loss/{number}"),
            EventKind::Restored { backup } => format!("restored/{backup}"),
            EventKind::FundsAtRisk { txid } => format!("funds-at-risk/{txid}"),
            EventKind::NotResolvedYet {
                outpoint, block, ..
            } => {
                format!("not-resolved-yet/{outpoint}/{block}")
            }
            EventKind::FulfillUpstream { htlc, .. } => format!("fulfill-upstream/{}", name(htlc)),
            EventKind::FailUpstream { htlc, .. } => format!("fail-upstream/{}", name(htlc)),
            EventKind::Advice { htlc, advice } => match advice {
                Advice::Fail => format!("advice/fail/{}", name(htlc)),
                Advice::Settle => format!("advice/settle/{}", name(htlc)),
            },
            EventKind::GoesToChain { reason: _, tip } => format!("goes-to-chain/{tip}"),
            EventKind::ReserveNeeded {
                outpoint,
                fee_sat: _,
            } => format!("reserve-needed/{outpoint}"),
            EventKind::FundsRecovered {
                txid,
                value_sat,
                block,
            } => {
                format!("recovered/{txid}/{value_sat}/{block}")
            }
            EventKind::SweptByAnother {
                outpoint, block, ..
            } => {
                format!("swept-by-another/{outpoint}/{block}")
            }
            EventKind::TellPeer {
                peer: _,
                said,
                time,
                message: _,
            } => {
                let of = said.short_channel_id().map(|id| format!("/{id}"));
                let of = of.unwrap_or_default();
                format!("tell-peer/{}{of}/{time}", said.message_name())
            }
            EventKind::ChannelUsable => "usable".into(),
            EventKind::FullyResolved { txid: Some(txid) } => format!("fully-resolved/{txid}"),
            EventKind::FullyResolved { txid: None } => "fully-resolved".into(),
        };
        format!("{}/{subject}", self.channel)
    }
}

/// The name of an HTLC within its channel.
fn name(htlc: &HtlcRef) -> String {
    format!("{}/{}", htlc.key, htlc.version)
}
