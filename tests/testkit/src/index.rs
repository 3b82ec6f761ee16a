//! What a node with every index knows of its chain: blocks of all branches, where a transaction stands, who spends an output,
//! which outputs pay a script. The in-memory chain keeps its chain in it; for bitcoind, which has no index of spends, it is
//! filled from the node's blocks.

use std::collections::HashMap;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::{Block, BlockHash, OutPoint, Script, Transaction, Txid};

use crate::chain::{BlockRef, Branch, KnownBlock, KnownTransaction, Spend};

/// Blocks of every branch, and the indexes over the best one.
pub(crate) struct ChainIndex {
    blocks: HashMap<BlockHash, StoredBlock>,
    /// The best chain by height, the genesis block included.
    best: Vec<BlockHash>,
    located: HashMap<Txid, Location>,
    spends: HashMap<OutPoint, (Txid, u32)>,
    paying: HashMap<sha256::Hash, Vec<OutPoint>>,
}

struct StoredBlock {
    block: Block,
    height: u32,
}

#[derive(Clone, Copy)]
struct Location {
    block: BlockRef,
    position: usize,
}

/// SHA-256 of a script, the key by which Esplora knows it.
pub(crate) fn script_hash(script: &Script) -> sha256::Hash {
    sha256::Hash::hash(script.as_bytes())
}

impl ChainIndex {
    /// A chain of this genesis block only. Its coinbase cannot be spent and is not indexed.
    pub(crate) fn new(genesis: Block) -> Self {
        let hash = genesis.block_hash();
        ChainIndex {
            blocks: HashMap::from([(
                hash,
                StoredBlock {
                    block: genesis,
                    height: 0,
                },
            )]),
            best: vec![hash],
            located: HashMap::new(),
            spends: HashMap::new(),
            paying: HashMap::new(),
        }
    }

    pub(crate) fn tip(&self) -> BlockRef {
        let hash = *self
            .best
            .last()
            .expect("the genesis block is never disconnected");
        BlockRef {
            height: self.best.len() as u32 - 1,
            hash,
        }
    }

    pub(crate) fn tip_block(&self) -> &Block {
        &self.blocks[&self.tip().hash].block
    }

    pub(crate) fn block_hash(&self, height: u32) -> Option<BlockHash> {
        self.best.get(height as usize).copied()
    }

    pub(crate) fn is_on_best(&self, hash: BlockHash) -> bool {
        self.blocks
            .get(&hash)
            .is_some_and(|stored| self.block_hash(stored.height) == Some(hash))
    }

    /// The block at this height of the best chain.
    pub(crate) fn block_at(&self, height: u32) -> Option<&Block> {
        self.block_hash(height)
            .map(|hash| &self.blocks[&hash].block)
    }

    pub(crate) fn block(&self, hash: BlockHash) -> Option<KnownBlock> {
        let stored = self.blocks.get(&hash)?;
        let branch = if self.is_on_best(hash) {
            Branch::Best
        } else {
            Branch::Stale
        };
        Some(KnownBlock {
            block: stored.block.clone(),
            height: stored.height,
            branch,
        })
    }

    pub(crate) fn transaction(&self, txid: Txid) -> Option<KnownTransaction> {
        let location = self.located.get(&txid)?;
        let block = &self.blocks[&location.block.hash].block;
        let transaction = block.txdata[location.position].clone();
        Some(KnownTransaction {
            transaction,
            block: Some(location.block),
        })
    }

    pub(crate) fn outspend(&self, outpoint: OutPoint) -> Option<Spend> {
        let (txid, vin) = *self.spends.get(&outpoint)?;
        Some(Spend {
            txid,
            vin,
            block: self.located.get(&txid).map(|location| location.block),
        })
    }

    pub(crate) fn outputs_paying(&self, hash: sha256::Hash) -> Vec<OutPoint> {
        self.paying.get(&hash).cloned().unwrap_or_default()
    }

    /// Puts a block on the tip.
    ///
    /// # Panics
    /// If it does not build on the tip.
    pub(crate) fn connect(&mut self, block: Block) -> BlockRef {
        assert_eq!(
            block.header.prev_blockhash,
            self.tip().hash,
            "a block is connected to the tip"
        );
        let place = BlockRef {
            height: self.best.len() as u32,
            hash: block.block_hash(),
        };
        for (position, transaction) in block.txdata.iter().enumerate() {
            let txid = transaction.compute_txid();
            self.located.insert(
                txid,
                Location {
                    block: place,
                    position,
                },
            );
            for (vin, input) in inputs(transaction) {
                self.spends.insert(input, (txid, vin));
            }
            for (vout, output) in (0..).zip(&transaction.output) {
                let key = script_hash(&output.script_pubkey);
                self.paying
                    .entry(key)
                    .or_default()
                    .push(OutPoint { txid, vout });
            }
        }
        self.best.push(place.hash);
        self.blocks.insert(
            place.hash,
            StoredBlock {
                block,
                height: place.height,
            },
        );
        place
    }

    /// Takes the tip off and returns it; it stays known as a stale block.
    ///
    /// # Panics
    /// If only the genesis block is left.
    pub(crate) fn disconnect_tip(&mut self) -> Block {
        assert!(
            self.best.len() > 1,
            "the genesis block is never disconnected"
        );
        let block = self.tip_block().clone();
        self.best.pop();
        for transaction in block.txdata.iter().rev() {
            let txid = transaction.compute_txid();
            self.located.remove(&txid);
            for (_, input) in inputs(transaction) {
                self.spends.remove(&input);
            }
            for output in &transaction.output {
                let key = script_hash(&output.script_pubkey);
                if let Some(outpoints) = self.paying.get_mut(&key) {
                    outpoints.retain(|outpoint| outpoint.txid != txid);
                }
            }
        }
        block
    }
}

/// The outpoints a transaction spends with the index of the input; none for a coinbase.
pub(crate) fn inputs(transaction: &Transaction) -> impl Iterator<Item = (u32, OutPoint)> + '_ {
    let spending = !transaction.is_coinbase();
    (0..)
        .zip(&transaction.input)
        .filter(move |_| spending)
        .map(|(vin, input)| (vin, input.previous_output))
}
