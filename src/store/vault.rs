//! What seals secrets: the cipher, and the vault that holds it under the database's data key.
//!
//! Nothing here knows SQL. A sealed secret is bound to the [`Place`] where it stands: moved to another row it does not
//! open.

use std::fmt;

use bitcoin::OutPoint;
use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{ChannelRow, StoreError};
use crate::channel::KeysId;
use crate::protocol::PaymentHash;

/// The 24 bytes before the text: XChaCha20's nonce is long enough to be drawn at random for every secret there will be.
const NONCE: usize = 24;

/// XChaCha20-Poly1305 under one key, which is wiped when this is dropped.
#[derive(Clone)]
pub(super) struct Cipher(XChaCha20Poly1305);

/// The operating system gave no random bytes.
#[derive(Debug)]
pub(super) struct NoRandomness;

impl Cipher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let key: &Key = key.into();
        Cipher(XChaCha20Poly1305::new(key))
    }

    /// The nonce, the text, and the tag over text and place.
    pub(super) fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, NoRandomness> {
        let nonce = XNonce::try_generate().map_err(|_| NoRandomness)?;
        let payload = Payload {
            msg: plain,
            aad: place,
        };
        let text = self
            .0
            .encrypt(&nonce, payload)
            .expect("only texts of more than 256 GiB are refused");
        Ok([nonce.as_slice(), &text].concat())
    }

    /// The text; nothing if it was sealed under another key or for another place, or has changed.
    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: text,
            aad: place,
        };
        self.0
            .decrypt(nonce.into(), payload)
            .ok()
            .map(Zeroizing::new)
    }
}

/// Where a sealed secret stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Beside the sealed data key: tells the right key from a wrong one.
    KeyProof,
    RevocationSecret {
        channel: ChannelRow,
        slot: u8,
        /// Which secret of the chain the slot holds now.
        index: u64,
    },
    Preimage(PaymentHash),
    ImportedKeys(KeysId),
    /// Beside the close summary of a channel: the peer's last secret.
    LastSecret(OutPoint),
}

impl Place {
    pub(super) fn table(&self) -> &'static str {
        match self {
            Place::KeyProof => "data_key",
            Place::RevocationSecret { .. } => "revocation_secret",
            Place::Preimage(_) => "preimage",
            Place::ImportedKeys(_) => "imported_keys",
            Place::LastSecret(_) => "close_summary",
        }
    }

    /// What a secret is bound to. A file holds it, so it is never changed.
    fn bytes(&self) -> Vec<u8> {
        format!("{}/{self}", self.table()).into_bytes()
    }
}

/// The row within its table.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::KeyProof => f.write_str("proof"),
            Place::RevocationSecret {
                channel,
                slot,
                index,
            } => write!(f, "channel {}, slot {slot}, index {index}", channel.0),
            Place::Preimage(hash) => hash.fmt(f),
            Place::ImportedKeys(keys_id) => write!(f, "{keys_id:?}"),
            Place::LastSecret(channel) => channel.fmt(f),
        }
    }
}

/// Seals and opens what the rows of one database hold.
#[derive(Clone)]
pub(super) struct Vault(Option<Cipher>);

impl Vault {
    pub(super) fn new(data_key: &[u8; 32]) -> Self {
        Vault(Some(Cipher::new(data_key)))
    }

    /// One without a key, for a connection that has no business with secrets.
    pub(super) fn shut() -> Self {
        Vault(None)
    }

    fn cipher(&self, place: &Place) -> Result<&Cipher, StoreError> {
        let cipher = self.0.as_ref();
        cipher.ok_or_else(|| failed(place, "this connection has no key"))
    }

    /// # Errors
    /// [`StoreError::Sealing`] when the system gives no random bytes.
    pub(super) fn seal(&self, place: &Place, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.cipher(place)?
            .seal(&place.bytes(), plain)
            .map_err(|NoRandomness| failed(place, "the system gives no random bytes"))
    }

    /// # Errors
    /// [`StoreError::Sealing`] when the secret is another row's, or damaged.
    pub(super) fn open(
        &self,
        place: &Place,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.cipher(place)?
            .open(&place.bytes(), sealed)
            .ok_or_else(|| failed(place, "it does not open: another row's, or damaged"))
    }
}

fn failed(place: &Place, reason: &str) -> StoreError {
    StoreError::Sealing {
        table: place.table(),
        row: place.to_string(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"the secret of a commitment";

    fn place(slot: u8) -> Place {
        Place::RevocationSecret {
            channel: ChannelRow(1),
            slot,
            index: 7,
        }
    }

    #[test]
    fn a_sealed_secret_opens_under_its_key_and_at_its_place() {
        let vault = Vault::new(&[1; 32]);
        let sealed = vault.seal(&place(0), SECRET).expect("random bytes");
        assert_eq!(
            **vault.open(&place(0), &sealed).expect("its place"),
            *SECRET
        );
        assert_eq!(sealed.len(), NONCE + SECRET.len() + 16);
    }

    #[test]
    fn it_opens_nowhere_else_and_under_no_other_key() {
        let vault = Vault::new(&[1; 32]);
        let sealed = vault.seal(&place(0), SECRET).expect("random bytes");
        let elsewhere = [
            vault.open(&place(1), &sealed),
            vault.open(&Place::KeyProof, &sealed),
            Vault::new(&[2; 32]).open(&place(0), &sealed),
        ];
        for opened in elsewhere {
            assert!(matches!(opened, Err(StoreError::Sealing { .. })));
        }
    }

    #[test]
    fn no_bit_of_it_can_be_flipped_and_no_byte_be_missing() {
        let vault = Vault::new(&[1; 32]);
        let sealed = vault.seal(&place(0), SECRET).expect("random bytes");
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(vault.open(&place(0), &flipped).is_err(), "{at}");
            assert!(vault.open(&place(0), &sealed[..at]).is_err(), "{at}");
        }
    }

    #[test]
    fn what_is_sealed_twice_looks_different() {
        let vault = Vault::new(&[1; 32]);
        let once = vault.seal(&place(0), SECRET).expect("random bytes");
        let again = vault.seal(&place(0), SECRET).expect("random bytes");
        assert_ne!(once, again);
    }

    #[test]
    fn an_error_names_the_row_and_no_secret() {
        let vault = Vault::new(&[1; 32]);
        let error = vault.open(&place(3), SECRET).expect_err("never sealed");
        assert_eq!(
            error.to_string(),
            "sealed data of revocation_secret, channel 1, slot 3, index 7: it does not open: another row's, or damaged"
        );
    }
}
