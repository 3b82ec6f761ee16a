//! Close summaries, newest first.

use rusqlite::{named_params, Row};

use super::super::pack::At;
use super::super::StoreError;
use super::{Cursor, Page, PageRequest, Queries};
use crate::channel::CloseSummary;

const QUERY: &str = "closed";

/// Closes at the same height in the order in which they were first known.
pub(super) const NEWEST_FIRST: &str = "SELECT close_height, rowid, detail FROM close_summary
     WHERE (close_height, rowid) < (:height, :row)
     ORDER BY close_height DESC, rowid DESC LIMIT :limit";

impl Queries {
    /// A page of the close summaries by the height of the close, newest first: those that are provisional, and those
    /// that are final.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; when the database cannot be read.
    pub fn closed_channels(&self, page: &PageRequest) -> Result<Page<CloseSummary>, StoreError> {
        let [height, row] = page.integers(QUERY)?.unwrap_or([i64::MAX; 2]);
        let mut statement = self.store.connection.prepare_cached(NEWEST_FIRST)?;
        let mut rows = statement.query(named_params! {
            ":height": height,
            ":row": row,
            ":limit": page.sql_limit(),
        })?;
        let mut read = Vec::new();
        while let Some(row) = rows.next()? {
            let cursor = Cursor::of_integers(QUERY, [row.get(0)?, row.get(1)?]);
            read.push((cursor, summary_of(row)));
        }
        Ok(Page::of(page, read))
    }
}

fn summary_of(row: &Row<'_>) -> Result<CloseSummary, StoreError> {
    let at = At("close_summary", "detail");
    let detail: String = at.get(row)?;
    at.json(&detail)
}
