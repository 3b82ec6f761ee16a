//! What the app is told of, from the outbox: at least once, until it acknowledges.

mod convert;

use super::{CloseKind, CloseReason, HtlcKey, HtlcOrigin, OutPoint};
use crate::opening;
use crate::store::{self, StoredEvent};

/// A message of an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum PeerMessage {
    /// The funding is deep enough for us.
    ChannelReady,
    /// Our half of the proof that a public channel exists.
    AnnouncementSignatures,
    /// The whole proof: for every peer.
    ChannelAnnouncement,
}

impl From<opening::Said> for PeerMessage {
    fn from(said: opening::Said) -> Self {
        match said {
            opening::Said::ChannelReady => PeerMessage::ChannelReady,
            opening::Said::AnnouncementSignatures(_) => PeerMessage::AnnouncementSignatures,
            opening::Said::ChannelAnnouncement(_) => PeerMessage::ChannelAnnouncement,
        }
    }
}

/// What waits for a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Delivery {
    /// Nothing.
    Asynchronous,
    /// The end of a case: the channel is not fully resolved, and none of its working data is purged, before the subscriber has
    /// acknowledged every event of the channel. No claim and no broadcast ever waits.
    Synchronous,
}

impl From<Delivery> for store::Delivery {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Asynchronous => store::Delivery::Asynchronous,
            Delivery::Synchronous => store::Delivery::Synchronous,
        }
    }
}

/// Something the app should know of.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Event {
    /// Its name, to acknowledge it by: equal for equal events, on every device.
    pub id: String,
    /// The channel it is about.
    pub channel: OutPoint,
    /// What happened.
    pub kind: EventKind,
}

