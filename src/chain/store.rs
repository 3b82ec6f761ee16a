//! The seam to whoever keeps the cursor across ticks.

use super::change::ChainChange;
use super::error::StoreFailure;
use super::view::ChainView;

/// Keeps the cursor. Calls are synchronous and come from the tick's thread.
pub trait ChainStore {
    /// Everything that was applied so far.
    ///
    /// # Errors
    /// Whatever keeps the store from reading.
    fn load(&self) -> Result<ChainView, StoreFailure>;

    /// Writes the rows of one change, all or none; durable when it returns. Called after every answer that taught
    /// something, so that a tick cut off anywhere has lost nothing.
    ///
    /// # Errors
    /// Whatever keeps the store from writing; nothing of the change may then remain.
    fn apply(&self, change: &ChainChange) -> Result<(), StoreFailure>;
}
