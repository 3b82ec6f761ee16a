//! The app's hook: what seals the data key, under which everything secret in the file is sealed.
//!
//! It is called when a database is created or opened and when its key is changed, at no other time: a key store may be
//! slow, or ask for a fingerprint.

use std::fmt;

use super::vault::{Cipher, NoRandomness};

/// Why a [`CryptoSystem`] did not seal or open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// What should be opened was sealed under another key or for another place, or has changed since.
    #[error("not sealed under this key")]
    WrongKey,
    /// The key store cannot be used now: locked, refused by its user, broken. Says nothing about the key.
    #[error("{0}")]
    Refused(String),
}

/// Seals the key of the database before it reaches the disk. Implemented by the app over its key store.
pub trait CryptoSystem: Send + Sync {
    /// Seals `plain`, bound to `place` (where in the file it will stand).
    ///
    /// # Errors
    /// A reason for people; never the secret.
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, CryptoError>;

    /// Opens what [`seal`](Self::seal) gave for the same place.
    ///
    /// # Errors
    /// [`CryptoError::WrongKey`] if it was sealed by another key store, or else a reason for people; never the secret.
    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// Seals with a key of 32 bytes that the app keeps, by XChaCha20-Poly1305.
pub struct KeyCrypto(Cipher);

impl KeyCrypto {
    /// With a key that must be random or derived from something random: it is used as it is.
    pub fn new(key: [u8; 32]) -> Self {
        KeyCrypto(Cipher::new(&zeroize::Zeroizing::new(key)))
    }
}

impl fmt::Debug for KeyCrypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyCrypto(..)")
    }
}

impl CryptoSystem for KeyCrypto {
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0
            .seal(place, plain)
            .map_err(|NoRandomness| CryptoError::Refused("the system gives no random bytes".into()))
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let plain = self.0.open(place, sealed).ok_or(CryptoError::WrongKey)?;
        Ok(plain.to_vec())
    }
}

/// Seals nothing: whoever has the file can open every secret in it. For databases on storage that the platform
/// encrypts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unsealed;

impl CryptoSystem for Unsealed {
    fn seal(&self, _place: &[u8], plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Ok(plain.to_vec())
    }

    fn open(&self, _place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Ok(sealed.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_what_it_sealed_and_says_so_when_it_did_not() {
        let ours = KeyCrypto::new([1; 32]);
        let sealed = ours.seal(b"here", b"secret").expect("random bytes");
        assert_eq!(ours.open(b"here", &sealed), Ok(b"secret".to_vec()));
        let wrong = Err(CryptoError::WrongKey);
        assert_eq!(ours.open(b"there", &sealed), wrong);
        assert_eq!(KeyCrypto::new([2; 32]).open(b"here", &sealed), wrong);
        assert_eq!(ours.open(b"here", b"short"), wrong);
    }

    #[test]
    fn no_key_is_printed() {
        assert_eq!(format!("{:?}", KeyCrypto::new([7; 32])), "KeyCrypto(..)");
    }
}