impl From<StoredEvent> for Event {
    fn from(stored: StoredEvent) -> Self {
        Event {
            id: stored.id,
            channel: stored.event.channel.into(),
            kind: stored.event.kind.into(),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum EventKind {
    /// The funding transaction is proven to be on the chain.
    ChannelOpen {
        /// Height of its block.
        height: u32,
        /// Hash of its block.
        block: String,
    },
    /// A reorg took the funding transaction away again.
    FundingReorged {
        /// Height of the block it stood in.
        height: u32,
    },
    /// The funding transaction does not pay what the terms say.
    FundingMismatch {
        /// Height of its block.
        height: u32,
    },
    /// The app said that the funding will never confirm. Nothing is purged before it has stayed away for long.
    FundingCancelled {
        /// The tip's height then.
        height: u32,
    },
    /// A funding that the app had cancelled is on the chain all the same: that it was cancelled is forgotten.
    CancelledFundingConfirmed {
        /// Height of its block.
        height: u32,
        /// Hash of its block.
        block: String,
    },
    /// Another transaction has a coin of the funding, proven: the funding cannot confirm beside it. The channel ends when that
    /// is final.
    FundingDoubleSpent {
        /// The coin.
        coin: OutPoint,
        /// The transaction that has it.
        by: String,
        /// Height of its block.
        height: u32,
        /// Hash of its block.
        block: String,
    },
    /// A reorg took that transaction away again.
    DoubleSpendReorged {
        /// It.
        by: String,
        /// Hash of the block it stood in.
        block: String,
    },
    /// The app gave the channel up: nothing of it is claimed any more.
    Abandoned,
    /// The peer's `to_self_delay` leaves little time to sleep: a breach must be answered within it.
    ShortPeerDelay {
        /// The delay, in blocks.
        delay: u16,
    },
    /// A close is in the mempool, unproven.
    CloseSeen {
        /// The closing transaction.
        txid: String,
        /// Who closes, and how.
        kind: CloseKind,
    },
    /// The close in the mempool is a revoked commitment of the peer's: nothing can be claimed before it confirms.
    BreachSeen {
        /// The commitment transaction.
        txid: String,
        /// Its number.
        number: u64,
    },
    /// A close is proven.
    ChannelClosed {
        /// The closing transaction.
        txid: String,
        /// Who closed, and how.
        kind: CloseKind,
        /// Height of its block.
        height: u32,
        /// Hash of its block.
        block: String,
    },
    /// A reorg took the close away again.
    CloseReorged {
        /// The closing transaction.
        txid: String,
        /// Hash of the block it stood in.
        block: String,
    },
    /// The peer broadcast a revoked commitment.
    BreachDetected {
        /// The commitment transaction.
        txid: String,
        /// Its number.
        number: u64,
    },
    /// The peer is ahead of what we know: we lost data, and broadcast nothing any more.
    DataLoss {
        /// The number the peer is at.
        number: u64,
    },
    /// The channel was opened from a backup: nothing of ours is broadcast, and no commitment taken, until the
    /// peer's `channel_reestablish` confirms that it is the newest.
    Restored {
        /// The backup's name.
        backup: String,
    },
    /// The funding output was spent by something that belongs to no known commitment.
    FundsAtRisk {
        /// The spender.
        txid: String,
    },
    /// An output is ours to resolve, and this version cannot resolve it yet.
    NotResolvedYet {
        /// The output.
        outpoint: OutPoint,
        /// Its value.
        value_sat: u64,
        /// What it is, for people.
        what: String,
        /// Hash of the close's block.
        block: String,
    },
    /// An outgoing HTLC was fulfilled: its preimage, which `preimage(payment_hash)` gives, is to be passed on to where it
    /// came from. For a payment of our own: it arrived.
    FulfillUpstream {
        /// The outgoing HTLC.
        htlc: HtlcKey,
        /// Where it came from.
        origin: HtlcOrigin,
        /// What its preimage is asked for with: 32 bytes.
        payment_hash: Vec<u8>,
    },
    /// An outgoing HTLC can never be fulfilled any more: it is to be failed where it came from. For a payment of our own:
    /// it failed.
    FailUpstream {
        /// The outgoing HTLC.
        htlc: HtlcKey,
        /// Where it came from.
        origin: HtlcOrigin,
        /// Its hash: 32 bytes.
        payment_hash: Vec<u8>,
    },
    /// An incoming HTLC that may not be claimed nears its expiry: to be failed off-chain.
    FailOffChain {
        /// The incoming HTLC.
        htlc: HtlcKey,
    },
    /// An incoming HTLC that is ours has to be settled off-chain before the next wake, or the channel is closed for it.
    SettleOffChain {
        /// The incoming HTLC.
        htlc: HtlcKey,
    },
    /// An HTLC makes the channel go to the chain.
    GoesToChain {
        /// Which, and why.
        reason: CloseReason,
        /// The tip's height at which it was decided.
        tip: u32,
    },
    /// A claim needs a coin of the wallet's for its fee, and there is none: `OnchainWallet.coins` gave none that
    /// suffices. It is made as soon as there is.
    ReserveNeeded {
        /// The output to be claimed.
        outpoint: OutPoint,
        /// What is needed, at the feerate of now.
        fee_sat: u64,
    },
    /// An amount is ours again, settled deep enough to be reported.
    FundsRecovered {
        /// The transaction that pays us.
        txid: String,
        /// What it pays us.
        value_sat: u64,
        /// Hash of its block.
        block: String,
    },
    /// An output of ours was spent by somebody else, settled deep enough to be reported.
    SweptByAnother {
        /// The output.
        outpoint: OutPoint,
        /// Its value.
        value_sat: u64,
        /// Hash of the spender's block.
        block: String,
    },
    /// This message is to be sent to the peer, or, if it is a `channel_announcement`, to everybody. To be acknowledged when
    /// the peer has it.
    TellPeer {
        /// The peer's node id, 33 bytes.
        peer: Vec<u8>,
        /// Which message it is.
        message_type: PeerMessage,
        /// The BOLT message, its type first.
        message: Vec<u8>,
    },
    /// `channel_ready` is exchanged: the channel may be used.
    ChannelUsable,
    /// The channel has ended, and its working data goes: everything is irrevocably resolved, or the app decided the end.
    FullyResolved {
        /// The closing transaction, if there is one.
        txid: Option<String>,
    },
}
