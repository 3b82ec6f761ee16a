//! The lock beside the database: one process, one opening; and the mark that a database lies there.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::StoreError;

/// How often a lock that somebody else holds is tried again: seldom enough to cost nothing, often enough that nobody
/// notices the delay.
const POLL: Duration = Duration::from_millis(20);

/// What stands in the file once a database lies beside it.
const MARK: &[u8] = b"1";

/// An advisory lock on `<database>-lock`. It dies with the process, however that ends.
pub(crate) struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Takes the lock, and waits up to `patience` for whoever holds it; without patience not at all. Blocks the
    /// thread.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another opening holds it; [`StoreError::ReadOnly`] and [`StoreError::Io`] when the
    /// file beside the database cannot be had.
    pub(crate) fn take(database: &Path, patience: Option<Duration>) -> Result<Self, StoreError> {
        let begun = Instant::now();
        loop {
            match Self::try_take(database) {
                Err(StoreError::InUse { path }) => {
                    let left = patience.and_then(|patience| patience.checked_sub(begun.elapsed()));
                    match left {
                        Some(left) if !left.is_zero() => std::thread::sleep(POLL.min(left)),
                        Some(_) | None => return Err(StoreError::InUse { path }),
                    }
                }
                taken => return taken,
            }
        }
    }

    fn try_take(database: &Path) -> Result<Self, StoreError> {
        let path = super::beside(database, "-lock");
        loop {
            let file = open(&path)?;
            match file.try_lock() {
                // Whoever wipes a database takes this file away as well. One that went between opening and locking
                // is nobody's lock any more.
                Ok(()) if !is_still_there(&file, &path) => {}
                Ok(()) => return Ok(FileLock { file, path }),
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::InUse {
                        path: database.display().to_string(),
                    })
                }
                Err(TryLockError::Error(source)) => {
                    return Err(StoreError::Io {
                        operation: "locking the database",
                        source,
                    })
                }
            }
        }
    }

    /// Whether a database has lain beside the lock since it was last forgotten.
    pub(super) fn is_marked(&self) -> bool {
        self.file.metadata().is_ok_and(|about| about.len() > 0)
    }

    /// Remembers that a database lies beside the lock. Best effort: without the mark nothing is refused.
    pub(super) fn mark(&self) {
        if !self.is_marked() {
            let _ = (&self.file).write_all(MARK);
        }
    }

    /// Forgets the database: there is none any more.
    ///
    /// # Errors
    /// When the file beside the database cannot be written.
    pub(super) fn forget(&self) -> Result<(), StoreError> {
        self.file.set_len(0).map_err(|source| StoreError::Io {
            operation: "forgetting the database",
            source,
        })
    }

    /// Takes the file of the lock away, where a file that is open can be. The lock itself is held until it is dropped.
    pub(super) fn remove(&self) {
        if cfg!(unix) {
            // A file that stays holds a mark at most, and is in nobody's way.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::ReadOnly {
                    reason: source.to_string(),
                }
            }
            _ => StoreError::Io {
                operation: "opening the lock beside the database",
                source,
            },
        })
}

/// Whether the name still leads to this file.
#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}

/// Elsewhere the file is never taken away.
#[cfg(not(unix))]
fn is_still_there(_: &File, _: &Path) -> bool {
    true
}

impl Drop for FileLock {
    /// Closing alone would not do: a child process that is just being started by another thread holds a copy of the
    /// descriptor until it runs its own program, and the lock would live as long.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opening_is_told_that_the_file_is_in_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("channels.sqlite");
        let _held = FileLock::take(&database, None).expect("nobody holds it");
        for patience in [None, Some(Duration::from_millis(1))] {
            assert!(matches!(
                FileLock::take(&database, patience),
                Err(StoreError::InUse { .. })
            ));
        }
    }

    #[test]
    fn whoever_has_patience_gets_it_when_it_is_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("channels.sqlite");
        let held = FileLock::take(&database, None).expect("nobody holds it");
        let waiting = {
            let database = database.clone();
            std::thread::spawn(move || FileLock::take(&database, Some(Duration::from_secs(60))))
        };
        drop(held);
        waiting.join().expect("no panic").expect("it was given up");
    }

    #[test]
    fn it_is_free_after_closing_even_while_a_child_process_has_a_copy_of_the_descriptor() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("channels.sqlite");
        let held = FileLock::take(&database, None).expect("nobody holds it");
        let copy = held.file.try_clone().expect("a copy");
        drop(held);
        FileLock::take(&database, None).expect("the lock was given up");
        drop(copy);
    }

    #[test]
    #[cfg(unix)]
    fn a_lock_whose_file_was_taken_away_is_nobodys() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("channels.sqlite");
        let held = FileLock::take(&database, None).expect("nobody holds it");
        let opened = open(&held.path).expect("it is there");
        let path = held.path.clone();
        held.remove();
        drop(held);
        opened.try_lock().expect("it was given up");
        assert!(!is_still_there(&opened, &path));
        let _held = FileLock::take(&database, None).expect("another file");
        assert!(!is_still_there(&opened, &path));
    }
}
