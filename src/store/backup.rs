//! Backups: a consistent copy of the database while it is in use, and what opening one means.
//!
//! The copy is made by a reading connection of its own, from one moment's state: nobody waits for it, and nothing that
//! was deleted is in it. It carries a mark. A device that opens it cannot know whether another one has gone on since,
//! so opening turns the mark into a latch on every channel that is not closed, in one transaction.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use bitcoin::OutPoint;
use rusqlite::{Connection, OptionalExtension};

use super::cases::write_step;
use super::reserve::change_reserve;
use super::summaries::SealedChange;
use super::{beside, sync_directory_of, ChannelRow, Store, StoreError};
use crate::court::{Case, Step};

/// The mark's key in `meta`; its value names the backup.
const MARK: &str = "backup";

/// A channel of a backup, its case as it was, and the step that latches it.
pub struct Restored {
    pub row: ChannelRow,
    pub channel: OutPoint,
    pub before: Case,
    pub step: Step,
}

impl Store {
    /// Writes a copy of the database to `target`. It is complete and synced when it appears under that name.
    ///
    /// # Errors
    /// [`StoreError::BackupExists`]: nothing is ever overwritten. Otherwise as the disk has it; of a copy that failed
    /// nothing is left but, after a crash, `<target>-partial`, which the next attempt replaces.
    pub(crate) fn back_up(&self, target: &Path) -> Result<(), StoreError> {
        let exists = || StoreError::BackupExists {
            path: target.display().to_string(),
        };
        if target.symlink_metadata().is_ok() {
            return Err(exists());
        }
        let partial = beside(target, "-partial");
        discard(&partial);
        let copied = self.copy_to(&partial).and_then(|()| {
            publish(&partial, target).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => exists(),
                _ => failed(error),
            })
        });
        discard(&partial);
        copied
    }

    fn copy_to(&self, partial: &Path) -> Result<(), StoreError> {
        let name = partial.to_str().ok_or_else(|| {
            failed(std::io::Error::new(
                ErrorKind::InvalidInput,
                "the path is no Unicode text",
            ))
        })?;
        self.connection.execute("VACUUM INTO ?1", [name])?;
        let copy = match &self.vfs {
            Some(vfs) => {
                Connection::open_with_flags_and_vfs(partial, Default::default(), vfs.as_str())?
            }
            None => Connection::open(partial)?,
        };
        copy.execute(
            "REPLACE INTO meta (key, value) VALUES (?1, lower(hex(randomblob(8))))",
            [MARK],
        )?;
        copy.close().map_err(|(_, error)| error)?;
        File::open(partial)
            .and_then(|file| file.sync_all())
            .map_err(failed)
    }

    /// The name of the backup that this file is, until its channels are latched.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn backup_mark(&self) -> Result<Option<String>, StoreError> {
        Ok(self
            .connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [MARK], |row| {
                row.get(0)
            })
            .optional()?)
    }

    /// Latches the channels of a backup and takes the mark away, in one transaction.
    ///
    /// # Errors
    /// When the database cannot be written; nothing of it is there then.
    pub fn put_restored(&self, channels: &[Restored]) -> Result<(), StoreError> {
        self.write(|db| {
            for it in channels {
                let summary = SealedChange::Keep;
                write_step(db, it.row, it.channel, &it.before, &it.step, summary, &[])?;
            }
            // The phone that went on may have given out further scripts: the next look goes behind the last known one.
            change_reserve(db, |row| row.looked_at = None)?;
            db.execute("DELETE FROM meta WHERE key = ?1", [MARK])?;
            Ok(())
        })
    }
}

/// Gives the copy its name, unless somebody has it.
fn publish(partial: &Path, target: &Path) -> std::io::Result<()> {
    match fs::hard_link(partial, target) {
        Ok(()) => fs::remove_file(partial)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        // A file system without links: the name is looked at once more, and taken.
        Err(_) if target.symlink_metadata().is_ok() => {
            return Err(ErrorKind::AlreadyExists.into());
        }
        Err(_) => fs::rename(partial, target)?,
    }
    sync_directory_of(target)
}

/// What an attempt that failed may have left: nobody needs it.
fn discard(partial: &Path) {
    for name in ["", "-journal"] {
        let _ = fs::remove_file(beside(partial, name));
    }
}

fn failed(source: std::io::Error) -> StoreError {
    StoreError::Io {
        operation: "writing the backup",
        source,
    }
}
