//! The chain as the server tells it: what the chain says, and the lies that were ordered laid over it.

use bitcoin::block::Header;
use bitcoin::constants::genesis_block;
use bitcoin::hashes::sha256;
use bitcoin::{Block, BlockHash, Network, OutPoint, Target, Transaction, TxOut, Txid};

use super::fault::{Lie, Told};
use crate::chain::{BlockRef, Branch, Chain, KnownBlock, KnownTransaction, Spend};
use crate::index::inputs;

/// What one request sees.
pub(crate) struct View<'a> {
    chain: &'a dyn Chain,
    lies: Vec<Lie>,
}

impl<'a> View<'a> {
    pub(crate) fn new(chain: &'a dyn Chain, lies: Vec<Lie>) -> Self {
        View { chain, lies }
    }

    pub(crate) fn chain(&self) -> &dyn Chain {
        self.chain
    }

    pub(crate) fn tip(&self) -> BlockRef {
        match self.invented_block() {
            Some(block) => BlockRef {
                height: self.top().height + 1,
                hash: block.block_hash(),
            },
            None => self.top(),
        }
    }

    pub(crate) fn block_hash(&self, height: u32) -> Option<BlockHash> {
        if height == 0 && self.lies.contains(&Lie::WrongNetwork) {
            return Some(genesis_block(Network::Bitcoin).block_hash());
        }
        let tip = self.tip();
        match height {
            height if height == tip.height => Some(tip.hash),
            height if height > tip.height => None,
            height => self.chain.block_hash(height),
        }
    }

    pub(crate) fn block(&self, hash: BlockHash) -> Option<KnownBlock> {
        if self.lies.contains(&Lie::WrongNetwork) {
            let foreign = genesis_block(Network::Bitcoin);
            if foreign.block_hash() == hash {
                return Some(KnownBlock {
                    block: foreign,
                    height: 0,
                    branch: Branch::Best,
                });
            }
            if self.chain.block_hash(0) == Some(hash) {
                return None;
            }
        }
        if let Some(block) = self
            .invented_block()
            .filter(|block| block.block_hash() == hash)
        {
            return Some(KnownBlock {
                block,
                height: self.tip().height,
                branch: Branch::Best,
            });
        }
        self.chain
            .block(hash)
            .filter(|known| known.height <= self.top().height)
    }

    /// The header the server shows for a block.
    pub(crate) fn header(&self, block: &Block) -> Header {
        match self.lies.contains(&Lie::BadPow) {
            true => without_work(block.header),
            false => block.header,
        }
    }

    pub(crate) fn transaction(&self, txid: Txid) -> Option<KnownTransaction> {
        if self.lies.contains(&Lie::HideTransaction { txid }) {
            return None;
        }
        let invented = self
            .inventions()
            .find(|(transaction, _)| transaction.compute_txid() == txid);
        if let Some((transaction, told)) = invented {
            return Some(KnownTransaction {
                transaction: transaction.clone(),
                block: self.place(told),
            });
        }
        let known = self.chain.transaction(txid)?;
        Some(KnownTransaction {
            block: self.seen(known.block)?,
            ..known
        })
    }

    pub(crate) fn outspend(&self, outpoint: OutPoint) -> Option<Spend> {
        if self.lies.contains(&Lie::HideSpend { outpoint })
            || self.transaction(outpoint.txid).is_none()
        {
            return None;
        }
        for (transaction, told) in self.inventions() {
            if let Some((vin, _)) = inputs(transaction).find(|(_, input)| *input == outpoint) {
                return Some(Spend {
                    txid: transaction.compute_txid(),
                    vin,
                    block: self.place(told),
                });
            }
        }
        let spend = self.chain.outspend(outpoint)?;
        self.transaction(spend.txid)?;
        Some(Spend {
            block: self.seen(spend.block)?,
            ..spend
        })
    }

