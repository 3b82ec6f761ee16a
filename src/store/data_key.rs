//! The data key: made with the database, sealed by the app's [`CryptoSystem`], opened once at every opening.
//!
//! Three steps, so that the app's code is never called inside a transaction: what the file holds is read ([`KeyWork`]),
//! the app is called ([`KeyWork::run`]), and what came of it ([`DataKey`]) is used, or written if it is new.

use chacha20poly1305::aead::Generate;
use rusqlite::{Connection, Transaction};
use zeroize::Zeroizing;

use super::crypto::{CryptoError, CryptoSystem};
use super::error::StoreError;
use super::key_change::replace;
use super::pack::At;
use super::tidying::Tidying;
use super::vault::{Place, Vault};
use super::ChannelRow;

/// Where the app's [`CryptoSystem`] is told that the data key stands.
const PLACE: &[u8] = b"data_key";

/// Length of a key, and of every secret that schema 1 has.
const LENGTH: usize = 32;

/// The row of table `data_key`.
pub(super) struct KeyRow {
    /// The data key, sealed by the app.
    sealed: Vec<u8>,
    /// Nothing, sealed under the data key: an app whose cipher does not notice a wrong key is told all the same.
    proof: Vec<u8>,
}

impl KeyRow {
    fn read(db: &Connection) -> Result<Self, StoreError> {
        let mut statement = db.prepare("SELECT sealed, proof FROM data_key")?;
        let mut rows = statement.query([])?;
        let row = rows.next()?.ok_or_else(|| StoreError::Damaged {
            reason: "the data key is missing".into(),
        })?;
        Ok(KeyRow {
            sealed: At("data_key", "sealed").get(row)?,
            proof: At("data_key", "proof").get(row)?,
        })
    }

    fn open(&self, crypto: &dyn CryptoSystem) -> Result<Vault, StoreError> {
        let opened = crypto
            .open(PLACE, &self.sealed)
            .map_err(|error| match error {
                CryptoError::WrongKey => StoreError::WrongKey,
                CryptoError::Refused(reason) => refused(reason),
            })?;
        let opened = Zeroizing::new(opened);
        let key: &[u8; LENGTH] = opened
            .as_slice()
            .try_into()
            .map_err(|_| StoreError::WrongKey)?;
        let vault = Vault::new(key);
        match vault.open(&Place::KeyProof, &self.proof) {
            Ok(_) => Ok(vault),
            Err(_) => Err(StoreError::WrongKey),
        }
    }

    pub(super) fn put(&self, db: &Transaction<'_>) -> Result<(), StoreError> {
        db.execute(
            "REPLACE INTO data_key (one, sealed, proof) VALUES (1, ?1, ?2)",
            (&self.sealed, &self.proof),
        )?;
        Ok(())
    }
}

/// A new data key, sealed, that no file holds yet.
pub struct NewDataKey {
    pub(super) row: KeyRow,
    pub(super) vault: Vault,
}

impl NewDataKey {
    /// How often [`make`](Self::make) calls the app.
    pub const CALLS: u32 = 2;

    /// Makes a random key and has it sealed. Calls the app, so never inside a transaction.
    ///
    /// # Errors
    /// [`StoreError::Sealing`]: the app refuses, or does not open what it has just sealed.
    pub fn make(crypto: &dyn CryptoSystem) -> Result<Self, StoreError> {
        let key = <[u8; LENGTH]>::try_generate()
            .map(Zeroizing::new)
            .map_err(|_| refused("the system gives no random bytes".into()))?;
        let failed = |error: CryptoError| refused(error.to_string());
        let sealed = crypto.seal(PLACE, key.as_slice()).map_err(failed)?;
        // A key store that seals and cannot open would lose every secret, and nobody would know before the next start.
        let opened = crypto.open(PLACE, &sealed).map_err(failed)?;
        if Zeroizing::new(opened).as_slice() != key.as_slice() {
            return Err(refused("it does not open what it has just sealed".into()));
        }
        let vault = Vault::new(&key);
        let proof = vault.seal(&Place::KeyProof, &[])?;
        let row = KeyRow { sealed, proof };
        Ok(NewDataKey { row, vault })
    }
}

fn refused(reason: String) -> StoreError {
    StoreError::Sealing {
        table: "data_key",
        row: "key".into(),
        reason,
    }
}

/// A revocation secret of schema 1, which the app sealed itself.
pub(super) struct LegacySecret {
    channel: ChannelRow,
    slot: u8,
    index: u64,
    sealed: Vec<u8>,
}

impl LegacySecret {
    /// What the app was told that it seals.
    fn legacy_place(&self) -> Vec<u8> {
        format!("revocation_secret/{}/{}", self.channel.0, self.slot).into_bytes()
    }

    fn place(&self) -> Place {
        Place::RevocationSecret {
            channel: self.channel,
            slot: self.slot,
            index: self.index,
        }
    }
}

