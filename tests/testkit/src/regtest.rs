//! A real regtest node. Its miner is the test's own key, its clock stands still but for the ten minutes that each block takes, and an
//! index beside it answers what bitcoind has no index for: who spends an output, and what pays a script.

mod find;
mod package;
mod rpc;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard};

use bitcoin::hashes::sha256;
use bitcoin::{
    Address, Amount, Block, BlockHash, Network, OutPoint, Script, ScriptBuf, Transaction, Txid,
};

use crate::chain::{
    BlockRef, Chain, ChainKind, FeeEstimates, KnownBlock, KnownTransaction, NodeAccess, Orphaned,
    Reject, Spend, Submitted, START_HEIGHT,
};
use crate::index::{inputs, ChainIndex};
use crate::memory::{check_min_fee, paying, reward_of, DEFAULT_MIN_FEE};
use crate::miner::Miner;
use rpc::Rpc;

pub use find::NotAvailable;

/// Transactions stay in the node's mempool this long unless the test evicts them: ten years of its clock, in hours.
const MEMPOOL_EXPIRY_HOURS: u32 = 10 * 365 * 24;

/// A regtest node; it stops when dropped.
pub struct Bitcoind {
    rpc: Rpc,
    miner: Miner,
    state: Mutex<State>,
}

struct State {
    index: ChainIndex,
    estimates: FeeEstimates,
    min_fee: u64,
    reorgs: u32,
}

impl Bitcoind {
    /// Starts a node with a chain of 120 blocks, whose miner has twenty mature coins.
    ///
    /// # Errors
    /// Says why no node could be started; a test then prints [`NotAvailable::say`].
    pub fn start() -> Result<Self, NotAvailable> {
        let rpc = Rpc::start(&find::executable()?)?;
        let genesis = rpc.block(rpc.block_hash(0));
        let state = State {
            index: ChainIndex::new(genesis),
            estimates: FeeEstimates::new(),
            min_fee: DEFAULT_MIN_FEE,
            reorgs: 0,
        };
        let node = Bitcoind {
            rpc,
            miner: Miner::new(),
            state: Mutex::new(state),
        };
        node.mine_empty(START_HEIGHT);
        Ok(node)
    }

    /// Gives the node a block mined elsewhere, on any branch.
    ///
    /// # Errors
    /// The rule that the block breaks.
    pub fn submit_block(&self, block: &Block) -> Result<(), Reject> {
        let now = self.state().index.tip_block().header.time;
        // A node refuses blocks from more than two hours ahead of its clock.
        self.rpc.set_time(now.max(block.header.time));
        self.rpc.submit_block(block)
    }

