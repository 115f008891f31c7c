//! Where a store lies, as one text.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a store lies: `sqlite:PATH`, `mongodb://…` as MongoDB's drivers
/// understand it, or `memory:` for one that ends with its process.
///
/// Neither `Display` nor `Debug` shows a password.
///
/// ```
/// use hcc_store::StoreUrl;
///
/// let url: StoreUrl = "sqlite:/var/lib/hcc/hcc.db".parse()?;
/// assert_eq!(url, StoreUrl::sqlite("/var/lib/hcc/hcc.db"));
///
/// let url: StoreUrl = "mongodb://mary:secret@db.example/hetzner?tls=true".parse()?;
/// assert_eq!(url.to_string(), "mongodb://mary@db.example/hetzner");
/// # Ok::<(), hcc_store::InvalidStoreUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(pub(crate) Place);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Mongodb(String),
    Memory,
}

/// A text that names no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStoreUrl {
    /// It begins with nothing that we know.
    #[error("a store is sqlite:PATH or mongodb://HOST/DATABASE")]
    UnknownScheme,

    /// `sqlite:` and no path.
    #[error("sqlite: needs the path of a file, as in sqlite:/var/lib/hcc/hcc.db")]
    NoPath,
}

impl StoreUrl {
    /// A SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Place::Sqlite(path.into()))
    }

    /// The file of a store that is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Mongodb(_) | Place::Memory => None,
        }
    }
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        match text.split_once(':') {
            Some(("sqlite", "")) => Err(InvalidStoreUrl::NoPath),
            Some(("sqlite", path)) => Ok(Self::sqlite(path)),
            Some(("mongodb" | "mongodb+srv", _)) => Ok(Self(Place::Mongodb(text.to_owned()))),
            Some(("memory", "")) => Ok(Self(Place::Memory)),
            // The text may hold a password: it is not repeated.
            _ => Err(InvalidStoreUrl::UnknownScheme),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Mongodb(url) => f.write_str(&without_secrets(url)),
            Place::Memory => f.write_str("memory:"),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// A URL without its password, and without its options, which may hold more.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return String::new();
    };
    let place = rest.split('?').next().unwrap_or_default();
    match place.rsplit_once('@') {
        Some((login, hosts)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{hosts}")
        }
        // The question mark may be part of a password that is not encoded.
        None if rest.contains('@') => format!("{scheme}://…"),
        None => format!("{scheme}://{place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_options_are_not_shown() {
        for (url, shown) in [
            ("mongodb://h1,h2:27018/db", "mongodb://h1,h2:27018/db"),
            ("mongodb://mary@h/db", "mongodb://mary@h/db"),
            (
                "mongodb://mary:pw@h/db?proxyPassword=pw",
                "mongodb://mary@h/db",
            ),
            ("mongodb://mary:p/pw@x@h/db", "mongodb://mary@h/db"),
            ("mongodb://mary:p?pw@h/db", "mongodb://…"),
            ("mongodb+srv://mary:pw@h", "mongodb+srv://mary@h"),
            ("mongodb:mary:pw@h", ""),
        ] {
            let url: StoreUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("pw"));
        }
    }

    #[test]
    fn text_that_names_no_store_is_refused_without_repeating_it() {
        for text in [
            "",
            "hcc.db",
            "/var/lib/hcc.db",
            "postgres://u:pw@h/db",
            "memory:x",
        ] {
            let error = text.parse::<StoreUrl>().unwrap_err();
            assert_eq!(error, InvalidStoreUrl::UnknownScheme, "{text}");
        }
        assert_eq!("sqlite:".parse::<StoreUrl>(), Err(InvalidStoreUrl::NoPath));
    }
}
