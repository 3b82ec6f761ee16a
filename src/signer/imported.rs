//! Channels' own secrets, by name, for those that come from no seed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{ChannelSecrets, SignerError};
use crate::channel::KeysId;

/// Secrets in memory; each is wiped when it is replaced or dropped.
#[derive(Default)]
pub(crate) struct ImportedKeys(Mutex<HashMap<KeysId, Result<ChannelSecrets, SignerError>>>);

impl ImportedKeys {
    /// Takes a channel's secrets, or why they cannot be had: nobody else's are used in their place then.
    pub(crate) fn put(&self, keys_id: KeysId, secrets: Result<ChannelSecrets, SignerError>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(keys_id, secrets);
    }

    /// A channel's secrets, if they were imported.
    pub(crate) fn get(&self, keys_id: &KeysId) -> Result<Option<ChannelSecrets>, SignerError> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(keys_id).cloned().transpose()
    }
}
