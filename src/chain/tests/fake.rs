//! A chain on the spot: mined headers with regtest's easy target, blocks with transactions in them, a mempool, branches;
//! served as a [`ChainSource`] that counts its requests and lies when told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use bitcoin::block::Header;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, FeeRate, OutPoint, Transaction, TxMerkleNode, Txid};
use futures::FutureExt;

use super::build::{coinbase, merkle_path, merkle_root, mine_header};
use crate::chain::*;

#[derive(Clone)]
struct FakeBlock {
    header: Header,
    transactions: Vec<Transaction>,
}

/// What the server does wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lie {
    /// Pretends that its chain ends at this height.
    EndsAt(u32),
    /// Says "unspent" of everything.
    NothingIsSpent,
    /// Gives merkle paths with a wrong sibling (or one too many).
    WrongMerklePath,
    /// Gives headers that do not meet their target.
    NoWork,
    /// Calls our blocks unknown.
    ForgetsBlocks,
    /// Serves another network.
    OtherNetwork,
    /// Fails to answer about this output.
    Silent(OutPoint),
    /// Says that this output is spent by a transaction that it cannot show.
    InventsSpend(OutPoint, Txid),
}

#[derive(Default)]
struct State {
    best: Vec<FakeBlock>,
    stale: BTreeSet<BlockHash>,
    mempool: Vec<Transaction>,
    lies: BTreeSet<Lie>,
    salt: u32,
    requests: Vec<&'static str>,
    mine_after_outspends: u32,
}

/// The server.
#[derive(Default)]
pub struct FakeChain {
    state: Mutex<State>,
}

impl FakeChain {
    /// A chain with a genesis block and some more.
    pub fn of_height(height: u32) -> Self {
        let chain = Self::default();
        chain.mine(height + 1);
        chain
    }

    pub fn tip(&self) -> BlockRef {
        self.with(|state| state.tip())
    }

    pub fn mine(&self, blocks: u32) {
        (0..blocks).for_each(|_| self.mine_with(&[]));
    }

    /// Mines one block with these transactions in it, and takes them from the mempool.
    pub fn mine_with(&self, transactions: &[&Transaction]) {
        self.with(|state| state.mine(transactions));
    }

    pub fn add_to_mempool(&self, transaction: &Transaction) {
        self.with(|state| state.mempool.push(transaction.clone()));
    }

    pub fn clear_mempool(&self) {
        self.with(|state| state.mempool.clear());
    }

    /// Throws away the top `depth` blocks and mines `depth + 1` empty ones in their place.
    pub fn reorg(&self, depth: u32) {
        self.drop_blocks(depth);
        self.mine(depth + 1);
    }

    /// Throws away the top blocks; what is mined next is another branch.
    pub fn drop_blocks(&self, depth: u32) {
        self.with(|state| {
            for _ in 0..depth {
                let block = state
                    .best
                    .pop()
                    .expect("the branch is longer than the reorg");
                state.stale.insert(block.header.block_hash());
            }
            state.salt += 1;
        });
    }

    /// From now on the server lies like this.
    pub fn lie(&self, lie: Lie) {
        self.with(|state| state.lies.insert(lie));
    }

    pub fn be_honest(&self) {
        self.with(|state| state.lies.clear());
    }

    /// A block is found after so many outspend answers.
    pub fn mine_after_outspends(&self, answers: u32) {
        self.with(|state| state.mine_after_outspends = answers);
    }

    /// The requests since the last call of this.
    pub fn take_requests(&self) -> Vec<&'static str> {
        self.with(|state| std::mem::take(&mut state.requests))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap())
    }

    fn answer<'a, T: 'a>(
        &'a self,
        name: &'static str,
        budget: &'a Budget,
        f: impl FnOnce(&mut State) -> T + 'a,
    ) -> Answer<'a, T> {
        async move {
            budget.count_request()?;
            Ok(self.with(|state| {
                state.requests.push(name);
                f(state)
            }))
        }
        .boxed_local()
    }
}

impl State {
    fn mine(&mut self, transactions: &[&Transaction]) {
        let height = self.best.len() as u32;
        let mut all = vec![coinbase(height, self.salt)];
        all.extend(
            transactions
                .iter()
                .map(|transaction| (*transaction).clone()),
        );
        let leaves: Vec<_> = all
            .iter()
            .map(|transaction| transaction.compute_txid().to_raw_hash())
            .collect();
        let previous = self.best.last().map(|block| block.header.block_hash());
        let header = mine_header(
            previous.unwrap_or_else(BlockHash::all_zeros),
            merkle_root(&leaves),
            height,
        );
        self.mempool.retain(|known| !all.contains(known));
        self.best.push(FakeBlock {
            header,
            transactions: all,
        });
    }

    /// The part of the branch that the server admits to.
    fn served(&self) -> &[FakeBlock] {
        let end = self.lies.iter().find_map(|lie| match lie {
            Lie::EndsAt(height) => Some(*height as usize + 1),
            _ => None,
        });
        &self.best[..end.unwrap_or(usize::MAX).min(self.best.len())]
    }

    fn tip(&self) -> BlockRef {
        let served = self.served();
        let top = served.last().expect("a chain has a genesis block");
        BlockRef {
            height: BlockHeight::new(served.len() as u32 - 1),
            hash: top.header.block_hash(),
        }
    }

    fn page(&self, end: u32) -> Vec<PlacedHeader> {
        if end as usize >= self.served().len() {
            return Vec::new();
        }
        let lowest = (end + 1).saturating_sub(10);
        let placed = |height: u32| {
            let mut header = self.best[height as usize].header;
            if self.lies.contains(&Lie::NoWork) {
                while header.target().is_met_by(header.block_hash()) {
                    header.nonce += 1;
                }
            }
            PlacedHeader {
                height: BlockHeight::new(height),
                header,
            }
        };
        (lowest..=end).rev().map(placed).collect()
    }

