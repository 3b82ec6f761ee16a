//! The arbitrator's side of the store: cases, their contracts and broadcasts, the log, close summaries.

use bitcoin::consensus::encode;
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, ScriptBuf};
use rusqlite::{OptionalExtension, Transaction};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::outbox::put_events;
use super::pack::{outpoint_columns, signed, At};
use super::{ChannelRow, Store};
use crate::channel::CloseSummary;
use crate::court::{
    ArbitratorState, Broadcast, Case, Close, Contract, FundingState, Latches, LogEntry, LogKind,
    Orphan, Step,
};

/// The part of a case that is stored as JSON: nearly empty while the channel is open.
#[derive(Serialize, Deserialize)]
struct Detail {
    funding: FundingState,
    #[serde(flatten)]
    latches: Latches,
    seen: Option<bitcoin::Txid>,
    close: Option<Close>,
    orphan: Option<Orphan>,
}

impl Store {
    /// The case of a channel.
    ///
    /// # Errors
    /// When a row is missing or cannot be decoded.
    pub fn case(&self, row: ChannelRow) -> Result<Case, StoreError> {
        let (state, revision, detail) = self
            .connection
            .prepare_cached("SELECT state, revision, detail FROM court_case WHERE channel = ?1")?
            .query_row([row.0], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, String>(2)?,
                ))
            })?;
        let Detail {
            funding,
            latches,
            seen,
            close,
            orphan,
        } = At("court_case", "detail").json(&detail)?;
        Ok(Case {
            revision: At("court_case", "revision").unsigned(revision)?,
            state: state_from(state)?,
            funding,
            latches,
            seen,
            close,
            orphan,
            contracts: self.contracts(row)?,
            broadcasts: self.broadcasts(row)?,
        })
    }

    /// The state of a channel's case alone.
    ///
    /// # Errors
    /// When the row is missing or cannot be decoded.
    pub fn state(&self, row: ChannelRow) -> Result<ArbitratorState, StoreError> {
        let state = self
            .connection
            .prepare_cached("SELECT state FROM court_case WHERE channel = ?1")?
            .query_row([row.0], |row| row.get(0))?;
        state_from(state)
    }

    fn contracts(&self, row: ChannelRow) -> Result<Vec<Contract>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT detail FROM contract WHERE channel = ?1 ORDER BY txid, vout")?;
        let mut rows = statement.query([row.0])?;
        let mut contracts = Vec::new();
        while let Some(row) = rows.next()? {
            let detail: String = row.get(0)?;
            contracts.push(At("contract", "detail").json(&detail)?);
        }
        Ok(contracts)
    }

    fn broadcasts(&self, row: ChannelRow) -> Result<Vec<Broadcast>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT txid, purpose, transaction_bytes, since, outcome FROM broadcast
             WHERE channel = ?1 ORDER BY ordinal",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut broadcasts = Vec::new();
        while let Some(row) = rows.next()? {
            let at = |column| At("broadcast", column);
            let purpose: String = row.get(1)?;
            let transaction: Vec<u8> = row.get(2)?;
            let outcome: Option<String> = row.get(4)?;
            broadcasts.push(Broadcast {
                txid: at("txid").txid(row.get(0)?)?,
                purpose: at("purpose").json(&purpose)?,
                transaction: at("transaction_bytes").transaction(&transaction)?,
                since: at("since").unsigned(row.get(3)?)?,
                outcome: outcome
                    .map(|outcome| at("outcome").json(&outcome))
                    .transpose()?,
            });
        }
        Ok(broadcasts)
    }

    /// The channels that hold transactions of ours, whether or not they are due.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn broadcasting_channels(&self) -> Result<Vec<ChannelRow>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT DISTINCT channel FROM broadcast")?;
        let rows = statement.query_map([], |row| row.get(0).map(ChannelRow))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes a step: case, contracts, broadcasts, log, summary and events, together. A final step purges the working
    /// data as well.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the case is no longer the one the step was computed from.
    pub fn put_step(
        &self,
        row: ChannelRow,
        channel: OutPoint,
        before: &Case,
        step: &Step,
    ) -> Result<(), StoreError> {
        self.write(|db| write_step(db, row, channel, before, step))
    }

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

    /// What remains of a closed channel.
    ///
    /// # Errors
    /// When the row cannot be decoded.
    pub fn summary(&self, channel: OutPoint) -> Result<Option<CloseSummary>, StoreError> {
        let (txid, vout) = outpoint_columns(&channel);
        let detail: Option<String> = self
            .connection
            .prepare_cached("SELECT detail FROM close_summary WHERE txid = ?1 AND vout = ?2")?
            .query_row((txid, vout), |row| row.get(0))
            .optional()?;
        detail
            .map(|detail| At("close_summary", "detail").json(&detail))
            .transpose()
    }

    /// The script that a channel's sweeps pay, once one was asked for.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sweep_script(&self, row: ChannelRow) -> Result<Option<ScriptBuf>, StoreError> {
        let script: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT script FROM sweep_script WHERE channel = ?1")?
            .query_row([row.0], |row| row.get(0))
            .optional()?;
        Ok(script.map(ScriptBuf::from_bytes))
    }

    /// Keeps the script that a channel's sweeps pay. The first one stays.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep_sweep_script(&self, row: ChannelRow, script: &ScriptBuf) -> Result<(), StoreError> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT OR IGNORE INTO sweep_script (channel, script) VALUES (?1, ?2)",
            )?
            .execute((row.0, script.as_bytes()))?;
            Ok(())
        })
    }

    /// Deletes a part of the working data of a fully resolved channel; `false` when nothing was left. Small parts, so
    /// that nobody waits for the write lock.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn purge_some(&self, row: ChannelRow, rows: u32) -> Result<bool, StoreError> {
        const WORKING: [(&str, &str); 4] = [
            ("revocation_secret", "slot"),
            ("commitment", "funding, owner, number, alternative"),
            ("htlc", "direction, htlc_id, version"),
            ("cooperative_close", "txid"),
        ];
        for (table, key) in WORKING {
            let sql = format!(
                "DELETE FROM {table} WHERE channel = ?1 AND ({key}) IN
                 (SELECT {key} FROM {table} WHERE channel = ?1 LIMIT ?2)"
            );
            let any: bool = self.connection.query_row(
                &format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE channel = ?1)"),
                [row.0],
                |row| row.get(0),
            )?;
            if any {
                self.write(|db| Ok(db.execute(&sql, (row.0, rows))?))?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Writes a step in a transaction that may hold more than this one.
pub(super) fn write_step(
    db: &Transaction<'_>,
    row: ChannelRow,
    channel: OutPoint,
    before: &Case,
    step: &Step,
) -> Result<(), StoreError> {
    let stored: i64 = db
        .prepare_cached("SELECT revision FROM court_case WHERE channel = ?1")?
        .query_row([row.0], |row| row.get(0))?;
    if stored != signed(before.revision) {
        return Err(StoreError::Conflict { channel });
    }
    put_case(db, row, &step.case)?;
    if step.case.contracts != before.contracts {
        put_contracts(db, row, &step.case.contracts)?;
    }
    if step.case.broadcasts != before.broadcasts {
        put_broadcasts(db, row, &step.case.broadcasts)?;
    }
    put_log(db, row, &step.log)?;
    if let Some(summary) = &step.summary {
        put_summary(db, summary)?;
    }
    put_events(db, &step.events)
}

pub(super) fn put_case(
    db: &Transaction<'_>,
    row: ChannelRow,
    case: &Case,
) -> Result<(), StoreError> {
    let detail = At("court_case", "detail").to_json(&Detail {
        funding: case.funding,
        latches: case.latches,
        seen: case.seen,
        close: case.close.clone(),
        orphan: case.orphan,
    })?;
    db.prepare_cached(
        "REPLACE INTO court_case (channel, state, revision, updates_refused, detail)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((
        row.0,
        state_column(case.state),
        signed(case.revision),
        case.latches.updates_refused,
        detail,
    ))?;
    Ok(())
}

