//! Where a store lies, as one text.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a store lies: `sqlite:PATH`, or `memory:` for one that ends with its process.
///
/// Neither `Display` nor `Debug` shows a password.
///
/// ```
/// use hcc_store::StoreUrl;
///
/// let url: StoreUrl = "sqlite:/var/lib/hcc/hcc.db".parse()?;
/// assert_eq!(url, StoreUrl::sqlite("/var/lib/hcc/hcc.db"));
/// # Ok::<(), hcc_store::InvalidStoreUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(pub(crate) Place);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Memory,
}

/// A text that names no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStoreUrl {
    /// It begins with nothing that we know.
    #[error("a store is sqlite:PATH")]
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
            Place::Memory => None,
        }
    }
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        match text.split_once(':') {
            Some(("sqlite", "")) => Err(InvalidStoreUrl::NoPath),
            Some(("sqlite", path)) => Ok(Self::sqlite(path)),
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
            Place::Memory => f.write_str("memory:"),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}
