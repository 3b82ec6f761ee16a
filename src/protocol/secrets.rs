//! Per-commitment secrets: generated from one seed, and the peer's revealed ones kept in 49 slots (BOLT 3).

use std::fmt;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::error::ProtocolError;
use super::primitives::CommitmentNumber;

/// The secret of one commitment's point; revealing it revokes the commitment. Wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct CommitmentSecret([u8; 32]);

impl CommitmentSecret {
    /// Takes the bytes as they came; whether they are a valid secret shows in [`Self::point`].
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the store's sealing hook.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As a key to sign with. Error: [`ProtocolError::InvalidSecret`].
    pub fn secret_key(&self) -> Result<SecretKey, ProtocolError> {
        SecretKey::from_slice(&self.0).map_err(|_| ProtocolError::InvalidSecret)
    }

    /// The per-commitment point. Error: [`ProtocolError::InvalidSecret`].
    pub fn point(&self) -> Result<PublicKey, ProtocolError> {
        Ok(self.secret_key()?.public_key(SECP256K1))
    }
}

impl fmt::Debug for CommitmentSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommitmentSecret(..)")
    }
}

/// BOLT 3: one slot for each count of zero bits at the end of a 48-bit index, from none to all.
const SLOTS: u8 = 49;

/// The secret of commitment `number` of the side that holds the seed.
pub fn commitment_secret(seed: &[u8; 32], number: CommitmentNumber) -> CommitmentSecret {
    // BOLT 3: the seed stands where a secret for index 0 would.
    generate(&CommitmentSecret(*seed), SLOTS - 1, number.index())
}

/// The secret for `index`, from one whose index agrees with it in all but the lowest `bits` bits, which are zero there.
fn generate(base: &CommitmentSecret, bits: u8, index: u64) -> CommitmentSecret {
    let mut secret = base.clone();
    // BOLT 3: for each bit that is set, from the highest on, flip it in the secret and hash.
    for bit in (0..bits).rev().filter(|bit| index >> bit & 1 == 1) {
        if let Some(byte) = secret.0.get_mut(usize::from(bit / 8)) {
            *byte ^= 1 << (bit % 8);
        }
        secret = CommitmentSecret(sha256::Hash::hash(&secret.0).to_byte_array());
    }
    secret
}

/// The slot of an index: its count of zero bits at the end.
fn slot_of(index: u64) -> u8 {
    (0..SLOTS - 1)
        .find(|bit| index >> bit & 1 == 1)
        .unwrap_or(SLOTS - 1)
}

/// One slot of [`RevocationSecrets`], as the store keeps it: a row keyed by `slot`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSlot {
    /// 0 to 48: the count of zero bits at the end of `index`.
    pub slot: u8,
    /// 48-bit index of the secret, counting down from 2^48 - 1.
    pub index: u64,
    /// The secret itself.
    pub secret: CommitmentSecret,
}

impl SecretSlot {
    /// Whether this secret generates the one for `index`.
    fn covers(&self, index: u64) -> bool {
        generates(self.slot, self.index, index)
    }
}

/// Whether a slot that holds the secret for this index generates the secret of commitment `number`: what can be told without
/// the secret. A slot above 48 is none, and is not ruled out.
pub fn secret_generates(slot: u8, index: u64, number: CommitmentNumber) -> bool {
    generates(slot, index, number.index())
}

fn generates(slot: u8, from: u64, index: u64) -> bool {
    index.checked_shr(slot.into()) == from.checked_shr(slot.into())
}

/// The secret of commitment `number`, if one of these slots generates it: for slots that are not all there.
pub fn secret_from(slots: &[SecretSlot], number: CommitmentNumber) -> Option<CommitmentSecret> {
    let index = number.index();
    let slot = slots.iter().find(|slot| slot.covers(index))?;
    Some(generate(&slot.secret, slot.slot, index))
}

/// All secrets a peer has revealed, in at most 49 slots.
///
/// Indexes count down, so a secret whose index ends in zeros comes after those it generates, and makes them redundant.
/// A later secret of the same slot belongs to another subtree, whose parent will cover both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevocationSecrets {
    /// At position n slot n; filled from the front without a gap.
    slots: Vec<SecretSlot>,
}

impl RevocationSecrets {
    /// Nothing revealed yet.
    pub fn empty() -> Self {
        Self::default()
    }

