//! The store: one SQLite file that holds everything, written in one transaction per step.
//!
//! Durable before visible: what the app is told, or the network sees, is synced first (WAL, `synchronous=FULL`).
//! Everything secret is sealed under a random data key, and that key by the app's [`CryptoSystem`].
//! A second process that opens the same file is told [`StoreError::InUse`]. The schema is an ordered list of SQL
//! files under SQLite's `user_version`; a file that is refused is left as it was.

mod backup;
mod batch;
mod broadcasts;
mod cases;
mod chain;
mod channels;
mod check;
mod contracts;
mod cooperative;
mod crypto;
mod data_key;
mod early;
mod emptyings;
mod error;
mod header;
mod htlcs;
mod imported;
mod key_change;
mod lock;
mod log;
mod open;
mod openings;
mod outbox;
mod pack;
mod past;
mod preimages;
mod purge;
pub mod queries;
mod reserve;
mod row_check;
mod scids;
mod secrets;
mod summaries;
mod tidying;
mod updates;
mod vault;
mod wipe;

pub use backup::Restored;
pub use batch::Batch;
pub use channels::Docket;
pub use check::Finding;
pub use crypto::{CryptoError, CryptoSystem, KeyCrypto, Unsealed};
pub use data_key::{DataKey, KeyWork, NewDataKey};
pub use early::EarlyLimits;
pub use error::{StoreError, Unreadable};
pub use imported::{Import, ImportedRow};
pub use open::Opening;
pub use openings::OpeningStep;
pub use outbox::{Delivery, StoredEvent};
pub use purge::Purge;
pub use queries::Queries;
pub use reserve::ReserveRow;
pub use scids::ShortChannelIds;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bitcoin::OutPoint;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

pub(crate) use lock::FileLock;
use pack::outpoint_columns;
use vault::Vault;

/// The row of a channel. Short, and never shown outside the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelRow(pub(crate) i64);

/// The open database. One thread owns it.
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// The file layer that SQLite was told to use.
    vfs: Option<String>,
    /// What opens and seals every secret in the file.
    vault: RefCell<Vault>,
    /// Held for as long as a connection of ours is open: the operating system releases it when the process dies.
    lock: Arc<FileLock>,
    /// What the last load of the chain cursor put aside.
    unreadable_facts: RefCell<Unreadable>,
    /// Transactions written, for tests that stop after each of them.
    writes: Cell<u64>,
}

impl Store {
    /// Where the file is.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// How many transactions this opening has written.
    pub fn writes(&self) -> u64 {
        self.writes.get()
    }

    /// Runs `work` in one transaction: all of it is on disk when this returns, or none.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction =
            Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        self.writes.set(self.writes.get() + 1);
        Ok(value)
    }

    /// Runs `work`, which only reads, upon one moment's state: many small reads cost one lock. Not within another one, nor
    /// within a [`Batch`].
    ///
    /// # Errors
    /// Those of `work`, or when the database cannot be read.
    pub fn at_once<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let snapshot = self.connection.unchecked_transaction();
        let snapshot = snapshot.map_err(StoreError::from)?;
        let value = work()?;
        snapshot.finish().map_err(StoreError::from)?;
        Ok(value)
    }

    /// The row of a channel, by its funding outpoint.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn find(&self, channel: OutPoint) -> Result<Option<ChannelRow>, StoreError> {
        find(&self.connection, &channel)
    }
}

fn find(db: &Connection, channel: &OutPoint) -> Result<Option<ChannelRow>, StoreError> {
    let (txid, vout) = outpoint_columns(channel);
    let row = db
        .prepare_cached("SELECT channel FROM funding WHERE txid = ?1 AND vout = ?2")?
        .query_row((txid, vout), |row| row.get(0))
        .optional()?;
    Ok(row.map(ChannelRow))
}

/// A file beside another one: its name, and more.
fn beside(file: &Path, more: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(more);
    PathBuf::from(name)
}

/// Makes a name that was given or taken away durable.
fn sync_directory_of(file: &Path) -> std::io::Result<()> {
    let directory = match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        Some(_) | None => Path::new("."),
    };
    // Elsewhere a directory cannot be opened as a file, and need not be.
    if cfg!(unix) {
        std::fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}
