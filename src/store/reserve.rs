//! The embedded reserve wallet: how many of its scripts were given out, and the coins that a server named.

use bitcoin::bip32::Fingerprint;
use bitcoin::OutPoint;
use rusqlite::{OptionalExtension, Transaction};

use super::error::StoreError;
use super::pack::{outpoint_columns, signed, At};
use super::Store;
use crate::chain::ScriptCoins;
use crate::reserve::KnownCoin;

/// What is kept of the wallet beside its coins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReserveRow {
    /// How many scripts have been given out.
    pub revealed: u32,
    /// The place of the address that waits for a payment.
    pub receive: Option<u32>,
    /// The tip at the last look at all scripts.
    pub looked_at: Option<u32>,
}

impl Store {
    /// Makes this the database's reserve wallet, unless it has one. `false`: it has that of another seed.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn take_reserve(&self, name: Fingerprint) -> Result<bool, StoreError> {
        let known: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT name FROM reserve")?
            .query_row([], |row| row.get(0))
            .optional()?;
        match known {
            Some(known) => Ok(known == name.to_bytes()),
            None => self.write(|db| {
                db.execute(
                    "INSERT INTO reserve (id, name, revealed) VALUES (1, ?1, 0)",
                    [name.to_bytes()],
                )?;
                Ok(true)
            }),
        }
    }

    /// What is kept of the reserve wallet; empty if there is none.
    ///
    /// # Errors
    /// When the row cannot be decoded.
    pub fn reserve(&self) -> Result<ReserveRow, StoreError> {
        let at = |column| At("reserve", column);
        let columns = self
            .connection
            .prepare_cached("SELECT revealed, receive, looked_at FROM reserve")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((revealed, receive, looked_at)): Option<(i64, Option<i64>, Option<i64>)> = columns
        else {
            return Ok(ReserveRow::default());
        };
        let maybe =
            |column, value: Option<i64>| value.map(|value| at(column).unsigned(value)).transpose();
        Ok(ReserveRow {
            revealed: at("revealed").unsigned(revealed)?,
            receive: maybe("receive", receive)?,
            looked_at: maybe("looked_at", looked_at)?,
        })
    }

    /// Keeps how many scripts have been given out. The number never falls.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_revealed(&self, revealed: u32) -> Result<(), StoreError> {
        self.write(|db| put_revealed(db, revealed))
    }

    /// Keeps which script the user was given as an address.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_receive(&self, index: u32) -> Result<(), StoreError> {
        self.write(|db| {
            put_revealed(db, index.saturating_add(1))?;
            db.execute("UPDATE reserve SET receive = ?1", [index])?;
            Ok(())
        })
    }

    /// Keeps what a server says of one script: whether it was ever paid, and its coins.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep_script_coins(&self, index: u32, found: &ScriptCoins) -> Result<(), StoreError> {
        if !found.was_used {
            return Ok(());
        }
        self.write(|db| {
            put_revealed(db, index.saturating_add(1))?;
            db.prepare_cached("UPDATE reserve SET receive = NULL WHERE receive = ?1")?
                .execute([index])?;
            for (outpoint, value) in &found.coins {
                let (txid, vout) = outpoint_columns(outpoint);
                db.prepare_cached(
                    "INSERT INTO reserve_coin (txid, vout, script_index, value)
                     VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET script_index = ?3, value = ?4",
                )?
                .execute((txid, vout, index, signed(value.to_sat())))?;
            }
            Ok(())
        })
    }

    /// Keeps that all scripts were looked at.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_reserve_look(&self, tip: u32) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute("UPDATE reserve SET looked_at = ?1", [tip])?;
            Ok(())
        })
    }

    /// The coins that a server has named.
    ///
    /// # Errors
    /// When a row cannot be decoded.
    pub fn reserve_coins(&self) -> Result<Vec<KnownCoin>, StoreError> {
        let at = |column| At("reserve_coin", column);
        let mut statement = self.connection.prepare_cached(
            "SELECT txid, vout, script_index, value FROM reserve_coin ORDER BY script_index",
        )?;
        let mut rows = statement.query([])?;
        let mut coins = Vec::new();
        while let Some(row) = rows.next()? {
            let txid = at("txid").txid(at("txid").get(row)?)?;
            coins.push(KnownCoin {
                outpoint: OutPoint::new(txid, at("vout").get(row)?),
                index: at("script_index").get(row)?,
                value: at("value").amount(at("value").get(row)?)?,
            });
        }
        Ok(coins)
    }

    /// Forgets coins that are spent for good.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_reserve_coins(&self, coins: &[OutPoint]) -> Result<(), StoreError> {
        if coins.is_empty() {
            return Ok(());
        }
        self.write(|db| {
            for outpoint in coins {
                db.prepare_cached("DELETE FROM reserve_coin WHERE txid = ?1 AND vout = ?2")?
                    .execute(outpoint_columns(outpoint))?;
            }
            Ok(())
        })
    }
}

fn put_revealed(db: &Transaction<'_>, revealed: u32) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE reserve SET revealed = max(revealed, ?1)")?
        .execute([revealed])?;
    Ok(())
}
