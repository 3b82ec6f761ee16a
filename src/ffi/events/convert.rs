//! From what the court tells to what the app is told.

use super::EventKind;
use crate::court;

impl From<court::EventKind> for EventKind {
    fn from(kind: court::EventKind) -> Self {
        match kind {
            court::EventKind::ChannelOpen { height, block } => EventKind::ChannelOpen {
                height,
                block: block.to_string(),
            },
            court::EventKind::FundingReorged { height } => EventKind::FundingReorged { height },
            court::EventKind::FundingMismatch { height } => EventKind::FundingMismatch { height },
            court::EventKind::FundingCancelled { height } => EventKind::FundingCancelled { height },
            court::EventKind::CancelledFundingConfirmed { height, block } => {
                EventKind::CancelledFundingConfirmed {
                    height,
                    block: block.to_string(),
                }
            }
            court::EventKind::FundingDoubleSpent {
                coin,
                by,
                height,
                block,
            } => EventKind::FundingDoubleSpent {
                coin: coin.into(),
                by: by.to_string(),
                height,
                block: block.to_string(),
            },
            court::EventKind::DoubleSpendReorged { by, block } => EventKind::DoubleSpendReorged {
                by: by.to_string(),
                block: block.to_string(),
            },
            court::EventKind::Abandoned => EventKind::Abandoned,
            court::EventKind::ShortPeerDelay { delay } => EventKind::ShortPeerDelay { delay },
            court::EventKind::CloseSeen { txid, kind } => EventKind::CloseSeen {
                txid: txid.to_string(),
                kind: kind.into(),
            },
            court::EventKind::BreachSeen { txid, number } => EventKind::BreachSeen {
                txid: txid.to_string(),
                number,
            },
            court::EventKind::ChannelClosed {
                txid,
                kind,
                height,
                block,
            } => EventKind::ChannelClosed {
                txid: txid.to_string(),
                kind: kind.into(),
                height,
                block: block.to_string(),
            },
            court::EventKind::CloseReorged { txid, block } => EventKind::CloseReorged {
                txid: txid.to_string(),
                block: block.to_string(),
            },
            court::EventKind::BreachDetected { txid, number } => EventKind::BreachDetected {
                txid: txid.to_string(),
                number,
            },
            court::EventKind::DataLoss { number } => EventKind::DataLoss { number },
            court::EventKind::Restored { backup } => EventKind::Restored { backup },
            court::EventKind::FundsAtRisk { txid } => EventKind::FundsAtRisk {
                txid: txid.to_string(),
            },
            court::EventKind::NotResolvedYet {
                outpoint,
                value_sat,
                what,
                block,
            } => EventKind::NotResolvedYet {
                outpoint: outpoint.into(),
                value_sat,
                what,
                block: block.to_string(),
            },
            court::EventKind::FulfillUpstream {
                htlc,
                origin,
                payment_hash,
            } => EventKind::FulfillUpstream {
                htlc: htlc.key.into(),
                origin: origin.into(),
                payment_hash: payment_hash.0.to_vec(),
            },
            court::EventKind::FailUpstream {
                htlc,
                origin,
                payment_hash,
            } => EventKind::FailUpstream {
                htlc: htlc.key.into(),
                origin: origin.into(),
                payment_hash: payment_hash.0.to_vec(),
            },
            court::EventKind::Advice { htlc, advice } => match advice {
                court::Advice::Fail => EventKind::FailOffChain {
                    htlc: htlc.key.into(),
                },
                court::Advice::Settle => EventKind::SettleOffChain {
                    htlc: htlc.key.into(),
                },
            },
            court::EventKind::GoesToChain { reason, tip } => EventKind::GoesToChain {
                reason: reason.into(),
                tip,
            },
            court::EventKind::ReserveNeeded { outpoint, fee_sat } => EventKind::ReserveNeeded {
                outpoint: outpoint.into(),
                fee_sat,
            },
            court::EventKind::FundsRecovered {
                txid,
                value_sat,
                block,
            } => EventKind::FundsRecovered {
                txid: txid.to_string(),
                value_sat,
                block: block.to_string(),
            },
            court::EventKind::SweptByAnother {
                outpoint,
                value_sat,
                block,
            } => EventKind::SweptByAnother {
                outpoint: outpoint.into(),
                value_sat,
                block: block.to_string(),
            },
            court::EventKind::TellPeer {
                peer,
                said,
                time: _,
                message,
            } => EventKind::TellPeer {
                peer: peer.serialize().to_vec(),
                message_type: said.into(),
                message,
            },
            court::EventKind::ChannelUsable => EventKind::ChannelUsable,
            court::EventKind::FullyResolved { txid } => EventKind::FullyResolved {
                txid: txid.map(|txid| txid.to_string()),
            },
        }
    }
}
