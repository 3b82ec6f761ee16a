//! Pages: a walk over any number of rows, a few at a time, by the key of the last row seen. Rows that are added
//! meanwhile neither shift nor repeat what was seen.

use std::fmt;

use super::super::{StoreError, Unreadable};

/// The most rows that a page has, whatever was asked for: some hundred kilobytes, and a few milliseconds of the
/// reader's time, for which the next question waits.
pub const MAX_PAGE: u32 = 200;

/// Which rows are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many, and at most [`MAX_PAGE`]; at least one.
    pub limit: u32,
    /// Behind this one; from the start if `None`.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The first `limit` rows.
    pub fn first(limit: u32) -> Self {
        PageRequest { limit, after: None }
    }

    /// As many rows behind a cursor.
    pub fn after(&self, cursor: Cursor) -> Self {
        PageRequest {
            limit: self.limit,
            after: Some(cursor),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.limit.clamp(1, MAX_PAGE) as usize
    }

    /// One row more than the page has: it says whether there is a next page.
    pub(super) fn sql_limit(&self) -> i64 {
        i64::from(self.limit.clamp(1, MAX_PAGE)) + 1
    }

    /// The key behind which to go on, as the query of this name wrote it; `None` from the start.
    pub(super) fn key<const N: usize>(
        &self,
        query: &'static str,
    ) -> Result<Option<[&str; N]>, StoreError> {
        let Some(cursor) = &self.after else {
            return Ok(None);
        };
        let mut parts = cursor.0.split(SEPARATOR);
        if parts.next() != Some(query) {
            return Err(StoreError::Cursor { query });
        }
        let key: Vec<&str> = parts.collect();
        let key = key.try_into().map_err(|_| StoreError::Cursor { query })?;
        Ok(Some(key))
    }

    /// The same, of integers.
    pub(super) fn integers<const N: usize>(
        &self,
        query: &'static str,
    ) -> Result<Option<[i64; N]>, StoreError> {
        let Some(parts) = self.key::<N>(query)? else {
            return Ok(None);
        };
        let mut key = [0; N];
        for (number, part) in key.iter_mut().zip(parts) {
            *number = part.parse().map_err(|_| StoreError::Cursor { query })?;
        }
        Ok(Some(key))
    }
}

/// Stands between the parts of a cursor: no number and no hex digit.
const SEPARATOR: char = '.';

/// Where a page ended. Opaque: to be handed back as it is, to the same query with the same filter. It keeps its meaning
/// over restarts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor that was written out as text. What is none of the query's is refused when it is used.
    pub fn from_text(text: impl Into<String>) -> Self {
        Cursor(text.into())
    }

    pub(super) fn new<const N: usize>(query: &'static str, key: [String; N]) -> Self {
        let mut text = String::from(query);
        for part in key {
            text.push(SEPARATOR);
            text.push_str(&part);
        }
        Cursor(text)
    }

    pub(super) fn of_integers<const N: usize>(query: &'static str, key: [i64; N]) -> Self {
        Self::new(query, key.map(|number| number.to_string()))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Some rows of many.
#[derive(Debug)]
pub struct Page<T> {
    /// In the query's order.
    pub rows: Vec<T>,
    /// The rows of this page that cannot be read: they stop nobody from reading the others.
    pub unreadable: Unreadable,
    /// Where the next page begins; `None` when there was nothing more.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page of the rows that were read, of which one more than wanted may be there.
    pub(super) fn of(
        request: &PageRequest,
        mut read: Vec<(Cursor, Result<T, StoreError>)>,
    ) -> Self {
        let more = read.len() > request.size();
        read.truncate(request.size());
        let next = match read.last() {
            Some((cursor, _)) if more => Some(cursor.clone()),
            Some(_) | None => None,
        };
        let mut unreadable = Unreadable::default();
        let rows = read
            .into_iter()
            .filter_map(|(_, row)| unreadable.sift(row))
            .collect();
        Page {
            rows,
            unreadable,
            next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "songs";

    fn cursor(row: u32) -> Cursor {
        Cursor::of_integers(QUERY, [row.into()])
    }

    fn page(limit: u32, read: u32) -> Page<u32> {
        let rows = (0..read).map(|row| (cursor(row), Ok(row))).collect();
        Page::of(&PageRequest::first(limit), rows)
    }

    #[test]
    fn a_page_goes_on_behind_its_last_row_while_there_is_more() {
        let page = page(3, 4);
        assert_eq!(page.rows, [0, 1, 2]);
        assert_eq!(page.next, Some(cursor(2)));
    }

    #[test]
    fn the_last_page_says_so() {
        assert_eq!(page(3, 3).next, None);
        assert_eq!(page(3, 0).next, None);
    }

    #[test]
    fn a_page_has_at_least_one_row_and_never_too_many() {
        assert_eq!(PageRequest::first(0).size(), 1);
        assert_eq!(PageRequest::first(u32::MAX).sql_limit(), 201);
    }

    #[test]
    fn a_row_that_cannot_be_read_is_named_and_the_walk_goes_on_behind_it() {
        let read = vec![
            (cursor(0), Ok(0)),
            (cursor(1), Err(StoreError::Full)),
            (cursor(2), Ok(2)),
        ];
        let page = Page::of(&PageRequest::first(2), read);
        assert_eq!(page.rows, [0]);
        assert_eq!(page.unreadable.reasons().len(), 1);
        assert_eq!(page.next, Some(cursor(1)));
    }

    #[test]
    fn a_cursor_comes_back_and_one_of_another_query_is_refused() {
        let request = PageRequest::first(1).after(Cursor::from_text(cursor(7).to_string()));
        assert_eq!(request.integers(QUERY).unwrap(), Some([7]));
        assert!(request.integers::<2>(QUERY).is_err(), "too few parts");
        assert!(request.integers::<1>("dances").is_err());
    }

    #[test]
    fn a_cursor_that_somebody_made_up_is_refused() {
        for text in [
            "",
            "songs",
            "songs.",
            "songs.7.8",
            "songs.x",
            "songs.99999999999999999999",
        ] {
            let request = PageRequest::first(1).after(Cursor::from_text(text));
            assert!(request.integers::<1>(QUERY).is_err(), "{text:?}");
        }
    }
}
