//! Purging: the working data of an ended channel goes, a few rows at a time. Terms, feed, log and summary stay.

use bitcoin::OutPoint;
use rusqlite::Transaction;

use super::channels::{channel_of, Docket};
use super::error::StoreError;
use super::{ChannelRow, Store};

/// What an ended channel needs no more, each table with the rest of its key. A table's rows stand under their channel.
const WORKING: [(&str, &str); 8] = [
    ("revocation_secret", "slot"),
    ("commitment", "funding, owner, number, alternative"),
    ("htlc", "direction, htlc_id, version"),
    ("past_htlc", "class, first, figures"),
    ("cooperative_close", "txid"),
    ("broadcast", "ordinal"),
    ("sweep_script", "channel"),
    ("opening", "channel"),
];

/// How far a purge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// A part was deleted; there may be more.
    Going,
    /// Nothing is left, or the channel has not ended.
    Done,
}

impl Store {
    /// The channels that have ended and have working data left.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn channels_to_purge(&self) -> Result<Docket, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT court_case.channel AS id, txid, vout FROM court_case
             LEFT JOIN funding ON funding.channel = court_case.channel AND ordinal = 0
             WHERE to_purge = 1 ORDER BY court_case.channel",
        )?;
        let mut rows = statement.query([])?;
        let mut docket = Docket::default();
        while let Some(row) = rows.next()? {
            match channel_of(row) {
                Ok(channel) => docket.channels.push(channel),
                Err(error) => docket.unreadable.push(error),
            }
        }
        Ok(docket)
    }

    /// Deletes up to `rows` rows of the working data of a channel that has ended, in one transaction: a small one, so that
    /// nobody waits for the write lock. Nothing happens to a channel that has not ended.
    ///
    /// # Errors
    /// When the database cannot be written; the next call goes on.
    pub fn purge_some(
        &self,
        row: ChannelRow,
        channel: OutPoint,
        rows: u32,
    ) -> Result<Purge, StoreError> {
        let has_ended: bool = self.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM court_case WHERE channel = ?1 AND to_purge = 1)",
            [row.0],
            |row| row.get(0),
        )?;
        if !has_ended {
            return Ok(Purge::Done);
        }
        self.write(|db| {
            for (table, key) in WORKING {
                let sql = format!(
                    "DELETE FROM {table} WHERE channel = ?1 AND ({key}) IN
                     (SELECT {key} FROM {table} WHERE channel = ?1 LIMIT ?2)"
                );
                if db.prepare_cached(&sql)?.execute((row.0, rows))? > 0 {
                    return Ok(Purge::Going);
                }
            }
            if purge_contracts(db, row, rows)? > 0 {
                return Ok(Purge::Going);
            }
            // The coins of its funding may have been looked at. A row that cannot be read holds up no purge.
            let funding = self.funding(row).ok().and_then(|it| it.transaction);
            for coin in funding.iter().flat_map(|funding| &funding.input) {
                forget_output(db, &coin.previous_output)?;
            }
            forget_output(db, &channel)?;
            db.prepare_cached("UPDATE court_case SET to_purge = 0 WHERE channel = ?1")?
                .execute([row.0])?;
            Ok(Purge::Done)
        })
    }
}

/// The close's outputs go together with what was observed of them.
fn purge_contracts(db: &Transaction<'_>, row: ChannelRow, rows: u32) -> Result<usize, StoreError> {
    db.prepare_cached(
        "DELETE FROM chain_output WHERE (txid, vout) IN
         (SELECT txid, vout FROM contract WHERE channel = ?1 ORDER BY txid, vout LIMIT ?2)",
    )?
    .execute((row.0, rows))?;
    let purged = db
        .prepare_cached(
            "DELETE FROM contract WHERE channel = ?1 AND (txid, vout) IN
             (SELECT txid, vout FROM contract WHERE channel = ?1 ORDER BY txid, vout LIMIT ?2)",
        )?
        .execute((row.0, rows))?;
    Ok(purged)
}

/// What was observed of the funding output goes last: who finds it gone knows that all is.
fn forget_output(db: &Transaction<'_>, outpoint: &OutPoint) -> Result<(), StoreError> {
    let (txid, vout) = super::pack::outpoint_columns(outpoint);
    db.prepare_cached("DELETE FROM chain_output WHERE txid = ?1 AND vout = ?2")?
        .execute((txid, vout))?;
    Ok(())
}
