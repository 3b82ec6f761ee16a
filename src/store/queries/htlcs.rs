//! The HTLCs of a channel: those that a commitment still carries, then those that are past, newest first.

use bitcoin::hex::{DisplayHex, FromHex};
use bitcoin::OutPoint;
use rusqlite::named_params;

use super::super::htlcs::{life_of, HTLC_COLUMNS};
use super::super::pack::{signed, At};
use super::super::past::{unpack, NO_CLASS};
use super::super::{ChannelRow, StoreError};
use super::{Cursor, Page, PageRequest, Queries};
use crate::channel::{HtlcKey, HtlcLife, HtlcOrigin, Interval, PastHtlc};
use crate::protocol::PaymentHash;

/// Whether an HTLC may still become an output on the chain without somebody being punished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HtlcStage {
    /// A commitment carries it that is not revoked.
    Live,
    /// Only revoked commitments carry it: it was settled off-chain.
    Past,
}

/// One HTLC, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HtlcRecord {
    pub key: HtlcKey,
    pub stage: HtlcStage,
    pub payment_hash: PaymentHash,
    pub amount_msat: u64,
    /// Absolute block height (BOLT 2: `cltv_expiry`).
    pub cltv_expiry: u32,
    /// Where it came from; not kept of those that are past.
    pub origin: Option<HtlcOrigin>,
    /// The numbers of our commitments that carried it.
    pub local: Interval,
    /// The numbers of the peer's commitments that carried it.
    pub remote: Interval,
    /// We had decided to claim it.
    pub released: bool,
}

impl From<HtlcLife> for HtlcRecord {
    fn from(life: HtlcLife) -> Self {
        HtlcRecord {
            key: life.terms.key,
            stage: HtlcStage::Live,
            payment_hash: life.terms.payment_hash,
            amount_msat: life.terms.amount_msat,
            cltv_expiry: life.terms.cltv_expiry,
            origin: Some(life.terms.origin),
            local: life.local,
            remote: life.remote,
            released: life.released,
        }
    }
}

impl From<PastHtlc> for HtlcRecord {
    fn from(past: PastHtlc) -> Self {
        HtlcRecord {
            key: past.terms.key,
            stage: HtlcStage::Past,
            payment_hash: past.terms.payment_hash,
            amount_msat: past.terms.amount_msat,
            cltv_expiry: past.terms.cltv_expiry,
            origin: None,
            local: past.local,
            remote: past.remote,
            released: past.released,
        }
    }
}

type Read = Vec<(Cursor, Result<HtlcRecord, StoreError>)>;

const LIVE: &str = "live_htlcs";
const PAST: &str = "past_htlcs";

pub(super) fn live() -> String {
    format!(
        "SELECT {HTLC_COLUMNS} FROM htlc
         WHERE channel = :channel AND (direction, htlc_id, version) < (:direction, :id, :version)
         ORDER BY direction DESC, htlc_id DESC, version DESC LIMIT :limit"
    )
}

/// One class of the archive (store/past.rs).
pub(super) const PAST_OF_CLASS: &str = "SELECT first, figures FROM past_htlc
     WHERE channel = :channel AND class = :class AND (first, figures) < (:first, :figures)
     ORDER BY first DESC, figures DESC LIMIT :limit";

/// Where a row stands in the archive: in descending order, newest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    first: i64,
    class: i64,
    figures: Vec<u8>,
}

impl Place {
    const ABOVE_ALL: Place = Place {
        first: i64::MAX,
        class: i64::MAX,
        figures: Vec::new(),
    };

    /// Of the rows of a class, exactly those below this first number and figures come after this place. No row has empty
    /// figures, so these stand for "none with this number".
    fn bound(&self, class: i64) -> (i64, &[u8]) {
        match class.cmp(&self.class) {
            std::cmp::Ordering::Less => (self.first.saturating_add(1), &[]),
            std::cmp::Ordering::Equal => (self.first, &self.figures),
            std::cmp::Ordering::Greater => (self.first, &[]),
        }
    }

    fn cursor(&self) -> Cursor {
        let figures = self.figures.to_lower_hex_string();
        Cursor::new(
            PAST,
            [self.first.to_string(), self.class.to_string(), figures],
        )
    }

    fn from_key([first, class, figures]: [&str; 3]) -> Option<Place> {
        Some(Place {
            first: first.parse().ok()?,
            class: class.parse().ok()?,
            figures: Vec::from_hex(figures).ok()?,
        })
    }
}

impl Queries {
    /// A page of a channel's HTLCs. One that is settled during the walk may be met twice, as live and as past, and is
    /// never missed.
    ///
    /// # Errors
    /// [`StoreError::UnknownChannel`], [`StoreError::Cursor`]; when the database cannot be read.
    pub fn htlc_history(
        &self,
        channel: OutPoint,
        page: &PageRequest,
    ) -> Result<Page<HtlcRecord>, StoreError> {
        let row = self.row(channel)?;
        let limit = page.sql_limit();
        let mut read = Read::new();
        match page.integers::<3>(LIVE) {
            Ok(behind) => {
                self.read_live(row, behind.unwrap_or([i64::MAX; 3]), limit, &mut read)?;
                let left = limit - signed(read.len() as u64);
                self.read_past(row, &Place::ABOVE_ALL, left, &mut read)?;
            }
            Err(_) => {
                let behind = page.key::<3>(PAST)?.and_then(Place::from_key);
                let behind = behind.ok_or(StoreError::Cursor { query: PAST })?;
                self.read_past(row, &behind, limit, &mut read)?;
            }
        }
        Ok(Page::of(page, read))
    }

    fn read_live(
        &self,
        channel: ChannelRow,
        [direction, id, version]: [i64; 3],
        limit: i64,
        read: &mut Read,
    ) -> Result<(), StoreError> {
        let mut statement = self.store.connection.prepare_cached(&live())?;
        let mut rows = statement.query(named_params! {
            ":channel": channel.0,
            ":direction": direction,
            ":id": id,
            ":version": version,
            ":limit": limit,
        })?;
        while let Some(row) = rows.next()? {
            let part = |column| At("htlc", column).get(row);
            let key = [part("direction")?, part("htlc_id")?, part("version")?];
            let cursor = Cursor::of_integers(LIVE, key);
            read.push((cursor, life_of(row).map(HtlcRecord::from)));
        }
        Ok(())
    }

    /// Every class gives its newest rows; those that are the newest of all are the page's.
    fn read_past(
        &self,
        channel: ChannelRow,
        behind: &Place,
        limit: i64,
        read: &mut Read,
    ) -> Result<(), StoreError> {
        let mut places = Vec::new();
        let mut class = NO_CLASS;
        while let Some(next) = self.store.next_class(channel, class)? {
            class = next;
            let (first, figures) = behind.bound(class);
            let mut statement = self.store.connection.prepare_cached(PAST_OF_CLASS)?;
            let mut rows = statement.query(named_params! {
                ":channel": channel.0,
                ":class": class,
                ":first": first,
                ":figures": figures,
                ":limit": limit,
            })?;
            while let Some(row) = rows.next()? {
                places.push(Place {
                    first: row.get(0)?,
                    class,
                    figures: row.get(1)?,
                });
            }
        }
        places.sort_unstable_by(|one, other| other.cmp(one));
        places.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        read.extend(places.iter().map(|place| {
            let past = unpack(place.class, place.first, &place.figures);
            (place.cursor(), past.map(HtlcRecord::from))
        }));
        Ok(())
    }
}
