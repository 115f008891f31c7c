//! Listing the queue page by page.

use std::fmt;

use crate::Entry;

/// The largest number of entries in a [`Page`].
pub const MAX_PAGE: usize = 1_000;

/// One page of [`Commands::list`](crate::Commands::list).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<PageCursor>,
}

impl Page {
    /// Creates a page from entries and their positions; called by backends.
    ///
    /// A page with fewer than `limit` entries is the last one.
    pub fn new(found: Vec<(PageCursor, Entry)>, limit: usize) -> Self {
        let next = found.last().filter(|_| found.len() >= limit);
        Self {
            next: next.map(|(position, _)| position.clone()),
            entries: found.into_iter().map(|(_, entry)| entry).collect(),
        }
    }
}

/// The position of an entry in the list; only the backend that created it can
/// interpret it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageCursor(String);

impl PageCursor {
    /// Creates the cursor of a command or dead letter at this position.
    pub fn new(is_dead: bool, position: impl fmt::Display) -> Self {
        let list = if is_dead { "dead" } else { "queue" };
        Self(format!("{list}:{position}"))
    }

    /// Returns whether the cursor is among the dead letters, and its position; `None` if
    /// it is invalid.
    pub fn parts(&self) -> Option<(bool, &str)> {
        match self.0.split_once(':')? {
            ("queue", position) => Some((false, position)),
            ("dead", position) => Some((true, position)),
            _ => None,
        }
    }
}

impl From<String> for PageCursor {
    fn from(cursor: String) -> Self {
        Self(cursor)
    }
}

impl fmt::Display for PageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parses a cursor with a number as position: whether it is among the dead letters, and the
/// position. `None` if it is invalid.
pub(crate) fn numbered(after: Option<&PageCursor>) -> Option<(bool, i64)> {
    let Some(cursor) = after else {
        return Some((false, i64::MIN));
    };
    let (is_dead, position) = cursor.parts()?;
    Some((is_dead, position.parse().ok()?))
}

/// Parses the cursor of a page of dead letters, the newest first: the number before which it
/// begins. `None` if it is invalid.
pub(crate) fn numbered_dead(after: Option<&PageCursor>) -> Option<i64> {
    match after {
        None => Some(i64::MAX),
        Some(_) => numbered(after)
            .filter(|(is_dead, _)| *is_dead)
            .map(|(_, before)| before),
    }
}

/// The number of entries in a page.
pub(crate) fn clamp(limit: usize) -> usize {
    limit.clamp(1, MAX_PAGE)
}
