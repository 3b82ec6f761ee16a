//! What we hold to be true of the chain. Pure: no I/O, no clock. It answers questions about the facts it holds, and turns
//! checked observations into a [`ChainChange`] by the rules of what may change a fact and what may not.

use std::collections::BTreeMap;

use bitcoin::block::Header;
use bitcoin::{OutPoint, Txid};

use super::block::{BlockHeight, BlockRef, Depth};
use super::change::{ChainChange, Row};
use super::facts::{OutputFacts, TxFacts, TxPosition};

/// The durable cursor in memory: our tip, the headers that link the facts to it, and the facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainView {
    tip: Option<BlockRef>,
    headers: BTreeMap<BlockHeight, Header>,
    outputs: BTreeMap<OutPoint, OutputFacts>,
    transactions: BTreeMap<Txid, TxFacts>,
}

impl ChainView {
    /// The cursor that stored rows make up.
    pub fn from_rows(rows: &ChainChange) -> Self {
        let mut view = Self::default();
        view.merge(rows);
        view
    }

    /// The best block we know of; `None` before the first sync.
    pub fn tip(&self) -> Option<BlockRef> {
        self.tip
    }

    /// When the tip was mined by its own account, in seconds since 1970: the chain's clock, right within two hours.
    pub fn tip_time(&self) -> Option<u32> {
        self.tip
            .and_then(|tip| self.headers.get(&tip.height))
            .map(|header| header.time)
    }

    /// What is known of an output that was ever watched.
    pub fn output(&self, outpoint: &OutPoint) -> Option<&OutputFacts> {
        self.outputs.get(outpoint)
    }

    /// What is known of a transaction that was ever watched.
    pub fn transaction(&self, txid: &Txid) -> Option<&TxFacts> {
        self.transactions.get(txid)
    }

    /// How deep a proven transaction lies: linked headers from its block on, as far as they are (or were) held.
    pub fn depth(&self, position: &TxPosition) -> Depth {
        let held = match self.headers.get(&position.block.height) {
            Some(header) if header.block_hash() == position.block.hash => {
                self.linked_above(position.block.height)
            }
            Some(_) | None => Depth::UNCONFIRMED,
        };
        held.max(position.proven_depth)
    }

    /// The unbroken row of headers from this height on.
    fn linked_above(&self, height: BlockHeight) -> Depth {
        let mut depth = 0;
        for (expected, held) in (height.to_u32()..).zip(self.headers.range(height..)) {
            if held.0.to_u32() != expected {
                break;
            }
            depth += 1;
        }
        Depth::new(depth)
    }

    /// Takes over a change that has been stored.
    pub fn merge(&mut self, change: &ChainChange) {
        self.tip = change.tip.or(self.tip);
        merge_rows(&mut self.headers, &change.headers);
        merge_rows(&mut self.outputs, &change.outputs);
        merge_rows(&mut self.transactions, &change.transactions);
    }
}

fn merge_rows<K: Ord + Copy, V: Clone>(rows: &mut BTreeMap<K, V>, changes: &BTreeMap<K, Row<V>>) {
    for (key, change) in changes {
        match change {
            Row::Put(value) => {
                rows.insert(*key, value.clone());
            }
            Row::Delete => {
                rows.remove(key);
            }
        }
    }
}
