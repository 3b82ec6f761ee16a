//! A cursor that lives as long as the process: for tests, and for tools that may forget. It keeps rows as a database does,
//! so that a view loaded from it has been through the same door.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::change::ChainChange;
use super::error::StoreFailure;
use super::store::ChainStore;
use super::view::ChainView;

/// Keeps what was applied, in memory.
#[derive(Debug, Default)]
pub struct MemoryChainStore {
    applied: Mutex<Vec<ChainChange>>,
}

impl MemoryChainStore {
    /// An empty cursor.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many changes were applied.
    pub fn changes(&self) -> usize {
        self.applied().len()
    }

    fn applied(&self) -> MutexGuard<'_, Vec<ChainChange>> {
        // Nothing panics while it holds the lock half-written: a push is all that ever happens.
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChainStore for MemoryChainStore {
    fn load(&self) -> Result<ChainView, StoreFailure> {
        let mut view = ChainView::default();
        self.applied().iter().for_each(|change| view.merge(change));
        Ok(view)
    }

    fn apply(&self, change: &ChainChange) -> Result<(), StoreFailure> {
        self.applied().push(change.clone());
        Ok(())
    }
}
