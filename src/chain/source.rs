//! The chain as a server tells it: twelve questions, each answered on the server's word alone. Nothing here is believed;
//! [`Observer`](super::Observer) proves what moves money before it becomes a fact.

use std::collections::BTreeMap;

use bitcoin::block::Header;
use bitcoin::{Amount, BlockHash, FeeRate, OutPoint, Script, Transaction, TxMerkleNode, Txid};
use futures::future::{ready, LocalBoxFuture};
use futures::FutureExt;

use super::block::{BlockHeight, BlockRef};
use super::broadcast::BroadcastOutcome;
use super::budget::Budget;
use super::error::ChainError;
use super::package::{Package, PackageOutcome};

/// The future of one answer. Not `Send`: ticks run on one thread, and the transports of some platforms (wasm) are bound
/// to theirs.
pub type Answer<'a, T> = LocalBoxFuture<'a, Result<T, ChainError>>;

/// A server, or a node, that answers questions about the chain.
///
/// An implementation counts every exchange with [`Budget::count_request`] before it makes it, and gives up with that
/// error. It checks what can be checked from the answer alone (a transaction's id, a header's hash) and nothing else.
pub trait ChainSource: Send + Sync {
    /// The hash of the best block the source knows.
    fn tip_hash<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BlockHash>;

    /// The newest headers of its best branch, from the tip downwards; at least the tip.
    fn newest_headers<'a>(&'a self, budget: &'a Budget) -> Answer<'a, Vec<PlacedHeader>>;

    /// Headers of its best branch from `height` downwards; as many as it likes to give at once, at least that one.
    /// Empty when the branch does not reach that high.
    fn headers_ending_at<'a>(
        &'a self,
        height: BlockHeight,
        budget: &'a Budget,
    ) -> Answer<'a, Vec<PlacedHeader>>;

    /// Where the source sees this block.
    fn block_status<'a>(&'a self, block: BlockHash, budget: &'a Budget) -> Answer<'a, BlockStatus>;

    /// Who spends this output, the mempool included. A source may say [`Outspend::Unspent`] of outputs that it has
    /// never heard of.
    fn outspend<'a>(&'a self, outpoint: OutPoint, budget: &'a Budget) -> Answer<'a, Outspend>;

    /// A transaction from the chain or the mempool; its id has been computed and compared.
    fn transaction<'a>(&'a self, txid: Txid, budget: &'a Budget)
        -> Answer<'a, Option<Transaction>>;

    /// The path from a transaction to the merkle root of its block; `None` when it is unknown or unconfirmed.
    fn merkle_proof<'a>(
        &'a self,
        txid: Txid,
        budget: &'a Budget,
    ) -> Answer<'a, Option<MerkleProof>>;

    /// Offers a transaction to the network. A refusal is an outcome, not an error: `Err` means that our own limits
    /// ended the attempt.
    fn broadcast<'a>(
        &'a self,
        transaction: &'a Transaction,
        budget: &'a Budget,
    ) -> Answer<'a, BroadcastOutcome>;

    /// Offers a parent and its child together, so that the child's fee counts for both. A source that cannot do so offers
    /// one after the other. Refusals are outcomes here too.
    fn broadcast_package<'a>(
        &'a self,
        package: Package<'a>,
        budget: &'a Budget,
    ) -> Answer<'a, PackageOutcome> {
        package.one_by_one(self, budget).boxed_local()
    }

    /// What pays a script, the mempool included: for a wallet that has only the chain to ask for its coins. A source that
    /// cannot say gives [`ChainError::NotOffered`].
    fn script_coins<'a>(
        &'a self,
        script: &'a Script,
        budget: &'a Budget,
    ) -> Answer<'a, ScriptCoins> {
        let _ = (script, budget);
        ready(Err(ChainError::NotOffered {
            what: "the coins of a script",
        }))
        .boxed_local()
    }

    /// Fee rates by confirmation target in blocks; may be empty.
    fn fee_estimates<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BTreeMap<u16, FeeRate>>;
}

/// A header and the height that the source gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedHeader {
    /// The height the source claims.
    pub height: BlockHeight,
    /// The header itself.
    pub header: Header,
}

impl PlacedHeader {
    /// The block that the header names, at its claimed height.
    pub fn block(&self) -> BlockRef {
        BlockRef {
            height: self.height,
            hash: self.header.block_hash(),
        }
    }
}

/// Where a source sees a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockStatus {
    /// It has never heard of it.
    Unknown,
    /// On its best branch.
    Best {
        /// At this height.
        height: BlockHeight,
    },
    /// It knows the block, but another branch is better.
    Stale,
}

/// What pays a script, as the source says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptCoins {
    /// Whether any transaction ever paid it.
    pub was_used: bool,
    /// Its outputs that nobody spends, in a block or not.
    pub coins: Vec<(OutPoint, Amount)>,
}

/// Who spends an output, as the source says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outspend {
    /// Nobody that the source knows of.
    Unspent,
    /// This transaction does.
    Spent {
        /// The spender.
        txid: Txid,
        /// Its block, or `None` while it is in the mempool.
        block: Option<BlockRef>,
    },
}

/// The path from a transaction to its block's merkle root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleProof {
    /// The height of the block, as claimed.
    pub height: BlockHeight,
    /// The transaction's place in the block; its bits say on which side each sibling stands.
    pub position: u32,
    /// The siblings, from the leaf upwards.
    pub path: Vec<TxMerkleNode>,
}
