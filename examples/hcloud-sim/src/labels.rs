//! Labels, their validation, and label selectors.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#label-selector>

use std::collections::BTreeMap;

use crate::errors::ApiError;

pub(crate) type Labels = BTreeMap<String, String>;

/// Validates labels by the rules of the API.
pub(crate) fn check(labels: &Labels) -> Result<(), ApiError> {
    for (key, value) in labels {
        if !is_key(key) {
            return Err(ApiError::invalid(
                "labels",
                format!("label key '{key}' is not valid"),
            ));
        }
        if key.starts_with("hetzner.cloud/") {
            return Err(ApiError::invalid(
                "labels",
                "the prefix 'hetzner.cloud/' is reserved",
            ));
        }
        if !is_value(value) {
            return Err(ApiError::invalid(
                "labels",
                format!("label value '{value}' is not valid"),
            ));
        }
    }
    Ok(())
}

fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_dns_name(prefix) && is_word(name),
        None => is_word(key),
    }
}

fn is_value(value: &str) -> bool {
    value.is_empty() || is_word(value)
}

fn is_word(word: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    word.len() <= 63
        && word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.ends_with(|c: char| c.is_ascii_alphanumeric())
        && word.chars().all(is_inner)
}

/// Returns whether `name` is a DNS name by RFC 1123, as required for names of servers.
pub(crate) fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// A label selector; all of its requirements must hold.
#[derive(Debug, PartialEq)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Debug, PartialEq)]
enum Requirement {
    Present(String),
    Absent(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

impl Selector {
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        if text.trim().is_empty() {
            return Ok(Self(Vec::new()));
        }
        requirements(text)
            .map(|part| Requirement::parse(part.trim()))
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| ApiError::invalid("label_selector", "invalid label selector"))
    }

    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.holds(labels))
    }
}

/// Splits a selector at the commas outside of parentheses.
fn requirements(text: &str) -> impl Iterator<Item = &str> {
    let mut in_set = false;
    text.split(move |c| {
        match c {
            '(' => in_set = true,
            ')' => in_set = false,
            _ => {}
        }
        c == ',' && !in_set
    })
}

impl Requirement {
    fn parse(text: &str) -> Option<Self> {
        if let Some(key) = text.strip_prefix('!') {
            return Some(Self::Absent(self::key(key)?));
        }
        if let Some((key, value)) = text.split_once("!=") {
            return Some(Self::NotIn(self::key(key)?, vec![self::value(value)?]));
        }
        if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            return Some(Self::In(self::key(key)?, vec![self::value(value)?]));
        }
        let Some((head, set)) = text.split_once('(') else {
            return Some(Self::Present(key(text)?));
        };
        let set = set
            .strip_suffix(')')?
            .split(',')
            .map(value)
            .collect::<Option<_>>()?;
        let (key, operator) = head.trim_end().rsplit_once(char::is_whitespace)?;
        match operator {
            "in" => Some(Self::In(self::key(key)?, set)),
            "notin" => Some(Self::NotIn(self::key(key)?, set)),
            _ => None,
        }
    }

    fn holds(&self, labels: &Labels) -> bool {
        let is_one_of =
            |key, values: &[String]| labels.get(key).is_some_and(|value| values.contains(value));
        match self {
            Self::Present(key) => labels.contains_key(key),
            Self::Absent(key) => !labels.contains_key(key),
            Self::In(key, values) => is_one_of(key, values),
            Self::NotIn(key, values) => !is_one_of(key, values),
        }
    }
}

fn key(text: &str) -> Option<String> {
    let text = text.trim();
    is_key(text).then(|| text.into())
}

fn value(text: &str) -> Option<String> {
    let text = text.trim();
    is_value(text).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|&(key, value)| (key.into(), value.into()))
            .collect()
    }

    #[test]
    fn every_operator_selects_matching_labels() {
        let prod = labels(&[("env", "prod"), ("example.com/tier", "web"), ("empty", "")]);
        for (selector, selects) in [
            ("", true),
            ("env", true),
            ("!env", false),
            ("!old", true),
            ("env=prod", true),
            ("env==prod", true),
            ("env = prod", true),
            ("env=dev", false),
            ("env!=dev", true),
            ("env!=prod", false),
            ("old!=1", true),
            ("env in (dev,prod)", true),
            ("env in ( dev , test )", false),
            ("env notin (dev,test)", true),
            ("env notin(prod)", false),
            ("old notin (1)", true),
            ("example.com/tier=web,!old", true),
            ("env in (dev,prod),empty=,!old", true),
            ("env=prod,old", false),
        ] {
            let parsed = Selector::parse(selector).unwrap();
            assert_eq!(parsed.matches(&prod), selects, "{selector}");
        }
    }

    #[test]
    fn invalid_selectors_are_rejected() {
        for selector in [
            ",", "a,,b", "=x", "!", "a=b=c", "a in b", "a in (b", "a of (b)", "in (b)", "a b",
            "-a", "a>1",
        ] {
            assert!(Selector::parse(selector).is_err(), "{selector}");
        }
    }

    #[test]
    fn invalid_labels_are_rejected() {
        let long = "x".repeat(64);
        for (key, value) in [
            ("", ""),
            ("-a", ""),
            ("a/b/c", ""),
            ("/a", ""),
            ("hetzner.cloud/a", ""),
            (&long, ""),
            ("a", &long),
            ("a", "b c"),
            ("a", "ü"),
        ] {
            assert!(check(&labels(&[(key, value)])).is_err(), "{key}={value}");
        }
        assert!(
            check(&labels(&[
                ("a", ""),
                ("example.com/A.b_c", "1-2"),
                (&long[1..], &long[1..])
            ]))
            .is_ok()
        );
    }
}
