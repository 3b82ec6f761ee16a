//! Who has what in a channel, by our newest commitment.

use rusqlite::OptionalExtension;

use super::super::pack::{direction_from, At};
use super::super::{ChannelRow, StoreError};
use super::Queries;
use crate::channel::Direction;
use crate::protocol::Party;

/// HTLCs of one direction that are on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PendingHtlcs {
    pub count: u32,
    pub msat: u64,
}

impl PendingHtlcs {
    pub(super) fn add(&mut self, more: PendingHtlcs) {
        self.count = self.count.saturating_add(more.count);
        self.msat = self.msat.saturating_add(more.msat);
    }
}

/// Who has what, before the commitment's fee and anchors: together the whole capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Ours, outside HTLCs.
    pub local_msat: u64,
    /// The peer's, outside HTLCs.
    pub remote_msat: u64,
    /// Offered by us.
    pub outgoing: PendingHtlcs,
    /// Offered by the peer.
    pub incoming: PendingHtlcs,
}

pub(super) const NEWEST: &str = "SELECT local_msat, remote_msat FROM commitment
     WHERE channel = ?1 AND funding = 0 AND owner = 0
     ORDER BY number DESC, alternative DESC LIMIT 1";

/// The last number is unknown for as long as our newest commitment carries the HTLC.
pub(super) const PENDING: &str =
    "SELECT direction, count(*) AS count, sum(amount_msat) AS msat FROM htlc
     WHERE channel = ?1 AND first_local IS NOT NULL AND last_local IS NULL GROUP BY direction";

impl Queries {
    /// By our newest commitment; by the terms before there is one. `None` when there is none any more: the working data
    /// of a closed channel is gone, and its close summary tells the rest.
    pub(super) fn standing(&self, row: ChannelRow) -> Result<Option<Standing>, StoreError> {
        let at = |column| At("commitment", column);
        let newest = self
            .store
            .connection
            .prepare_cached(NEWEST)?
            .query_row([row.0], |found| {
                Ok((found.get::<_, i64>(0)?, found.get::<_, i64>(1)?))
            })
            .optional()?;
        let Some((local, remote)) = newest else {
            return self.standing_at_first(row);
        };
        let mut standing = Standing {
            local_msat: at("local_msat").unsigned(local)?,
            remote_msat: at("remote_msat").unsigned(remote)?,
            ..Standing::default()
        };
        let at = |column| At("htlc", column);
        let mut statement = self.store.connection.prepare_cached(PENDING)?;
        let mut rows = statement.query([row.0])?;
        while let Some(found) = rows.next()? {
            let pending = match direction_from(at("direction").get(found)?)? {
                Direction::Outgoing => &mut standing.outgoing,
                Direction::Incoming => &mut standing.incoming,
            };
            pending.add(PendingHtlcs {
                count: at("htlc_id").unsigned(at("count").get(found)?)?,
                msat: at("amount_msat").unsigned(at("msat").get(found)?)?,
            });
        }
        Ok(Some(standing))
    }

    fn standing_at_first(&self, row: ChannelRow) -> Result<Option<Standing>, StoreError> {
        if self.store.feed(row)?.local.is_some() {
            return Ok(None);
        }
        Ok(Some(Standing {
            local_msat: self.store.party(row, Party::Local)?.initial_balance_msat,
            remote_msat: self.store.party(row, Party::Remote)?.initial_balance_msat,
            ..Standing::default()
        }))
    }
}
