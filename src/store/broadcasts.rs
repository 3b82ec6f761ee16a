//! Signed transactions of ours, broadcast on every tick for as long as they are due, and the script that sweeps pay.

use bitcoin::consensus::encode;
use bitcoin::hashes::Hash;
use bitcoin::ScriptBuf;
use rusqlite::{OptionalExtension, Transaction};

use super::error::StoreError;
use super::pack::{signed, At};
use super::row_check::of_broadcast;
use super::{ChannelRow, Store};
use crate::court::Broadcast;

impl Store {
    pub(super) fn broadcasts(&self, row: ChannelRow) -> Result<Vec<Broadcast>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT txid, purpose, transaction_bytes, since, outcome, coins FROM broadcast
             WHERE channel = ?1 ORDER BY ordinal",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut broadcasts = Vec::new();
        while let Some(row) = rows.next()? {
            let at = |column| At("broadcast", column);
            let purpose: String = row.get(1)?;
            let transaction: Vec<u8> = row.get(2)?;
            let outcome: Option<String> = row.get(4)?;
            let coins: Option<String> = row.get(5)?;
            broadcasts.push(Broadcast {
                txid: at("txid").txid(row.get(0)?)?,
                purpose: at("purpose").json(&purpose)?,
                transaction: at("transaction_bytes").transaction(&transaction)?,
                since: at("since").unsigned(row.get(3)?)?,
                outcome: outcome
                    .map(|outcome| at("outcome").json(&outcome))
                    .transpose()?,
                coins: coins
                    .map(|coins| at("coins").json(&coins))
                    .transpose()?
                    .unwrap_or_default(),
            });
        }
        Ok(broadcasts)
    }

    /// Whether each transaction of ours has the check that its row carries, in order; rows of earlier versions pass.
    pub(super) fn broadcasts_pass(&self, row: ChannelRow) -> Result<Vec<bool>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT purpose, outcome, row_check FROM broadcast WHERE channel = ?1 ORDER BY ordinal",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut passed = Vec::new();
        for broadcast in self.broadcasts(row)? {
            let Some(row) = rows.next()? else { break };
            let purpose: String = row.get(0)?;
            let outcome: Option<String> = row.get(1)?;
            let check: Option<i64> = row.get(2)?;
            let expected = of_broadcast(&purpose, &broadcast, outcome.as_deref());
            passed.push(check.is_none_or(|check| check == expected));
        }
        Ok(passed)
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
}

/// Writes what is new or different: most steps add one at the end, or say what became of one.
pub(super) fn put_broadcasts(
    db: &Transaction<'_>,
    row: ChannelRow,
    before: &[Broadcast],
    broadcasts: &[Broadcast],
) -> Result<(), StoreError> {
    let before = before.iter().map(Some).chain(std::iter::repeat(None));
    for ((ordinal, broadcast), before) in (0i64..).zip(broadcasts).zip(before) {
        if before == Some(broadcast) {
            continue;
        }
        let outcome = broadcast
            .outcome
            .as_ref()
            .map(|outcome| At("broadcast", "outcome").to_json(outcome))
            .transpose()?;
        let purpose = At("broadcast", "purpose").to_json(&broadcast.purpose)?;
        let check = of_broadcast(&purpose, broadcast, outcome.as_deref());
        let coins = (!broadcast.coins.is_empty())
            .then(|| At("broadcast", "coins").to_json(&broadcast.coins))
            .transpose()?;
        db.prepare_cached(
            "REPLACE INTO broadcast
                (channel, ordinal, txid, purpose, transaction_bytes, since, outcome, row_check,
                 coins)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            row.0,
            ordinal,
            broadcast.txid.to_byte_array(),
            purpose,
            encode::serialize(&broadcast.transaction),
            broadcast.since,
            outcome,
            check,
            coins,
        ))?;
    }
    let end = signed(broadcasts.len() as u64);
    db.prepare_cached("DELETE FROM broadcast WHERE channel = ?1 AND ordinal >= ?2")?
        .execute((row.0, end))?;
    Ok(())
}
