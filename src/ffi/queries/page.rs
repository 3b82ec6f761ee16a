//! Pages: a walk over any number of rows, a few at a time.

use crate::store::queries::{self, Cursor};
use crate::store::Unreadable;

/// Which rows are wanted.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PageRequest {
    /// At most so many; at least 1, and never more than 200.
    pub limit: u32,
    /// Behind the page with this `next`; from the start unless given. To be handed back as it is, to the same question.
    #[uniffi(default = None)]
    pub after: Option<String>,
}

impl From<PageRequest> for queries::PageRequest {
    fn from(page: PageRequest) -> Self {
        queries::PageRequest {
            limit: page.limit,
            after: page.after.map(Cursor::from_text),
        }
    }
}

/// The parts of a page: its rows, why others of it cannot be read, and where the next one begins.
pub(super) type Parts<T> = (Vec<T>, Vec<String>, Option<String>);

pub(super) fn parts<C, T: From<C>>(page: queries::Page<C>) -> Parts<T> {
    (
        page.rows.into_iter().map(T::from).collect(),
        reasons(&page.unreadable),
        page.next.map(|cursor| cursor.to_string()),
    )
}

pub(super) fn reasons(unreadable: &Unreadable) -> Vec<String> {
    unreadable
        .reasons()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_greatest_page_is_as_documented() {
        assert_eq!(crate::store::queries::MAX_PAGE, 200);
    }
}
