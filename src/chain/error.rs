//! What can go wrong between us and a chain server, typed so that a caller can tell a slow server from a lying one.

use std::time::Duration;

use bitcoin::{BlockHash, OutPoint, Txid};

use super::block::BlockHeight;

/// Why an answer about the chain could not be had, or could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The server could not be reached, or closed the connection, on every attempt.
    #[error("chain server unreachable for {endpoint}: {why}")]
    Unreachable {
        /// The path that was asked for.
        endpoint: String,
        /// What the connection said.
        why: String,
    },
    /// The server did not answer in time, on every attempt.
    #[error("chain server gave no answer to {endpoint} within {limit:?}")]
    Timeout {
        /// The path that was asked for.
        endpoint: String,
        /// How long one attempt may take.
        limit: Duration,
    },
    /// The answer is longer than any honest one.
    #[error("answer to {endpoint} is longer than {limit} bytes")]
    TooLarge {
        /// The path that was asked for.
        endpoint: String,
        /// The cap that was exceeded, in bytes.
        limit: usize,
    },
    /// The answer ended before its announced length, on every attempt.
    #[error("answer to {endpoint} was cut off")]
    CutOff {
        /// The path that was asked for.
        endpoint: String,
    },
    /// The server answered with an error of its own.
    #[error("chain server answered {endpoint} with status {code}: {text}")]
    Status {
        /// The path that was asked for.
        endpoint: String,
        /// The HTTP status code.
        code: u16,
        /// The beginning of the body.
        text: String,
    },
    /// The answer is not what this endpoint answers with.
    #[error("malformed answer to {endpoint}: {what}")]
    Malformed {
        /// The path that was asked for.
        endpoint: String,
        /// What is wrong with it.
        what: String,
    },
    /// What the server claims does not hold.
    #[error("the chain server's claim does not hold: {0}")]
    Proof(#[from] ProofError),
    /// The server does not hold the first block of our network: it serves another one.
    #[error("the chain server does not serve the network {network}")]
    WrongNetwork {
        /// Our network.
        network: bitcoin::Network,
    },
    /// The server's tip moved in every round of one sync: it is being restarted, or plays with us.
    #[error("the chain server's tip moved {rounds} times while it was asked")]
    TipKeepsMoving {
        /// How often it was followed.
        rounds: u32,
    },
    /// The server speaks of a block above the tip that it tells.
    #[error("the chain server speaks of blocks above its own tip")]
    AboveTip,
    /// The tick was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The tick has made as many requests, or taken as much time, as it was allowed.
    #[error("the tick's limit is reached: {0}")]
    BudgetExhausted(BudgetLimit),
    /// The facts could not be stored; nothing is believed that is not on disk.
    #[error("chain facts could not be stored")]
    Store(#[source] StoreFailure),
    /// This source cannot answer that at all.
    #[error("the chain source does not offer {what}")]
    NotOffered {
        /// What was asked for.
        what: &'static str,
    },
    /// The connection could not be set up as configured.
    #[error("chain server configuration: {0}")]
    Configuration(String),
}

/// Which limit of a [`Budget`](super::Budget) ended the tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetLimit {
    /// `max_requests` exchanges were made.
    #[error("number of requests")]
    Requests,
    /// `max_duration` has passed.
    #[error("duration")]
    Duration,
}

/// Whatever a store says when it cannot read or write.
pub type StoreFailure = Box<dyn std::error::Error + Send + Sync>;

/// Why a claim about the chain is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The header's hash is above the target that the header itself names.
    #[error("block {hash} does not meet its own target")]
    Work {
        /// The block.
        hash: BlockHash,
    },
    /// The header's target is easier than this network can have at that height.
    #[error("block {hash} at height {height} has an implausibly easy target")]
    ImplausibleTarget {
        /// The block.
        hash: BlockHash,
        /// Where it claims to stand.
        height: BlockHeight,
    },
    /// Two headers that must follow each other do not.
    #[error("block {hash} at height {height} does not follow the block below it")]
    Unlinked {
        /// The upper block.
        hash: BlockHash,
        /// Its height.
        height: BlockHeight,
    },
    /// The merkle path does not lead from the transaction to the block's root.
    #[error("merkle path of {txid} does not lead to the root of block {block}")]
    MerkleRoot {
        /// The transaction.
        txid: Txid,
        /// The block that should hold it.
        block: BlockHash,
    },
    /// The merkle path is longer than a block can need, or the position does not fit its length.
    #[error("merkle path of {txid} is malformed")]
    MerklePath {
        /// The transaction.
        txid: Txid,
    },
    /// A transaction of 64 bytes can pass as an inner node of the merkle tree, so its proof proves nothing.
    #[error("transaction {txid} is 64 bytes long: its merkle proof proves nothing")]
    SixtyFourBytes {
        /// The transaction.
        txid: Txid,
    },
    /// The server says that a transaction is confirmed but has no proof or no transaction to show.
    #[error("{txid} is claimed, but the server shows no {missing}")]
    NothingToShow {
        /// The transaction.
        txid: Txid,
        /// What is missing.
        missing: &'static str,
    },
    /// The claimed spender does not spend the output.
    #[error("{txid} does not spend {outpoint}")]
    DoesNotSpend {
        /// The claimed spender.
        txid: Txid,
        /// The output it is said to spend.
        outpoint: OutPoint,
    },
}

impl ChainError {
    /// Whether asking this server about anything else in the same tick would be in vain.
    ///
    /// A refusal or a bad answer concerns one question only and never stops the others; a limit that is reached, a
    /// server that cannot be reached and a store that cannot write concern all of them.
    pub fn ends_the_tick(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::WrongNetwork { .. }
            | Self::TipKeepsMoving { .. }
            | Self::AboveTip
            | Self::Cancelled
            | Self::BudgetExhausted(_)
            | Self::Store(_)
            | Self::Configuration(_) => true,
            Self::Timeout { .. }
            | Self::NotOffered { .. }
            | Self::TooLarge { .. }
            | Self::CutOff { .. }
            | Self::Status { .. }
            | Self::Malformed { .. }
            | Self::Proof(_) => false,
        }
    }
}
