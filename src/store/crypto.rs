//! The hook through which secrets pass on their way to the disk and back.

use std::fmt;

/// Seals what is secret before it reaches the disk. Implemented by the app over its key store.
pub trait CryptoSystem: Send + Sync {
    /// Seals `plain`, bound to `place` (the row it will stand in): a sealed secret moved to another row must not open.
    ///
    /// # Errors
    /// A reason for people; never the secret.
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, String>;

    /// Opens what [`seal`](Self::seal) gave for the same place.
    ///
    /// # Errors
    /// A reason for people; never the secret.
    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, String>;
}

/// Seals nothing: the file holds secrets as they are. For databases on storage that the platform encrypts.
#[derive(Clone, Copy, Default)]
pub struct Unsealed;

impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unsealed")
    }
}

impl CryptoSystem for Unsealed {
    fn seal(&self, _place: &[u8], plain: &[u8]) -> Result<Vec<u8>, String> {
        Ok(plain.to_vec())
    }

    fn open(&self, _place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, String> {
        Ok(sealed.to_vec())
    }
}
