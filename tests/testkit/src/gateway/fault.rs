//! Faults to order: what can go wrong with a server on the way, and the lies it can tell.

use bitcoin::{OutPoint, Transaction, Txid};
use serde::{Deserialize, Serialize};

/// What a request meets instead of an honest answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The honest answer comes this much later.
    Delay {
        /// How much later.
        millis: u64,
    },
    /// This status and body in place of the answer, 429 or 503 for example.
    Status {
        /// HTTP status.
        code: u16,
        /// Plain-text body.
        body: String,
    },
    /// The connection ends in the middle of the body that `Content-Length` announced.
    CutBody,
    /// The connection ends without an answer.
    HangUp,
    /// Status 200 with JSON of another shape.
    WrongJson,
    /// Status 200 with a body of this size, its length not announced.
    HugeBody {
        /// Size of the body.
        bytes: u64,
    },
    /// A lie, told with a friendly 200.
    Lie(Lie),
}

/// A chain as it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lie {
    /// The chain ends at this height; what was confirmed above it was never heard of.
    Stale {
        /// The last block the server knows.
        height: u32,
    },
    /// The last blocks are not indexed yet; what they confirm still counts as unconfirmed.
    IndexLag {
        /// How many blocks are missing.
        blocks: u32,
    },
    /// This output is unspent, whatever spends it.
    HideSpend {
        /// The output.
        outpoint: OutPoint,
    },
    /// Nobody ever heard of this transaction.
    HideTransaction {
        /// The transaction.
        txid: Txid,
    },
    /// A transaction that nobody ever sent spends what it spends.
    InventSpend {
        /// The invention.
        #[serde(with = "bitcoin::consensus::serde::With::<bitcoin::consensus::serde::Hex>")]
        transaction: Transaction,
        /// Where it is said to be.
        told: Told,
    },
    /// Merkle proofs lead to another root.
    BadMerkle,
    /// Headers carry a nonce that does no work, in blocks and in their descriptions.
    BadPow,
    /// The genesis block is that of mainnet, and nobody ever heard of the chain's own.
    WrongNetwork,
}

/// Where an invented transaction is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// In the mempool.
    Unconfirmed,
    /// In the real tip, with a merkle proof that does not lead to its root.
    InTip,
    /// In a block of its own above the tip: consistent down to its merkle root, but without work.
    InUnminedBlock,
}

/// Which requests a fault or a hold concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paths {
    /// All of them.
    All,
    /// Those whose path begins so, for example `/tx/`.
    Prefix(String),
    /// Those whose path has this anywhere, for example `/outspend/`.
    Containing(String),
    /// Those for exactly this path, for example `/tx`.
    Exactly(String),
}

impl Paths {
    pub(crate) fn matches(&self, path: &str) -> bool {
        match self {
            Paths::All => true,
            Paths::Prefix(prefix) => path.starts_with(prefix),
            Paths::Containing(part) => path.contains(part),
            Paths::Exactly(whole) => path == whole,
        }
    }
}

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// Until [`super::Handle::behave`].
    Always,
    /// The next so many requests that it concerns.
    Next(u32),
}

/// Which requests a fault strikes, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Which requests.
    pub paths: Paths,
    /// How often.
    pub times: Times,
}

impl Scope {
    /// Every request from now on.
    pub fn all() -> Self {
        Scope {
            paths: Paths::All,
            times: Times::Always,
        }
    }

    /// Every request whose path begins so.
    pub fn under(prefix: &str) -> Self {
        Scope {
            paths: Paths::Prefix(prefix.into()),
            times: Times::Always,
        }
    }

    /// Every request whose path has this anywhere.
    pub fn containing(part: &str) -> Self {
        Scope {
            paths: Paths::Containing(part.into()),
            times: Times::Always,
        }
    }

    /// The same, but for the next `requests` requests only.
    pub fn next(self, requests: u32) -> Self {
        Scope {
            times: Times::Next(requests),
            ..self
        }
    }
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct Orders(Vec<(Scope, Fault)>);

impl Orders {
    pub(crate) fn add(&mut self, scope: Scope, fault: Fault) {
        self.0.push((scope, fault));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The faults that strike a request for this path, in the order in which they were ordered.
    pub(crate) fn strike(&mut self, path: &str) -> Vec<Fault> {
        let mut struck = Vec::new();
        for (scope, fault) in &mut self.0 {
            if !scope.paths.matches(path) {
                continue;
            }
            match &mut scope.times {
                Times::Always => struck.push(fault.clone()),
                Times::Next(0) => {}
                Times::Next(left) => {
                    *left -= 1;
                    struck.push(fault.clone());
                }
            }
        }
        struck
    }
}
