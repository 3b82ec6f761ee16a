//! What is overwritten must be gone from the file, and from the log beside it.
//!
//! SQLite overwrites what is deleted (`secure_delete`), but the write-ahead log keeps its pages until it is cut off, and a
//! file that was once written without that setting has old secrets in its free space. A transaction that leaves such
//! traces asks for tidying up; it is done right after, and at the next opening if the process dies before it is done.

use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction};

use super::error::StoreError;
use super::open::BUSY_TIMEOUT;
use super::Store;

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tidying {
    /// To carry the write-ahead log into the file and to cut it off.
    EmptyLog,
    /// To write the whole file anew, without its free space, and then the same.
    Rebuild,
}

impl Tidying {
    fn column(self) -> &'static str {
        match self {
            Tidying::EmptyLog => "empty log",
            Tidying::Rebuild => "rebuild",
        }
    }

    /// Asks for it, in the transaction that makes it necessary. More that was asked for before stays.
    pub(super) fn ask(self, db: &Transaction<'_>) -> Result<(), StoreError> {
        db.execute(
            "INSERT OR IGNORE INTO meta (key, value) VALUES ('tidying', ?1)",
            [self.column()],
        )?;
        Ok(())
    }
}

impl Store {
    /// Does what was asked for. What is in the way, a full disk or a reader, is no reason to fail: the next opening tries
    /// again.
    pub(super) fn tidy(&self) {
        if let Err(error) = self.try_to_tidy() {
            log::warn!("traces of former secrets stay until the next opening: {error}");
        }
    }

    fn try_to_tidy(&self) -> Result<(), StoreError> {
        let asked: Option<String> = self
            .connection
            .query_row("SELECT value FROM meta WHERE key = 'tidying'", [], |row| {
                row.get(0)
            })
            .optional()?;
        let Some(asked) = asked else { return Ok(()) };
        if asked == Tidying::Rebuild.column() {
            self.connection.execute_batch("VACUUM")?;
        }
        // Nobody is kept waiting for a reader.
        self.connection.busy_timeout(Duration::ZERO)?;
        let cut_off = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        let is_blocked: bool = cut_off?;
        if is_blocked {
            log::warn!("somebody reads the write-ahead log: it stays until the next opening");
            return Ok(());
        }
        self.write(|db| {
            db.execute("DELETE FROM meta WHERE key = 'tidying'", [])?;
            Ok(())
        })
    }
}
