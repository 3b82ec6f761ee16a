//! The embedded reserve wallet: how many of its scripts were given out, and the coins that a server named.

#[cfg(test)]
mod tests;

use bitcoin::bip32::Fingerprint;
use bitcoin::OutPoint;
use rusqlite::{Connection, Transaction};

use super::error::StoreError;
use super::pack::{outpoint_columns, signed, At};
use super::row_check::{of_reserve, of_reserve_coin};
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
        match read(&self.connection)? {
            Some((known, _)) => Ok(known == name.to_bytes()),
            None => self.write(|db| {
                put(db, &name.to_bytes(), &ReserveRow::default())?;
                Ok(true)
            }),
        }
    }

    /// What is kept of the reserve wallet; empty if there is none.
    ///
    /// # Errors
    /// When the row cannot be decoded.
    pub fn reserve(&self) -> Result<ReserveRow, StoreError> {
        let known = read(&self.connection)?;
        Ok(known.map(|(_, row)| row).unwrap_or_default())
    }

    /// Whether the row has the check that it carries; there may be none.
    pub(super) fn reserve_passes(&self) -> Result<bool, StoreError> {
        let Some((name, row)) = read(&self.connection)? else {
            return Ok(true);
        };
        let sql = "SELECT row_check FROM reserve";
        let check: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(check == of_reserve(&name, &row))
    }

    /// Keeps how many scripts have been given out. The number never falls.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_revealed(&self, revealed: u32) -> Result<(), StoreError> {
        self.write(|db| change_reserve(db, |row| row.revealed = row.revealed.max(revealed)))
    }

    /// Keeps which script the user was given as an address.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_receive(&self, index: u32) -> Result<(), StoreError> {
        self.write(|db| {
            change_reserve(db, |row| {
                row.revealed = row.revealed.max(index.saturating_add(1));
                row.receive = Some(index);
            })
        })
    }

    /// Keeps what a server says of one script: whether it was ever paid, and its coins. Nothing is written of what is known: a
    /// look asks for all scripts, and most say the same as before.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep_script_coins(&self, index: u32, found: &ScriptCoins) -> Result<(), StoreError> {
        if !found.was_used {
            return Ok(());
        }
        let use_script = |row: &mut ReserveRow| {
            row.revealed = row.revealed.max(index.saturating_add(1));
            row.receive = row.receive.filter(|receive| *receive != index);
        };
        let before = self.reserve()?;
        let mut after = before;
        use_script(&mut after);
        let mut new = Vec::new();
        for &(outpoint, value) in &found.coins {
            let coin = KnownCoin {
                outpoint,
                index,
                value,
            };
            if !holds_coin(&self.connection, &coin)? {
                new.push(coin);
            }
        }
        if after == before && new.is_empty() {
            return Ok(());
        }
        self.write(|db| {
            change_reserve(db, use_script)?;
            new.iter().try_for_each(|coin| put_coin(db, coin))
        })
    }

    /// Keeps that all scripts were looked at.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_reserve_look(&self, tip: u32) -> Result<(), StoreError> {
        self.write(|db| change_reserve(db, |row| row.looked_at = Some(tip)))
    }

    /// The coins that a server has named.
    ///
    /// # Errors
    /// When a row cannot be decoded.
    pub fn reserve_coins(&self) -> Result<Vec<KnownCoin>, StoreError> {
        let at = |column| At("reserve_coin", column);
        let mut statement = self.connection.prepare_cached(
            "SELECT txid, vout, script_index, value FROM reserve_coin
             ORDER BY script_index, txid, vout",
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

    /// Whether each coin has the check that its row carries, in the order of [`Store::reserve_coins`].
    pub(super) fn reserve_coins_pass(&self) -> Result<Vec<bool>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT row_check FROM reserve_coin ORDER BY script_index, txid, vout",
        )?;
        let checks = statement.query_map([], |row| row.get(0));
        let checks: Vec<i64> = checks?.collect::<Result<_, _>>()?;
        let coins = self.reserve_coins()?;
        let passes = |(coin, check): (&KnownCoin, &i64)| of_reserve_coin(coin) == *check;
        Ok(coins.iter().zip(&checks).map(passes).collect())
    }
}

/// The row and its name, if there is one.
fn read(db: &Connection) -> Result<Option<(Vec<u8>, ReserveRow)>, StoreError> {
    let at = |column| At("reserve", column);
    let mut statement =
        db.prepare_cached("SELECT name, revealed, receive, looked_at FROM reserve")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let maybe = |column| -> Result<Option<u32>, StoreError> {
        let value: Option<i64> = at(column).get(row)?;
        value.map(|value| at(column).unsigned(value)).transpose()
    };
    let kept = ReserveRow {
        revealed: at("revealed").unsigned(at("revealed").get(row)?)?,
        receive: maybe("receive")?,
        looked_at: maybe("looked_at")?,
    };
    Ok(Some((at("name").get(row)?, kept)))
}

/// Changes the row, if there is one.
pub(super) fn change_reserve(
    db: &Transaction<'_>,
    change: impl FnOnce(&mut ReserveRow),
) -> Result<(), StoreError> {
    let Some((name, mut row)) = read(db)? else {
        return Ok(());
    };
    change(&mut row);
    put(db, &name, &row)
}

fn put(db: &Transaction<'_>, name: &[u8], row: &ReserveRow) -> Result<(), StoreError> {
    db.prepare_cached(
        "REPLACE INTO reserve (id, name, revealed, receive, looked_at, row_check)
         VALUES (1, ?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((
        name,
        row.revealed,
        row.receive,
        row.looked_at,
        of_reserve(name, row),
    ))?;
    Ok(())
}

/// Whether this very coin is there, with its check.
fn holds_coin(db: &Connection, coin: &KnownCoin) -> Result<bool, StoreError> {
    let (txid, vout) = outpoint_columns(&coin.outpoint);
    let known = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM reserve_coin WHERE txid = ?1 AND vout = ?2
             AND script_index = ?3 AND value = ?4 AND row_check = ?5)",
        )?
        .query_row(
            (
                txid,
                vout,
                coin.index,
                signed(coin.value.to_sat()),
                of_reserve_coin(coin),
            ),
            |row| row.get(0),
        )?;
    Ok(known)
}

fn put_coin(db: &Transaction<'_>, coin: &KnownCoin) -> Result<(), StoreError> {
    let (txid, vout) = outpoint_columns(&coin.outpoint);
    db.prepare_cached(
        "REPLACE INTO reserve_coin (txid, vout, script_index, value, row_check)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((
        txid,
        vout,
        coin.index,
        signed(coin.value.to_sat()),
        of_reserve_coin(coin),
    ))?;
    Ok(())
}