    fn find(
        &self,
        matches: impl Fn(&Transaction) -> bool,
    ) -> Option<(Transaction, Option<BlockRef>)> {
        for (height, block) in self.served().iter().enumerate() {
            if let Some(found) = block
                .transactions
                .iter()
                .find(|transaction| matches(transaction))
            {
                let block = BlockRef {
                    height: BlockHeight::new(height as u32),
                    hash: block.header.block_hash(),
                };
                return Some((found.clone(), Some(block)));
            }
        }
        let pooled = self.mempool.iter().find(|transaction| matches(transaction));
        pooled.map(|transaction| (transaction.clone(), None))
    }

    fn outspend(&mut self, outpoint: OutPoint) -> Outspend {
        if self.mine_after_outspends > 0 {
            self.mine_after_outspends -= 1;
            if self.mine_after_outspends == 0 {
                self.mine(&[]);
            }
        }
        for lie in &self.lies {
            match lie {
                Lie::NothingIsSpent => return Outspend::Unspent,
                Lie::InventsSpend(spent, txid) if *spent == outpoint => {
                    return Outspend::Spent {
                        txid: *txid,
                        block: Some(self.tip()),
                    };
                }
                _ => {}
            }
        }
        let spends = |tx: &Transaction| {
            tx.input
                .iter()
                .any(|input| input.previous_output == outpoint)
        };
        match self.find(spends) {
            Some((transaction, block)) => Outspend::Spent {
                txid: transaction.compute_txid(),
                block,
            },
            None => Outspend::Unspent,
        }
    }

    fn merkle_proof(&self, txid: Txid) -> Option<MerkleProof> {
        let (_, block) = self.find(|transaction| transaction.compute_txid() == txid)?;
        let height = block?.height;
        let block = &self.best[height.to_u32() as usize];
        let leaves: Vec<_> = block
            .transactions
            .iter()
            .map(Transaction::compute_txid)
            .collect();
        let position = leaves.iter().position(|leaf| *leaf == txid)?;
        let hashes: Vec<_> = leaves.iter().map(|leaf| leaf.to_raw_hash()).collect();
        let mut path = merkle_path(&hashes, position);
        if self.lies.contains(&Lie::WrongMerklePath) {
            path.reverse();
            path.push(TxMerkleNode::all_zeros());
        }
        Some(MerkleProof {
            height,
            position: position as u32,
            path,
        })
    }
}

impl ChainSource for FakeChain {
    fn tip_hash<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BlockHash> {
        self.answer("tip", budget, |state| state.tip().hash)
    }

    fn newest_headers<'a>(&'a self, budget: &'a Budget) -> Answer<'a, Vec<PlacedHeader>> {
        self.answer("newest", budget, |state| {
            state.page(state.tip().height.to_u32())
        })
    }

    fn headers_ending_at<'a>(
        &'a self,
        height: BlockHeight,
        budget: &'a Budget,
    ) -> Answer<'a, Vec<PlacedHeader>> {
        self.answer("page", budget, move |state| state.page(height.to_u32()))
    }

    fn block_status<'a>(&'a self, block: BlockHash, budget: &'a Budget) -> Answer<'a, BlockStatus> {
        self.answer("status", budget, move |state| {
            let height = state
                .served()
                .iter()
                .position(|served| served.header.block_hash() == block);
            // The blocks made on the spot stand on nothing; the server claims regtest's first one all the same.
            let first = bitcoin::constants::genesis_block(bitcoin::Network::Regtest);
            if block == first.block_hash() && !state.lies.contains(&Lie::OtherNetwork) {
                return BlockStatus::Best {
                    height: BlockHeight::new(0),
                };
            }
            match height {
                _ if state.lies.contains(&Lie::ForgetsBlocks) => BlockStatus::Unknown,
                Some(height) => BlockStatus::Best {
                    height: BlockHeight::new(height as u32),
                },
                None if state.stale.contains(&block) => BlockStatus::Stale,
                None => BlockStatus::Unknown,
            }
        })
    }

    fn outspend<'a>(&'a self, outpoint: OutPoint, budget: &'a Budget) -> Answer<'a, Outspend> {
        let said = self.answer("outspend", budget, move |state| {
            let is_silent = state.lies.contains(&Lie::Silent(outpoint));
            (!is_silent).then(|| state.outspend(outpoint))
        });
        async move {
            said.await?.ok_or_else(|| ChainError::Malformed {
                endpoint: "outspend".to_owned(),
                what: "not JSON".to_owned(),
            })
        }
        .boxed_local()
    }

    fn transaction<'a>(
        &'a self,
        txid: Txid,
        budget: &'a Budget,
    ) -> Answer<'a, Option<Transaction>> {
        self.answer("transaction", budget, move |state| {
            state
                .find(|transaction| transaction.compute_txid() == txid)
                .map(|(found, _)| found)
        })
    }

    fn merkle_proof<'a>(
        &'a self,
        txid: Txid,
        budget: &'a Budget,
    ) -> Answer<'a, Option<MerkleProof>> {
        self.answer("merkle", budget, move |state| state.merkle_proof(txid))
    }

    fn broadcast<'a>(
        &'a self,
        _: &'a Transaction,
        budget: &'a Budget,
    ) -> Answer<'a, BroadcastOutcome> {
        self.answer("broadcast", budget, |_| BroadcastOutcome::Accepted)
    }

    fn fee_estimates<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BTreeMap<u16, FeeRate>> {
        self.answer("fees", budget, |_| BTreeMap::new())
    }
}
