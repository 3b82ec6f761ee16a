//! What a tick looks at of every channel, read once for as long as nothing is written.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use bitcoin::TxOut;

use crate::channel::Lifecycle;
use crate::court::{self, Case};
use crate::store::{ChannelRow, Docket, Store, StoreError};

/// Little enough of a channel to tell whether it is at rest.
pub(super) struct Glance {
    pub case: Case,
    /// What its funding transaction has to pay.
    pub expected: TxOut,
    pub carries_htlcs: bool,
}

impl Glance {
    /// Reads it.
    ///
    /// # Errors
    /// When the channel's rows cannot be read.
    pub fn of(store: &Store, row: ChannelRow) -> Result<Self, StoreError> {
        Ok(Glance {
            case: store.case(row)?,
            expected: store.funding_output(row)?,
            carries_htlcs: store.carries_htlcs(row)?,
        })
    }

    /// Whether the channel is simply open, or has ended, and carries nothing.
    pub fn is_at_rest(&self) -> bool {
        match court::lifecycle(&self.case) {
            Lifecycle::Open | Lifecycle::Closed => !self.carries_htlcs,
            Lifecycle::Pending | Lifecycle::Closing => false,
        }
    }
}

/// A tick looks at every channel a few times over. All writes go through one connection, which counts them, so what was
/// read is known to be as it was.
#[derive(Default)]
pub(super) struct Glances {
    /// The store's count when the first of these was read.
    writes: Cell<u64>,
    seen: RefCell<BTreeMap<ChannelRow, Rc<Glance>>>,
}

impl Glances {
    /// Looks at every channel, and gives the docket. One that cannot be read is left to whoever asks for it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn over(&self, store: &Store) -> Result<Docket, StoreError> {
        store.at_once(|| {
            let docket = store.channels()?;
            for (row, _) in &docket.channels {
                let _ = self.at(store, *row);
            }
            Ok(docket)
        })
    }

    /// A channel as it is now.
    ///
    /// # Errors
    /// When its rows cannot be read.
    pub fn at(&self, store: &Store, row: ChannelRow) -> Result<Rc<Glance>, StoreError> {
        let mut seen = self.seen.borrow_mut();
        if self.writes.replace(store.writes()) != store.writes() {
            seen.clear();
        }
        if let Some(glance) = seen.get(&row) {
            return Ok(glance.clone());
        }
        let glance = Rc::new(Glance::of(store, row)?);
        seen.insert(row, glance.clone());
        Ok(glance)
    }
}
