//! What the chain says, from a server that may lag or lie.
//!
//! A [`ChainSource`] answers questions on its own word. An [`Observer`] asks them, once per tick, and turns the answers
//! into facts: a confirmation only with its merkle proof under linked headers of plausible work, "unspent" only for an
//! output proven to exist and from a server that holds our tip. Facts live in a [`ChainView`], which a [`ChainStore`]
//! keeps: every answer that taught something is on disk before the next one is looked at.
//!
//! ```text
//! HttpTransport ── EsploraSource: ChainSource ── Observer ── ChainChange ── ChainStore
//!                                                    └── ChainView: the facts
//! ```

mod block;
mod branch;
mod broadcast;
mod budget;
mod change;
mod checkpoints;
mod error;
mod esplora;
mod facts;
mod http;
mod memory;
mod observer;
mod package;
mod policy;
mod pool;
mod proof;
mod retry;
mod rules;
mod source;
mod store;
mod view;

#[cfg(test)]
mod tests;

pub use block::{BlockHeight, BlockRef, Depth};
pub use broadcast::BroadcastOutcome;
pub use budget::Budget;
pub use change::{ChainChange, Row};
pub use error::{BudgetLimit, ChainError, ProofError, StoreFailure};
pub use esplora::EsploraSource;
pub use facts::{
    Expected, Look, OutputCheck, OutputFacts, Spend, TxFacts, TxPosition, Urgency, Watch, WatchTx,
};
pub use http::{HttpError, HttpMethod, HttpRequest, HttpResponse, HttpTransport};
pub use memory::MemoryChainStore;
pub use observer::{Observer, ServerStanding, Subject, SyncFailure, SyncOutcome};
pub use package::{Package, PackageOutcome};
pub use policy::ChainPolicy;
pub use pool::EsploraPool;
pub use source::{
    Answer, BlockStatus, ChainSource, MerkleProof, Outspend, PlacedHeader, ScriptCoins,
};
pub use store::ChainStore;
pub use view::ChainView;
