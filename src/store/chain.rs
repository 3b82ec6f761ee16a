//! The chain cursor: tip, linked headers, and facts per output and transaction.

use bitcoin::block::Header;
use bitcoin::consensus::encode;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, OutPoint, Txid};
use rusqlite::{Row as SqlRow, Transaction};

use super::error::{StoreError, Unreadable};
use super::pack::{outpoint_columns, At};
use super::Store;
use crate::chain::{
    BlockHeight, BlockRef, ChainChange, ChainStore, ChainView, OutputFacts, Row, StoreFailure,
    TxFacts,
};

impl ChainStore for Store {
    fn load(&self) -> Result<ChainView, StoreFailure> {
        Ok(ChainView::from_rows(&self.load_cursor()?))
    }

    fn apply(&self, change: &ChainChange) -> Result<(), StoreFailure> {
        Ok(self.write(|transaction| write_cursor(transaction, change))?)
    }
}

impl Store {
    /// Our tip; `None` before the first tick, and when the row cannot be decoded: the server is asked for another.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn tip(&self) -> Result<Option<BlockRef>, StoreError> {
        match self.stored_tip() {
            Err(StoreError::Corrupt { .. }) => Ok(None),
            read => read,
        }
    }

    fn stored_tip(&self) -> Result<Option<BlockRef>, StoreError> {
        let mut tips = self
            .connection
            .prepare_cached("SELECT height, hash FROM chain_tip")?;
        let mut rows = tips.query([])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let at = |column| At("chain_tip", column);
        let hash = at("hash").array(at("hash").get(row)?)?;
        Ok(Some(BlockRef {
            height: BlockHeight::new(at("height").get(row)?),
            hash: BlockHash::from_byte_array(hash),
        }))
    }

    /// The rows of the cursor that the last load could not read. What they said is asked for again.
    pub fn take_unreadable_facts(&self) -> Unreadable {
        self.unreadable_facts.take()
    }

    pub(super) fn load_cursor(&self) -> Result<ChainChange, StoreError> {
        let mut unreadable = Unreadable::default();
        let mut change = ChainChange {
            tip: unreadable.sift(self.stored_tip()).flatten(),
            ..ChainChange::default()
        };
        let db = &self.connection;
        let mut headers = db.prepare("SELECT height, header FROM chain_header")?;
        let mut rows = headers.query([])?;
        while let Some(row) = rows.next()? {
            change.headers.extend(unreadable.sift(header_of(row)));
        }
        let mut outputs = db.prepare("SELECT txid, vout, facts FROM chain_output")?;
        let mut rows = outputs.query([])?;
        while let Some(row) = rows.next()? {
            change.outputs.extend(unreadable.sift(output_of(row)));
        }
        let mut transactions = db.prepare("SELECT txid, facts FROM chain_transaction")?;
        let mut rows = transactions.query([])?;
        while let Some(row) = rows.next()? {
            let transaction = unreadable.sift(transaction_of(row));
            change.transactions.extend(transaction);
        }
        self.unreadable_facts.replace(unreadable);
        Ok(change)
    }
}

fn header_of(row: &SqlRow<'_>) -> Result<(BlockHeight, Row<Header>), StoreError> {
    let at = |column| At("chain_header", column);
    let bytes: Vec<u8> = at("header").get(row)?;
    let header = encode::deserialize(&bytes).map_err(|error| at("header").corrupt(error))?;
    let height = BlockHeight::new(at("height").get(row)?);
    Ok((height, Row::Put(header)))
}

fn output_of(row: &SqlRow<'_>) -> Result<(OutPoint, Row<OutputFacts>), StoreError> {
    let at = |column| At("chain_output", column);
    let txid = at("txid").txid(at("txid").get(row)?)?;
    let text: String = at("facts").get(row)?;
    let facts = at("facts").json(&text)?;
    Ok((OutPoint::new(txid, at("vout").get(row)?), Row::Put(facts)))
}

fn transaction_of(row: &SqlRow<'_>) -> Result<(Txid, Row<TxFacts>), StoreError> {
    let at = |column| At("chain_transaction", column);
    let txid = at("txid").txid(at("txid").get(row)?)?;
    let text: String = at("facts").get(row)?;
    Ok((txid, Row::Put(at("facts").json(&text)?)))
}

fn write_cursor(db: &Transaction<'_>, change: &ChainChange) -> Result<(), StoreError> {
    if let Some(tip) = change.tip {
        db.prepare_cached("REPLACE INTO chain_tip (one, height, hash) VALUES (1, ?1, ?2)")?
            .execute((tip.height.to_u32(), tip.hash.to_byte_array()))?;
    }
    for (height, row) in &change.headers {
        let height = height.to_u32();
        match row {
            Row::Put(header) => db
                .prepare_cached("REPLACE INTO chain_header (height, header) VALUES (?1, ?2)")?
                .execute((height, encode::serialize(header)))?,
            Row::Delete => db
                .prepare_cached("DELETE FROM chain_header WHERE height = ?1")?
                .execute([height])?,
        };
    }
    for (outpoint, row) in &change.outputs {
        let (txid, vout) = outpoint_columns(outpoint);
        match row {
            Row::Put(facts) => db
                .prepare_cached(
                    "REPLACE INTO chain_output (txid, vout, facts) VALUES (?1, ?2, ?3)",
                )?
                .execute((txid, vout, At("chain_output", "facts").to_json(facts)?))?,
            Row::Delete => db
                .prepare_cached("DELETE FROM chain_output WHERE txid = ?1 AND vout = ?2")?
                .execute((txid, vout))?,
        };
    }
    for (txid, row) in &change.transactions {
        let txid = txid.to_byte_array();
        match row {
            Row::Put(facts) => db
                .prepare_cached("REPLACE INTO chain_transaction (txid, facts) VALUES (?1, ?2)")?
                .execute((txid, At("chain_transaction", "facts").to_json(facts)?))?,
            Row::Delete => db
                .prepare_cached("DELETE FROM chain_transaction WHERE txid = ?1")?
                .execute([txid])?,
        };
    }
    Ok(())
}
