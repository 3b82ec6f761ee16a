//! Which events `next_event` has handed out since the database was opened, so that each is given once per open; a message for
//! a peer once more when that one comes back.
//!
//! Shared by the executor, which looks for the next one, and the caller's side, which marks it: with no await between the
//! mark and the return, a call that is cancelled has taken nothing.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::StoredEvent;

/// Ids of events, by subscriber.
#[derive(Default)]
pub(super) struct HandedOut(Mutex<HashMap<String, HashSet<String>>>);

impl HandedOut {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashSet<String>>> {
        // Every change is one insertion or removal, so what a panic left behind is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many were handed to a subscriber and not acknowledged.
    pub(super) fn count(&self, subscriber: &str) -> usize {
        self.lock().get(subscriber).map_or(0, HashSet::len)
    }

    pub(super) fn holds(&self, subscriber: &str, event: &StoredEvent) -> bool {
        self.lock()
            .get(subscriber)
            .is_some_and(|ids| ids.contains(&event.id))
    }

    /// Marks an event. `false`: another call was faster.
    pub(super) fn mark(&self, subscriber: &str, event: &StoredEvent) -> bool {
        self.lock()
            .entry(subscriber.to_owned())
            .or_default()
            .insert(event.id.clone())
    }

    pub(super) fn forget_for_all(&self, id: &str) {
        for ids in self.lock().values_mut() {
            ids.remove(id);
        }
    }

    pub(super) fn forget(&self, subscriber: &str, id: &str) {
        if let Some(ids) = self.lock().get_mut(subscriber) {
            ids.remove(id);
        }
    }
}
