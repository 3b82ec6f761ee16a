//! Fully signed cooperative closes: each may confirm.

use bitcoin::consensus::encode;
use bitcoin::hashes::Hash;

use super::error::{StoreError, Unreadable};
use super::pack::At;
use super::{ChannelRow, Store};

impl Store {
    /// The fully signed cooperative closes. Rows that cannot be decoded are put aside.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn cooperative(
        &self,
        row: ChannelRow,
        unreadable: &mut Unreadable,
    ) -> Result<Vec<bitcoin::Transaction>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT transaction_bytes FROM cooperative_close WHERE channel = ?1 ORDER BY txid",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut transactions = Vec::new();
        while let Some(row) = rows.next()? {
            let bytes: Result<Vec<u8>, StoreError> = row.get(0).map_err(StoreError::from);
            let transaction = bytes
                .and_then(|bytes| At("cooperative_close", "transaction_bytes").transaction(&bytes));
            transactions.extend(unreadable.sift(transaction));
        }
        Ok(transactions)
    }

    /// Whether each stands under its own txid.
    pub(super) fn cooperative_names_match(&self, row: ChannelRow) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT txid, transaction_bytes FROM cooperative_close WHERE channel = ?1",
        )?;
        let mut rows = statement.query([row.0])?;
        while let Some(row) = rows.next()? {
            let txid = At("cooperative_close", "txid").txid(row.get(0)?)?;
            let bytes: Vec<u8> = row.get(1)?;
            // One that cannot be decoded is found by whoever reads it.
            let transaction = At("cooperative_close", "transaction_bytes").transaction(&bytes);
            if transaction.is_ok_and(|it| it.compute_txid() != txid) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Keeps a fully signed cooperative close. A repeat changes nothing.
pub(super) fn put_cooperative(
    db: &rusqlite::Transaction<'_>,
    row: ChannelRow,
    transaction: &bitcoin::Transaction,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO cooperative_close (channel, txid, transaction_bytes)
         VALUES (?1, ?2, ?3)",
    )?
    .execute((
        row.0,
        transaction.compute_txid().to_byte_array(),
        encode::serialize(transaction),
    ))?;
    Ok(())
}
