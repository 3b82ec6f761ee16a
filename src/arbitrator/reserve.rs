//! What the wallet should have ready for fees.

use bitcoin::FeeRate;

use super::report::{dossier, tip_height};
use super::ChainArbitrator;
use crate::config::Policy;
use crate::court::forecast;
use crate::error::ArbitratorError;
use crate::store::{ChannelRow, Store};
use crate::sweep::ReserveNeeded;

impl ChainArbitrator {
    /// What the wallet needs in case every open channel goes to the chain at this feerate: a coin for the child of each
    /// commitment, and one for each HTLC on it. Channels without anchors need none. From what is stored: no network is
    /// needed. A market that rises meanwhile asks for more, up to half of what is at stake; HTLCs that share a transaction,
    /// for less.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`]. A channel whose rows cannot be read is left out, and is reported by every tick.
    pub async fn reserve_needed(&self, feerate: FeeRate) -> Result<ReserveNeeded, ArbitratorError> {
        let policy = self.policy.clone();
        self.reader
            .ask(move |queries| {
                let store = queries.store();
                let tip = tip_height(store)?;
                let mut needed = ReserveNeeded::default();
                for (row, channel) in store.channels()?.channels {
                    let added = add_channel(&mut needed, store, row, tip, feerate, &policy);
                    if let Err(error) = added {
                        log::warn!("channel {channel}: its need for a reserve: {error}");
                    }
                }
                Ok(needed)
            })
            .await
    }
}

fn add_channel(
    needed: &mut ReserveNeeded,
    store: &Store,
    row: ChannelRow,
    tip: u32,
    feerate: FeeRate,
    policy: &Policy,
) -> Result<(), ArbitratorError> {
    let case = store.case(row)?;
    if case.state.is_closed() || case.cancelled.is_some() {
        return Ok(());
    }
    let (dossier, _) = dossier(store, row)?;
    if let Some(forecast) = forecast(&dossier, tip, policy) {
        needed.add(&dossier.terms, &forecast, feerate, policy)?;
    }
    Ok(())
}
