//! Patterns for names of servers.

use std::fmt;
use std::str::FromStr;

use serde_with::{DeserializeFromStr, SerializeDisplay};

/// A name, or many: `*` stands for any characters, dots too, or none.
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

/// A text that no name of a server fits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no pattern for names: it is made of letters, digits, dashes, dots and *")]
pub struct InvalidPattern(String);

impl NamePattern {
    /// Whether a server of this name is meant.
    pub fn matches(&self, name: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else {
            return self.0 == name;
        };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        name.strip_prefix(start)
            .and_then(|name| name.strip_suffix(end))
            .is_some_and(|between| contains_in_order(between, middle.split('*')))
    }
}

fn contains_in_order<'a>(text: &str, mut parts: impl Iterator<Item = &'a str>) -> bool {
    parts
        .try_fold(text, |text, part| Some(text.split_once(part)?.1))
        .is_some()
}

impl FromStr for NamePattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let is_known = |b: u8| b.is_ascii_alphanumeric() || b"-.*".contains(&b);
        match !text.is_empty() && text.bytes().all(is_known) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidPattern(text.to_owned())),
        }
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

    /// Every text of these characters, up to a length.
    fn texts(characters: &str, longest: u32) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..longest {
            last = last
                .iter()
                .flat_map(|text| characters.chars().map(move |c| format!("{text}{c}")))
                .collect();
            all.extend_from_slice(&last);
        }
        all
    }

    /// What a pattern means, character by character.
    fn means(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', rest @ ..], []) => means(rest, name),
            ([b'*', rest @ ..], [_, shorter @ ..]) => means(rest, name) || means(pattern, shorter),
            ([p, rest @ ..], [n, shorter @ ..]) => p == n && means(rest, shorter),
            _ => false,
        }
    }

    #[test]
    fn every_short_pattern_matches_what_it_means() {
        let names = texts("ab-", 5);

        for text in texts("ab*", 5).iter().filter(|text| !text.is_empty()) {
            let pattern: NamePattern = text.parse().unwrap();
            for name in &names {
                let expected = means(text.as_bytes(), name.as_bytes());
                assert_eq!(pattern.matches(name), expected, "{text} {name}");
            }
        }
    }

    #[test]
    fn pattern_without_star_is_one_name() {
        let names = texts("aA-.", 4);

        for one in names.iter().filter(|text| !text.is_empty()) {
            let pattern: NamePattern = one.parse().unwrap();
            let matches = names.iter().filter(|name| pattern.matches(name));
            assert_eq!(matches.collect::<Vec<_>>(), [one]);
        }
    }

    #[test]
    fn text_that_no_name_fits_is_refused() {
        for text in [
            "", "web?", "web-[12]", "web_1", "wéb*", "web *", "web*\n", "%",
        ] {
            assert!(text.parse::<NamePattern>().is_err(), "{text}");
        }
    }
}
