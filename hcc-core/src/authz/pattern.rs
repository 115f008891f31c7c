//! Patterns for server names.

use std::fmt;
use std::str::FromStr;

use serde_with::{DeserializeFromStr, SerializeDisplay};

/// A pattern for server names: `*` matches any number of characters, including dots.
///
/// ```
/// use hcc_core::NamePattern;
///
/// let pattern: NamePattern = "web-*".parse()?;
/// assert!(pattern.matches("web-1"));
/// assert!(!pattern.matches("my-web-1"));
/// assert!("web-?".parse::<NamePattern>().is_err());
/// # Ok::<(), hcc_core::InvalidPattern>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, DeserializeFromStr, SerializeDisplay)]
pub struct NamePattern(String);

/// The error for a pattern that cannot match any server name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid name pattern {0:?}: only letters, digits, '-', '.' and '*' are allowed")]
pub struct InvalidPattern(String);

impl NamePattern {
    /// Returns whether the pattern matches a server name.
    pub fn matches(&self, name: &str) -> bool {
        matches(&self.0, name)
    }
}

/// Returns whether a pattern with `*` matches a name.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    name.strip_prefix(start)
        .and_then(|name| name.strip_suffix(end))
        .is_some_and(|between| contains_in_order(between, middle.split('*')))
}

fn contains_in_order<'a>(name: &str, mut parts: impl Iterator<Item = &'a str>) -> bool {
    parts
        .try_fold(name, |rest, part| Some(rest.split_once(part)?.1))
        .is_some()
}

impl FromStr for NamePattern {
    type Err = InvalidPattern;

    fn from_str(pattern: &str) -> Result<Self, InvalidPattern> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-.*".contains(&b);
        if pattern.is_empty() || !pattern.bytes().all(is_allowed) {
            return Err(InvalidPattern(pattern.to_owned()));
        }
        Ok(Self(pattern.to_owned()))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns all strings of these characters up to a length.
    fn strings(characters: &str, max_len: u32) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..max_len {
            last = last
                .iter()
                .flat_map(|start| characters.chars().map(move |c| format!("{start}{c}")))
                .collect();
            all.extend_from_slice(&last);
        }
        all
    }

    /// A reference implementation, character by character.
    fn reference(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', rest @ ..], []) => reference(rest, name),
            ([b'*', rest @ ..], [_, shorter @ ..]) => {
                reference(rest, name) || reference(pattern, shorter)
            }
            ([p, rest @ ..], [n, shorter @ ..]) => p == n && reference(rest, shorter),
            _ => false,
        }
    }

    #[test]
    fn every_short_pattern_agrees_with_the_reference() {
        let names = strings("ab-", 5);

        for source in strings("ab*", 5).iter().filter(|it| !it.is_empty()) {
            let pattern: NamePattern = source.parse().unwrap();
            for name in &names {
                let expected = reference(source.as_bytes(), name.as_bytes());
                assert_eq!(pattern.matches(name), expected, "{source} {name}");
            }
        }
    }

    #[test]
    fn pattern_without_star_matches_one_name() {
        let names = strings("aA-.", 4);

        for one in names.iter().filter(|name| !name.is_empty()) {
            let pattern: NamePattern = one.parse().unwrap();
            let matches = names.iter().filter(|name| pattern.matches(name));
            assert_eq!(matches.collect::<Vec<_>>(), [one]);
        }
    }

    #[test]
    fn invalid_patterns_are_rejected() {
        for pattern in [
            "", "web?", "web-[12]", "web_1", "wéb*", "web *", "web*\n", "%",
        ] {
            assert!(pattern.parse::<NamePattern>().is_err(), "{pattern}");
        }
    }
}
