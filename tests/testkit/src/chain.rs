//! One interface over two chains: a real regtest `bitcoind` ([`crate::regtest`]) and an in-memory chain whose scripts are
//! judged by Bitcoin's own consensus library ([`crate::memory`]). Tests, the gateway and the counterparty know only this.
//!
//! All calls block and may be made from any thread. A call panics only when the chain behind it is gone (the node's
//! process died, its RPC does not answer): no test can say anything sensible after that. What the network may answer,
//! a refusal for instance, comes back as a value.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::{Amount, Block, BlockHash, OutPoint, Script, ScriptBuf, Transaction, Txid};
use serde::{Deserialize, Serialize};

/// Fee rates in sat/vB by confirmation target in blocks, as `/fee-estimates` gives them.
pub type FeeEstimates = BTreeMap<u16, f64>;

/// Height at which either chain is handed to a test: the first twenty block rewards are mature then.
pub const START_HEIGHT: u32 = 120;

/// A place on the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockRef {
    /// Height of the block; the genesis block has height 0.
    pub height: u32,
    /// Hash of the block.
    pub hash: BlockHash,
}

/// A block the chain knows, on the best branch or on one that was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBlock {
    /// The whole block.
    pub block: Block,
    /// Its height on its own branch.
    pub height: u32,
    /// Where it stands now.
    pub branch: Branch,
}

/// Whether a block is part of the chain with the most work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// On the best chain.
    Best,
    /// On a branch that a reorg left behind.
    Stale,
}

/// A transaction of the best chain or of the mempool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTransaction {
    /// The transaction.
    pub transaction: Transaction,
    /// The block that holds it; `None` while it waits in the mempool.
    pub block: Option<BlockRef>,
}

/// The input that spends an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spend {
    /// The spending transaction.
    pub txid: Txid,
    /// Index of its input.
    pub vin: u32,
    /// The block that holds it; `None` while it waits in the mempool.
    pub block: Option<BlockRef>,
}

/// A transaction that the node would not take, in the words of bitcoind's `sendrawtransaction`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} (code {code})")]
pub struct Reject {
    /// The RPC error code: -25 (missing inputs), -26 (refused by the rules), -27 (already in a block).
    pub code: i32,
    /// The reason, for example `bad-txns-inputs-missingorspent` or `min relay fee not met, 100 < 141`.
    pub text: String,
}

impl Reject {
    /// A refusal for a reason of validity or policy (code -26).
    pub fn rules(text: impl Into<String>) -> Self {
        Reject {
            code: -26,
            text: text.into(),
        }
    }
}

/// What a node says of each transaction of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Of the parent: its id when the mempool holds it.
    pub parent: Result<Txid, Reject>,
    /// Of the child.
    pub child: Result<Txid, Reject>,
}

/// What becomes of the transactions whose blocks a reorg takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Orphaned {
    /// They return to the mempool, as on the real network; the new blocks stay empty.
    Keep,
    /// They are forgotten, as if this node had never heard of them.
    Drop,
    /// The transactions given here are mined into the first new block; those that the reorg took away return to the mempool where they do not conflict.
    Replace(Vec<Transaction>),
}

/// Which of the two chains this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainKind {
    /// A regtest node.
    Bitcoind,
    /// The in-memory chain.
    Memory,
}

impl fmt::Display for ChainKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChainKind::Bitcoind => "bitcoind (regtest)",
            ChainKind::Memory => "in-memory chain",
        })
    }
}

/// A Bitcoin network of one node, whose miner is the test. It starts with enough mature coins to fund channels from.
pub trait Chain: Send + Sync {
    /// Which chain this is, for messages and for tests that need one of them.
    fn kind(&self) -> ChainKind;

    /// Where a real Esplora server finds the node; `None` for a chain without RPC.
    fn node(&self) -> Option<NodeAccess> {
        None
    }

    /// The best block.
    fn tip(&self) -> BlockRef;

    /// The block at this height of the best chain.
    fn block_hash(&self, height: u32) -> Option<BlockHash>;

    /// A block of any branch.
    fn block(&self, hash: BlockHash) -> Option<KnownBlock>;

    /// A transaction of the best chain or the mempool.
    fn transaction(&self, txid: Txid) -> Option<KnownTransaction>;

    /// Who spends this output, mempool included; `None` also when the output does not exist.
    fn outspend(&self, outpoint: OutPoint) -> Option<Spend>;

    /// Every output of the best chain and the mempool, spent or not, that pays a script with this SHA-256; oldest first.
    fn outputs_paying(&self, script_hash: sha256::Hash) -> Vec<OutPoint>;

    /// What is confirmed at a script, spent or not.
    fn received(&self, script: &Script) -> Amount {
        let paid = self
            .outputs_paying(Hash::hash(script.as_bytes()))
            .into_iter()
            .filter_map(|outpoint| {
                let known = self.transaction(outpoint.txid)?;
                known.block?;
                let vout = usize::try_from(outpoint.vout).ok()?;
                Some(known.transaction.output.get(vout)?.value)
            });
        paid.sum()
    }

