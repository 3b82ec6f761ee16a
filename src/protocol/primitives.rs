//! The small types every other file speaks in: commitment numbers, hashes, preimages, and whose is what.

use std::fmt;

use bitcoin::hashes::{ripemd160, sha256, Hash};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::error::ProtocolError;

/// Greatest 48-bit number: commitment numbers count up to it, secret indexes count down from it.
const MAX_48_BIT: u64 = (1 << 48) - 1;

/// Which commitment of one side, counting up from 0. 48 bits (BOLT 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct CommitmentNumber(u64);

impl CommitmentNumber {
    /// The commitment made at opening.
    pub const ZERO: Self = Self(0);
    /// The last one there can be.
    pub const MAX: Self = Self(MAX_48_BIT);

    /// A number below 2^48, else [`ProtocolError::CommitmentNumberTooLarge`].
    pub fn new(number: u64) -> Result<Self, ProtocolError> {
        if number > MAX_48_BIT {
            return Err(ProtocolError::CommitmentNumberTooLarge(number));
        }
        Ok(Self(number))
    }

    /// The number with the given secret index; the inverse of [`Self::index`].
    pub fn from_index(index: u64) -> Result<Self, ProtocolError> {
        MAX_48_BIT
            .checked_sub(index)
            .map(Self)
            .ok_or(ProtocolError::CommitmentNumberTooLarge(index))
    }

    /// The number itself.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number of the commitment after this one.
    pub fn next(self) -> Result<Self, ProtocolError> {
        Self::new(self.0 + 1)
    }

    /// Where the secret of this commitment stands in the chain of secrets.
    pub fn index(self) -> u64 {
        // BOLT 3: the first secret has the index 2^48 - 1, and the index goes down from there.
        MAX_48_BIT - self.0
    }
}

impl TryFrom<u64> for CommitmentNumber {
    type Error = ProtocolError;

    fn try_from(number: u64) -> Result<Self, ProtocolError> {
        Self::new(number)
    }
}

impl From<CommitmentNumber> for u64 {
    fn from(number: CommitmentNumber) -> u64 {
        number.0
    }
}

impl fmt::Display for CommitmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose: ours or the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Party {
    /// This node.
    Local,
    /// The node at the other end of the channel.
    Remote,
}

impl Party {
    /// The one at the other end.
    pub fn other(self) -> Self {
        match self {
            Self::Local => Self::Remote,
            Self::Remote => Self::Local,
        }
    }
}

/// Direction of an HTLC as the **owner** of the commitment sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HtlcKind {
    /// The owner pays: it gets the amount back after the expiry (HTLC-timeout).
    Offered,
    /// The owner is paid: it gets the amount for the preimage (HTLC-success).
    Received,
}

impl HtlcKind {
    /// The same HTLC on the other side's commitment.
    pub fn mirrored(self) -> Self {
        match self {
            Self::Offered => Self::Received,
            Self::Received => Self::Offered,
        }
    }
}

/// SHA256 of a payment's preimage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PaymentHash(#[serde(with = "serde_hex")] pub [u8; 32]);

impl PaymentHash {
    /// What the HTLC scripts contain instead of the hash itself, so that 20 bytes suffice.
    pub(crate) fn ripemd160(&self) -> [u8; 20] {
        ripemd160::Hash::hash(&self.0).to_byte_array()
    }
}

impl fmt::Display for PaymentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PaymentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PaymentHash({self})")
    }
}

/// The 32 bytes that claim an HTLC. Wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Preimage([u8; 32]);

impl Preimage {
    /// Any 32 bytes are a preimage of something.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the store's sealing hook and for witnesses.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The payment hash it belongs to.
    pub fn hash(&self) -> PaymentHash {
        PaymentHash(sha256::Hash::hash(&self.0).to_byte_array())
    }
}

impl fmt::Debug for Preimage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Preimage(..)")
    }
}

/// 32 bytes as hex in the readable forms of `serde`.
mod serde_hex {
    use bitcoin::hex::{DisplayHex, FromHex};
    use serde::{de::Error, Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&bytes.as_hex())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        <[u8; 32]>::from_hex(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
