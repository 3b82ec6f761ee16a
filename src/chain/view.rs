//! What we hold to be true of the chain: our tip, the headers that link the facts to it, and the facts. Pure. Questions
//! are answered here; what may change, and when, stands in [`branch`](super::branch) for headers and in
//! [`rules`](super::rules) for facts.

use std::collections::BTreeMap;

use bitcoin::block::Header;
use bitcoin::{BlockHash, OutPoint, Transaction, Txid};

use super::block::{BlockHeight, BlockRef, Depth};
use super::change::{ChainChange, Row};
use super::checkpoints::Checkpoint;
use super::facts::{OutputFacts, TxFacts, TxPosition};
use super::source::PlacedHeader;

/// The durable cursor in memory.
///
/// The headers form one unbroken row that ends at the tip, and possibly older rows, left behind by a jump over a long
/// sleep or still growing towards the proof of an old funding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainView {
    tip: Option<BlockRef>,
    headers: BTreeMap<BlockHeight, HeldHeader>,
    outputs: BTreeMap<OutPoint, OutputFacts>,
    transactions: BTreeMap<Txid, TxFacts>,
}

/// A header with its hash, computed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HeldHeader {
    header: Header,
    hash: BlockHash,
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
            .map(|held| held.header.time)
    }

    /// What is known of a watched output; `None` when nothing is.
    pub fn output(&self, outpoint: &OutPoint) -> Option<&OutputFacts> {
        self.outputs.get(outpoint)
    }

    /// What is known of a watched transaction; `None` when nothing is.
    pub fn transaction(&self, txid: &Txid) -> Option<&TxFacts> {
        self.transactions.get(txid)
    }

    /// All outputs of which something is known.
    pub fn outputs(&self) -> impl Iterator<Item = (&OutPoint, &OutputFacts)> {
        self.outputs.iter()
    }

    /// All watched transactions of which something is known.
    pub fn transactions(&self) -> impl Iterator<Item = (&Txid, &TxFacts)> {
        self.transactions.iter()
    }

    /// How deep a proven transaction lies: linked headers from its block on, as far as they are held, or as far as they
    /// were when they were let go.
    pub fn depth(&self, position: &TxPosition) -> Depth {
        let is_held = self.hash_at(position.block.height) == Some(position.block.hash);
        let held = if is_held {
            self.row_depth(position.block.height)
        } else {
            Depth::UNCONFIRMED
        };
        held.max(position.proven_depth)
    }

    /// Takes over a change that has been stored.
    pub fn merge(&mut self, change: &ChainChange) {
        self.tip = change.tip.or(self.tip);
        merge_rows(&mut self.headers, &change.headers, |header| HeldHeader {
            header: *header,
            hash: header.block_hash(),
        });
        merge_rows(&mut self.outputs, &change.outputs, OutputFacts::clone);
        merge_rows(&mut self.transactions, &change.transactions, TxFacts::clone);
    }

    /// The header held at this height, in whichever row.
    pub(super) fn header_at(&self, height: BlockHeight) -> Option<PlacedHeader> {
        self.headers.get(&height).map(|held| PlacedHeader {
            height,
            header: held.header,
        })
    }

    /// The hash of the header held at this height.
    pub(super) fn hash_at(&self, height: BlockHeight) -> Option<BlockHash> {
        self.headers.get(&height).map(|held| held.hash)
    }

    /// Heights of all headers held, from the lowest on.
    pub(super) fn header_heights(&self) -> impl DoubleEndedIterator<Item = BlockHeight> + '_ {
        self.headers.keys().copied()
    }

    /// How many headers follow one another from this height upwards.
    pub(super) fn row_depth(&self, height: BlockHeight) -> Depth {
        let mut next = height;
        let mut below: Option<BlockHash> = None;
        for (at, held) in self.headers.range(height..) {
            if *at != next || below.is_some_and(|hash| held.header.prev_blockhash != hash) {
                break;
            }
            below = Some(held.hash);
            next = next.saturating_add(1);
        }
        Depth::new(next.blocks_above(height))
    }

    /// The lowest height of the row that ends at the tip.
    pub(super) fn lowest_linked(&self) -> Option<BlockHeight> {
        let tip = self.tip?;
        let mut lowest = tip.height;
        let mut expected = tip.hash;
        for (at, held) in self.headers.range(..=tip.height).rev() {
            let is_next = *at == tip.height || at.saturating_add(1) == lowest;
            if !is_next || held.hash != expected {
                break;
            }
            lowest = *at;
            expected = held.header.prev_blockhash;
        }
        Some(lowest)
    }

    /// Our tip as a yardstick for the targets of blocks near it.
    pub(super) fn tip_checkpoint(&self) -> Option<Checkpoint> {
        let tip = self.tip?;
        let bits = self.headers.get(&tip.height)?.header.bits;
        Some(Checkpoint {
            height: tip.height,
            bits,
        })
    }

    /// A transaction that is held because it spends a watched output.
    pub(super) fn held_transaction(&self, txid: &Txid) -> Option<&Transaction> {
        let spends = self
            .outputs
            .values()
            .filter_map(|facts| facts.spend.as_ref());
        spends
            .filter(|spend| spend.txid == *txid)
            .map(|spend| &spend.tx)
            .next()
    }
}

fn merge_rows<K: Ord + Copy, V, H>(
    rows: &mut BTreeMap<K, H>,
    changes: &BTreeMap<K, Row<V>>,
    hold: impl Fn(&V) -> H,
) {
    for (key, change) in changes {
        match change {
            Row::Put(value) => {
                rows.insert(*key, hold(value));
            }
            Row::Delete => {
                rows.remove(key);
            }
        }
    }
}
