//! From the errors of the floors below to the app's: every reason keeps a case of its own.

use super::ArbitratorError;
use crate::channel::UpdateError;
use crate::court::CourtError;
use crate::error::{self, CalloutError};
use crate::opening::OpeningError;
use crate::protocol::MessageError;
use crate::reserve::EmptyError;
use crate::store::StoreError;

impl From<error::ArbitratorError> for ArbitratorError {
    fn from(error: error::ArbitratorError) -> Self {
        use error::ArbitratorError as Core;
        match error {
            Core::Update(error) => error.into(),
            Core::UpdateAt { index, source } => ArbitratorError::UpdateRefused {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                refusal: Box::new(source.into()),
            },
            Core::UnknownChannel { channel } => ArbitratorError::UnknownChannel {
                channel: channel.into(),
            },
            Core::Court(error) => error.into(),
            Core::Opening(error) => error.into(),
            Core::Store(error) => error.into(),
            Core::Chain(error) => ArbitratorError::ChainServer {
                reason: error.to_string(),
            },
            Core::Protocol(error) => ArbitratorError::Protocol {
                channel: None,
                reason: error.to_string(),
            },
            Core::Signer { channel, source } => ArbitratorError::SignerFailed {
                channel: channel.into(),
                reason: source.to_string(),
            },
            Core::SignatureRefused { channel } => ArbitratorError::SignatureRefused {
                channel: channel.into(),
            },
            Core::Wallet(source) => ArbitratorError::WalletFailed {
                reason: source.to_string(),
            },
            Core::Empty(error) => error.into(),
            Core::Callback { callback, source } => callout(callback, source),
            Core::Unresolved { channel } => ArbitratorError::Unresolved {
                channel: channel.into(),
            },
            Core::KeysIdTaken { keys_id } => ArbitratorError::KeysIdTaken {
                keys_id: format!("{keys_id:?}"),
            },
            Core::ResumeRunning => ArbitratorError::ResumeRunning,
            Core::ShutDown => ArbitratorError::ShutDown,
            Core::Thread(reason) => ArbitratorError::NoThread { reason },
            Core::Config { field, reason } => ArbitratorError::InvalidInput {
                field: field.to_string(),
                reason,
            },
        }
    }
}

impl From<EmptyError> for ArbitratorError {
    fn from(error: EmptyError) -> Self {
        match error {
            EmptyError::NothingToSend { held, fee } => ArbitratorError::NothingToSend {
                held_sat: held.to_sat(),
                fee_sat: fee.to_sat(),
            },
            EmptyError::FeeTooLow { txid, fee, needed } => ArbitratorError::FeeBelowReplaced {
                txid: txid.to_string(),
                fee_sat: fee.to_sat(),
                needed_sat: needed.to_sat(),
            },
        }
    }
}

impl From<OpeningError> for ArbitratorError {
    fn from(error: OpeningError) -> Self {
        let reason = error.to_string();
        match error {
            OpeningError::ZeroConfNeedsAlias { channel }
            | OpeningError::NeedsNodeSigner { channel }
            | OpeningError::Replaces { channel, .. }
            | OpeningError::Differs { channel, .. }
            | OpeningError::NotOpenedHere { channel }
            | OpeningError::Protocol { channel, .. } => ArbitratorError::OpeningRefused {
                channel: channel.into(),
                reason,
            },
            OpeningError::Message(MessageError::NotForUs(message_type)) => {
                ArbitratorError::NotForUs { message_type }
            }
            OpeningError::Message(_) | OpeningError::UnknownChannelId { .. } => {
                ArbitratorError::PeerMessageRefused {
                    channel: None,
                    reason,
                }
            }
            OpeningError::SecondPoint { channel } | OpeningError::WrongHalf { channel, .. } => {
                ArbitratorError::PeerMessageRefused {
                    channel: Some(channel.into()),
                    reason,
                }
            }
        }
    }
}