fn put_contracts(
    db: &Transaction<'_>,
    row: ChannelRow,
    contracts: &[Contract],
) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM contract WHERE channel = ?1")?
        .execute([row.0])?;
    for contract in contracts {
        let (txid, vout) = outpoint_columns(&contract.outpoint);
        let detail = At("contract", "detail").to_json(contract)?;
        db.prepare_cached(
            "INSERT INTO contract (channel, txid, vout, detail) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((row.0, txid, vout, detail))?;
    }
    Ok(())
}

fn put_broadcasts(
    db: &Transaction<'_>,
    row: ChannelRow,
    broadcasts: &[Broadcast],
) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM broadcast WHERE channel = ?1")?
        .execute([row.0])?;
    for (ordinal, broadcast) in (0i64..).zip(broadcasts) {
        let outcome = broadcast
            .outcome
            .as_ref()
            .map(|outcome| At("broadcast", "outcome").to_json(outcome))
            .transpose()?;
        db.prepare_cached(
            "INSERT INTO broadcast
                (channel, ordinal, txid, purpose, transaction_bytes, since, outcome)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            row.0,
            ordinal,
            broadcast.txid.to_byte_array(),
            At("broadcast", "purpose").to_json(&broadcast.purpose)?,
            encode::serialize(&broadcast.transaction),
            broadcast.since,
            outcome,
        ))?;
    }
    Ok(())
}

fn put_log(db: &Transaction<'_>, row: ChannelRow, entries: &[LogEntry]) -> Result<(), StoreError> {
    for entry in entries {
        db.prepare_cached(
            "INSERT INTO arbitrator_log (channel, ordinal, height, entry) VALUES
             (?1, (SELECT coalesce(max(ordinal) + 1, 0) FROM arbitrator_log WHERE channel = ?1),
              ?2, ?3)",
        )?
        .execute((
            row.0,
            entry.height,
            At("arbitrator_log", "entry").to_json(&entry.kind)?,
        ))?;
    }
    Ok(())
}

fn put_summary(db: &Transaction<'_>, summary: &CloseSummary) -> Result<(), StoreError> {
    let (txid, vout) = outpoint_columns(&summary.channel);
    let detail = At("close_summary", "detail").to_json(summary)?;
    db.prepare_cached(
        "REPLACE INTO close_summary (txid, vout, peer, is_final, detail)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((
        txid,
        vout,
        summary.peer.serialize(),
        summary.is_final,
        detail,
    ))?;
    Ok(())
}

/// The numbers in the column are ours and fixed.
fn state_column(state: ArbitratorState) -> i64 {
    match state {
        ArbitratorState::Default => 0,
        ArbitratorState::BroadcastCommit => 1,
        ArbitratorState::CommitmentBroadcasted => 2,
        ArbitratorState::ContractClosed => 3,
        ArbitratorState::WaitingFullResolution => 4,
        ArbitratorState::FullyResolved => 5,
    }
}

fn state_from(column: i64) -> Result<ArbitratorState, StoreError> {
    Ok(match column {
        0 => ArbitratorState::Default,
        1 => ArbitratorState::BroadcastCommit,
        2 => ArbitratorState::CommitmentBroadcasted,
        3 => ArbitratorState::ContractClosed,
        4 => ArbitratorState::WaitingFullResolution,
        5 => ArbitratorState::FullyResolved,
        other => {
            return Err(At("court_case", "state").corrupt(format!("{other} is no state")));
        }
    })
}
