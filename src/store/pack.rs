//! How values become columns, and columns values again. What cannot be read back names its table and column.

use bitcoin::consensus::encode;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, Transaction, Txid};
use rusqlite::types::FromSql;
use rusqlite::Row;
use serde::de::DeserializeOwned;
use serde::Serialize;

use super::error::{corrupt, StoreError};
use super::row_check::{has_good_tail, with_tail};
use crate::channel::{Direction, HtlcKey, HtlcOrigin, HtlcRef};
use crate::protocol::{CommitmentNumber, Party};

/// Names the column that is being read.
#[derive(Clone, Copy)]
pub(super) struct At(pub &'static str, pub &'static str);

impl At {
    pub(super) fn corrupt(self, reason: impl ToString) -> StoreError {
        corrupt(self.0, self.1, reason)
    }

    /// The column itself, of a type that it should have.
    pub(super) fn get<T: FromSql>(self, row: &Row<'_>) -> Result<T, StoreError> {
        row.get(self.1).map_err(|error| self.corrupt(error))
    }

    pub(super) fn key(self, bytes: Vec<u8>) -> Result<PublicKey, StoreError> {
        PublicKey::from_slice(&bytes).map_err(|error| self.corrupt(error))
    }

    pub(super) fn array<const N: usize>(self, bytes: Vec<u8>) -> Result<[u8; N], StoreError> {
        <[u8; N]>::try_from(bytes).map_err(|bytes| self.corrupt(format!("{} bytes", bytes.len())))
    }

    /// The same of an unsealed secret, whose bytes stay with the caller.
    pub(super) fn secret_array<const N: usize>(self, bytes: &[u8]) -> Result<[u8; N], StoreError> {
        <[u8; N]>::try_from(bytes).map_err(|_| self.corrupt(format!("{} bytes", bytes.len())))
    }

    pub(super) fn txid(self, bytes: Vec<u8>) -> Result<Txid, StoreError> {
        Ok(Txid::from_byte_array(self.array(bytes)?))
    }

    pub(super) fn transaction(self, bytes: &[u8]) -> Result<Transaction, StoreError> {
        encode::deserialize(bytes).map_err(|error| self.corrupt(error))
    }

    /// A column that holds an unsigned value: SQLite's integers are signed.
    pub(super) fn unsigned<T: TryFrom<i64>>(self, value: i64) -> Result<T, StoreError> {
        T::try_from(value).map_err(|_| self.corrupt(format!("{value} is out of range")))
    }

    pub(super) fn amount(self, value: i64) -> Result<Amount, StoreError> {
        Ok(Amount::from_sat(self.unsigned(value)?))
    }

    pub(super) fn number(self, value: i64) -> Result<CommitmentNumber, StoreError> {
        CommitmentNumber::new(self.unsigned(value)?).map_err(|error| self.corrupt(error))
    }

    pub(super) fn party(self, value: i64) -> Result<Party, StoreError> {
        match value {
            0 => Ok(Party::Local),
            1 => Ok(Party::Remote),
            other => Err(self.corrupt(format!("{other} is no party"))),
        }
    }

    pub(super) fn signature(self, bytes: &[u8]) -> Result<Signature, StoreError> {
        Signature::from_compact(bytes).map_err(|error| self.corrupt(error))
    }

    pub(super) fn json<T: DeserializeOwned>(self, text: &str) -> Result<T, StoreError> {
        if !has_good_tail(text) {
            return Err(self.corrupt("the check behind it is that of another text"));
        }
        serde_json::from_str(text).map_err(|error| self.corrupt(error))
    }

    /// The JSON of a value of ours, with its check.
    pub(super) fn to_json<T: Serialize>(self, value: &T) -> Result<String, StoreError> {
        serde_json::to_string(value)
            .map(with_tail)
            .map_err(|error| self.corrupt(error))
    }

    pub(super) fn htlcs(self, bytes: &[u8]) -> Result<Vec<HtlcRef>, StoreError> {
        unpack_htlcs(bytes).ok_or_else(|| self.corrupt("packed HTLC ids end early"))
    }