fn callout(callback: &'static str, error: CalloutError) -> ArbitratorError {
    let callback = callback.to_string();
    match error {
        CalloutError::TimedOut { limit } => ArbitratorError::CallbackTimedOut {
            callback,
            limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        },
        CalloutError::Panicked | CalloutError::NoThread => ArbitratorError::CallbackFailed {
            callback,
            reason: error.to_string(),
        },
    }
}

impl From<UpdateError> for ArbitratorError {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Terms {
                channel,
                field,
                reason,
            } => ArbitratorError::Terms {
                channel: channel.into(),
                field: field.to_string(),
                reason,
            },
            UpdateError::TermsDiffer { channel, field } => ArbitratorError::TermsDiffer {
                channel: channel.into(),
                field: field.to_string(),
            },
            UpdateError::OutOfOrder {
                channel,
                party,
                number,
                expected,
            } => ArbitratorError::OutOfOrder {
                channel: channel.into(),
                party: party.into(),
                number,
                expected,
            },
            UpdateError::AlreadyRevoked {
                channel,
                party,
                number,
            } => ArbitratorError::AlreadyRevoked {
                channel: channel.into(),
                party: party.into(),
                number,
            },
            UpdateError::AboveCapacity {
                channel,
                claimed_msat,
                capacity,
            } => ArbitratorError::AboveCapacity {
                channel: channel.into(),
                claimed_msat,
                capacity_sat: capacity.to_sat(),
            },
            UpdateError::Unbalanced {
                channel,
                claimed_msat,
                capacity,
            } => ArbitratorError::Unbalanced {
                channel: channel.into(),
                claimed_msat,
                capacity_sat: capacity.to_sat(),
            },
            UpdateError::Htlc {
                channel,
                htlc,
                field,
                reason,
            } => ArbitratorError::HtlcRefused {
                channel: channel.into(),
                htlc: htlc.into(),
                field: field.to_string(),
                reason: reason.to_string(),
            },
            UpdateError::UnknownHtlc { channel, htlc } => ArbitratorError::UnknownHtlc {
                channel: channel.into(),
                htlc: htlc.into(),
            },
            UpdateError::ShortChannelIdTaken {
                channel,
                id,
                taken_by,
            } => ArbitratorError::ShortChannelIdTaken {
                channel: channel.into(),
                id: id.to_string(),
                taken_by: taken_by.into(),
            },
            UpdateError::FundingSignatures {
                channel,
                funding,
                reason,
            } => ArbitratorError::FundingSignatures {
                channel: channel.into(),
                funding: funding.into(),
                reason: reason.to_string(),
            },
            UpdateError::CommitmentSignature { channel, number } => {
                ArbitratorError::CommitmentSignature {
                    channel: channel.into(),
                    number,
                }
            }
            UpdateError::HtlcSignatureCount {
                channel,
                given,
                expected,
            } => ArbitratorError::HtlcSignatureCount {
                channel: channel.into(),
                given: given as u64,
                expected: expected as u64,
            },
            UpdateError::HtlcSignature {
                channel,
                index,
                htlc,
            } => ArbitratorError::HtlcSignature {
                channel: channel.into(),
                index: index as u64,
                htlc: htlc.into(),
            },
            UpdateError::PerCommitmentPoint { channel, number } => {
                ArbitratorError::PerCommitmentPoint {
                    channel: channel.into(),
                    number,
                }
            }
            UpdateError::WrongSecret { channel, number } => ArbitratorError::WrongSecret {
                channel: channel.into(),
                number,
            },
            UpdateError::Closing { channel, reason } => ArbitratorError::Closing {
                channel: channel.into(),
                reason: reason.into(),
            },
            UpdateError::BehindPeer {
                channel,
                ours,
                peers,
            } => ArbitratorError::BehindPeer {
                channel: channel.into(),
                ours,
                peers,
            },
            UpdateError::ClosingTransaction { channel, reason } => {
                ArbitratorError::ClosingTransaction {
                    channel: channel.into(),
                    reason: reason.to_string(),
                }
            }
            UpdateError::ReestablishSecret { channel, number } => {
                ArbitratorError::ReestablishSecret {
                    channel: channel.into(),
                    number,
                }
            }
            UpdateError::Protocol {
                channel,
                ref source,
            } => ArbitratorError::Protocol {
                channel: Some(channel.into()),
                reason: format!("channel {channel}: {source}"),
            },
        }
    }
}

