//! What can be wrong with the database file.

use bitcoin::OutPoint;

/// Why the store could not open, read or write. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the database open.
    #[error("the database {path} is in use by another process")]
    InUse { path: String },
    /// The file was written by a newer version of the library.
    #[error("the database has schema {found}; this version knows up to {known}")]
    NewerSchema { found: i64, known: i64 },
    /// The file is a database of something else.
    #[error("{path} is not a lightning-arbitrator database")]
    NotOurs { path: String },
    /// The file belongs to another network.
    #[error("the database belongs to {found}, not to {asked}")]
    WrongNetwork { found: String, asked: String },
    /// What a row holds cannot be what was written.
    #[error("table {table}, column {column}: {reason}")]
    Corrupt {
        table: &'static str,
        column: &'static str,
        reason: String,
    },
    /// Another command changed the case in the meantime; the step is computed again.
    #[error("channel {channel}: the case changed meanwhile")]
    Conflict { channel: OutPoint },
    /// No such channel.
    #[error("channel {channel} is not registered")]
    UnknownChannel { channel: OutPoint },
    /// There is a file already where the backup should go.
    #[error("{path} exists; a backup overwrites nothing")]
    BackupExists { path: String },
    /// Where a page ended, as another query or nobody at all wrote it.
    #[error("this is not where a page of {query} ended")]
    Cursor { query: &'static str },
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The file or its directory cannot be written.
    #[error("the database cannot be written: {reason}")]
    ReadOnly { reason: String },
    /// The file is damaged.
    #[error("the database is damaged: {reason}")]
    Damaged { reason: String },
    /// The file system failed.
    #[error("{operation}: {source}")]
    Io {
        operation: &'static str,
        source: std::io::Error,
    },
    /// The app's [`CryptoSystem`](super::CryptoSystem) does not open this database: it was sealed with another key.
    #[error("the database does not open with this key")]
    WrongKey,
    /// A secret could not be sealed or opened, or the app's [`CryptoSystem`](super::CryptoSystem) refuses.
    #[error("sealed data of {table}, {row}: {reason}")]
    Sealing {
        table: &'static str,
        row: String,
        reason: String,
    },
    /// SQLite failed otherwise.
    #[error("database: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StoreError::ReadOnly { reason }
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged { reason }
            }
            Some(ErrorCode::SystemIoFailure) => StoreError::Io {
                operation: "reading or writing the database",
                source: std::io::Error::other(error),
            },
            Some(_) | None => StoreError::Sqlite(error),
        }
    }
}

/// The rows that could not be read, while the others were: one bad row never stops the rest.
#[derive(Debug, Default)]
pub struct Unreadable(Vec<StoreError>);

impl Unreadable {
    /// The value of a row, or nothing and the reason kept.
    pub(super) fn sift<T>(&mut self, row: Result<T, StoreError>) -> Option<T> {
        row.map_err(|error| self.0.push(error)).ok()
    }

    /// Why each of them could not be read.
    pub fn reasons(&self) -> &[StoreError] {
        &self.0
    }

    /// For whoever needs every row: an error if one is missing.
    ///
    /// # Errors
    /// The first of them.
    pub fn or_refuse(self) -> Result<(), StoreError> {
        match self.0.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

pub(super) fn corrupt(
    table: &'static str,
    column: &'static str,
    reason: impl ToString,
) -> StoreError {
    StoreError::Corrupt {
        table,
        column,
        reason: reason.to_string(),
    }
}
