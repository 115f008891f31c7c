//! Label selectors, which filter lists by labels.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#description/label-selector>

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::labels::{check_key, check_value};
use crate::{InvalidLabel, Labels};

/// A filter of resources by their labels: all conditions must hold, and without conditions every
/// resource matches.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use hcloud_api::LabelSelector;
///
/// let built = LabelSelector::new().equals("env", "prod")?.is_missing("old")?;
/// let parsed: LabelSelector = "env=prod,!old".parse()?;
/// assert_eq!(built, parsed);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Condition>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Missing,
    Equals(String),
    Differs(String),
    In(Vec<String>),
    NotIn(Vec<String>),
}

/// The error for a label selector that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSelector {
    /// A key or a value is not valid in a label.
    #[error(transparent)]
    Label(#[from] InvalidLabel),
    /// A condition has none of the forms `key`, `!key`, `key=value`, `key==value`, `key!=value`,
    /// `key in (a,b)`, `key notin (a,b)`.
    #[error("invalid condition {0:?} in a label selector")]
    Condition(String),
    /// A set of values is empty.
    #[error("empty set of values for label {0:?}")]
    NoValues(String),
}

impl LabelSelector {
    /// Creates a selector that matches every resource.
    pub fn new() -> Self {
        Self::default()
    }

    /// Matches resources that have the label, with any value: `key`.
    ///
    /// # Errors
    ///
    /// This and the following methods fail if the key or a value is not valid.
    pub fn exists(self, key: impl Into<String>) -> Result<Self, InvalidSelector> {
        self.and(key, Test::Exists)
    }

    /// Matches resources that do not have the label: `!key`.
    pub fn is_missing(self, key: impl Into<String>) -> Result<Self, InvalidSelector> {
        self.and(key, Test::Missing)
    }

    /// Matches resources whose label has the value: `key=value`.
    pub fn equals(
        self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, InvalidSelector> {
        self.and(key, Test::Equals(value.into()))
    }

    /// Matches resources whose label has another value or that do not have it: `key!=value`.
    pub fn differs(
        self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, InvalidSelector> {
        self.and(key, Test::Differs(value.into()))
    }

    /// Matches resources whose label has one of the values: `key in (a,b)`.
    pub fn is_in(
        self,
        key: impl Into<String>,
        values: impl IntoIterator<Item: Into<String>>,
    ) -> Result<Self, InvalidSelector> {
        self.and(key, Test::In(values.into_iter().map(Into::into).collect()))
    }

    /// Matches resources whose label has none of the values or that do not have it:
    /// `key notin (a,b)`.
    pub fn is_not_in(
        self,
        key: impl Into<String>,
        values: impl IntoIterator<Item: Into<String>>,
    ) -> Result<Self, InvalidSelector> {
        self.and(
            key,
            Test::NotIn(values.into_iter().map(Into::into).collect()),
        )
    }

    /// Returns whether a resource with these labels matches.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use hcloud_api::{LabelSelector, Labels};
    ///
    /// let selector: LabelSelector = "env in (prod,test),!old".parse()?;
    /// let labels = Labels::new().with("env", "prod")?;
    /// assert!(selector.matches(&labels));
    /// # Ok(()) }
    /// ```
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_with(|key| labels.get(key))
    }

    /// Does the same for labels that are stored elsewhere: `label` returns the value of the label
    /// with a key.
    pub fn matches_with<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0
            .iter()
            .all(|condition| condition.test.holds(label(&condition.key)))
    }

    /// Returns whether there are no conditions.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn and(mut self, key: impl Into<String>, test: Test) -> Result<Self, InvalidSelector> {
        let key = key.into();
        check_key(&key)?;
        if matches!(&test, Test::In(values) | Test::NotIn(values) if values.is_empty()) {
            return Err(InvalidSelector::NoValues(key));
        }
        test.values()
            .iter()
            .try_for_each(|value| check_value(value))?;
        self.0.push(Condition { key, test });
        Ok(self)
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let is = |expected: &String| value == Some(expected);
        match self {
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
            Self::Equals(expected) => is(expected),
            Self::Differs(excluded) => !is(excluded),
            Self::In(expected) => expected.iter().any(is),
            Self::NotIn(excluded) => !excluded.iter().any(is),
        }
    }

    fn values(&self) -> &[String] {
        match self {
            Self::Exists | Self::Missing => &[],
            Self::Equals(value) | Self::Differs(value) => std::slice::from_ref(value),
            Self::In(values) | Self::NotIn(values) => values,
        }
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, condition) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{condition}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.test {
            Test::Exists => write!(f, "{key}"),
            Test::Missing => write!(f, "!{key}"),
            Test::Equals(value) => write!(f, "{key}={value}"),
            Test::Differs(value) => write!(f, "{key}!={value}"),
            Test::In(values) => write!(f, "{key} in ({})", values.join(",")),
            Test::NotIn(values) => write!(f, "{key} notin ({})", values.join(",")),
        }
    }
}

impl FromStr for LabelSelector {
    type Err = InvalidSelector;

    fn from_str(selector: &str) -> Result<Self, InvalidSelector> {
        if selector.trim().is_empty() {
            return Ok(Self::new());
        }
        conditions(selector).try_fold(Self::new(), |selector, condition| {
            let (key, test) = parse_condition(condition.trim())?;
            selector.and(key, test)
        })
    }
}

/// Splits a selector at the commas that are not in parentheses.
fn conditions(selector: &str) -> impl Iterator<Item = &str> {
    let mut in_parentheses = false;
    selector.split(move |c| {
        match c {
            '(' => in_parentheses = true,
            ')' => in_parentheses = false,
            _ => {}
        }
        c == ',' && !in_parentheses
    })
}

fn parse_condition(condition: &str) -> Result<(&str, Test), InvalidSelector> {
    if let Some(key) = condition.strip_prefix('!') {
        return Ok((key.trim(), Test::Missing));
    }
    if let Some((key, value)) = condition.split_once("!=") {
        return Ok((key.trim(), Test::Differs(value.trim().to_owned())));
    }
    let equals = condition
        .split_once("==")
        .or_else(|| condition.split_once('='));
    if let Some((key, value)) = equals {
        return Ok((key.trim(), Test::Equals(value.trim().to_owned())));
    }
    let Some((left, list)) = condition.split_once('(') else {
        return Ok((condition, Test::Exists));
    };
    let malformed = || InvalidSelector::Condition(condition.to_owned());
    let list = list.strip_suffix(')').ok_or_else(malformed)?;
    let values = list
        .split(',')
        .map(|value| value.trim().to_owned())
        .collect();
    let (key, operator) = left
        .trim_end()
        .rsplit_once(char::is_whitespace)
        .ok_or_else(malformed)?;
    match operator {
        "in" => Ok((key.trim_end(), Test::In(values))),
        "notin" => Ok((key.trim_end(), Test::NotIn(values))),
        _ => Err(malformed()),
    }
}

impl Serialize for LabelSelector {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LabelSelector {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let selector = String::deserialize(input)?;
        selector.parse().map_err(D::Error::custom)
    }
}
