//! From an app's plain bytes and numbers to the types of the floors below. What cannot be one is named by its path, such
//! as `local.keys.funding`, and never shown: it may be a secret.

use std::fmt;

use bitcoin::consensus::encode;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{PublicKey, SecretKey};
use bitcoin::{Amount, Transaction};
use zeroize::Zeroizing;

use super::{ArbitratorError, SignerError};
use crate::channel::KeysId;
use crate::protocol::{CommitmentNumber, CommitmentSecret, ShortChannelId};

/// Which field of the input cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub field: String,
    pub reason: String,
}

impl Invalid {
    pub(super) fn new(field: &str, reason: impl ToString) -> Self {
        Invalid {
            field: field.to_string(),
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl From<Invalid> for ArbitratorError {
    fn from(Invalid { field, reason }: Invalid) -> Self {
        ArbitratorError::InvalidInput { field, reason }
    }
}

impl From<Invalid> for SignerError {
    fn from(invalid: Invalid) -> Self {
        SignerError::Refused {
            reason: invalid.to_string(),
        }
    }
}

/// Puts the name of the record before that of its field.
pub(super) trait Within {
    fn within(self, record: impl fmt::Display) -> Self;
}

impl<T> Within for Result<T, Invalid> {
    fn within(self, record: impl fmt::Display) -> Self {
        self.map_err(|Invalid { field, reason }| Invalid {
            field: format!("{record}.{field}"),
            reason,
        })
    }
}

pub(super) fn array<const N: usize>(field: &str, bytes: &[u8]) -> Result<[u8; N], Invalid> {
    bytes
        .try_into()
        .map_err(|_| Invalid::new(field, format!("{} bytes, not {N}", bytes.len())))
}

pub(super) fn keys_id(field: &str, bytes: &[u8]) -> Result<KeysId, Invalid> {
    Ok(KeysId(array(field, bytes)?))
}

pub(super) fn public_key(field: &str, bytes: &[u8]) -> Result<PublicKey, Invalid> {
    // BOLT 1: a point has 33 bytes; the longer form that the curve library would take is none of Lightning's.
    PublicKey::from_slice(&array::<33>(field, bytes)?)
        .map_err(|_| Invalid::new(field, "not a point of secp256k1"))
}

pub(super) fn secret_key(field: &str, bytes: &[u8]) -> Result<SecretKey, Invalid> {
    SecretKey::from_slice(&array::<32>(field, bytes)?)
        .map_err(|_| Invalid::new(field, "not a secret key of secp256k1"))
}

pub(super) fn signature(field: &str, bytes: &[u8]) -> Result<Signature, Invalid> {
    Signature::from_compact(&array::<64>(field, bytes)?)
        .map_err(|_| Invalid::new(field, "not an ECDSA signature in compact form"))
}

pub(super) fn transaction(field: &str, bytes: &[u8]) -> Result<Transaction, Invalid> {
    encode::deserialize(bytes).map_err(|error| Invalid::new(field, error))
}

pub(super) fn amount(field: &str, sat: u64) -> Result<Amount, Invalid> {
    let amount = Amount::from_sat(sat);
    if amount > Amount::MAX_MONEY {
        return Err(Invalid::new(field, "more than all bitcoin there can be"));
    }
    Ok(amount)
}

pub(super) fn commitment_number(field: &str, number: u64) -> Result<CommitmentNumber, Invalid> {
    CommitmentNumber::new(number).map_err(|error| Invalid::new(field, error))
}

/// The bytes that were handed over are wiped.
pub(super) fn commitment_secret(field: &str, bytes: Vec<u8>) -> Result<CommitmentSecret, Invalid> {
    let bytes = Zeroizing::new(bytes);
    Ok(CommitmentSecret::new(array(field, &bytes)?))
}

pub(super) fn short_channel_id(field: &str, text: &str) -> Result<ShortChannelId, Invalid> {
    text.parse().map_err(|error| Invalid::new(field, error))
}

/// BOLT 2: ids count up from 0 with each HTLC; the store's columns hold 63 bits of them.
pub(super) fn htlc_id(field: &str, id: u64) -> Result<u64, Invalid> {
    i64::try_from(id)
        .map(|_| id)
        .map_err(|_| Invalid::new(field, "no channel has that many HTLCs"))
}
