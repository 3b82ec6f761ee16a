//! What went through the channels over their lives.

use bitcoin::OutPoint;

use super::super::error::Unreadable;
use super::super::{ChannelRow, StoreError};
use super::Queries;
use crate::channel::Totals;
use crate::protocol::CommitmentNumber;

/// What went through one channel, or several, open and closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sent, received, and kept as fees.
    pub totals: Totals,
    /// Commitments made, those of both sides together. Alternatives under one number count once.
    pub commitments: u64,
}

impl Traffic {
    fn add(&mut self, more: &Traffic) {
        let Totals {
            sent_msat,
            received_msat,
            net_fees_msat,
        } = more.totals;
        let sums = &mut self.totals;
        sums.sent_msat = sums.sent_msat.saturating_add(sent_msat);
        sums.received_msat = sums.received_msat.saturating_add(received_msat);
        sums.net_fees_msat = sums.net_fees_msat.saturating_add(net_fees_msat);
        self.commitments = self.commitments.saturating_add(more.commitments);
    }
}

/// What went through all channels.
#[derive(Debug, Default)]
pub struct AllTraffic {
    pub sum: Traffic,
    /// What could not be read, and is not in the sum.
    pub unreadable: Unreadable,
}

const EVERY_CHANNEL: &str = "SELECT id FROM channel ORDER BY id";

impl Queries {
    /// What went through all channels ever registered. Reads one small row of each.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn totals(&self) -> Result<AllTraffic, StoreError> {
        let mut statement = self.store.connection.prepare_cached(EVERY_CHANNEL)?;
        let mut rows = statement.query([])?;
        let mut all = AllTraffic::default();
        while let Some(row) = rows.next()? {
            let traffic = self.traffic(ChannelRow(row.get(0)?));
            if let Some(traffic) = all.unreadable.sift(traffic) {
                all.sum.add(&traffic);
            }
        }
        Ok(all)
    }

    /// What went through one channel.
    ///
    /// # Errors
    /// [`StoreError::UnknownChannel`]; when its row cannot be decoded.
    pub fn channel_totals(&self, channel: OutPoint) -> Result<Traffic, StoreError> {
        self.traffic(self.row(channel)?)
    }

    fn traffic(&self, row: ChannelRow) -> Result<Traffic, StoreError> {
        let feed = self.store.feed(row)?;
        // Numbers count from 0 (BOLT 3).
        let made = |newest: Option<CommitmentNumber>| newest.map_or(0, |number| number.get() + 1);
        Ok(Traffic {
            totals: self.store.ledger(row)?.totals,
            commitments: made(feed.local) + made(feed.remote),
        })
    }
}
