//! One channel, checked: its rows decoded, their checks, and each judged by the others.

use bitcoin::OutPoint;

use super::Findings;
use crate::channel::audit::{audit_candidate, audit_feed, audit_life, audit_past, audit_terms};
use crate::channel::{ChannelTerms, Feed, Lifecycle};
use crate::court::{audit_case, audit_summary, lifecycle, refusal, ArbitratorState, Case, Dossier};
use crate::store::cases::lifecycle_column;
use crate::store::pack::At;
use crate::store::{row_check, ChannelRow, Store, StoreError};

impl Store {
    /// Checks one channel.
    pub(super) fn check_channel(
        &self,
        row: ChannelRow,
        channel: OutPoint,
        findings: &mut Findings,
    ) {
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
        self.check_terms(row, &terms, findings);
        if let Some(case) = &case {
            self.check_copies(row, case, findings);
        }
        self.check_transactions(row, findings);
        self.check_opening(row, channel, findings);
        let named = findings.sift("short_channel_id", self.names_pass(row));
        if named == Some(false) {
            let what = "it is over another row";
            findings.add("short_channel_id", Some("row_check"), what);
        }
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
        self.check_feed(row, &dossier.feed, findings);
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
        let changed = findings.sift("htlc", self.changed_htlcs(row));
        for htlc in changed.into_iter().flatten() {
            findings.add(
                "htlc",
                Some("row_check"),
                format!("{htlc}: over another row"),
            );
        }
        self.check_past(row, feed, findings);
    }

    /// The archive is read row by row: a channel has hundreds of thousands of them in its life.
    fn check_past(&self, row: ChannelRow, feed: &Feed, findings: &mut Findings) {
        let Some(ledger) = findings.sift("feed", self.ledger(row)) else {
            return;
        };
        let read = self.for_each_past_htlc(row, |past| {
            let past = findings.sift("past_htlc", past);
            if let Some(flaw) = past.and_then(|past| audit_past(&past, feed, &ledger)) {
                findings.flaw(flaw);
            }
        });
        let found = findings.sift("past_htlc", read);
        let checks = findings.sift("feed", self.feed_checks(row));
        if let (Some(found), Some((sum, _))) = (found, checks) {
            if found != sum {
                let what = "the rows are not those that the feed's past_check is over";
                findings.add("past_htlc", None, what);
            }
        }
    }

    /// The row that says where the stream of updates stands.
    fn check_feed(&self, row: ChannelRow, feed: &Feed, findings: &mut Findings) {
        let ledger = findings.sift("feed", self.ledger(row));
        let checks = findings.sift("feed", self.feed_checks(row));
        let (Some(ledger), Some((sum, check))) = (ledger, checks) else {
            return;
        };
        if check.is_some_and(|check| check != row_check::of_feed(feed, &ledger, sum)) {
            findings.add("feed", Some("row_check"), "it is over another row");
        }
    }

    /// The check of the archive and that of the feed itself, which rows of earlier versions lack.
    fn feed_checks(&self, row: ChannelRow) -> Result<(i64, Option<i64>), StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT past_check, row_check FROM feed WHERE channel = ?1")?
            .query_row([row.0], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// The terms by themselves, and by their check, which rows of earlier versions lack.
    fn check_terms(&self, row: ChannelRow, terms: &ChannelTerms, findings: &mut Findings) {
        let table = "channel, party or funding";
        let check: Result<Option<i64>, _> = self.connection.query_row(
            "SELECT terms_check FROM channel WHERE id = ?1",
            [row.0],
            |row| row.get(0),
        );
        let check = findings.sift("channel", check.map_err(StoreError::from));
        if check
            .flatten()
            .is_some_and(|check| check != row_check::of_terms(terms))
        {
            findings.add(table, Some("terms_check"), "it is over other terms");
        }
        if let Some(flaw) = audit_terms(terms) {
            findings.add(table, Some(flaw.field), flaw.what);
        }
    }

    /// Columns that say once more what a row says elsewhere, to be asked for by.
    fn check_copies(&self, row: ChannelRow, case: &Case, findings: &mut Findings) {
        let stage = lifecycle(case);
        let read = self.connection.query_row(
            "SELECT updates_refused, lifecycle, to_purge FROM court_case WHERE channel = ?1",
            [row.0],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        );
        let read: Result<(i64, i64, i64), StoreError> = read.map_err(StoreError::from);
        if let Some((refused, stored, to_purge)) = findings.sift("court_case", read) {
            let columns = [
                (
                    "updates_refused",
                    refused == i64::from(refusal(case).is_some()),
                ),
                ("lifecycle", stored == lifecycle_column(stage)),
                ("to_purge", to_purge == 0 || stage == Lifecycle::Closed),
            ];
            for (column, _) in columns.into_iter().filter(|(_, agrees)| !agrees) {
                findings.add("court_case", Some(column), "the detail says otherwise");
            }
        }
        let expected: Vec<OutPoint> = case.contracts.iter().map(|it| it.outpoint).collect();
        if findings
            .sift("contract", self.contract_keys(row))
            .is_some_and(|it| it != expected)
        {
            findings.add(
                "contract",
                Some("txid or vout"),
                "the detail says otherwise",
            );
        }
    }

    /// The transactions that are kept: ours are those that were signed, the others stand under their own txid.
    fn check_transactions(&self, row: ChannelRow, findings: &mut Findings) {
        let passed = findings.sift("broadcast", self.broadcasts_pass(row));
        for (ordinal, _) in (0..)
            .zip(passed.into_iter().flatten())
            .filter(|(_, pass): &(u32, bool)| !pass)
        {
            let what = format!("row {ordinal}: over another row");
            findings.add("broadcast", Some("row_check"), what);
        }
        let named = findings.sift("cooperative_close", self.cooperative_names_match(row));
        if named == Some(false) {
            let what = "not that of its transaction";
            findings.add("cooperative_close", Some("txid"), what);
        }
    }

    /// How far the opening is: the row is this channel's, and its columns say what its detail says.
    fn check_opening(&self, row: ChannelRow, channel: OutPoint, findings: &mut Findings) {
        let Some(opening) = findings.sift("opening", self.opening(row)).flatten() else {
            return;
        };
        if opening.channel != channel {
            findings.add("opening", Some("channel"), "it is another channel's");
        }
        let matches = findings.sift("opening", self.opening_columns_match(row, &opening));
        if matches == Some(false) {
            findings.add("opening", Some("attention"), "the detail says otherwise");
        }
    }

    fn contract_keys(&self, row: ChannelRow) -> Result<Vec<OutPoint>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT txid, vout FROM contract WHERE channel = ?1 ORDER BY txid, vout",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next()? {
            let txid = At("contract", "txid").txid(row.get(0)?)?;
            keys.push(OutPoint::new(txid, row.get(1)?));
        }
        Ok(keys)
    }
}
