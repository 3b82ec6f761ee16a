//! The app's key store, which seals the key of the database.

use std::sync::Arc;

use crate::store;

/// Why the key store could not seal or open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum CryptoError {
    /// What should be opened was sealed under another key or for another place, or has changed since.
    #[error("not sealed under this key")]
    WrongKey,
    /// The key store cannot be used now: locked, refused by its user, broken. Says nothing about the key.
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

impl From<CryptoError> for store::CryptoError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::WrongKey => store::CryptoError::WrongKey,
            CryptoError::Refused { .. } | CryptoError::Unexpected { .. } => {
                store::CryptoError::Refused(error.to_string())
            }
        }
    }
}

impl From<store::CryptoError> for CryptoError {
    fn from(error: store::CryptoError) -> Self {
        match error {
            store::CryptoError::WrongKey => CryptoError::WrongKey,
            store::CryptoError::Refused(reason) => CryptoError::Refused { reason },
        }
    }
}

/// Seals the random key under which everything secret in the database is sealed, over the platform's key store. Called
/// when a database is created, opened, and given another key, at no other time.
///
/// For a key of 32 bytes there is `KeyCrypto`; whose storage is encrypted already may pass `Unsealed`.
#[uniffi::export(rust, foreign)]
pub trait CryptoSystem: Send + Sync {
    /// Seals `plain`, bound to `place` (where in the file it will stand).
    fn seal(&self, place: Vec<u8>, plain: Vec<u8>) -> Result<Vec<u8>, CryptoError>;

    /// Opens what `seal` gave for the same place; `WrongKey` if it was sealed by another key store.
    // Not `open`: UniFFI 0.32.2 writes that Swift keyword with backticks into the C header, which then does not compile.
    fn unseal(&self, place: Vec<u8>, sealed: Vec<u8>) -> Result<Vec<u8>, CryptoError>;
}

/// The app's key store, as the database calls it.
pub(in crate::ffi) struct ForeignCryptoSystem(pub(in crate::ffi) Arc<dyn CryptoSystem>);

impl store::CryptoSystem for ForeignCryptoSystem {
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, store::CryptoError> {
        Ok(self.0.seal(place.to_vec(), plain.to_vec())?)
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, store::CryptoError> {
        Ok(self.0.unseal(place.to_vec(), sealed.to_vec())?)
    }
}
