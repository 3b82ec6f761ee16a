//! The integrity check: what SQLite finds, every row decoded, and every row judged against the others.
//!
//! It reads one moment's state over a connection of its own, channel by channel; an HTLC's row is looked at and let go.

use std::collections::BTreeMap;
use std::fmt;

use bitcoin::OutPoint;

use super::error::{StoreError, Unreadable};
use super::{ChannelRow, Store};
use crate::chain::{ChainView, TxPosition};
use crate::channel::audit::{
    audit_candidate, audit_feed, audit_life, audit_past, audit_terms, Flaw,
};
use crate::channel::{ChannelTerms, Feed};
use crate::court::{audit_case, audit_summary, ArbitratorState, Dossier};

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
        self.check_cursor(&mut findings);
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

    fn check_channel(&self, row: ChannelRow, channel: OutPoint, findings: &mut Findings) {
        let terms = findings.sift("channel", self.terms(row));
        let case = findings.sift("court_case", self.case(row));
        findings.sift("arbitrator_log", self.arbitrator_log(row));
        let sweep_script = findings.sift("sweep_script", self.sweep_script(row));
        let summary = findings.sift("close_summary", self.summary(channel));
        let funding_output = findings.sift("funding", self.funding_output(row));
        let Some(terms) = terms else { return };
        let script = terms.funding_output().script_pubkey();
        if funding_output.is_some_and(|output| output.script_pubkey != script) {
            let what = "not that of both funding keys";
            findings.add("funding", Some("script_pubkey"), what);
        }
        findings
            .found
            .extend(audit_terms(&terms).map(|flaw| Finding {
                channel: Some(channel),
                table: "channel, party or funding".into(),
                column: Some(flaw.field.into()),
                what: flaw.what,
            }));
        let Some(dossier) = self.read_dossier(row, terms, findings) else {
            return;
        };
        // A purge that was cut off leaves some of what nobody wants any more.
        let is_purged = case
            .as_ref()
            .is_some_and(|case| case.state == ArbitratorState::FullyResolved);
        if !is_purged {
            self.check_updates(row, &dossier, findings);
        }
        let (Some(case), Some(sweep_script), Some(summary)) = (case, sweep_script, summary) else {
            return;
        };
        for flaw in audit_case(&case, &dossier, sweep_script.as_ref()) {
            findings.flaw(flaw);
        }
        if let Some(flaw) = audit_summary(&case, &dossier, summary.as_ref()) {
            findings.flaw(flaw);
        }
    }

    /// What the case is judged by, as far as it can be read.
    fn read_dossier(
        &self,
        row: ChannelRow,
        terms: ChannelTerms,
        findings: &mut Findings,
    ) -> Option<Dossier> {
        Some(Dossier {
            candidates: findings.sift_rows("commitment", |unreadable| {
                self.candidates(row, terms.channel(), unreadable)
            })?,
            cooperative: findings.sift_rows("cooperative_close", |unreadable| {
                self.cooperative(row, unreadable)
            })?,
            feed: findings.sift("feed", self.feed(row))?,
            htlcs: findings.sift_rows("htlc", |unreadable| self.htlcs(row, unreadable))?,
            past: Vec::new(),
            terms,
        })
    }

    /// What the engine's updates left.
    fn check_updates(&self, row: ChannelRow, dossier: &Dossier, findings: &mut Findings) {
        let Dossier {
            terms,
            feed,
            candidates,
            htlcs,
            ..
        } = dossier;
        if let Some(secrets) = findings.sift("revocation_secret", self.secrets(row)) {
            for flaw in audit_feed(terms, feed, candidates, &secrets) {
                findings.flaw(flaw);
            }
        }
        for candidate in candidates {
            if let Err(flaw) = audit_candidate(terms, candidate, htlcs) {
                findings.flaw(flaw);
            }
        }
        for life in htlcs.values() {
            if let Some(flaw) = audit_life(life, feed, candidates) {
                findings.flaw(flaw);
            }
        }
        self.check_past(row, feed, findings);
    }

    /// The archive is read row by row: a channel has hundreds of thousands of them in its life.
    fn check_past(&self, row: ChannelRow, feed: &Feed, findings: &mut Findings) {
        let read = self.ledger(row);
        let ledger = findings.sift("feed", read);
        let read = self.for_each_past_htlc(row, |past| {
            let past = findings.sift("past_htlc", past);
            let flaw = past
                .zip(ledger)
                .and_then(|(past, ledger)| audit_past(&past, feed, &ledger));
            if let Some(flaw) = flaw {
                findings.flaw(flaw);
            }
        });
        findings.sift("past_htlc", read);
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

    /// The chain cursor: headers that link, a tip among them, and facts that fit them.
    fn check_cursor(&self, findings: &mut Findings) {
        let Some(rows) = findings.sift("chain_tip", self.load_cursor()) else {
            return;
        };
        for error in self.take_unreadable_facts().reasons() {
            findings.unreadable("chain_tip", error);
        }
        let headers: BTreeMap<u32, bitcoin::block::Header> = rows
            .headers
            .iter()
            .filter_map(|(height, row)| match row {
                crate::chain::Row::Put(header) => Some((height.to_u32(), *header)),
                crate::chain::Row::Delete => None,
            })
            .collect();
        for (height, header) in &headers {
            let before = height.checked_sub(1).and_then(|it| headers.get(&it));
            if before.is_some_and(|before| before.block_hash() != header.prev_blockhash) {
                let what = format!("height {height} does not build on the one before");
                findings.add("chain_header", Some("header"), what);
            }
        }
        let is_there = |block: crate::chain::BlockRef| {
            headers
                .get(&block.height.to_u32())
                .is_none_or(|header| header.block_hash() == block.hash)
        };
        if !rows.tip.is_none_or(is_there) {
            findings.add("chain_tip", Some("hash"), "not the header at its height");
        }
        let view = ChainView::from_rows(&rows);
        let fits = |position: Option<TxPosition>| position.is_none_or(|it| is_there(it.block));
        for (outpoint, facts) in view.outputs() {
            let spend_fits = facts.spend.as_ref().is_none_or(|spend| {
                let input = usize::try_from(spend.vin)
                    .ok()
                    .and_then(|vin| spend.tx.input.get(vin));
                spend.tx.compute_txid() == spend.txid
                    && input.is_some_and(|input| input.previous_output == *outpoint)
                    && fits(spend.position)
            });
            if !spend_fits || !fits(facts.confirmed) {
                let what = format!("what is said of {outpoint} contradicts itself");
                findings.add("chain_output", Some("facts"), what);
            }
        }
        for (txid, facts) in view.transactions() {
            if !fits(facts.confirmed) {
                let what = format!("what is said of {txid} contradicts the headers");
                findings.add("chain_transaction", Some("facts"), what);
            }
        }
    }
}
