//! Sort keys of lists.

use std::fmt::Display;

use serde::{Serialize, Serializer};

/// A sort key of a list, with its direction; the first of several takes precedence.
///
/// ```
/// use hcloud_api::{ListServers, ServerSort, Sort};
///
/// let newest_first = ListServers {
///     sort: vec![Sort::Descending(ServerSort::Created)],
///     ..Default::default()
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort<Key> {
    /// Smallest first.
    Ascending(Key),
    /// Largest first.
    Descending(Key),
}

impl<Key: Display> Serialize for Sort<Key> {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ascending(key) => output.collect_str(&format_args!("{key}:asc")),
            Self::Descending(key) => output.collect_str(&format_args!("{key}:desc")),
        }
    }
}
