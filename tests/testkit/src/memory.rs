//! A chain without a node: real headers with real work, real merkle roots, every script judged by Bitcoin's own consensus
//! library. Nothing in it asks a clock or throws dice: the same calls make the same blocks.
//!
//! What it does not judge is bitcoind's finer mempool policy (limits of families, TRUC, standard witnesses): the tests that stand on
//! such rules run over [`crate::regtest`].

mod ledger;
mod mempool;
mod mining;
mod package;
mod rules;

use std::sync::{Mutex, MutexGuard};

use bitcoin::hashes::sha256;
use bitcoin::{Amount, BlockHash, OutPoint, Script, ScriptBuf, Transaction, Txid};

use crate::chain::{
    BlockRef, Chain, ChainKind, FeeEstimates, KnownBlock, KnownTransaction, Orphaned, Reject,
    Spend, Submitted, START_HEIGHT,
};
use crate::index::script_hash;
use crate::miner::Miner;
use ledger::Ledger;
use mempool::Mempool;

pub(crate) use mempool::{check_min_fee, DEFAULT_MIN_FEE};

/// The in-memory chain.
pub struct MemoryChain {
    miner: Miner,
    state: Mutex<State>,
}

struct State {
    ledger: Ledger,
    mempool: Mempool,
    estimates: FeeEstimates,
    blocks_made: u32,
    reward_to: ScriptBuf,
}

impl MemoryChain {
    /// A regtest chain of 120 blocks, whose miner has twenty mature coins.
    pub fn new() -> Self {
        let miner = Miner::new();
        let state = State {
            ledger: Ledger::new(),
            mempool: Mempool::new(),
            estimates: FeeEstimates::new(),
            blocks_made: 0,
            reward_to: miner.script(),
        };
        let chain = MemoryChain {
            miner,
            state: Mutex::new(state),
        };
        chain.mine_empty(START_HEIGHT);
        chain
    }

    /// Mines a block of a busy day: with what pays at least so many sat per 1,000 virtual bytes, counting what its descendants
    /// pay for it.
    pub fn mine_paying(&self, sat_per_kvb: u64) -> BlockHash {
        let mut state = self.state();
        let paying = state.mempool.paying(sat_per_kvb);
        state
            .mine_and_sort(&paying)
            .expect("the mempool holds what can be mined in the next block")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no thread panicked in the middle of a change of the chain")
    }
}

impl Default for MemoryChain {
    fn default() -> Self {
        MemoryChain::new()
    }
}

impl State {
    /// Mines a block with exactly these transactions.
    fn mine_block(&mut self, transactions: &[Transaction]) -> Result<BlockHash, Reject> {
        self.mine_block_to(self.reward_to.clone(), transactions)
    }

    fn mine_block_to(
        &mut self,
        reward_to: ScriptBuf,
        transactions: &[Transaction],
    ) -> Result<BlockHash, Reject> {
        let fees = self.ledger.check_all(transactions)?;
        self.blocks_made += 1;
        let block = mining::mine(mining::Template {
            parent: self.ledger.index.tip(),
            time: Miner::next_time(self.ledger.index.tip_block().header.time),
            transactions,
            fees,
            reward_to,
            extra_nonce: self.blocks_made,
        });
        Ok(self.ledger.connect(block).hash)
    }

    /// Mines a block with exactly these transactions; what they mined or made invalid leaves the mempool.
    fn mine_and_sort(&mut self, transactions: &[Transaction]) -> Result<BlockHash, Reject> {
        let hash = self.mine_block(transactions)?;
        self.mempool.rebuild(&mut self.ledger, Vec::new());
        Ok(hash)
    }

    fn mine_empty_blocks(&mut self, blocks: u32) -> Vec<BlockHash> {
        (0..blocks)
            .map(|_| self.mine_block(&[]).expect("an empty block breaks no rule"))
            .collect()
    }

    /// Takes `depth` blocks off; returns them, lowest first.
    fn take_off(&mut self, depth: u32) -> Vec<bitcoin::Block> {
        let mut blocks: Vec<_> = (0..depth).map(|_| self.ledger.disconnect_tip()).collect();
        blocks.reverse();
        blocks
    }
}

impl Chain for MemoryChain {
    fn kind(&self) -> ChainKind {
        ChainKind::Memory
    }

    fn tip(&self) -> BlockRef {
        self.state().ledger.index.tip()
    }

    fn block_hash(&self, height: u32) -> Option<BlockHash> {
        self.state().ledger.index.block_hash(height)
    }

    fn block(&self, hash: BlockHash) -> Option<KnownBlock> {
        self.state().ledger.index.block(hash)
    }

    fn transaction(&self, txid: Txid) -> Option<KnownTransaction> {
        let state = self.state();
        let waiting = || {
            let transaction = state.mempool.get(txid)?.clone();
            Some(KnownTransaction {
                transaction,
                block: None,
            })
        };
        state.ledger.index.transaction(txid).or_else(waiting)
    }

