//! The transactions that send the embedded wallet's coins away: stored before the network sees them, until they are buried.

use bitcoin::consensus::encode;
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Transaction as Tx, Txid};
use rusqlite::Transaction;

use super::error::StoreError;
use super::pack::{outpoint_columns, signed, At};
use super::row_check::of_emptying;
use super::Store;
use crate::court::Outcome;
use crate::reserve::Emptying;

impl Store {
    /// Those that may still have to be offered to the network.
    ///
    /// # Errors
    /// When a row cannot be decoded.
    pub fn emptyings(&self) -> Result<Vec<Emptying>, StoreError> {
        let at = |column| At("reserve_emptying", column);
        let mut statement = self.connection.prepare_cached(
            "SELECT transaction_bytes, fee, outcome FROM reserve_emptying ORDER BY txid",
        )?;
        let mut rows = statement.query([])?;
        let mut emptyings = Vec::new();
        while let Some(row) = rows.next()? {
            let transaction: Vec<u8> = at("transaction_bytes").get(row)?;
            let outcome: Option<String> = at("outcome").get(row)?;
            let read = |outcome: String| at("outcome").json(&outcome);
            emptyings.push(Emptying {
                transaction: at("transaction_bytes").transaction(&transaction)?,
                fee: at("fee").amount(at("fee").get(row)?)?,
                outcome: outcome.map(read).transpose()?,
            });
        }
        Ok(emptyings)
    }

    /// Whether each row has the check that it carries, and is named after its transaction; in the order of
    /// [`Store::emptyings`].
    pub(super) fn emptyings_pass(&self) -> Result<Vec<bool>, StoreError> {
        let at = |column| At("reserve_emptying", column);
        let mut statement = self
            .connection
            .prepare_cached("SELECT txid, row_check FROM reserve_emptying ORDER BY txid")?;
        let mut rows = statement.query([])?;
        let mut passed = Vec::new();
        for emptying in self.emptyings()? {
            let Some(row) = rows.next()? else { break };
            let txid = at("txid").txid(at("txid").get(row)?)?;
            let check: i64 = at("row_check").get(row)?;
            let outcome = outcome_column(emptying.outcome.as_ref())?;
            let expected = of_emptying(&emptying, outcome.as_deref());
            passed.push(txid == emptying.txid() && check == expected);
        }
        Ok(passed)
    }

    /// Keeps one, in place of those that cannot confirm beside it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_emptying(&self, emptying: &Emptying, replaced: &[Txid]) -> Result<(), StoreError> {
        self.write(|db| {
            delete_emptyings(db, replaced)?;
            put(db, emptying)
        })
    }

    /// Keeps what became of a broadcast. Nothing happens if it was replaced meanwhile, or if it says nothing new.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_emptying_outcome(&self, txid: Txid, outcome: &Outcome) -> Result<(), StoreError> {
        let mut known = self.emptyings()?.into_iter();
        let Some(mut emptying) = known.find(|it| it.txid() == txid) else {
            return Ok(());
        };
        if emptying.outcome.as_ref() == Some(outcome) {
            return Ok(());
        }
        emptying.outcome = Some(outcome.clone());
        self.write(|db| put(db, &emptying))
    }

    /// Forgets coins that are gone for good, and with them, in one transaction, what spent or should have spent them.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_reserve_coins(
        &self,
        coins: &[OutPoint],
        emptyings: &[Txid],
    ) -> Result<(), StoreError> {
        if coins.is_empty() && emptyings.is_empty() {
            return Ok(());
        }
        self.write(|db| {
            for outpoint in coins {
                db.prepare_cached("DELETE FROM reserve_coin WHERE txid = ?1 AND vout = ?2")?
                    .execute(outpoint_columns(outpoint))?;
            }
            delete_emptyings(db, emptyings)
        })
    }
}

fn put(db: &Transaction<'_>, emptying: &Emptying) -> Result<(), StoreError> {
    let outcome = outcome_column(emptying.outcome.as_ref())?;
    let check = of_emptying(emptying, outcome.as_deref());
    let bytes = encode::serialize::<Tx>(&emptying.transaction);
    db.prepare_cached(
        "REPLACE INTO reserve_emptying (txid, transaction_bytes, fee, outcome, row_check)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((
        emptying.txid().to_byte_array(),
        bytes,
        signed(emptying.fee.to_sat()),
        outcome,
        check,
    ))?;
    Ok(())
}

fn delete_emptyings(db: &Transaction<'_>, txids: &[Txid]) -> Result<(), StoreError> {
    for txid in txids {
        db.prepare_cached("DELETE FROM reserve_emptying WHERE txid = ?1")?
            .execute([txid.to_byte_array()])?;
    }
    Ok(())
}

fn outcome_column(outcome: Option<&Outcome>) -> Result<Option<String>, StoreError> {
    let at = At("reserve_emptying", "outcome");
    outcome.map(|outcome| at.to_json(outcome)).transpose()
}
