//! What LDK's side can be told to do, and what it answers.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the key-value store treats keys that may be removed lazily.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Removal {
    /// Each in a synced transaction of its own, at once. ldk-node's store does so.
    AtOnce,
    /// All together, in the transaction of the next write: the cheapest that LDK's contract allows.
    WithNextWrite,
}

/// The pages of the store's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pages {
    /// 4096 bytes, and a checkpoint after 1000 of them: what SQLite does by itself, and ldk-node with it.
    Default,
    /// As our store has them: 1024 bytes, and a checkpoint after 4096 of them.
    LikeOurs,
}

/// Channels, one of whose two nodes stores its monitor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    pub database: PathBuf,
    pub removal: Removal,
    pub pages: Pages,
    /// `maximum_pending_updates` of the persister.
    pub pending_updates: u64,
}

/// What LDK's side is told, one after the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Answered with nothing.
    Begin(Setup),
    /// Leaves so many more HTLCs pending. Answered with nothing.
    Hold(u64),
    /// Makes so many payments, by turns in both directions. Answered with a [`crate::Batch`].
    Pay(u64),
    /// Writes copies of the monitor into another store. Answered with the length of one.
    Copy { database: PathBuf, copies: u32 },
    /// Reads all monitors of a store, in a process that has done nothing else. Answered with [`Opened`].
    Open(PathBuf),
}

/// The cost of reading monitors.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Opened {
    pub monitors: u64,
    pub time: Duration,
    /// Growth of resident memory while they are held, in bytes.
    pub memory: u64,
}