    /// The output an input spends, if the server knows it.
    pub(crate) fn output(&self, outpoint: OutPoint) -> Option<TxOut> {
        self.transaction(outpoint.txid)?
            .transaction
            .output
            .get(outpoint.vout as usize)
            .cloned()
    }

    pub(crate) fn outputs_paying(&self, script_hash: sha256::Hash) -> Vec<OutPoint> {
        let mut outpoints = self.chain.outputs_paying(script_hash);
        outpoints.retain(|outpoint| self.transaction(outpoint.txid).is_some());
        outpoints
    }

    pub(crate) fn mempool(&self) -> Vec<Txid> {
        let mut txids = self.chain.mempool();
        txids.retain(|txid| self.transaction(*txid).is_some());
        txids
    }

    /// Whether merkle proofs are to lead astray.
    pub(crate) fn spoils_proofs(&self) -> bool {
        self.lies.contains(&Lie::BadMerkle)
    }

    /// The highest block of the real chain that the server admits to know.
    fn top(&self) -> BlockRef {
        let tip = self.chain.tip();
        let height = self.lies.iter().fold(tip.height, |height, lie| match lie {
            Lie::Stale { height: stale } => height.min(*stale),
            Lie::IndexLag { blocks } => height.min(tip.height.saturating_sub(*blocks)),
            Lie::HideSpend { .. }
            | Lie::HideTransaction { .. }
            | Lie::InventSpend { .. }
            | Lie::BadMerkle
            | Lie::BadPow
            | Lie::WrongNetwork => height,
        });
        self.chain
            .block_hash(height)
            .map_or(tip, |hash| BlockRef { height, hash })
    }

    /// How the server tells a confirmation: `None` if it never heard of the transaction, `Some(None)` if it still holds it for
    /// unconfirmed.
    fn seen(&self, block: Option<BlockRef>) -> Option<Option<BlockRef>> {
        let top = self.top().height;
        let stale = |lie: &Lie| matches!(lie, Lie::Stale { .. });
        match block {
            Some(block) if block.height > top && self.lies.iter().any(stale) => None,
            Some(block) if block.height > top => Some(None),
            block => Some(block),
        }
    }

    fn inventions(&self) -> impl Iterator<Item = (&Transaction, Told)> {
        self.lies.iter().filter_map(|lie| match lie {
            Lie::InventSpend { transaction, told } => Some((transaction, *told)),
            Lie::Stale { .. }
            | Lie::IndexLag { .. }
            | Lie::HideSpend { .. }
            | Lie::HideTransaction { .. }
            | Lie::BadMerkle
            | Lie::BadPow
            | Lie::WrongNetwork => None,
        })
    }

    fn place(&self, told: Told) -> Option<BlockRef> {
        match told {
            Told::Unconfirmed => None,
            Told::InTip => Some(self.top()),
            Told::InUnminedBlock => Some(self.tip()),
        }
    }

    /// A block on the tip that holds the transactions invented for it: everything fits but the work.
    fn invented_block(&self) -> Option<Block> {
        let invented: Vec<Transaction> = self
            .inventions()
            .filter(|(_, told)| *told == Told::InUnminedBlock)
            .map(|(transaction, _)| transaction.clone())
            .collect();
        if invented.is_empty() {
            return None;
        }
        let mut block = self.chain.block(self.top().hash)?.block;
        block.header.prev_blockhash = block.block_hash();
        block.txdata.truncate(1);
        block.txdata.extend(invented);
        block.header.merkle_root = block.compute_merkle_root()?;
        block.header = without_work(block.header);
        Some(block)
    }
}

/// The header with a nonce that misses the target.
fn without_work(mut header: Header) -> Header {
    let target = Target::from_compact(header.bits);
    header.nonce = header.nonce.wrapping_add(1);
    while header.validate_pow(target).is_ok() {
        header.nonce = header.nonce.wrapping_add(1);
    }
    header
}
