//! Labels, by which resources are grouped and found.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#description/labels>

use std::collections::btree_map;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer, Serialize};

const MAX_NAME_LENGTH: usize = 63;
const MAX_PREFIX_LENGTH: usize = 253;
const RESERVED_PREFIX: &str = "hetzner.cloud";

/// The labels of a resource.
///
/// Labels from the API are accepted as they are; added labels are validated. In a request, labels
/// replace all labels of the resource: an empty set removes them.
///
/// ```
/// # fn main() -> Result<(), hcloud_api::InvalidLabel> {
/// use hcloud_api::Labels;
///
/// let labels = Labels::new().with("env", "prod")?.with("example.com/owner", "")?;
/// assert_eq!(labels.get("env"), Some("prod"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

/// The error for a label's key or value that the API does not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLabel {
    /// The key is not of the form `name` or `prefix/name`, or the prefix is reserved by Hetzner.
    #[error("invalid label key {0:?}")]
    Key(String),
    /// The value is neither empty nor at most 63 letters, digits, `-`, `_` and `.` between
    /// letters or digits.
    #[error("invalid label value {0:?}")]
    Value(String),
}

impl Labels {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a label, replacing one with the same key, and returns the set.
    ///
    /// # Errors
    ///
    /// [`InvalidLabel`] if the API does not accept the key or the value.
    pub fn with(
        mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, InvalidLabel> {
        self.insert(key, value)?;
        Ok(self)
    }

    /// Adds a label and returns its previous value.
    ///
    /// # Errors
    ///
    /// [`InvalidLabel`] if the API does not accept the key or the value.
    pub fn insert(
        &mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Option<String>, InvalidLabel> {
        let (key, value) = (key.into(), value.into());
        check_new_key(&key)?;
        check_value(&value)?;
        Ok(self.0.insert(key, value))
    }

    /// Removes a label and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// Returns the value of a label.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Returns whether there is a label with this key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Returns whether there are no labels.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of labels.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the keys and values, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.into_iter()
    }
}

/// Takes the labels of a map.
///
/// # Errors
///
/// [`InvalidLabel`] if the API does not accept a key or a value.
impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = InvalidLabel;

    fn try_from(labels: BTreeMap<String, String>) -> Result<Self, InvalidLabel> {
        for (key, value) in &labels {
            check_new_key(key)?;
            check_value(value)?;
        }
        Ok(Self(labels))
    }
}

impl TryFrom<HashMap<String, String>> for Labels {
    type Error = InvalidLabel;

    fn try_from(labels: HashMap<String, String>) -> Result<Self, InvalidLabel> {
        BTreeMap::from_iter(labels).try_into()
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        // Hetzner's examples of storage boxes have null where others have an empty string.
        let labels = BTreeMap::<String, Option<String>>::deserialize(input)?;
        let values = labels
            .into_iter()
            .map(|(key, value)| (key, value.unwrap_or_default()));
        Ok(Self(values.collect()))
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = std::iter::Map<
        btree_map::Iter<'a, String, String>,
        fn((&'a String, &'a String)) -> (&'a str, &'a str),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

/// Checks that requests may set this key.
fn check_new_key(key: &str) -> Result<(), InvalidLabel> {
    check_key(key)?;
    match key.split_once('/') {
        Some((RESERVED_PREFIX, _)) => Err(InvalidLabel::Key(key.to_owned())),
        _ => Ok(()),
    }
}

pub(crate) fn check_key(key: &str) -> Result<(), InvalidLabel> {
    let valid = match key.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_name(name),
        None => is_name(key),
    };
    valid
        .then_some(())
        .ok_or_else(|| InvalidLabel::Key(key.to_owned()))
}

pub(crate) fn check_value(value: &str) -> Result<(), InvalidLabel> {
    let valid = value.is_empty() || is_name(value);
    valid
        .then_some(())
        .ok_or_else(|| InvalidLabel::Value(value.to_owned()))
}

fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_LENGTH
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && has_alphanumeric_ends(name)
}

fn is_dns_subdomain(prefix: &str) -> bool {
    prefix.len() <= MAX_PREFIX_LENGTH
        && prefix.split('.').all(|label| {
            label.len() <= 63
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && has_alphanumeric_ends(label)
        })
}

fn has_alphanumeric_ends(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric())
}
