//! The arbitrator's log: what happened to a channel, for people. It outlives the channel's working data.

use rusqlite::Transaction;

use super::error::StoreError;
use super::pack::At;
use super::{ChannelRow, Store};
use crate::court::{LogEntry, LogKind};

impl Store {
    /// The log of a case, oldest first.
    ///
    /// # Errors
    /// When a row cannot be decoded.
    pub fn arbitrator_log(&self, row: ChannelRow) -> Result<Vec<LogEntry>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT height, entry FROM arbitrator_log WHERE channel = ?1 ORDER BY ordinal",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let entry: String = row.get(1)?;
            let kind: LogKind = At("arbitrator_log", "entry").json(&entry)?;
            entries.push(LogEntry {
                height: row.get(0)?,
                kind,
            });
        }
        Ok(entries)
    }
}

pub(super) fn put_log(
    db: &Transaction<'_>,
    row: ChannelRow,
    entries: &[LogEntry],
) -> Result<(), StoreError> {
    for entry in entries {
        db.prepare_cached(
            "INSERT INTO arbitrator_log (channel, height, entry) VALUES (?1, ?2, ?3)",
        )?
        .execute((
            row.0,
            entry.height,
            At("arbitrator_log", "entry").to_json(&entry.kind)?,
        ))?;
    }
    Ok(())
}
