//! Names of servers, checked once.

use std::fmt;
use std::str::FromStr;

/// The name of a server: a host name as in RFC 1123, which Hetzner demands.
///
/// ```
/// use hcc_core::ServerName;
///
/// let name: ServerName = "m-web1.example".parse()?;
/// assert_eq!(name.as_str(), "m-web1.example");
/// assert!("m_web1".parse::<ServerName>().is_err());
/// # Ok::<(), hcc_core::InvalidName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName(String);

/// A text that is no host name, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no host name: {reason}")]
pub struct InvalidName {
    name: String,
    reason: &'static str,
}

impl ServerName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServerName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        match flaw(name) {
            Some(reason) => Err(InvalidName {
                name: name.to_owned(),
                reason,
            }),
            None => Ok(Self(name.to_owned())),
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for ServerName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

fn flaw(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > 253 {
        return Some("it is longer than 253 characters");
    }
    name.split('.').find_map(label_flaw)
}

fn label_flaw(label: &str) -> Option<&'static str> {
    if label.is_empty() {
        return Some("a part between its dots is empty");
    }
    if label.len() > 63 {
        return Some("a part between its dots is longer than 63 characters");
    }
    if !label
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    {
        return Some("only letters, digits, dashes and dots are allowed");
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Some("a part of it begins or ends with a dash");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_names() {
        let longest_part = "a".repeat(63);

        for name in ["a", "42", "M-Web1", "web.example.org", &longest_part] {
            assert!(name.parse::<ServerName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        let too_long_part = "a".repeat(64);
        let too_long = ["a"; 128].join(".");

        for (name, reason) in [
            ("", "it is empty"),
            ("a..b", "a part between its dots is empty"),
            ("web_1", "only letters, digits, dashes and dots are allowed"),
            ("wéb", "only letters, digits, dashes and dots are allowed"),
            ("-web", "a part of it begins or ends with a dash"),
            ("web-.org", "a part of it begins or ends with a dash"),
            (
                &too_long_part,
                "a part between its dots is longer than 63 characters",
            ),
            (&too_long, "it is longer than 253 characters"),
        ] {
            assert_eq!(name.parse::<ServerName>().unwrap_err().reason, reason);
        }
    }
}
