//! The file's first bytes, looked at before SQLite looks: what it would take for a new file, or believe whatever it says.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::lock::FileLock;
use super::{beside, StoreError};

/// The part of SQLite's header that is looked at before SQLite is.
const HEADER: usize = 32;

/// Every SQLite file begins in the same way: one that does not was hardly ever ours. One that ends before that would be
/// taken for a new file by SQLite; so would one without any, which the lock beside it gives away. And some fields of the header it believes whatever they say.
pub(super) fn check_start(path: &Path, lock: &FileLock) -> Result<(), StoreError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    /// What the header says of a file that is not written with a write-ahead log.
    const NO_LOG: u8 = 1;
    let damaged = |reason: &str| {
        Err(StoreError::Damaged {
            reason: reason.to_owned(),
        })
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return lock.forget(),
        // Seen by another file layer only, perhaps: SQLite will say.
        Err(_) => return Ok(()),
    };
    let length = file.metadata().map_or(0, |about| about.len());
    let mut start = Vec::new();
    if file.take(HEADER as u64).read_to_end(&mut start).is_err() {
        return Ok(());
    }
    if start.is_empty() {
        return if lock.is_marked() {
            damaged("the file is empty, and was not")
        } else {
            Ok(())
        };
    }
    if !start.starts_with(MAGIC) && !MAGIC.starts_with(&start) {
        return Err(not_ours(path));
    }
    let Ok(header) = <[u8; HEADER]>::try_from(start) else {
        return damaged("the file is cut short");
    };
    let [.., size_high, size_low, written_with, _, reserved, _, _, _, _, _, _, _, p0, p1, p2, p3] =
        header;
    if reserved != 0 {
        // Files of ours reserve nothing: every row would be read from the wrong place.
        return damaged("the header reserves a part of every page");
    }
    if written_with == NO_LOG && has_log(path) {
        // SQLite would carry the log of whatever stood here before into a backup that was put in its place.
        return damaged("the write-ahead log of another database lies beside it");
    }
    let page_size = match u16::from_be_bytes([size_high, size_low]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let says = page_size * u64::from(u32::from_be_bytes([p0, p1, p2, p3]));
    // With a log beside the file, the header in the log counts.
    if says != length && !has_log(path) {
        return damaged("the file is not as long as its header says");
    }
    Ok(())
}

/// Whether a write-ahead log with something in it lies beside the file.
pub(super) fn has_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|about| about.len() > 0)
}

/// The error for a file that somebody else made.
pub(super) fn not_ours(path: &Path) -> StoreError {
    StoreError::NotOurs {
        path: path.display().to_string(),
    }
}
