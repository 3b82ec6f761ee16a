//! Several writes of the channel engine's updates in one transaction: what is told together is on disk together, or not at
//! all.

use std::cell::Cell;

use rusqlite::{Transaction, TransactionBehavior};

use super::{ChannelRow, Store, StoreError};
use crate::channel::{AcceptedCommitment, AcceptedRevocation, HtlcKey};

/// An open transaction. What the store reads while it is open are the rows as written so far. Dropped without
/// [`commit`](Batch::commit), it leaves everything as it was.
pub struct Batch<'a> {
    store: &'a Store,
    transaction: Transaction<'a>,
    is_empty: Cell<bool>,
}

impl Store {
    /// Begins a batch. There is one at a time, and no other write before it ends.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn batch(&self) -> Result<Batch<'_>, StoreError> {
        let connection = &self.connection;
        Ok(Batch {
            store: self,
            transaction: Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?,
            is_empty: Cell::new(true),
        })
    }

    /// Writes an accepted commitment by itself.
    ///
    /// # Errors
    /// When the database cannot be written; nothing of it is there then.
    pub fn put_commitment(
        &self,
        row: ChannelRow,
        accepted: &AcceptedCommitment,
    ) -> Result<(), StoreError> {
        let batch = self.batch()?;
        batch.put_commitment(row, accepted)?;
        batch.commit()
    }

    /// Writes an accepted revocation by itself.
    ///
    /// # Errors
    /// When the database cannot be written; nothing of it is there then.
    pub fn put_revocation(
        &self,
        row: ChannelRow,
        accepted: &AcceptedRevocation,
    ) -> Result<(), StoreError> {
        let batch = self.batch()?;
        batch.put_revocation(row, accepted)?;
        batch.commit()
    }
}

impl Batch<'_> {
    /// Writes an accepted commitment.
    ///
    /// # Errors
    /// When the database cannot be written; the batch is to be dropped then.
    pub fn put_commitment(
        &self,
        row: ChannelRow,
        accepted: &AcceptedCommitment,
    ) -> Result<(), StoreError> {
        self.is_empty.set(false);
        super::updates::put_commitment(&self.transaction, row, accepted)
    }

    /// Writes an accepted revocation: the secret takes a slot, and the revoked commitment is no candidate any more.
    ///
    /// # Errors
    /// When the database cannot be written; the batch is to be dropped then.
    pub fn put_revocation(
        &self,
        row: ChannelRow,
        accepted: &AcceptedRevocation,
    ) -> Result<(), StoreError> {
        self.is_empty.set(false);
        let vault = self.store.vault.borrow();
        super::secrets::put_revocation(&self.transaction, &vault, row, accepted)
    }

    /// Marks an HTLC as one that we have decided to claim. `false`: there is no such HTLC. Where several have had the
    /// key, the one that our newest commitment carries is meant: only that can be committed irrevocably (BOLT 2).
    ///
    /// # Errors
    /// When the database cannot be written; the batch is to be dropped then.
    pub fn release(&self, row: ChannelRow, htlc: HtlcKey) -> Result<bool, StoreError> {
        self.is_empty.set(false);
        super::htlcs::release(&self.transaction, row, htlc)
    }

    /// All of it is on disk when this returns. Without a write it costs nothing.
    ///
    /// # Errors
    /// When the database cannot be written; nothing of it is there then.
    pub fn commit(self) -> Result<(), StoreError> {
        if self.is_empty.get() {
            return Ok(());
        }
        self.transaction.commit()?;
        self.store.writes.set(self.store.writes.get() + 1);
        Ok(())
    }
}
