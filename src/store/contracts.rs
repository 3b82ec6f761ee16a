//! The outputs of a close that are ours to resolve: one row each, JSON because their fields differ.

use std::collections::BTreeMap;

use bitcoin::OutPoint;
use rusqlite::Transaction;

use super::error::StoreError;
use super::pack::{outpoint_columns, At};
use super::{ChannelRow, Store};
use crate::court::Contract;

impl Store {
    pub(super) fn contracts(&self, row: ChannelRow) -> Result<Vec<Contract>, StoreError> {
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
}

/// Writes what is new or different: a close may leave a thousand outputs, and most steps change one.
pub(super) fn put_contracts(
    db: &Transaction<'_>,
    row: ChannelRow,
    before: &[Contract],
    contracts: &[Contract],
) -> Result<(), StoreError> {
    let mut before: BTreeMap<&OutPoint, &Contract> =
        before.iter().map(|it| (&it.outpoint, it)).collect();
    for contract in contracts {
        if before.remove(&contract.outpoint) == Some(contract) {
            continue;
        }
        let (txid, vout) = outpoint_columns(&contract.outpoint);
        let detail = At("contract", "detail").to_json(contract)?;
        db.prepare_cached(
            "REPLACE INTO contract (channel, txid, vout, detail) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((row.0, txid, vout, detail))?;
    }
    for gone in before.into_keys() {
        let (txid, vout) = outpoint_columns(gone);
        db.prepare_cached("DELETE FROM contract WHERE channel = ?1 AND txid = ?2 AND vout = ?3")?
            .execute((row.0, txid, vout))?;
    }
    Ok(())
}
