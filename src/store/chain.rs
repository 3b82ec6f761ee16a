//! The chain cursor: tip, linked headers, and facts per output and transaction.

use bitcoin::block::Header;
use bitcoin::consensus::encode;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, OutPoint};
use rusqlite::Transaction;

use super::error::StoreError;
use super::pack::{outpoint_columns, At};
use super::Store;
use crate::chain::{BlockHeight, BlockRef, ChainChange, ChainStore, ChainView, Row, StoreFailure};

impl ChainStore for Store {
    fn load(&self) -> Result<ChainView, StoreFailure> {
        Ok(ChainView::from_rows(&self.load_cursor()?))
    }

    fn apply(&self, change: &ChainChange) -> Result<(), StoreFailure> {
        Ok(self.write(|transaction| write_cursor(transaction, change))?)
    }
}

impl Store {
    /// Our tip; `None` before the first tick.
    ///
    /// # Errors
    /// When the row cannot be read.
    pub fn tip(&self) -> Result<Option<BlockRef>, StoreError> {
        let mut tips = self
            .connection
            .prepare_cached("SELECT height, hash FROM chain_tip")?;
        let mut rows = tips.query([])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let hash = At("chain_tip", "hash").array(row.get(1)?)?;
        Ok(Some(BlockRef {
            height: BlockHeight::new(row.get(0)?),
            hash: BlockHash::from_byte_array(hash),
        }))
    }

    fn load_cursor(&self) -> Result<ChainChange, StoreError> {
        let mut change = ChainChange {
            tip: self.tip()?,
            ..ChainChange::default()
        };
        let db = &self.connection;
        let mut headers = db.prepare("SELECT height, header FROM chain_header")?;
        let mut rows = headers.query([])?;
        while let Some(row) = rows.next()? {
            let bytes: Vec<u8> = row.get(1)?;
            let header: Header = encode::deserialize(&bytes)
                .map_err(|error| At("chain_header", "header").corrupt(error))?;
            let height = BlockHeight::new(row.get(0)?);
            change.headers.insert(height, Row::Put(header));
        }
        let mut outputs = db.prepare("SELECT txid, vout, facts FROM chain_output")?;
        let mut rows = outputs.query([])?;
        while let Some(row) = rows.next()? {
            let txid = At("chain_output", "txid").txid(row.get(0)?)?;
            let text: String = row.get(2)?;
            let facts = At("chain_output", "facts").json(&text)?;
            let outpoint = OutPoint::new(txid, row.get(1)?);
            change.outputs.insert(outpoint, Row::Put(facts));
        }
        let mut transactions = db.prepare("SELECT txid, facts FROM chain_transaction")?;
        let mut rows = transactions.query([])?;
        while let Some(row) = rows.next()? {
            let txid = At("chain_transaction", "txid").txid(row.get(0)?)?;
            let text: String = row.get(1)?;
            let facts = At("chain_transaction", "facts").json(&text)?;
            change.transactions.insert(txid, Row::Put(facts));
        }
        Ok(change)
    }
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
