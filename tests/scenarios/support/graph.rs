//! The network as the phone knows it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use lightning_arbitrator::graph::{GraphError, GraphView};
use lightning_arbitrator::protocol::ShortChannelId;

/// The channels that the network knows.
#[derive(Clone, Default)]
pub struct Graph(Arc<Mutex<BTreeSet<ShortChannelId>>>);

impl Graph {
    pub fn learns(&self, id: ShortChannelId) {
        self.lock().insert(id);
    }

    pub fn forgets(&self, id: ShortChannelId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<ShortChannelId>> {
        self.0.lock().expect("no test panics while it holds this")
    }
}

impl GraphView for Graph {
    fn has_channel(&self, id: ShortChannelId) -> Result<bool, GraphError> {
        Ok(self.lock().contains(&id))
    }
}