    /// The state, its index brought up to the node's tip.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self
            .state
            .lock()
            .expect("no thread panicked in the middle of a change of the index");
        state.catch_up(&self.rpc);
        state
    }

    /// Mines a block of the mempool, or of exactly these transactions.
    fn mine_block(&self, content: Content<'_>) -> Result<BlockHash, Reject> {
        self.mine_block_at(self.next_time(), &self.miner.address(), content)
    }

    /// The time of the next block of this branch.
    fn next_time(&self) -> u32 {
        Miner::next_time(self.state().index.tip_block().header.time)
    }

    fn mine_block_at(
        &self,
        time: u32,
        reward_to: &Address,
        content: Content<'_>,
    ) -> Result<BlockHash, Reject> {
        self.rpc.set_time(time);
        match content {
            Content::Mempool => Ok(self.rpc.generate(reward_to)),
            Content::Exactly(transactions) => self.rpc.generate_block(reward_to, transactions),
        }
    }

    /// The time of the first block of a new branch: some seconds late, or an empty block would be the very block that was left.
    fn time_of_branch(&self) -> u32 {
        let mut state = self.state();
        state.reorgs += 1;
        Miner::next_time(state.index.tip_block().header.time) + state.reorgs
    }

    fn transactions(&self, txids: &[Txid]) -> Vec<Transaction> {
        txids
            .iter()
            .filter_map(|txid| self.rpc.mempool_transaction(*txid))
            .collect()
    }

    /// Throws these and their descendants out of the mempool. bitcoind evicts by age only, so for a moment its clock stands
    /// far in the future, while the tip is taken off and put back; what is to stay is sent again.
    fn evict_all(&self, evicted: &[Txid]) {
        let tip = self.tip();
        let time = self.state().index.tip_block().header.time;
        let mut gone: HashSet<Txid> = evicted.iter().copied().collect();
        let mut staying = Vec::new();
        for transaction in self.transactions(&self.rpc.mempool()) {
            let txid = transaction.compute_txid();
            if gone.contains(&txid)
                || inputs(&transaction).any(|(_, input)| gone.contains(&input.txid))
            {
                gone.insert(txid);
            } else {
                staying.push(transaction);
            }
        }
        self.rpc.set_time(time + (MEMPOOL_EXPIRY_HOURS + 1) * 3_600);
        self.rpc.invalidate(tip.hash);
        self.rpc.reconsider(tip.hash);
        self.rpc.set_time(time);
        self.send_again(&staying);
    }

    /// Sends transactions that were there before; those that are no longer valid stay away.
    fn send_again(&self, transactions: &[Transaction]) {
        for transaction in transactions {
            let _ = self.rpc.send(transaction);
        }
    }
}

enum Content<'a> {
    Mempool,
    Exactly(&'a [Transaction]),
}

impl State {
    /// Follows the node to its best block.
    fn catch_up(&mut self, rpc: &Rpc) {
        let Some(best) = rpc.new_best_block_hash() else {
            return;
        };
        let mut missing: Vec<Block> = Vec::new();
        let mut next = best;
        while !self.index.is_on_best(next) {
            let block = rpc.block(next);
            next = block.header.prev_blockhash;
            missing.push(block);
        }
        while self.index.tip().hash != next {
            self.index.disconnect_tip();
        }
        for block in missing.into_iter().rev() {
            self.index.connect(block);
        }
    }
}

impl Chain for Bitcoind {
    fn kind(&self) -> ChainKind {
        ChainKind::Bitcoind
    }

    fn node(&self) -> Option<NodeAccess> {
        Some(self.rpc.access())
    }

    fn tip(&self) -> BlockRef {
        self.state().index.tip()
    }

    fn block_hash(&self, height: u32) -> Option<BlockHash> {
        self.state().index.block_hash(height)
    }

    fn block(&self, hash: BlockHash) -> Option<KnownBlock> {
        self.state().index.block(hash)
    }

    fn transaction(&self, txid: Txid) -> Option<KnownTransaction> {
        let confirmed = self.state().index.transaction(txid);
        confirmed.or_else(|| {
            let transaction = self.rpc.mempool_transaction(txid)?;
            Some(KnownTransaction {
                transaction,
                block: None,
            })
        })
    }

    fn outspend(&self, outpoint: OutPoint) -> Option<Spend> {
        let confirmed = self.state().index.outspend(outpoint);
        confirmed.or_else(|| {
            let txid = self.rpc.mempool_spender(outpoint)?;
            let transaction = self.rpc.mempool_transaction(txid)?;
            let (vin, _) = inputs(&transaction).find(|(_, input)| *input == outpoint)?;
            Some(Spend {
                txid,
                vin,
                block: None,
            })
        })
    }

    fn outputs_paying(&self, hash: sha256::Hash) -> Vec<OutPoint> {
        let mut outpoints = self.state().index.outputs_paying(hash);
        outpoints.extend(paying(&self.transactions(&self.rpc.mempool()), hash));
        outpoints
    }

    fn mempool(&self) -> Vec<Txid> {
        self.rpc.mempool()
    }

