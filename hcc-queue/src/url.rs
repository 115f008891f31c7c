//! Where a queue lies, as one text.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a queue lies: `sqlite:PATH`, `mongodb://…` or `redis://…` as their
/// drivers understand them, or `memory:` for one that ends with its process.
///
/// Neither `Display` nor `Debug` shows who logs in, and with what.
///
/// ```
/// use hcc_queue::QueueUrl;
///
/// let url: QueueUrl = "sqlite:/var/lib/hcc/queue.db".parse()?;
/// assert_eq!(url, QueueUrl::sqlite("/var/lib/hcc/queue.db"));
///
/// let url: QueueUrl = "redis://mary:secret@db.example/3".parse()?;
/// assert_eq!(url.to_string(), "redis://db.example/3");
/// # Ok::<(), hcc_queue::InvalidQueueUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct QueueUrl(pub(crate) Place);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Mongodb(String),
    Redis(String),
    Memory,
}

/// A text that names no queue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidQueueUrl {
    /// It begins with nothing that we know.
    #[error("a queue is sqlite:PATH, mongodb://HOST/DATABASE or redis://HOST/NUMBER")]
    UnknownScheme,

    /// `sqlite:` and no path.
    #[error("sqlite: needs the path of a file, as in sqlite:/var/lib/hcc/queue.db")]
    NoPath,
}

impl QueueUrl {
    /// A SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Place::Sqlite(path.into()))
    }

    /// The file of a queue that is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Mongodb(_) | Place::Redis(_) | Place::Memory => None,
        }
    }
}

impl FromStr for QueueUrl {
    type Err = InvalidQueueUrl;

    fn from_str(text: &str) -> Result<Self, InvalidQueueUrl> {
        match text.split_once(':') {
            Some(("sqlite", "")) => Err(InvalidQueueUrl::NoPath),
            Some(("sqlite", path)) => Ok(Self::sqlite(path)),
            Some(("mongodb" | "mongodb+srv", _)) => Ok(Self(Place::Mongodb(text.to_owned()))),
            Some(("redis" | "rediss" | "redis+unix", _)) => Ok(Self(Place::Redis(text.to_owned()))),
            Some(("memory", "")) => Ok(Self(Place::Memory)),
            // The text may hold a password: it is not repeated.
            _ => Err(InvalidQueueUrl::UnknownScheme),
        }
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Mongodb(url) | Place::Redis(url) => f.write_str(&without_secrets(url)),
            Place::Memory => f.write_str("memory:"),
        }
    }
}

impl fmt::Debug for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueUrl({self})")
    }
}

/// A URL without its login, and without its options, which may hold one.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return String::new();
    };
    let place = rest.split('?').next().unwrap_or_default();
    let place = match place.rsplit_once('@') {
        Some((_, place)) => place,
        // The question mark may be part of a password that is not encoded.
        None if rest.contains('@') => "…",
        None => place,
    };
    format!("{scheme}://{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_and_options_are_not_shown() {
        for (url, shown) in [
            ("mongodb://h1,h2:27018/db", "mongodb://h1,h2:27018/db"),
            (
                "mongodb+srv://me:pw@h/db?proxyPassword=pw",
                "mongodb+srv://h/db",
            ),
            ("redis://:pw@h:6380/3", "redis://h:6380/3"),
            ("rediss://me:p/pw@x@h", "rediss://h"),
            ("redis://me:p?pw@h/3", "redis://…"),
            (
                "redis+unix:///run/redis?db=3&pass=pw",
                "redis+unix:///run/redis",
            ),
            ("redis:me:pw@h", ""),
        ] {
            let url: QueueUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("pw"));
        }
    }

    #[test]
    fn text_that_names_no_queue_is_refused_without_repeating_it() {
        for text in ["", "queue.db", "amqp://u:pw@h", "memory:x"] {
            let error = text.parse::<QueueUrl>().unwrap_err();
            assert_eq!(error, InvalidQueueUrl::UnknownScheme, "{text}");
        }
        assert_eq!("sqlite:".parse::<QueueUrl>(), Err(InvalidQueueUrl::NoPath));
    }
}
