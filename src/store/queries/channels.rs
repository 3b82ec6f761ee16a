//! The channels, oldest first: all of them, by state of life, by peer, or by both.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint};
use rusqlite::{named_params, Row};

use super::super::cases::lifecycle_column;
use super::super::channels::type_from;
use super::super::pack::At;
use super::super::{ChannelRow, ShortChannelIds, StoreError};
use super::{Cursor, Page, PageRequest, Queries, Standing};
use crate::channel::{Feed, Lifecycle, Refusal};
use crate::court::{lifecycle, refusal, Latches};
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
    /// Why it takes no more commitments; `None` while it takes them.
    pub refusal: Option<Refusal>,
    /// What no reorg undoes.
    pub latches: Latches,
    /// Its names in the gossip and in routes.
    pub ids: ShortChannelIds,
    /// Which commitments are known.
    pub feed: Feed,
    /// Who has what, by our newest commitment; `None` once a closed channel's working data is gone.
    pub standing: Option<Standing>,
}

const QUERY: &str = "channels";

/// What all walks read of a channel. An outer join: a channel without a funding row is told of, not passed over.
macro_rules! overview {
    ($tail:literal) => {
        concat!(
            "SELECT channel.id AS id, txid, vout, capacity, peer, channel_type, opener ",
            $tail,
            " LIMIT :limit"
        )
    };
}

pub(super) const ALL: &str = overview!(
    "FROM channel LEFT JOIN funding ON funding.channel = channel.id AND funding.ordinal = 0
     WHERE channel.id > :after AND :lifecycle IS NULL AND :peer IS NULL ORDER BY channel.id"
);

pub(super) const OF_PEER: &str = overview!(
    "FROM channel LEFT JOIN funding ON funding.channel = channel.id AND funding.ordinal = 0
     WHERE peer = :peer AND channel.id > :after AND :lifecycle IS NULL ORDER BY channel.id"
);

/// `CROSS JOIN`, here and below, keeps the order of the tables, and with it the order of the walk. A peer has few channels
/// beside those that the filter leaves.
pub(super) const OF_PEER_IN_LIFE: &str = overview!(
    "FROM channel CROSS JOIN court_case ON court_case.channel = channel.id
     LEFT JOIN funding ON funding.channel = channel.id AND funding.ordinal = 0
     WHERE peer = :peer AND channel.id > :after AND lifecycle = :lifecycle ORDER BY channel.id"
);

pub(super) const IN_LIFE: &str = overview!(
    "FROM court_case CROSS JOIN channel ON channel.id = court_case.channel
     LEFT JOIN funding ON funding.channel = channel.id AND funding.ordinal = 0
     WHERE lifecycle = :lifecycle AND court_case.channel > :after AND :peer IS NULL
     ORDER BY court_case.channel"
);

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
        let outpoint = OutPoint::new(
            funding("txid").txid(funding("txid").get(row)?)?,
            funding("vout").get(row)?,
        );
        let peer = channel("peer").key(channel("peer").get(row)?)?;
        let case = self.store.case(id)?;
        Ok(ChannelOverview {
            channel: outpoint,
            peer,
            capacity: funding("capacity").amount(funding("capacity").get(row)?)?,
            channel_type: type_from(channel("channel_type").get(row)?)?,
            opener: channel("opener").party(channel("opener").get(row)?)?,
            lifecycle: lifecycle(&case),
            refusal: refusal(&case),
            latches: case.latches,
            ids: self.store.short_channel_ids(id)?,
            feed: self.store.feed(id)?,
            standing: self.standing(id)?,
        })
    }
}