    fn submit(&self, transaction: &Transaction) -> Result<Txid, Reject> {
        let min_fee = self.state().min_fee;
        if min_fee > DEFAULT_MIN_FEE {
            if let Some(fee) = self.rpc.acceptable_fee(transaction) {
                check_min_fee(fee, transaction.weight().to_vbytes_ceil(), min_fee)?;
            }
        }
        self.rpc.send(transaction)
    }

    fn submit_package(
        &self,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<Submitted, Reject> {
        self.take_package(parent, child)
    }

    fn mine(&self, blocks: u32) -> Vec<BlockHash> {
        (0..blocks)
            .map(|_| {
                self.mine_block(Content::Mempool)
                    .expect("the mempool can be mined")
            })
            .collect()
    }

    fn mine_empty(&self, blocks: u32) -> Vec<BlockHash> {
        (0..blocks)
            .map(|_| {
                self.mine_block(Content::Exactly(&[]))
                    .expect("an empty block breaks no rule")
            })
            .collect()
    }

    fn mine_txs(&self, transactions: &[Transaction]) -> Result<BlockHash, Reject> {
        self.mine_block(Content::Exactly(transactions))
    }

    fn mine_to(&self, script: &Script) -> Transaction {
        let reward_to = Address::from_script(script, Network::Regtest).expect("it has an address");
        let mined = self.mine_block_at(self.next_time(), &reward_to, Content::Exactly(&[]));
        reward_of(self.block(mined.expect("an empty block breaks no rule")))
    }

    fn reorg(
        &self,
        depth: u32,
        new_blocks: u32,
        orphaned: Orphaned,
    ) -> Result<Vec<BlockHash>, Reject> {
        assert!(
            new_blocks > depth,
            "the new branch needs more work than the {depth} blocks it replaces"
        );
        let old_tip = self.tip();
        assert!(
            old_tip.height > depth,
            "the chain is longer than {depth} blocks"
        );
        let first_off = old_tip.height - depth + 1;
        let off: Vec<Block> = (first_off..=old_tip.height)
            .filter_map(|height| Some(self.block(self.block_hash(height)?)?.block))
            .collect();
        let taken_off: Vec<Transaction> = off
            .iter()
            .flat_map(|block| block.txdata.iter().skip(1).cloned())
            .collect();
        let fork = off.first().map(Block::block_hash);
        fork.iter().for_each(|hash| self.rpc.invalidate(*hash));
        let first: &[Transaction] = match &orphaned {
            Orphaned::Keep | Orphaned::Drop => &[],
            Orphaned::Replace(instead) => instead,
        };
        let (time, reward_to) = (self.time_of_branch(), self.miner.address());
        let mut hashes = match self.mine_block_at(time, &reward_to, Content::Exactly(first)) {
            Ok(hash) => vec![hash],
            Err(reject) => {
                fork.iter().for_each(|hash| self.rpc.reconsider(*hash));
                return Err(reject);
            }
        };
        hashes.extend(self.mine_empty(new_blocks - 1));
        match orphaned {
            // bitcoind returns the transactions of ten blocks only.
            Orphaned::Keep | Orphaned::Replace(_) => self.send_again(&taken_off),
            Orphaned::Drop => {
                let txids: Vec<Txid> = taken_off.iter().map(Transaction::compute_txid).collect();
                self.evict_all(&txids);
            }
        }
        Ok(hashes)
    }

    fn fund_all_unbroadcast(&self, payments: &[(ScriptBuf, Amount)]) -> Transaction {
        self.miner.pay(self, payments)
    }

    fn raise_unbroadcast(&self, payment: &Transaction, fee: Amount) -> Transaction {
        self.miner.raise(self, payment, fee)
    }

    fn evict(&self, txid: Txid) {
        self.evict_all(&[txid]);
    }

    fn set_fee_estimates(&self, estimates: FeeEstimates) {
        self.state().estimates = estimates;
    }

    fn fee_estimates(&self) -> FeeEstimates {
        self.state().estimates.clone()
    }

    fn set_min_fee(&self, sat_per_kvb: u64) {
        self.state().min_fee = sat_per_kvb;
    }
}
