//! Names of servers.

use std::fmt;
use std::str::FromStr;

/// A valid name of a server: a host name as in RFC 1123.
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

/// The error for a name that is not a valid host name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid server name {name:?}: {reason}")]
pub struct InvalidName {
    name: String,
    reason: &'static str,
}

impl ServerName {
    /// Returns the name as a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServerName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        match check(name) {
            Ok(()) => Ok(Self(name.to_owned())),
            Err(reason) => Err(InvalidName {
                name: name.to_owned(),
                reason,
            }),
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

fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("it is empty");
    }
    if name.len() > 253 {
        return Err("it is longer than 253 characters");
    }
    name.split('.').try_for_each(check_label)
}

fn check_label(label: &str) -> Result<(), &'static str> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if label.is_empty() {
        return Err("a part between dots is empty");
    }
    if label.len() > 63 {
        return Err("a part between dots is longer than 63 characters");
    }
    if !label.bytes().all(is_allowed) {
        return Err("only letters, digits, '-' and '.' are allowed");
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err("a part between dots starts or ends with '-'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_valid() {
        let longest_part = "a".repeat(63);

        for name in ["a", "42", "M-Web1", "web.example.org", &longest_part] {
            assert!(name.parse::<ServerName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn invalid_names_are_rejected_with_the_reason() {
        let too_long_part = "a".repeat(64);
        let too_long = ["a"; 128].join(".");

        for (name, reason) in [
            ("", "it is empty"),
            ("a..b", "a part between dots is empty"),
            ("web_1", "only letters, digits, '-' and '.' are allowed"),
            ("wéb", "only letters, digits, '-' and '.' are allowed"),
            ("-web", "a part between dots starts or ends with '-'"),
            ("web-.org", "a part between dots starts or ends with '-'"),
            (
                &too_long_part,
                "a part between dots is longer than 63 characters",
            ),
            (&too_long, "it is longer than 253 characters"),
        ] {
            assert_eq!(name.parse::<ServerName>().unwrap_err().reason, reason);
        }
    }
}
