//! Channels' base secrets that come from no seed: sealed, one row for each name.

use bitcoin::secp256k1::SecretKey;
use rusqlite::OptionalExtension;
use zeroize::Zeroizing;

use super::error::StoreError;
use super::pack::At;
use super::vault::Place;
use super::{ChannelRow, Store};
use crate::channel::KeysId;
use crate::protocol::ChannelPublicKeys;
use crate::signer::ChannelSecrets;

/// Five keys and the seed of the per-commitment secrets.
const PACKED: usize = 6 * 32;

/// What the import of keys came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Import {
    /// They are on disk, now or since before.
    Kept,
    /// Other keys have this name already; nothing has changed.
    NameTaken,
}

/// Imported keys under their name, or why they cannot be read.
pub type ImportedRow = (KeysId, Result<ChannelSecrets, StoreError>);

impl Store {
    /// Keeps a channel's own secrets: on disk when this returns. A repeat changes nothing.
    ///
    /// # Errors
    /// When the keys under this name do not open, or the database cannot be written.
    pub fn keep_imported(
        &self,
        keys_id: &KeysId,
        secrets: &ChannelSecrets,
    ) -> Result<Import, StoreError> {
        let place = Place::ImportedKeys(*keys_id);
        let packed = pack(secrets);
        let known: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT sealed FROM imported_keys WHERE keys_id = ?1")?
            .query_row([keys_id.0], |row| row.get(0))
            .optional()?;
        if let Some(known) = known {
            let known = self.vault.borrow().open(&place, &known)?;
            return Ok(match known.as_slice() == packed.as_slice() {
                true => Import::Kept,
                false => Import::NameTaken,
            });
        }
        let sealed = self.vault.borrow().seal(&place, packed.as_slice())?;
        self.write(|db| {
            db.execute(
                "INSERT INTO imported_keys (keys_id, sealed) VALUES (?1, ?2)",
                (keys_id.0, &sealed),
            )?;
            Ok(Import::Kept)
        })
    }

    /// All imported keys. A row that cannot be read stops no other.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn imported(&self) -> Result<Vec<ImportedRow>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT keys_id, sealed FROM imported_keys")?;
        let mut rows = statement.query([])?;
        let mut imported = Vec::new();
        while let Some(row) = rows.next()? {
            let at = |column| At("imported_keys", column);
            let keys_id = at("keys_id")
                .get(row)
                .and_then(|keys_id| at("keys_id").array(keys_id));
            match keys_id.map(KeysId) {
                Ok(keys_id) => {
                    let secrets = at("sealed")
                        .get::<Vec<u8>>(row)
                        .and_then(|sealed| self.unpack(&keys_id, &sealed));
                    imported.push((keys_id, secrets));
                }
                Err(error) => log::error!("imported keys without a name: {error}"),
            }
        }
        Ok(imported)
    }

    /// Our public keys of the registered channels whose keys have this name.
    ///
    /// # Errors
    /// When the database cannot be read, or one of these channels.
    pub fn registered_under(&self, keys_id: &KeysId) -> Result<Vec<ChannelPublicKeys>, StoreError> {
        // No index: imports are rare, and channels are few.
        let mut statement = self
            .connection
            .prepare_cached("SELECT id FROM channel WHERE keys_id = ?1")?;
        let mut rows = statement.query([keys_id.0])?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next()? {
            keys.push(self.terms(ChannelRow(row.get(0)?))?.local.keys);
        }
        Ok(keys)
    }

    fn unpack(&self, keys_id: &KeysId, sealed: &[u8]) -> Result<ChannelSecrets, StoreError> {
        let place = Place::ImportedKeys(*keys_id);
        let plain = self.vault.borrow().open(&place, sealed)?;
        unpack(&plain)
            .ok_or_else(|| At("imported_keys", "sealed").corrupt("not five keys and a seed"))
    }
}

fn pack(secrets: &ChannelSecrets) -> Zeroizing<Vec<u8>> {
    let mut packed = Zeroizing::new(Vec::with_capacity(PACKED));
    for key in [
        &secrets.funding,
        &secrets.revocation_base,
        &secrets.payment,
        &secrets.delayed_payment_base,
        &secrets.htlc_base,
    ] {
        packed.extend_from_slice(Zeroizing::new(key.secret_bytes()).as_slice());
    }
    packed.extend_from_slice(&secrets.commitment_seed);
    packed
}

fn unpack(plain: &[u8]) -> Option<ChannelSecrets> {
    if plain.len() != PACKED {
        return None;
    }
    let part = |nth: usize| plain.get(nth * 32..(nth + 1) * 32);
    let key = |nth| SecretKey::from_slice(part(nth)?).ok();
    Some(ChannelSecrets {
        funding: key(0)?,
        revocation_base: key(1)?,
        payment: key(2)?,
        delayed_payment_base: key(3)?,
        htlc_base: key(4)?,
        commitment_seed: part(5)?.try_into().ok()?,
    })
}
