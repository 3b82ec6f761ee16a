//! The app's key store, through which secrets pass on their way to the disk and back.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::Arc;
use std::time::Duration;

use crate::store;

/// Why the key store could not seal or open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum CryptoError {
    /// The key store says no.
    #[error("{reason}")]
    Refused {
        /// Why, for people; never a secret.
        reason: String,
    },
    /// The implementation threw something that it does not declare.
    #[error("it threw {reason}")]
    Unexpected {
        /// What it threw.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CryptoError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        CryptoError::Unexpected {
            reason: error.reason,
        }
    }
}

/// Seals what is secret before it reaches the disk, over the platform's key store.
///
/// Unlike a signer or a wallet it must not wait for the library: while a secret is being sealed the library does nothing
/// else, so that what it asks from inside would only be answered after the time limit.
#[uniffi::export(rust, foreign)]
pub trait CryptoSystem: Send + Sync {
    /// Seals `plain`, bound to `place` (the row it will stand in): a sealed secret moved to another row must not open.
    fn seal(&self, place: Vec<u8>, plain: Vec<u8>) -> Result<Vec<u8>, CryptoError>;

    /// Opens what `seal` gave for the same place.
    // Not `open`: UniFFI 0.32.2 writes that Swift keyword with backticks into the C header, which then does not compile.
    fn unseal(&self, place: Vec<u8>, sealed: Vec<u8>) -> Result<Vec<u8>, CryptoError>;
}

/// The app's key store, as the database calls it: on a thread of its own, with a time limit.
pub(in crate::ffi) struct ForeignCryptoSystem {
    pub(in crate::ffi) system: Arc<dyn CryptoSystem>,
    pub(in crate::ffi) limit: Duration,
}

impl ForeignCryptoSystem {
    fn call(
        &self,
        work: impl FnOnce(&dyn CryptoSystem) -> Result<Vec<u8>, CryptoError> + Send + 'static,
    ) -> Result<Vec<u8>, String> {
        let (answer, answered) = mpsc::sync_channel(1);
        let system = self.system.clone();
        std::thread::Builder::new()
            .name("lightning-sealing".into())
            .spawn(move || {
                // Nobody waits any more if the limit has passed.
                let _ = answer.send(work(system.as_ref()));
            })
            .map_err(|error| format!("no thread to call it on: {error}"))?;
        match answered.recv_timeout(self.limit) {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(RecvTimeoutError::Timeout) => Err(format!("no answer within {:?}", self.limit)),
            Err(RecvTimeoutError::Disconnected) => Err("it panicked".into()),
        }
    }
}

impl store::CryptoSystem for ForeignCryptoSystem {
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, String> {
        let (place, plain) = (place.to_vec(), plain.to_vec());
        self.call(move |system| system.seal(place, plain))
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, String> {
        let (place, sealed) = (place.to_vec(), sealed.to_vec());
        self.call(move |system| system.unseal(place, sealed))
    }
}
