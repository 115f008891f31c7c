//! Sort keys of lists.

use std::fmt::Display;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

impl<'de, Key: From<String>> Deserialize<'de> for Sort<Key> {
    /// Reads `key`, `key:asc` or `key:desc`.
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let sort = String::deserialize(input)?;
        Ok(match sort.rsplit_once(':') {
            Some((key, "desc")) => Self::Descending(key.to_owned().into()),
            Some((key, "asc")) => Self::Ascending(key.to_owned().into()),
            _ => Self::Ascending(sort.into()),
        })
    }
}
