//! The one error type of the public interface. Each case says which channel, output or field it is about.

use std::time::Duration;

use bitcoin::OutPoint;

use crate::chain::ChainError;
use crate::channel::{KeysId, UpdateError};
use crate::court::CourtError;
use crate::opening::OpeningError;
use crate::protocol::ProtocolError;
use crate::reserve::EmptyError;
use crate::signer::SignerError;
use crate::store::StoreError;
use crate::sweep::preview::PreviewError;
use crate::wallet::WalletError;

/// Why a call into the app brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalloutError {
    /// The callback did not come back in time.
    #[error("no answer within {limit:?}")]
    TimedOut { limit: Duration },
    /// The callback panicked, or threw something it does not declare.
    #[error("it panicked")]
    Panicked,
    /// No thread could be started for it.
    #[error("no thread to call it on")]
    NoThread,
}

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum ArbitratorError {
    /// What the channel engine said was refused; nothing has changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The same of one of several updates that were told in one call; nothing of the call has changed anything.
    #[error("update {index} of the call: {source}")]
    UpdateAt {
        /// Which one, counted from 0.
        index: usize,
        source: UpdateError,
    },
    /// What was said of an opening, by the app or by the peer, was refused; nothing has changed.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// No channel with that funding outpoint is registered.
    #[error("channel {channel} is not registered")]
    UnknownChannel { channel: OutPoint },
    /// The court could not do what was asked.
    #[error(transparent)]
    Court(#[from] CourtError),
    /// The database.
    #[error(transparent)]
    Store(StoreError),
    /// The chain server.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Stored figures make no Lightning transaction.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The signer refused.
    #[error("signer, channel {channel}: {source}")]
    Signer {
        channel: OutPoint,
        source: SignerError,
    },
    /// The signer gave something that is no signature of the asked key.
    #[error(
        "signer, channel {channel}: the signature does not verify under the key it was asked from"
    )]
    SignatureRefused { channel: OutPoint },
    /// The wallet refused.
    #[error("wallet: {0}")]
    Wallet(#[from] WalletError),
    /// The embedded wallet's coins are not sent away.
    #[error(transparent)]
    Empty(#[from] EmptyError),
    /// A callback of the app failed.
    #[error("{callback}: {source}")]
    Callback {
        callback: &'static str,
        source: CalloutError,
    },
    /// A channel is not fully resolved: without the database its money could not be got back.
    #[error("channel {channel} is not fully resolved")]
    Unresolved { channel: OutPoint },
    /// The keys that should be imported are not those that are known under this name; nothing has changed.
    #[error("other keys are known under the name {keys_id:?}")]
    KeysIdTaken { keys_id: KeysId },
    /// Another `resume` is running.
    #[error("resume is running already")]
    ResumeRunning,
    /// The library is shut down.
    #[error("the arbitrator is shut down")]
    ShutDown,
    /// The library's thread could not be started.
    #[error("no thread: {0}")]
    Thread(String),
    /// A setting cannot be used.
    #[error("configuration: {field}: {reason}")]
    Config { field: &'static str, reason: String },
}

impl From<PreviewError> for ArbitratorError {
    fn from(error: PreviewError) -> Self {
        match error {
            PreviewError::Court(error) => ArbitratorError::Court(error),
            PreviewError::Commitment(error) => ArbitratorError::Update(error),
            PreviewError::Protocol(error) => ArbitratorError::Protocol(error),
        }
    }
}

impl From<StoreError> for ArbitratorError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::UnknownChannel { channel } => ArbitratorError::UnknownChannel { channel },
            other => ArbitratorError::Store(other),
        }
    }
}