impl From<CourtError> for ArbitratorError {
    fn from(error: CourtError) -> Self {
        match error {
            CourtError::NothingToBroadcast { channel } => ArbitratorError::NothingToBroadcast {
                channel: channel.into(),
            },
            CourtError::DataLoss { channel } => ArbitratorError::DataLost {
                channel: channel.into(),
            },
            CourtError::FundingCancelled { channel } => ArbitratorError::FundingCancelled {
                channel: channel.into(),
            },
            CourtError::UnknownClaim { channel, outpoint } => ArbitratorError::UnknownClaim {
                channel: channel.into(),
                outpoint: outpoint.into(),
            },
            CourtError::NotReplaceable { channel, outpoint } => ArbitratorError::NotReplaceable {
                channel: channel.into(),
                outpoint: outpoint.into(),
            },
            CourtError::AboveCap {
                channel,
                outpoint,
                feerate,
                cap,
            } => ArbitratorError::FeerateAboveCap {
                channel: channel.into(),
                outpoint: outpoint.into(),
                feerate_per_kw: feerate.to_sat_per_kwu(),
                cap_per_kw: cap.to_sat_per_kwu(),
            },
            CourtError::AboveValue {
                channel,
                outpoint,
                fee,
                value,
            } => ArbitratorError::FeeAboveValue {
                channel: channel.into(),
                outpoint: outpoint.into(),
                fee_sat: fee.to_sat(),
                value_sat: value.to_sat(),
            },
            CourtError::DeadlinePassed {
                channel,
                outpoint,
                height,
                tip,
            } => ArbitratorError::DeadlinePassed {
                channel: channel.into(),
                outpoint: outpoint.into(),
                height,
                tip,
            },
            CourtError::AlreadyClosed { channel } => ArbitratorError::AlreadyClosed {
                channel: channel.into(),
            },
            CourtError::FundingConfirmed { channel } => ArbitratorError::FundingConfirmed {
                channel: channel.into(),
            },
            CourtError::Restored { channel } => ArbitratorError::Restored {
                channel: channel.into(),
            },
            CourtError::Protocol { channel, source } => ArbitratorError::Protocol {
                channel: Some(channel.into()),
                reason: format!("channel {channel}: {source}"),
            },
        }
    }
}

impl From<StoreError> for ArbitratorError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InUse { path } => ArbitratorError::InUse { path },
            StoreError::NewerSchema { found, known } => {
                ArbitratorError::NewerSchema { found, known }
            }
            StoreError::NotOurs { path } => ArbitratorError::NotOurs { path },
            StoreError::WrongNetwork { found, asked } => {
                ArbitratorError::WrongNetwork { found, asked }
            }
            StoreError::UnknownChannel { channel } => ArbitratorError::UnknownChannel {
                channel: channel.into(),
            },
            StoreError::BackupExists { path } => ArbitratorError::BackupExists { path },
            // The only place where an app hands a cursor in.
            StoreError::Cursor { .. } => ArbitratorError::InvalidInput {
                field: "page.after".into(),
                reason: error.to_string(),
            },
            StoreError::Full => ArbitratorError::DiskFull,
            StoreError::ReadOnly { reason } => ArbitratorError::ReadOnly { reason },
            StoreError::Damaged { reason } => ArbitratorError::Damaged { reason },
            StoreError::Corrupt { .. } => ArbitratorError::Damaged {
                reason: error.to_string(),
            },
            StoreError::WrongKey => ArbitratorError::WrongKey,
            StoreError::Sealing { table, row, reason } => ArbitratorError::Sealing {
                table: table.to_string(),
                row,
                reason,
            },
            StoreError::Conflict { .. } | StoreError::Io { .. } | StoreError::Sqlite(_) => {
                ArbitratorError::Database {
                    reason: error.to_string(),
                }
            }
        }
    }
}
