//! A change of key: a new data key, and every sealed row opened and sealed anew, in one transaction.

use bitcoin::OutPoint;
use rusqlite::{Connection, Row, Transaction};

use super::data_key::NewDataKey;
use super::error::StoreError;
use super::pack::{outpoint_columns, signed, At};
use super::tidying::Tidying;
use super::vault::Place;
use super::{ChannelRow, Store};
use crate::channel::KeysId;
use crate::protocol::PaymentHash;

impl Store {
    /// Seals everything under a new data key. From then on the database opens with the
    /// [`CryptoSystem`](super::CryptoSystem) that sealed the new one, and with no other.
    ///
    /// What was sealed under the old key is overwritten (`secure_delete`), the write-ahead log emptied. What SQLite may
    /// have left in corners of the file is worth nothing: the old data key is nowhere any more.
    ///
    /// # Errors
    /// [`StoreError::Sealing`] naming a row that does not open, or when the database cannot be written. Nothing has changed
    /// then.
    pub fn change_key(&self, new: NewDataKey) -> Result<(), StoreError> {
        self.write(|db| {
            let old = self.vault.borrow();
            for (place, sealed) in sealed_rows(db)? {
                let plain = old.open(&place, &sealed)?;
                replace(db, &place, &new.vault.seal(&place, &plain)?)?;
            }
            new.row.put(db)?;
            Tidying::EmptyLog.ask(db)
        })?;
        self.vault.replace(new.vault);
        self.tidy();
        Ok(())
    }
}

/// Where a secret stands, and how it looks sealed.
type SealedRow = (Place, Vec<u8>);

/// Every sealed row, of every table that has some.
fn sealed_rows(db: &Connection) -> Result<Vec<SealedRow>, StoreError> {
    let mut sealed = Vec::new();
    read(
        db,
        "SELECT channel, slot, secret_index, secret FROM revocation_secret",
        &mut sealed,
        |row| {
            let at = |column| At("revocation_secret", column);
            let place = Place::RevocationSecret {
                channel: ChannelRow(at("channel").get(row)?),
                slot: at("slot").unsigned(at("slot").get(row)?)?,
                index: at("secret_index").unsigned(at("secret_index").get(row)?)?,
            };
            Ok((place, at("secret").get(row)?))
        },
    )?;
    read(
        db,
        "SELECT payment_hash, sealed FROM preimage",
        &mut sealed,
        |row| {
            let at = |column| At("preimage", column);
            let hash = at("payment_hash").array(at("payment_hash").get(row)?)?;
            Ok((Place::Preimage(PaymentHash(hash)), at("sealed").get(row)?))
        },
    )?;
    read(
        db,
        "SELECT keys_id, sealed FROM imported_keys",
        &mut sealed,
        |row| {
            let at = |column| At("imported_keys", column);
            let keys_id = at("keys_id").array(at("keys_id").get(row)?)?;
            Ok((Place::ImportedKeys(KeysId(keys_id)), at("sealed").get(row)?))
        },
    )?;
    read(
        db,
        "SELECT txid, vout, last_secret FROM close_summary WHERE last_secret NOT NULL",
        &mut sealed,
        |row| {
            let at = |column| At("close_summary", column);
            let txid = at("txid").txid(at("txid").get(row)?)?;
            let channel = OutPoint::new(txid, at("vout").get(row)?);
            Ok((Place::LastSecret(channel), at("last_secret").get(row)?))
        },
    )?;
    Ok(sealed)
}

fn read(
    db: &Connection,
    sql: &str,
    into: &mut Vec<SealedRow>,
    sealed_row: impl Fn(&Row<'_>) -> Result<SealedRow, StoreError>,
) -> Result<(), StoreError> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        into.push(sealed_row(row)?);
    }
    Ok(())
}

/// Puts a sealed secret in place of the one that stands there.
pub(super) fn replace(
    db: &Transaction<'_>,
    place: &Place,
    sealed: &[u8],
) -> Result<(), StoreError> {
    match place {
        // Written together with the key itself.
        Place::KeyProof => {}
        Place::RevocationSecret {
            channel,
            slot,
            index,
        } => {
            db.prepare_cached(
                "UPDATE revocation_secret SET secret = ?4
                 WHERE channel = ?1 AND slot = ?2 AND secret_index = ?3",
            )?
            .execute((channel.0, slot, signed(*index), sealed))?;
        }
        Place::Preimage(hash) => {
            db.prepare_cached("UPDATE preimage SET sealed = ?2 WHERE payment_hash = ?1")?
                .execute((hash.0, sealed))?;
        }
        Place::ImportedKeys(keys_id) => {
            db.prepare_cached("UPDATE imported_keys SET sealed = ?2 WHERE keys_id = ?1")?
                .execute((keys_id.0, sealed))?;
        }
        Place::LastSecret(channel) => {
            let (txid, vout) = outpoint_columns(channel);
            db.prepare_cached(
                "UPDATE close_summary SET last_secret = ?3 WHERE txid = ?1 AND vout = ?2",
            )?
            .execute((txid, vout, sealed))?;
        }
    }
    Ok(())
}
