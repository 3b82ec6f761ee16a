//! A key store that remembers what went through it: the data keys of a database, and how they look sealed.

use std::sync::{Arc, Mutex};

use lightning_arbitrator::store::{CryptoError, CryptoSystem, KeyCrypto};

pub struct KeyStore {
    key: KeyCrypto,
    seen: Mutex<Vec<Vec<u8>>>,
    sealed: Mutex<Vec<Vec<u8>>>,
}

impl KeyStore {
    pub fn new(key: [u8; 32]) -> Arc<Self> {
        Arc::new(KeyStore {
            key: KeyCrypto::new(key),
            seen: Mutex::default(),
            sealed: Mutex::default(),
        })
    }

    /// What it has sealed so far, as it was before.
    pub fn data_keys(&self) -> Vec<Vec<u8>> {
        self.seen.lock().expect("nobody panics").clone()
    }

    /// The same, sealed.
    pub fn sealed(&self) -> Vec<Vec<u8>> {
        self.sealed.lock().expect("nobody panics").clone()
    }
}

impl CryptoSystem for KeyStore {
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let sealed = self.key.seal(place, plain)?;
        let keep = |list: &Mutex<Vec<Vec<u8>>>, bytes: &[u8]| {
            list.lock().expect("nobody panics").push(bytes.to_vec());
        };
        keep(&self.seen, plain);
        keep(&self.sealed, &sealed);
        Ok(sealed)
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.key.open(place, sealed)
    }
}
