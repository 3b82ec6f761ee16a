//! The lock beside the database: one process, one opening.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::StoreError;

/// An advisory lock on `<database>-lock`. It dies with the process, however that ends.
pub(super) struct FileLock(File);

impl FileLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another opening holds it; [`StoreError::ReadOnly`] and [`StoreError::Io`] when the
    /// file beside the database cannot be had.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let mut beside = database.as_os_str().to_owned();
        beside.push("-lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(PathBuf::from(beside))
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
            })?;
        match file.try_lock() {
            Ok(()) => Ok(FileLock(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
                path: database.display().to_string(),
            }),
            Err(TryLockError::Error(source)) => Err(StoreError::Io {
                operation: "locking the database",
                source,
            }),
        }
    }
}

impl Drop for FileLock {
    /// Closing alone would not do: a child process that is just being started by another thread holds a copy of the
    /// descriptor until it runs its own program, and the lock would live as long.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opening_is_told_that_the_file_is_in_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("channels.sqlite");
        let _held = FileLock::take(&database).expect("nobody holds it");
        assert!(matches!(
            FileLock::take(&database),
            Err(StoreError::InUse { .. })
        ));
    }

    #[test]
    fn it_is_free_after_closing_even_while_a_child_process_has_a_copy_of_the_descriptor() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("channels.sqlite");
        let held = FileLock::take(&database).expect("nobody holds it");
        let copy = held.0.try_clone().expect("a copy");
        drop(held);
        FileLock::take(&database).expect("the lock was given up");
        drop(copy);
    }
}
