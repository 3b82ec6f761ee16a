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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use bitcoin::Network;
    use futures::executor::block_on;
    use futures::future::join;
    use rusqlite::Connection;

    use super::*;
    use crate::store::Unsealed;

    /// A channel that has ended, with this many rows in its archive. No terms: purging needs none.
    const ENDED: &str = "
        INSERT INTO channel (id, peer, channel_type, opener, keys_id) VALUES (1, x'02', 1, 0, x'00');
        INSERT INTO court_case (channel, state, revision, updates_refused, detail, lifecycle, to_purge)
            VALUES (1, 5, 1, 1, '{}', 3, 1);
        WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 3000)
            INSERT INTO past_htlc SELECT 1, 0, n, x'00' FROM number;";

    #[test]
    fn whoever_waits_for_the_thread_is_served_between_any_two_parts() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let path = directory.path().join("purge.sqlite");
        let store = Store::open(&path, Network::Regtest, Arc::new(Unsealed)).expect("a new file");
        let reader = Connection::open(&path).expect("it is there");
        reader.execute_batch(ENDED).expect("good SQL");
        let left = || -> u32 {
            let count = "SELECT count(*) FROM past_htlc";
            reader
                .query_row(count, [], |row| row.get(0))
                .expect("a number")
        };
        let is_purged = Cell::new(false);
        let purging = async {
            let purged = purge(&store, ChannelRow(1), OutPoint::null()).await;
            purged.expect("writable");
            is_purged.set(true);
        };
        // A command like any other: it is polled whenever the purge yields.
        let command = async {
            let mut seen = vec![];
            while !is_purged.get() {
                seen.push(left());
                tokio::task::yield_now().await;
            }
            seen
        };
        let ((), seen) = block_on(join(purging, command));
        assert_eq!(seen, [2500, 2000, 1500, 1000, 500, 0]);
        assert_eq!(left(), 0);
    }
}
