//! Wiping: the database and everything beside it is overwritten and deleted, for good.
//!
//! ```text
//!   mark ──► overwrite and delete what lies beside ──► overwrite and delete the database ──► unmark
//! ```
//!
//! The mark is a file of its own, and the point of no return: killed before it is on disk, the database is whole;
//! killed after it, the next open finishes what was begun and finds nothing. What is overwritten is the file as the
//! operating system shows it. Flash storage writes elsewhere and may keep the old blocks, and so may a file system
//! that copies on write, or a backup of the device: who fears for that seals the secrets and destroys the key.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use bitcoin::hashes::{sha256, Hash};

use super::{beside, sync_directory_of, Store, StoreError};

/// What every disk writes whole or not at all: so the start of a file is either as it was, or overwritten.
const SECTOR: usize = 512;

/// Written at a time.
const CHUNK: usize = 1 << 16;

/// What lies beside a database: SQLite's logs, and their index. It holds what the database does, so it goes first.
const BESIDE: [&str; 3] = ["-wal", "-journal", "-shm"];

/// One durable step.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Deed {
    Mark,
    Overwrite(PathBuf),
    Remove(PathBuf),
    Unmark,
}

impl Store {
    /// Closes the database and wipes it, with everything beside it.
    ///
    /// # Errors
    /// When a file cannot be written or deleted; the next open finishes what was begun.
    pub(crate) fn wipe(self) -> Result<(), StoreError> {
        let Store {
            connection,
            path,
            lock,
            ..
        } = self;
        connection.close().map_err(|(_, error)| error)?;
        wipe(&path)?;
        lock.remove();
        Ok(())
    }
}

fn wipe(database: &Path) -> Result<(), StoreError> {
    for deed in deeds(database) {
        perform(&deed, database).map_err(failed)?;
    }
    Ok(())
}

/// Finishes a wipe that was cut off. To be called under the lock, before anybody reads the file.
///
/// # Errors
/// As [`Store::wipe`].
pub(super) fn finish(database: &Path) -> Result<(), StoreError> {
    let Ok(mark) = fs::read(mark_of(database)) else {
        return Ok(());
    };
    let start = start_of(database).map_err(failed)?;
    let is_begun = start.iter().all(|byte| *byte == 0);
    if is_begun || mark == fingerprint(&start) {
        return wipe(database);
    }
    // The mark had not reached the disk whole, so nothing was deleted; or somebody has put another database there.
    perform(&Deed::Unmark, database).map_err(failed)
}

fn deeds(database: &Path) -> Vec<Deed> {
    let mut deeds = vec![Deed::Mark];
    for name in BESIDE.map(|name| beside(database, name)) {
        deeds.push(Deed::Overwrite(name.clone()));
        deeds.push(Deed::Remove(name));
    }
    deeds.push(Deed::Overwrite(database.to_path_buf()));
    deeds.push(Deed::Remove(database.to_path_buf()));
    deeds.push(Deed::Unmark);
    deeds
}

fn perform(deed: &Deed, database: &Path) -> std::io::Result<()> {
    match deed {
        Deed::Mark => {
            let mark = mark_of(database);
            // A mark that is there already says of which file it is, which this one may not be any more.
            if !mark.exists() {
                let mut file = File::create(&mark)?;
                file.write_all(&fingerprint(&start_of(database)?))?;
                file.sync_all()?;
            }
            sync_directory_of(database)
        }
        Deed::Overwrite(path) => overwrite(path),
        Deed::Remove(path) => remove(path),
        Deed::Unmark => {
            // Everything else must be gone on the disk, too, before the mark is.
            sync_directory_of(database)?;
            remove(&mark_of(database))?;
            sync_directory_of(database)
        }
    }
}

fn mark_of(database: &Path) -> PathBuf {
    beside(database, "-wiping")
}

/// The first sector of a file; shorter if the file is, empty if there is none.
fn start_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(SECTOR as u64).read_to_end(&mut start)?,
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(start)
}

