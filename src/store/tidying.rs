//! What is overwritten must be gone from the file, and from the log beside it.
//!
//! SQLite overwrites what is deleted (`secure_delete`), but the pages of the write-ahead log keep what they held until the
//! log is cut off; and a file that was written without that setting has old secrets in its free space. Both are made good
//! here, and again at the next opening if the process dies meanwhile.

use rusqlite::Transaction;

use super::error::StoreError;
use super::Store;

impl Store {
    /// At opening: finishes what a killed process may have left undone. What goes wrong, a full disk or a reader in the
    /// way, is no reason not to open.
    pub(super) fn tidy(&self) {
        match self.rebuild_if_asked() {
            Ok(()) => {}
            Err(error) => log::warn!("the file keeps its free space until the next opening: {error}"),
        }
        self.empty_log();
    }

    /// Carries the write-ahead log into the file and cuts it off.
    pub(super) fn empty_log(&self) {
        let is_blocked =
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                    row.get::<_, bool>(0)
                });
        match is_blocked {
            Ok(false) => {}
            Ok(true) => log::warn!("the write-ahead log is in use and stays until the next opening"),
            Err(error) => log::warn!("the write-ahead log stays until the next opening: {error}"),
        }
    }

    fn rebuild_if_asked(&self) -> Result<(), StoreError> {
        let is_asked = self
            .connection
            .prepare("SELECT 1 FROM meta WHERE key = 'rebuild'")?
            .exists([])?;
        if is_asked {
            self.connection.execute_batch("VACUUM")?;
            self.write(|db| {
                db.execute("DELETE FROM meta WHERE key = 'rebuild'", [])?;
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Has the file rebuilt after this transaction: its free space holds secrets that no setting will overwrite any more.
pub(super) fn ask_for_rebuild(db: &Transaction<'_>) -> Result<(), StoreError> {
    db.execute(
        "INSERT OR IGNORE INTO meta (key, value) VALUES ('rebuild', 1)",
        [],
    )?;
    Ok(())
}
