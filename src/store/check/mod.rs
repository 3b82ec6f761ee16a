//! The integrity check: what SQLite finds, every row decoded, and every row judged against the others.
//!
//! It reads one moment's state over a connection of its own, channel by channel; an HTLC's row is looked at and let go.

mod channel;
mod cursor;
mod reserve;

use std::fmt;

use bitcoin::OutPoint;

use super::error::{StoreError, Unreadable};
use super::Store;
use crate::channel::audit::Flaw;

/// Something in the file that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The channel it concerns, if it concerns one.
    pub channel: Option<OutPoint>,
    pub table: String,
    /// As far as it can be said.
    pub column: Option<String>,
    /// What is wrong, for people; never a secret.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(channel) = self.channel {
            write!(f, "channel {channel}: ")?;
        }
        write!(f, "table {}", self.table)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What was found so far, and what is being looked at.
#[derive(Default)]
struct Findings {
    channel: Option<OutPoint>,
    found: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, table: &str, column: Option<&str>, what: impl ToString) {
        self.found.push(Finding {
            channel: self.channel,
            table: table.to_owned(),
            column: column.map(str::to_owned),
            what: what.to_string(),
        });
    }

    /// What could not be read of `table`.
    fn unreadable(&mut self, table: &str, error: &StoreError) {
        match error {
            StoreError::Corrupt {
                table,
                column,
                reason,
            } => self.add(table, Some(column), reason),
            StoreError::Sqlite(rusqlite::Error::InvalidColumnType(_, column, _)) => {
                self.add(table, Some(column), error);
            }
            StoreError::Sealing { table, row, reason } => {
                self.add(table, None, format!("{row}: {reason}"));
            }
            other => self.add(table, None, other),
        }
    }

    /// What was read, or nothing and a finding.
    fn sift<T>(&mut self, table: &str, read: Result<T, StoreError>) -> Option<T> {
        read.map_err(|error| self.unreadable(table, &error)).ok()
    }

    /// The rows that were read, and a finding for each other.
    fn sift_rows<T>(
        &mut self,
        table: &str,
        read: impl FnOnce(&mut Unreadable) -> Result<T, StoreError>,
    ) -> Option<T> {
        let mut unreadable = Unreadable::default();
        let rows = self.sift(table, read(&mut unreadable));
        for error in unreadable.reasons() {
            self.unreadable(table, error);
        }
        rows
    }

    fn flaw(&mut self, flaw: Flaw) {
        self.add(flaw.of, Some(flaw.field), flaw.what);
    }
}

impl Store {
    /// Checks everything. Gives how many channels there are, and what is wrong.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub(crate) fn check(&self) -> Result<(u32, Vec<Finding>), StoreError> {
        // One moment's state, whatever is written meanwhile.
        let snapshot = self.connection.unchecked_transaction()?;
        let mut findings = Findings::default();
        let by_sqlite = self.check_file(&mut findings);
        findings.sift("file", by_sqlite);
        let mut count = 0;
        if let Some(docket) = findings.sift("channel", self.channels()) {
            for error in &docket.unreadable {
                findings.unreadable("funding", error);
            }
            for (row, channel) in docket.channels {
                count += 1;
                findings.channel = Some(channel);
                self.check_channel(row, channel, &mut findings);
            }
            findings.channel = None;
        }
        self.check_events(&mut findings);
        self.check_sealed(&mut findings);
        self.check_early(&mut findings);
        self.check_cursor(&mut findings);
        self.check_reserve(&mut findings);
        snapshot.finish()?;
        Ok((count, findings.found))
    }

    /// What SQLite says: pages, indexes, and rows that others refer to.
    fn check_file(&self, findings: &mut Findings) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let what: String = row.get(0)?;
            if what != "ok" {
                findings.add("file", None, what);
            }
        }
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            findings.add(&table, None, format!("a row refers to no row of {parent}"));
        }
        Ok(())
    }

    /// What is sealed and belongs to no channel: it opens, and is what its row says.
    fn check_sealed(&self, findings: &mut Findings) {
        let read = self.for_each_preimage(|preimage| {
            findings.sift("preimage", preimage);
        });
        findings.sift("preimage", read);
        for (_, secrets) in findings
            .sift("imported_keys", self.imported())
            .into_iter()
            .flatten()
        {
            findings.sift("imported_keys", secrets);
        }
    }

    /// What peers said of channels that are not registered yet.
    fn check_early(&self, findings: &mut Findings) {
        let passed = findings.sift("early_message", self.early_messages_pass());
        if passed == Some(false) {
            findings.add("early_message", Some("row_check"), "it is over another row");
        }
    }

    fn check_events(&self, findings: &mut Findings) {
        let read = self.for_each_event(|stored| {
            if let Some(stored) = findings.sift("event", stored) {
                // Its name is made of what it says.
                if stored.event.id() != stored.id {
                    findings.channel = Some(stored.event.channel);
                    findings.add("event", Some("body"), "it has another event's name");
                    findings.channel = None;
                }
            }
        });
        findings.sift("event", read);
    }
}
