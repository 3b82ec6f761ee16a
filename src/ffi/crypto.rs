//! The ready-made ways to seal: under a key of 32 bytes, and not at all.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::foreign::{CryptoError, CryptoSystem};
use super::{input, ArbitratorError};
use crate::store::{self, CryptoSystem as _};

/// Seals with a key of 32 bytes that the app keeps (XChaCha20-Poly1305).
#[derive(Debug, uniffi::Object)]
pub struct KeyCrypto(store::KeyCrypto);

#[uniffi::export]
impl KeyCrypto {
    /// With a key of 32 bytes, which must be random or derived from something random: it is used as it is.
    #[uniffi::constructor]
    pub fn new(key: Vec<u8>) -> Result<Arc<Self>, ArbitratorError> {
        let key = Zeroizing::new(key);
        let key = input::array("key", &key)?;
        Ok(Arc::new(KeyCrypto(store::KeyCrypto::new(key))))
    }
}

#[uniffi::export]
impl CryptoSystem for KeyCrypto {
    fn seal(&self, place: Vec<u8>, plain: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
        Ok(self.0.seal(&place, &Zeroizing::new(plain))?)
    }

    fn unseal(&self, place: Vec<u8>, sealed: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
        Ok(self.0.open(&place, &sealed)?)
    }
}

/// Seals nothing: whoever has the file can open every secret in it. For databases on storage that the platform encrypts.
#[derive(Debug, Default, uniffi::Object)]
pub struct Unsealed;

#[uniffi::export]
impl Unsealed {
    /// An app says explicitly that it wants no sealing.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Unsealed)
    }
}

#[uniffi::export]
impl CryptoSystem for Unsealed {
    fn seal(&self, place: Vec<u8>, plain: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
        Ok(store::Unsealed.seal(&place, &plain)?)
    }

    fn unseal(&self, place: Vec<u8>, sealed: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
        Ok(store::Unsealed.open(&place, &sealed)?)
    }
}
