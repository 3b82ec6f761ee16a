//! Close summaries, newest first.

use bitcoin::hex::{DisplayHex, FromHex};
use rusqlite::{named_params, Row};

use super::super::pack::At;
use super::super::StoreError;
use super::{Cursor, Page, PageRequest, Queries};
use crate::channel::CloseSummary;

const QUERY: &str = "closed";

/// Those that are listed at the same height stand in the order of their funding outpoints.
pub(super) const NEWEST_FIRST: &str = "SELECT listed_at, txid, vout, detail FROM close_summary
     WHERE (listed_at, txid, vout) < (:height, :txid, :vout)
     ORDER BY listed_at DESC, txid DESC, vout DESC LIMIT :limit";

/// Where a row stands.
struct Place {
    height: i64,
    txid: Vec<u8>,
    vout: i64,
}

impl Place {
    const ABOVE_ALL: Place = Place {
        height: i64::MAX,
        txid: Vec::new(),
        vout: 0,
    };

    fn of(row: &Row<'_>) -> Result<Self, StoreError> {
        let at = |column| At("close_summary", column);
        Ok(Place {
            height: at("listed_at").get(row)?,
            txid: at("txid").get(row)?,
            vout: at("vout").get(row)?,
        })
    }

    fn cursor(&self) -> Cursor {
        let txid = self.txid.to_lower_hex_string();
        Cursor::new(
            QUERY,
            [self.height.to_string(), txid, self.vout.to_string()],
        )
    }

    fn from_key([height, txid, vout]: [&str; 3]) -> Option<Self> {
        Some(Place {
            height: height.parse().ok()?,
            txid: Vec::from_hex(txid).ok()?,
            vout: vout.parse().ok()?,
        })
    }
}

impl Queries {
    /// A page of the close summaries by the height of the close, newest first: those that are provisional, and those
    /// that are final. Without the peer's last secrets.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; when the database cannot be read.
    pub fn closed_channels(&self, page: &PageRequest) -> Result<Page<CloseSummary>, StoreError> {
        let behind = match page.key(QUERY)? {
            None => Place::ABOVE_ALL,
            Some(key) => Place::from_key(key).ok_or(StoreError::Cursor { query: QUERY })?,
        };
        let mut statement = self.store.connection.prepare_cached(NEWEST_FIRST)?;
        let mut rows = statement.query(named_params! {
            ":height": behind.height,
            ":txid": behind.txid,
            ":vout": behind.vout,
            ":limit": page.sql_limit(),
        })?;
        let mut read = Vec::new();
        while let Some(row) = rows.next()? {
            read.push((Place::of(row)?.cursor(), summary_of(row)));
        }
        Ok(Page::of(page, read))
    }
}

fn summary_of(row: &Row<'_>) -> Result<CloseSummary, StoreError> {
    let at = At("close_summary", "detail");
    let detail: String = at.get(row)?;
    at.json(&detail)
}