/// What the app's [`CryptoSystem`] has to do before the database can be opened.
pub struct KeyWork(Work);

enum Work {
    /// The file has a data key.
    Open(KeyRow),
    /// The file is new, or older than data keys.
    Make { legacy: Vec<LegacySecret> },
}

/// What came of it.
pub struct DataKey(Opened);

enum Opened {
    Held(Vault),
    Made {
        key: NewDataKey,
        /// Secrets of schema 1, sealed anew.
        moved: Vec<(Place, Vec<u8>)>,
    },
}

impl DataKey {
    pub(super) fn into_vault(self) -> Vault {
        match self.0 {
            Opened::Held(vault) => vault,
            Opened::Made { key, moved: _ } => key.vault,
        }
    }
}

impl KeyWork {
    /// Reads what there is to do for this file.
    pub(super) fn of(db: &Connection) -> Result<Self, StoreError> {
        let has_table = |name: &str| -> Result<bool, StoreError> {
            let mut statement = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?1")?;
            Ok(statement.exists([name])?)
        };
        if has_table("data_key")? {
            return Ok(KeyWork(Work::Open(KeyRow::read(db)?)));
        }
        let legacy = if has_table("revocation_secret")? {
            legacy_secrets(db)?
        } else {
            Vec::new()
        };
        Ok(KeyWork(Work::Make { legacy }))
    }

    /// How often [`run`](Self::run) calls the app.
    pub fn calls(&self) -> u32 {
        match &self.0 {
            Work::Open(_) => 1,
            Work::Make { legacy } => {
                let legacy = u32::try_from(legacy.len()).unwrap_or(u32::MAX);
                legacy.saturating_add(NewDataKey::CALLS)
            }
        }
    }

    /// Calls the app.
    ///
    /// # Errors
    /// [`StoreError::WrongKey`]; [`StoreError::Sealing`] when the app refuses. Nothing was written.
    pub fn run(self, crypto: &dyn CryptoSystem) -> Result<DataKey, StoreError> {
        match self.0 {
            Work::Open(row) => Ok(DataKey(Opened::Held(row.open(crypto)?))),
            Work::Make { legacy } => {
                let key = NewDataKey::make(crypto)?;
                let moved = move_legacy(&legacy, crypto, &key.vault)?;
                Ok(DataKey(Opened::Made { key, moved }))
            }
        }
    }
}

/// The secrets of schema 1 that can be read.
fn legacy_secrets(db: &Connection) -> Result<Vec<LegacySecret>, StoreError> {
    let mut statement =
        db.prepare("SELECT channel, slot, secret_index, secret FROM revocation_secret")?;
    let mut rows = statement.query([])?;
    let mut secrets = Vec::new();
    while let Some(row) = rows.next()? {
        let secret = || -> Result<LegacySecret, StoreError> {
            let at = At("revocation_secret", "secret");
            Ok(LegacySecret {
                channel: ChannelRow(row.get(0)?),
                slot: at.unsigned(row.get(1)?)?,
                index: at.unsigned(row.get(2)?)?,
                sealed: row.get(3)?,
            })
        };
        // One bad row stays as it is, and is the trouble of its channel.
        secrets.extend(secret().ok());
    }
    Ok(secrets)
}

/// Seals the secrets of schema 1 under the data key. Those that do not open stay as they are; if none opens, the key is
/// the wrong one.
fn move_legacy(
    legacy: &[LegacySecret],
    crypto: &dyn CryptoSystem,
    vault: &Vault,
) -> Result<Vec<(Place, Vec<u8>)>, StoreError> {
    let mut moved = Vec::new();
    for secret in legacy {
        match crypto.open(&secret.legacy_place(), &secret.sealed) {
            Ok(plain) => {
                let plain = Zeroizing::new(plain);
                if plain.len() == LENGTH {
                    moved.push((secret.place(), vault.seal(&secret.place(), &plain)?));
                }
            }
            Err(CryptoError::WrongKey) => {}
            Err(CryptoError::Refused(reason)) => return Err(refused(reason)),
        }
    }
    if moved.is_empty() && !legacy.is_empty() {
        return Err(StoreError::WrongKey);
    }
    Ok(moved)
}

/// The step of the schema that follows `0003_sealed.sql`: the data key goes into the file, and what schema 1 had sealed
/// is replaced.
pub(super) fn put_made(db: &Transaction<'_>, key: &DataKey) -> Result<(), StoreError> {
    match &key.0 {
        Opened::Made { key, moved } => {
            key.row.put(db)?;
            for (place, sealed) in moved {
                replace(db, place, sealed)?;
            }
            if !moved.is_empty() {
                Tidying::Rebuild.ask(db)?;
            }
            Ok(())
        }
        Opened::Held(_) => Err(StoreError::Damaged {
            reason: "a data key under a schema that has none".into(),
        }),
    }
}
