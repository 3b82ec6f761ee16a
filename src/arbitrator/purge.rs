//! The end of a tick: working data of ended channels goes, in small parts, and commands are served between them.

use bitcoin::OutPoint;

use crate::store::{ChannelRow, Purge, Store, StoreError};

/// Rows purged in one transaction, so that no command waits long for the database.
const ROWS: u32 = 500;

/// Purges one channel. Dropped between two parts it has done those before; the next tick goes on.
pub(super) async fn purge(
    store: &Store,
    row: ChannelRow,
    channel: OutPoint,
) -> Result<(), StoreError> {
    while store.purge_some(row, channel, ROWS)? == Purge::Going {
        tokio::task::yield_now().await;
    }
    Ok(())
}