    pub(super) fn origin(self, bytes: Option<Vec<u8>>) -> Result<HtlcOrigin, StoreError> {
        let Some(bytes) = bytes else {
            return Ok(HtlcOrigin::Own);
        };
        let (channel, id, expiry) =
            encode::deserialize::<OutPoint>(bytes.get(..36).unwrap_or_default())
                .ok()
                .zip(bytes.get(36..44).and_then(|id| id.try_into().ok()))
                .zip(bytes.get(44..48).and_then(|expiry| expiry.try_into().ok()))
                .map(|((channel, id), expiry)| (channel, id, expiry))
                .filter(|_| bytes.len() == 48)
                .ok_or_else(|| self.corrupt(format!("{} bytes", bytes.len())))?;
        Ok(HtlcOrigin::Forwarded {
            channel,
            id: u64::from_le_bytes(id),
            expiry: u32::from_le_bytes(expiry),
        })
    }
}

/// A value for a signed column. Everything we store is far below 2^63; what is not is stored as the greatest value.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn outpoint_columns(outpoint: &OutPoint) -> ([u8; 32], u32) {
    (outpoint.txid.to_byte_array(), outpoint.vout)
}

pub(super) fn party_column(party: Party) -> i64 {
    match party {
        Party::Local => 0,
        Party::Remote => 1,
    }
}

pub(super) fn direction_column(direction: Direction) -> i64 {
    match direction {
        Direction::Outgoing => 0,
        Direction::Incoming => 1,
    }
}

pub(super) fn direction_from(column: i64) -> Result<Direction, StoreError> {
    match column {
        0 => Ok(Direction::Outgoing),
        1 => Ok(Direction::Incoming),
        other => Err(At("htlc", "direction").corrupt(format!("{other} is no direction"))),
    }
}

pub(super) fn origin_column(origin: &HtlcOrigin) -> Option<Vec<u8>> {
    match origin {
        HtlcOrigin::Own => None,
        HtlcOrigin::Forwarded {
            channel,
            id,
            expiry,
        } => {
            let mut bytes = encode::serialize(channel);
            bytes.extend(id.to_le_bytes());
            bytes.extend(expiry.to_le_bytes());
            Some(bytes)
        }
    }
}

/// HTLCs in a few bytes each: per direction a count, then ascending ids as differences, each with its version.
pub(super) fn pack_htlcs(htlcs: &[HtlcRef]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for direction in [Direction::Outgoing, Direction::Incoming] {
        let mut rows: Vec<(u64, u32)> = htlcs
            .iter()
            .filter(|htlc| htlc.key.direction == direction)
            .map(|htlc| (htlc.key.id, htlc.version))
            .collect();
        rows.sort_unstable();
        push_varint(&mut bytes, rows.len() as u64);
        let mut last = 0;
        for (id, version) in rows {
            push_varint(&mut bytes, id.wrapping_sub(last));
            push_varint(&mut bytes, version.into());
            last = id;
        }
    }
    bytes
}

fn unpack_htlcs(mut bytes: &[u8]) -> Option<Vec<HtlcRef>> {
    let mut htlcs = Vec::new();
    for direction in [Direction::Outgoing, Direction::Incoming] {
        let count = take_varint(&mut bytes)?;
        let mut id = 0u64;
        for _ in 0..count {
            id = id.wrapping_add(take_varint(&mut bytes)?);
            let version = u32::try_from(take_varint(&mut bytes)?).ok()?;
            let key = HtlcKey { direction, id };
            htlcs.push(HtlcRef { key, version });
        }
    }
    bytes.is_empty().then_some(htlcs)
}

pub(super) fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value as u8) | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_htlcs_come_back_sorted(
            outgoing in proptest::collection::btree_set((any::<u64>(), any::<u32>()), 0..20),
            incoming in proptest::collection::btree_set((0u64..500, 0u32..3), 0..20),
        ) {
            let of = |direction| move |(id, version)| HtlcRef { key: HtlcKey { direction, id }, version };
            let htlcs: Vec<HtlcRef> = outgoing.into_iter().map(of(Direction::Outgoing))
                .chain(incoming.into_iter().map(of(Direction::Incoming)))
                .collect();
            prop_assert_eq!(unpack_htlcs(&pack_htlcs(&htlcs)), Some(htlcs));
        }

        #[test]
        fn damaged_packs_are_refused_or_read_but_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = unpack_htlcs(&bytes);
        }

        #[test]
        fn an_origin_comes_back(txid in any::<[u8; 32]>(), vout in any::<u32>(), id in any::<u64>(), expiry in any::<u32>()) {
            let origin = HtlcOrigin::Forwarded { channel: OutPoint::new(Txid::from_byte_array(txid), vout), id, expiry };
            prop_assert_eq!(At("htlc", "origin").origin(origin_column(&origin)).unwrap(), origin);
        }
    }
}
