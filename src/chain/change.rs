//! The difference between two states of the cursor, as rows to put and rows to delete. The view computes it, the store
//! writes it in one transaction, and only then the view takes it over. A whole cursor is the change from nothing to it.

use std::collections::BTreeMap;

use bitcoin::block::Header;
use bitcoin::{OutPoint, Txid};

use super::block::{BlockHeight, BlockRef};
use super::facts::{OutputFacts, TxFacts};

/// Rows that change together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainChange {
    /// The new tip, if it moved.
    pub tip: Option<BlockRef>,
    /// Headers by height.
    pub headers: BTreeMap<BlockHeight, Row<Header>>,
    /// Watched outputs.
    pub outputs: BTreeMap<OutPoint, Row<OutputFacts>>,
    /// Watched transactions.
    pub transactions: BTreeMap<Txid, Row<TxFacts>>,
}

/// What happens to one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row<T> {
    /// It is written, whether it was there or not.
    Put(T),
    /// It goes, if it is there.
    Delete,
}

impl ChainChange {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.tip.is_none()
            && self.headers.is_empty()
            && self.outputs.is_empty()
            && self.transactions.is_empty()
    }
}
