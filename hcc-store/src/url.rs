//! The URL of a store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hcc_database::{Accepted, DatabaseUrl, InvalidUrl};

use crate::backend::BACKENDS;

const ACCEPTED: Accepted = Accepted {
    kind: "store",
    formats: "sqlite:PATH or mongodb://HOST/DATABASE",
    example: "sqlite:/var/lib/hcc/hcc.db",
    redis: false,
};

/// The URL of a store: `sqlite:PATH`, `mongodb://…` as MongoDB's drivers accept it, or `memory:`,
/// which ends with its process; or that of a [registered](crate::register_backend) backend.
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
/// # Ok::<(), hcc_store::InvalidUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUrl(pub(crate) DatabaseUrl);

impl StoreUrl {
    /// Creates the URL of an SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(DatabaseUrl::Sqlite(path.into()))
    }

    /// Returns whether it contains a password, or may contain one.
    ///
    /// Such a URL must not be an argument of a program, as arguments are visible in the process
    /// list.
    pub fn has_secret(&self) -> bool {
        self.0.has_secret()
    }

    /// Returns the path of an SQLite file.
    pub fn path(&self) -> Option<&Path> {
        self.0.path()
    }
}

impl FromStr for StoreUrl {
    type Err = InvalidUrl;

    fn from_str(url: &str) -> Result<Self, InvalidUrl> {
        BACKENDS.parse(url, &ACCEPTED).map(Self)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<StoreUrl> for DatabaseUrl {
    fn from(url: StoreUrl) -> Self {
        url.0
    }
}