    fn outspend(&self, outpoint: OutPoint) -> Option<Spend> {
        let state = self.state();
        state
            .ledger
            .index
            .outspend(outpoint)
            .or_else(|| state.mempool.outspend(outpoint))
    }

    fn outputs_paying(&self, hash: sha256::Hash) -> Vec<OutPoint> {
        let state = self.state();
        let mut outpoints = state.ledger.index.outputs_paying(hash);
        outpoints.extend(paying(&state.mempool.transactions(), hash));
        outpoints
    }

    fn mempool(&self) -> Vec<Txid> {
        self.state().mempool.txids()
    }

    fn submit(&self, transaction: &Transaction) -> Result<Txid, Reject> {
        let State {
            ledger, mempool, ..
        } = &mut *self.state();
        mempool.submit(ledger, transaction)
    }

    fn submit_package(
        &self,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<Submitted, Reject> {
        let State {
            ledger, mempool, ..
        } = &mut *self.state();
        mempool.submit_package(ledger, parent, child)
    }

    fn mine(&self, blocks: u32) -> Vec<BlockHash> {
        if blocks == 0 {
            return Vec::new();
        }
        let mut state = self.state();
        let waiting = state.mempool.transactions();
        let first = state
            .mine_and_sort(&waiting)
            .expect("the mempool holds what can be mined in the next block");
        let mut hashes = vec![first];
        hashes.extend(state.mine_empty_blocks(blocks - 1));
        hashes
    }

    fn mine_empty(&self, blocks: u32) -> Vec<BlockHash> {
        self.state().mine_empty_blocks(blocks)
    }

    fn mine_txs(&self, transactions: &[Transaction]) -> Result<BlockHash, Reject> {
        self.state().mine_and_sort(transactions)
    }

    fn mine_to(&self, script: &Script) -> Transaction {
        let mut state = self.state();
        let hash = state
            .mine_block_to(script.to_owned(), &[])
            .expect("an empty block breaks no rule");
        reward_of(state.ledger.index.block(hash))
    }

    fn reorg(
        &self,
        depth: u32,
        new_blocks: u32,
        orphaned: Orphaned,
    ) -> Result<Vec<BlockHash>, Reject> {
        let mut state = self.state();
        assert!(
            new_blocks > depth,
            "the new branch needs more work than the {depth} blocks it replaces"
        );
        assert!(
            state.ledger.index.tip().height > depth,
            "the chain is longer than {depth} blocks"
        );
        let old = state.take_off(depth);
        let returning = |old: &[bitcoin::Block]| -> Vec<Transaction> {
            old.iter()
                .flat_map(|block| block.txdata.iter().skip(1).cloned())
                .collect()
        };
        let (first, returning) = match orphaned {
            Orphaned::Keep => (Vec::new(), returning(&old)),
            Orphaned::Drop => (Vec::new(), Vec::new()),
            Orphaned::Replace(instead) => (instead, returning(&old)),
        };
        let mut hashes = match state.mine_block(&first) {
            Ok(hash) => vec![hash],
            Err(reject) => {
                for block in old {
                    state.ledger.connect(block);
                }
                return Err(reject);
            }
        };
        hashes.extend(state.mine_empty_blocks(new_blocks - 1));
        let State {
            ledger, mempool, ..
        } = &mut *state;
        mempool.rebuild(ledger, returning);
        Ok(hashes)
    }

    fn fund_all_unbroadcast(&self, payments: &[(ScriptBuf, Amount)]) -> Transaction {
        self.miner.pay(self, payments)
    }

    fn raise_unbroadcast(&self, payment: &Transaction, fee: Amount) -> Transaction {
        self.miner.raise(self, payment, fee)
    }

    fn evict(&self, txid: Txid) {
        self.state().mempool.remove(txid);
    }

    fn set_fee_estimates(&self, estimates: FeeEstimates) {
        self.state().estimates = estimates;
    }

    fn fee_estimates(&self) -> FeeEstimates {
        self.state().estimates.clone()
    }

    fn set_min_fee(&self, sat_per_kvb: u64) {
        self.state().mempool.set_min_fee(sat_per_kvb);
    }
}

/// The transaction that pays the reward of a block that was just mined.
pub(crate) fn reward_of(block: Option<KnownBlock>) -> Transaction {
    let known = block.expect("it was just mined");
    known.block.txdata[0].clone()
}

/// The outputs of these transactions that pay a script with this hash.
pub(crate) fn paying(transactions: &[Transaction], hash: sha256::Hash) -> Vec<OutPoint> {
    let mut found = Vec::new();
    for transaction in transactions {
        let txid = transaction.compute_txid();
        for (vout, output) in (0..).zip(&transaction.output) {
            if script_hash(&output.script_pubkey) == hash {
                found.push(OutPoint { txid, vout });
            }
        }
    }
    found
}