    /// The mempool, parents before children.
    fn mempool(&self) -> Vec<Txid>;

    /// Gives a transaction to the node.
    ///
    /// # Errors
    /// The refusal in bitcoind's words.
    fn submit(&self, transaction: &Transaction) -> Result<Txid, Reject>;

    /// Gives a parent and its child to the node together, so that the child's fee counts for both.
    ///
    /// # Errors
    /// The refusal in bitcoind's words, where the two make no package.
    fn submit_package(
        &self,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<Submitted, Reject>;

    /// Mines `blocks` blocks; the first takes the whole mempool.
    fn mine(&self, blocks: u32) -> Vec<BlockHash>;

    /// Mines `blocks` blocks that leave the mempool alone.
    fn mine_empty(&self, blocks: u32) -> Vec<BlockHash>;

    /// Mines one block with exactly these transactions (and a coinbase), whatever the mempool's policy thinks of them. What
    /// conflicts with them leaves the mempool.
    ///
    /// # Errors
    /// The rule of consensus that the block would break; nothing has changed then.
    fn mine_txs(&self, transactions: &[Transaction]) -> Result<BlockHash, Reject>;

    /// Mines one block whose only transaction pays the reward to this script, and gives that transaction. Its outputs can be
    /// spent from the hundredth block after it.
    fn mine_to(&self, script: &Script) -> Transaction;

    /// Takes the last `depth` blocks away and mines `new_blocks` others on the fork point. Transactions that are not valid
    /// any more leave the mempool.
    ///
    /// # Errors
    /// When a transaction of [`Orphaned::Replace`] is not valid on the fork point; the old branch stays then.
    ///
    /// # Panics
    /// If `new_blocks <= depth` (a branch with less work is not a reorg) or the chain is not longer than `depth`.
    fn reorg(
        &self,
        depth: u32,
        new_blocks: u32,
        orphaned: Orphaned,
    ) -> Result<Vec<BlockHash>, Reject>;

    /// Pays each script its amount in one transaction, confirmed in a block of its own; the outpoints in the same order.
    fn fund_all(&self, payments: &[(ScriptBuf, Amount)]) -> Vec<OutPoint> {
        let transaction = self.fund_all_unbroadcast(payments);
        let txid = transaction.compute_txid();
        self.mine_txs(&[transaction])
            .expect("the miner's own payment is valid");
        (0..payments.len() as u32)
            .map(|vout| OutPoint { txid, vout })
            .collect()
    }

    /// Pays the script in a transaction confirmed in a block of its own; the mempool is left alone.
    fn fund(&self, script: &Script, amount: Amount) -> OutPoint {
        self.fund_all(&[(script.to_owned(), amount)])[0]
    }

    /// A signed transaction whose first outputs are these payments (the last is the miner's change), not yet sent. Its coin
    /// is set aside, so that no later funding spends it.
    fn fund_all_unbroadcast(&self, payments: &[(ScriptBuf, Amount)]) -> Transaction;

    /// Signs a payment of this chain's once more, with so much more for its fee: only one of the two can confirm.
    fn raise_unbroadcast(&self, payment: &Transaction, fee: Amount) -> Transaction;

    /// As [`Chain::fund_all_unbroadcast`] with one payment, at output 0.
    fn fund_unbroadcast(&self, script: &Script, amount: Amount) -> Transaction {
        self.fund_all_unbroadcast(&[(script.to_owned(), amount)])
    }

    /// Throws a transaction and its descendants out of the mempool, as a full mempool would.
    fn evict(&self, txid: Txid);

    /// What `/fee-estimates` is to say from now on.
    fn set_fee_estimates(&self, estimates: FeeEstimates);

    /// The estimates last set; empty at first, as on a fresh regtest.
    fn fee_estimates(&self) -> FeeEstimates;

    /// The lowest rate the mempool accepts from now on, in sat per 1,000 virtual bytes (bitcoind's own default is 1,000). A higher
    /// one is that of a full mempool: a child can lift its parent over it. On bitcoind, which has no such switch at run time,
    /// the wrapper refuses in the node's stead.
    fn set_min_fee(&self, sat_per_kvb: u64);
}

/// How another program reaches the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAccess {
    /// `host:port` of the RPC interface.
    pub rpc_address: String,
    /// `user:password`.
    pub cookie: String,
    /// The node's data directory.
    pub data_dir: std::path::PathBuf,
}

/// The real node where there is one, else the in-memory chain; [`Chain::kind`] says which.
pub fn any_chain() -> Arc<dyn Chain> {
    match crate::regtest::Bitcoind::start() {
        Ok(node) => Arc::new(node),
        Err(_) => Arc::new(crate::memory::MemoryChain::new()),
    }
}
