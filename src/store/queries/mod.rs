//! Queries for people: what a wallet shows, page by page, read on a connection of its own that cannot write and opens no secret.
//!
//! WAL lets that connection read while the other one writes. It sees what was committed when an answer begins, and
//! nothing later: each answer is of one moment.

mod balances;
mod channels;
mod closed;
mod history;
mod htlcs;
mod page;
mod standing;
#[cfg(test)]
mod tests;
mod totals;

pub use balances::{Balances, ChannelSums};
pub use channels::{ChannelFilter, ChannelOverview};
pub use history::HistoryEntry;
pub use htlcs::{HtlcRecord, HtlcStage};
pub use page::{Cursor, Page, PageRequest, MAX_PAGE};
pub use standing::{PendingHtlcs, Standing};
pub use totals::{AllTraffic, Traffic};

use bitcoin::OutPoint;

use super::vault::Vault;
use super::{ChannelRow, Store, StoreError};

/// The open database, for questions only. One thread owns it; it ends before its [`Store`] does, which then finds itself
/// alone and tidies the write-ahead log away.
pub struct Queries {
    store: Store,
}

impl Store {
    /// Another connection to the same file, for questions only.
    ///
    /// # Errors
    /// When the file cannot be opened once more.
    pub fn queries(&self) -> Result<Queries, StoreError> {
        Ok(Queries {
            store: self.sibling(Vault::shut())?,
        })
    }
}

impl Queries {
    /// Lets several reads see the same moment.
    ///
    /// # Errors
    /// When the database cannot be read, and what `ask` gives.
    pub fn at_one_moment<T, E: From<StoreError>>(
        &self,
        ask: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let moment = self
            .store
            .connection
            .unchecked_transaction()
            .map_err(StoreError::from)?;
        let answer = ask(self);
        // Nothing was written: how the transaction ends changes nothing.
        moment.rollback().map_err(StoreError::from)?;
        answer
    }

    /// The reads of the store.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The row of a channel, by its funding outpoint.
    ///
    /// # Errors
    /// [`StoreError::UnknownChannel`].
    pub fn row(&self, channel: OutPoint) -> Result<ChannelRow, StoreError> {
        self.store
            .find(channel)?
            .ok_or(StoreError::UnknownChannel { channel })
    }
}
