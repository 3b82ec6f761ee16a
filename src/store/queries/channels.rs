//! The channels, oldest first: all of them, by state of life, by peer, or by both.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint};
use rusqlite::{named_params, Row};
use serde::Deserialize;

use super::super::channels::type_from;
use super::super::pack::{lifecycle_column, lifecycle_from, At};
use super::super::{ChannelRow, ShortChannelIds, StoreError};
use super::{Cursor, Page, PageRequest, Queries, Standing};
use crate::channel::{Feed, Lifecycle};
use crate::court::Latches;
use crate::protocol::{ChannelType, Party};

/// Which channels are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelFilter {
    /// Those in this state of life.
    pub lifecycle: Option<Lifecycle>,
    /// Those with this peer.
    pub peer: Option<PublicKey>,
}

/// One channel as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelOverview {
    /// The funding outpoint, which names the channel.
    pub channel: OutPoint,
    /// The peer's node id.
    pub peer: PublicKey,
    pub capacity: Amount,
    pub channel_type: ChannelType,
    /// Who opened it.
    pub opener: Party,
    pub lifecycle: Lifecycle,
    /// Its names in the gossip and in routes.
    pub ids: ShortChannelIds,
    /// Who has what, by our newest commitment; `None` once a closed channel's working data is gone.
    pub standing: Option<Standing>,
    /// Which commitments are known.
    pub feed: Feed,
    /// What no reorg undoes: commitments refused, force close, data loss.
    pub latches: Latches,
}

const QUERY: &str = "channels";

/// What all walks read of a channel. Outer joins: a channel whose other rows are gone is told of, not passed over.
macro_rules! overview {
    ($tail:literal) => {
        concat!(
            "SELECT channel.id AS id, txid, vout, capacity, peer, channel_type, opener,
                    lifecycle, detail ",
            $tail,
            " LIMIT :limit"
        )
    };
}

pub(super) const ALL: &str = overview!(
    "FROM channel LEFT JOIN funding ON funding.channel = channel.id AND funding.ordinal = 0
     LEFT JOIN court_case ON court_case.channel = channel.id
     WHERE channel.id > :after AND :lifecycle IS NULL AND :peer IS NULL ORDER BY channel.id"
);

pub(super) const OF_PEER: &str = overview!(
    "FROM channel LEFT JOIN funding ON funding.channel = channel.id AND funding.ordinal = 0
     LEFT JOIN court_case ON court_case.channel = channel.id
     WHERE peer = :peer AND channel.id > :after AND :lifecycle IS NULL ORDER BY channel.id"
);

/// A peer has few channels beside those that a filter leaves.
pub(super) const OF_PEER_IN_LIFE: &str = overview!(
    "FROM channel LEFT JOIN funding ON funding.channel = channel.id AND funding.ordinal = 0
     CROSS JOIN court_case ON court_case.channel = channel.id
     WHERE peer = :peer AND channel.id > :after AND lifecycle = :lifecycle ORDER BY channel.id"
);

/// `CROSS JOIN` keeps the order of the tables: the index of `court_case` gives the order of the walk.
pub(super) const IN_LIFE: &str = overview!(
    "FROM court_case CROSS JOIN channel ON channel.id = court_case.channel
     LEFT JOIN funding ON funding.channel = channel.id AND funding.ordinal = 0
     WHERE lifecycle = :lifecycle AND court_case.channel > :after AND :peer IS NULL
     ORDER BY court_case.channel"
);

/// The part of a case's detail that a list shows.
#[derive(Deserialize)]
struct Flags {
    #[serde(flatten)]
    latches: Latches,
}

impl Queries {
    /// A page of the channels, oldest first. One that changes its state of life between two pages is in the walk of the
    /// state in which the walk meets it.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; when the database cannot be read.
    pub fn channels(
        &self,
        filter: &ChannelFilter,
        page: &PageRequest,
    ) -> Result<Page<ChannelOverview>, StoreError> {
        let [after] = page.integers(QUERY)?.unwrap_or([0]);
        let sql = match (filter.lifecycle, filter.peer) {
            (None, None) => ALL,
            (Some(_), None) => IN_LIFE,
            (None, Some(_)) => OF_PEER,
            (Some(_), Some(_)) => OF_PEER_IN_LIFE,
        };
        let mut statement = self.store.connection.prepare_cached(sql)?;
        let mut rows = statement.query(named_params! {
            ":after": after,
            ":lifecycle": filter.lifecycle.map(lifecycle_column),
            ":peer": filter.peer.map(|peer| peer.serialize()),
            ":limit": page.sql_limit(),
        })?;
        let mut read = Vec::new();
        while let Some(row) = rows.next()? {
            let id: i64 = row.get("id")?;
            let cursor = Cursor::of_integers(QUERY, [id]);
            read.push((cursor, self.overview(ChannelRow(id), row)));
        }
        Ok(Page::of(page, read))
    }

    fn overview(&self, id: ChannelRow, row: &Row<'_>) -> Result<ChannelOverview, StoreError> {
        let funding = |column| At("funding", column);
        let channel = |column| At("channel", column);
        let case = |column| At("court_case", column);
        let latches = || -> Result<Latches, StoreError> {
            let detail: String = case("detail").get(row)?;
            let flags: Flags = case("detail").json(&detail)?;
            Ok(flags.latches)
        };
        Ok(ChannelOverview {
            channel: OutPoint::new(
                funding("txid").txid(funding("txid").get(row)?)?,
                funding("vout").get(row)?,
            ),
            peer: channel("peer").key(channel("peer").get(row)?)?,
            capacity: funding("capacity").amount(funding("capacity").get(row)?)?,
            channel_type: type_from(channel("channel_type").get(row)?)?,
            opener: channel("opener").party(channel("opener").get(row)?)?,
            lifecycle: lifecycle_from(case("lifecycle").get(row)?)?,
            latches: latches()?,
            ids: self.store.short_channel_ids(id)?,
            standing: self.standing(id)?,
            feed: self.store.feed(id)?,
        })
    }
}