/// Tells this database from one that is put in its place: the header counts pages and changes.
fn fingerprint(start: &[u8]) -> Vec<u8> {
    sha256::Hash::hash(start).to_byte_array().to_vec()
}

/// Overwrites a file with zeros, its first sector before all else.
fn overwrite(path: &Path) -> std::io::Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    let first = size.min(SECTOR as u64);
    write_zeros(&mut file, first)?;
    file.sync_all()?;
    file.seek(std::io::SeekFrom::Start(first))?;
    write_zeros(&mut file, size - first)?;
    file.sync_all()
}

fn write_zeros(file: &mut File, count: u64) -> std::io::Result<()> {
    let zeros = std::io::repeat(0).take(count);
    let mut from = std::io::BufReader::with_capacity(CHUNK, zeros);
    std::io::copy(&mut from, file).map(drop)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn failed(source: std::io::Error) -> StoreError {
    StoreError::Io {
        operation: "wiping the database",
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of a database, each full of a word that must be gone in the end.
    fn files() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("channels.sqlite");
        for name in ["", "-wal", "-journal", "-shm"] {
            fs::write(beside(&database, name), "secret".repeat(50_000)).expect("writable");
        }
        (folder, database)
    }

    fn names(folder: &tempfile::TempDir) -> Vec<std::ffi::OsString> {
        let entries = fs::read_dir(folder.path()).expect("readable");
        entries
            .map(|it| it.expect("readable").file_name())
            .collect()
    }

    #[test]
    fn nothing_is_left() {
        let (folder, database) = files();
        wipe(&database).expect("they are ours");
        assert_eq!(names(&folder), Vec::<std::ffi::OsString>::new());
    }

    #[test]
    fn what_is_overwritten_holds_nothing_of_what_it_held() {
        let (_folder, database) = files();
        let size = fs::metadata(&database).expect("it is there").len();
        overwrite(&database).expect("it is ours");
        let now = fs::read(&database).expect("readable");
        assert_eq!(now.len() as u64, size);
        assert!(now.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn cut_off_after_any_step_everything_is_there_or_the_rest_is_finished() {
        let (_folder, database) = files();
        for done in 0..=deeds(&database).len() {
            let (folder, database) = files();
            let before = names(&folder).len();
            for deed in deeds(&database).iter().take(done) {
                perform(deed, &database).expect("they are ours");
            }
            finish(&database).expect("they are ours");
            let left = if done == 0 { before } else { 0 };
            assert_eq!(names(&folder).len(), left, "after {done} steps");
        }
    }

    #[test]
    fn cut_off_while_it_marks_nothing_has_happened() {
        let (folder, database) = files();
        let before = names(&folder).len();
        fs::write(mark_of(&database), "half").expect("writable");
        finish(&database).expect("they are ours");
        assert_eq!(names(&folder).len(), before);
    }

    #[test]
    fn cut_off_within_the_database_the_rest_is_finished() {
        let (folder, database) = files();
        perform(&Deed::Mark, &database).expect("they are ours");
        let mut file = OpenOptions::new()
            .write(true)
            .open(&database)
            .expect("ours");
        file.write_all(&[0; SECTOR]).expect("writable");
        drop(file);
        finish(&database).expect("they are ours");
        assert_eq!(names(&folder).len(), 0);
    }

    #[test]
    fn a_database_that_was_put_in_the_place_of_a_half_wiped_one_is_left_alone() {
        let (_folder, database) = files();
        let all_but_unmark = deeds(&database).len() - 1;
        for deed in deeds(&database).iter().take(all_but_unmark) {
            perform(deed, &database).expect("they are ours");
        }
        fs::write(&database, "a backup, copied here").expect("writable");
        finish(&database).expect("they are ours");
        assert!(!mark_of(&database).exists());
        let kept = fs::read(&database).expect("readable");
        assert_eq!(kept, b"a backup, copied here");
    }
}
