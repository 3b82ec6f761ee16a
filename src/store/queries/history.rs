//! The arbitrator's log, newest first: over all channels, or of one.

use bitcoin::OutPoint;
use rusqlite::{named_params, Row};

use super::super::pack::At;
use super::super::StoreError;
use super::{Cursor, Page, PageRequest, Queries};
use crate::court::LogEntry;

/// One line of the log, and whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    pub channel: OutPoint,
    pub entry: LogEntry,
}

const QUERY: &str = "history";

pub(super) const OF_ALL: &str =
    "SELECT arbitrator_log.ordinal AS ordinal, height, entry, txid, vout
     FROM arbitrator_log
     LEFT JOIN funding ON funding.channel = arbitrator_log.channel AND funding.ordinal = 0
     WHERE arbitrator_log.ordinal < :before AND :channel IS NULL
     ORDER BY arbitrator_log.ordinal DESC LIMIT :limit";

pub(super) const OF_ONE: &str =
    "SELECT arbitrator_log.ordinal AS ordinal, height, entry, txid, vout
     FROM arbitrator_log
     LEFT JOIN funding ON funding.channel = arbitrator_log.channel AND funding.ordinal = 0
     WHERE arbitrator_log.channel = :channel AND arbitrator_log.ordinal < :before
     ORDER BY arbitrator_log.ordinal DESC LIMIT :limit";

impl Queries {
    /// A page of the log, newest first. What happens meanwhile comes before the first page, and moves no later one.
    ///
    /// # Errors
    /// [`StoreError::UnknownChannel`], [`StoreError::Cursor`]; when the database cannot be read.
    pub fn history(
        &self,
        channel: Option<OutPoint>,
        page: &PageRequest,
    ) -> Result<Page<HistoryEntry>, StoreError> {
        let [before] = page.integers(QUERY)?.unwrap_or([i64::MAX]);
        let channel = channel.map(|channel| self.row(channel)).transpose()?;
        let sql = match channel {
            None => OF_ALL,
            Some(_) => OF_ONE,
        };
        let mut statement = self.store.connection.prepare_cached(sql)?;
        let mut rows = statement.query(named_params! {
            ":channel": channel.map(|row| row.0),
            ":before": before,
            ":limit": page.sql_limit(),
        })?;
        let mut read = Vec::new();
        while let Some(row) = rows.next()? {
            let cursor = Cursor::of_integers(QUERY, [row.get(0)?]);
            read.push((cursor, entry_of(row)));
        }
        Ok(Page::of(page, read))
    }
}

fn entry_of(row: &Row<'_>) -> Result<HistoryEntry, StoreError> {
    let funding = |column| At("funding", column);
    let log = |column| At("arbitrator_log", column);
    let entry: String = log("entry").get(row)?;
    Ok(HistoryEntry {
        channel: OutPoint::new(
            funding("txid").txid(funding("txid").get(row)?)?,
            funding("vout").get(row)?,
        ),
        entry: LogEntry {
            height: log("height").get(row)?,
            kind: log("entry").json(&entry)?,
        },
    })
}