    /// What the store kept, in any order.
    ///
    /// Error: [`ProtocolError::CorruptSecrets`] if no sequence of accepted secrets can have left these slots.
    pub fn from_slots(slots: impl IntoIterator<Item = SecretSlot>) -> Result<Self, ProtocolError> {
        let mut slots: Vec<_> = slots.into_iter().collect();
        slots.sort_by_key(|slot| slot.slot);
        let lowest = slots.iter().map(|slot| slot.index).min();
        for (position, slot) in (0u8..).zip(&slots) {
            let is_in_place = slot.slot == position
                && Some(slot.index) == lowest.and_then(|low| last_of(position, low));
            let is_generated = slots
                .iter()
                .filter(|other| other.slot > slot.slot && other.covers(slot.index));
            if !is_in_place
                || is_generated
                    .into_iter()
                    .any(|other| generate(&other.secret, other.slot, slot.index) != slot.secret)
            {
                return Err(ProtocolError::CorruptSecrets { slot: slot.slot });
            }
        }
        // The slots that the lowest index implies and that are not there.
        let missing = u8::try_from(slots.len())
            .ok()
            .filter(|next| lowest.and_then(|low| last_of(*next, low)).is_some());
        match missing {
            Some(slot) => Err(ProtocolError::CorruptSecrets { slot }),
            None => Ok(Self { slots }),
        }
    }

    /// Accepts the next revealed secret and returns the one slot that changed. A refused secret changes nothing.
    ///
    /// Whether the secret belongs to the per-commitment point the peer gave before is the caller's to check, with
    /// [`CommitmentSecret::point`].
    ///
    /// Errors: [`ProtocolError::WrongSecret`], [`ProtocolError::SecretOutOfOrder`], [`ProtocolError::SecretsExhausted`].
    pub fn insert(
        &mut self,
        number: CommitmentNumber,
        secret: CommitmentSecret,
    ) -> Result<SecretSlot, ProtocolError> {
        let index = number.index();
        let expected = self
            .next_number()
            .ok_or(ProtocolError::SecretsExhausted)?
            .index();
        if index != expected {
            return Err(ProtocolError::SecretOutOfOrder {
                expected,
                got: index,
            });
        }
        let new = SecretSlot {
            slot: slot_of(index),
            index,
            secret,
        };
        // BOLT 3: a secret that does not generate every earlier one it should is refused.
        let contradicted = self
            .slots
            .iter()
            .filter(|old| old.slot < new.slot)
            .find(|old| generate(&new.secret, new.slot, old.index) != old.secret);
        if let Some(old) = contradicted {
            return Err(ProtocolError::WrongSecret {
                index,
                slot: old.slot,
            });
        }
        match self.slots.get_mut(usize::from(new.slot)) {
            Some(slot) => *slot = new.clone(),
            None => self.slots.push(new.clone()),
        }
        Ok(new)
    }

    /// The secret of commitment `number`, if it was revealed.
    pub fn get(&self, number: CommitmentNumber) -> Option<CommitmentSecret> {
        secret_from(&self.slots, number)
    }

    /// The only number whose secret can come next; `None` after the last of all.
    pub fn next_number(&self) -> Option<CommitmentNumber> {
        match self.slots.iter().map(|slot| slot.index).min() {
            Some(lowest) => lowest
                .checked_sub(1)
                .and_then(|index| CommitmentNumber::from_index(index).ok()),
            None => Some(CommitmentNumber::ZERO),
        }
    }

    /// The slots in use.
    pub fn slots(&self) -> impl Iterator<Item = &SecretSlot> {
        self.slots.iter()
    }
}

/// The index in this slot once all indexes down to `lowest` were stored: the least that ends in so many zeros.
fn last_of(slot: u8, lowest: u64) -> Option<u64> {
    let max = CommitmentNumber::ZERO.index();
    if slot >= SLOTS - 1 {
        return (slot == SLOTS - 1 && lowest == 0).then_some(0);
    }
    // Odd multiples of 2^slot, from `lowest` up.
    let step = 1u64 << slot;
    let multiple = lowest.div_ceil(step);
    let index = (multiple | 1).checked_mul(step)?;
    (index <= max).then_some(index)
}

#[cfg(test)]
mod tests;
