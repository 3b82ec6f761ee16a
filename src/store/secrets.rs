//! The peer's revealed secrets: sealed under the data key, one row for each of BOLT 3's 49 slots.

use rusqlite::{Row, Transaction};

use super::error::{StoreError, Unreadable};
use super::pack::{signed, At};
use super::past::bury;
use super::updates::put_feed;
use super::vault::{Place, Vault};
use super::{ChannelRow, Store};
use crate::channel::AcceptedRevocation;
use crate::protocol::{
    secret_from, secret_generates, CommitmentNumber, CommitmentSecret, RevocationSecrets,
    SecretSlot,
};

impl Store {
    /// The peer's revealed secrets.
    ///
    /// # Errors
    /// When a slot cannot be opened or contradicts the others.
    pub fn secrets(&self, row: ChannelRow) -> Result<RevocationSecrets, StoreError> {
        let mut unreadable = Unreadable::default();
        let slots = self.secret_slots(row, |_, _| true, &mut unreadable)?;
        unreadable.or_refuse()?;
        let at = At("revocation_secret", "secret");
        RevocationSecrets::from_slots(slots).map_err(|error| at.corrupt(error))
    }

    /// The peer's secret of one commitment, if it was revealed. Only slots that may generate it are opened. Those that
    /// cannot be read are put aside: another one may generate it too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn secret(
        &self,
        row: ChannelRow,
        number: CommitmentNumber,
        unreadable: &mut Unreadable,
    ) -> Result<Option<CommitmentSecret>, StoreError> {
        let generates = |slot, held| secret_generates(slot, held, number);
        let slots = self.secret_slots(row, generates, unreadable)?;
        Ok(secret_from(&slots, number))
    }

    /// The slots that are wanted, by their number and the index they hold.
    fn secret_slots(
        &self,
        row: ChannelRow,
        is_wanted: impl Fn(u8, u64) -> bool,
        unreadable: &mut Unreadable,
    ) -> Result<Vec<SecretSlot>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT slot, secret_index, secret FROM revocation_secret WHERE channel = ?1
             ORDER BY slot",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut slots = Vec::new();
        while let Some(found) = rows.next()? {
            let slot = self.slot_of(row, found, &is_wanted);
            slots.extend(unreadable.sift(slot).flatten());
        }
        Ok(slots)
    }

    fn slot_of(
        &self,
        row: ChannelRow,
        found: &Row<'_>,
        is_wanted: impl Fn(u8, u64) -> bool,
    ) -> Result<Option<SecretSlot>, StoreError> {
        let at = At("revocation_secret", "secret");
        let slot: u8 = at.unsigned(found.get(0)?)?;
        let index = at.unsigned(found.get(1)?)?;
        if !is_wanted(slot, index) {
            return Ok(None);
        }
        let sealed: Vec<u8> = found.get(2)?;
        let plain = self
            .vault
            .borrow()
            .open(&place(row, slot, index), &sealed)?;
        Ok(Some(SecretSlot {
            slot,
            index,
            secret: CommitmentSecret::new(at.secret_array(&plain)?),
        }))
    }
}

/// Writes an accepted revocation: the secret takes a slot, and the revoked commitment is no candidate any more.
pub(super) fn put_revocation(
    db: &Transaction<'_>,
    vault: &Vault,
    row: ChannelRow,
    accepted: &AcceptedRevocation,
) -> Result<(), StoreError> {
    let SecretSlot {
        slot,
        index,
        secret,
    } = &accepted.slot;
    let sealed = vault.seal(&place(row, *slot, *index), secret.as_bytes())?;
    db.prepare_cached(
        "REPLACE INTO revocation_secret (channel, slot, secret_index, secret)
         VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((row.0, slot, signed(*index), &sealed))?;
    db.prepare_cached("DELETE FROM commitment WHERE channel = ?1 AND owner = 1 AND number <= ?2")?
        .execute((row.0, signed(accepted.number.get())))?;
    let buried = bury(db, row, &accepted.past_htlcs)?;
    put_feed(db, row, &accepted.feed, &accepted.ledger, buried)
}

fn place(channel: ChannelRow, slot: u8, index: u64) -> Place {
    Place::RevocationSecret {
        channel,
        slot,
        index,
    }
}
