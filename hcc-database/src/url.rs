//! Database URLs.

use std::fmt;
use std::path::{Path, PathBuf};

/// The URL of a database.
///
/// `Display` and `Debug` show neither passwords nor options.
///
/// ```
/// use hcc_database::{Accepted, DatabaseUrl};
///
/// let accepted = Accepted {
///     kind: "store",
///     formats: "sqlite:PATH or mongodb://HOST/DATABASE",
///     example: "sqlite:/var/lib/hcc/hcc.db",
///     redis: false,
/// };
/// let url = DatabaseUrl::parse("mongodb://mary:secret@db.example/hcc?tls=true", &accepted)?;
/// assert_eq!(url.to_string(), "mongodb://mary@db.example/hcc");
/// # Ok::<(), hcc_database::InvalidUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseUrl {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `mongodb://…` or `mongodb+srv://…`, with the password.
    Mongodb(String),
    /// `redis://…`, `rediss://…` or `redis+unix://…`, with the password.
    Redis(String),
    /// `memory:`, which ends with its process.
    Memory,
    /// That of a database which another crate implements.
    Other(OtherUrl),
}

/// The URL of a database which another crate implements, such as `postgres://mary:secret@host/hcc`,
/// with the password.
///
/// `Display` and `Debug` show the user, hosts and path, if these cannot belong to a password.
///
/// ```
/// use hcc_database::OtherUrl;
///
/// let url = OtherUrl::new("postgres://mary:secret@db.example/hcc?sslmode=require");
/// assert_eq!(url.scheme(), "postgres");
/// assert_eq!(url.to_string(), "postgres://mary@db.example/hcc");
/// assert_eq!(OtherUrl::new("json:/var/lib/hcc.json").to_string(), "json:/var/lib/hcc.json");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct OtherUrl(String);

impl OtherUrl {
    /// Creates a URL; whether it is valid, the other crate decides.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// Returns what is before the first colon.
    pub fn scheme(&self) -> &str {
        self.parts().0
    }

    /// Returns the whole URL, with the password.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once(':').unwrap_or_default()
    }

    /// Returns whether it is only a scheme and a path.
    fn is_path(&self) -> bool {
        let (_, path) = self.parts();
        is_plain(path, "/.-_ ") && !path.starts_with("//")
    }
}

impl fmt::Display for OtherUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_path() {
            true => f.write_str(&self.0),
            false => f.write_str(&redacted(&self.0, true)),
        }
    }
}

impl fmt::Debug for OtherUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OtherUrl({self})")
    }
}

impl From<OtherUrl> for DatabaseUrl {
    fn from(url: OtherUrl) -> Self {
        Self::Other(url)
    }
}

/// The URLs that one kind of database accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What the database holds: `store` or `queue`.
    pub kind: &'static str,
    /// The formats, for error messages.
    pub formats: &'static str,
    /// A complete `sqlite:` URL, for error messages.
    pub example: &'static str,
    /// Whether Redis is accepted.
    pub redis: bool,
}

/// A string that is not an accepted URL; it is not repeated, as it may contain a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// The scheme is missing or not supported.
    #[error("invalid {} URL: expected {}", .0.kind, .0.formats)]
    UnknownScheme(Accepted),

    /// `sqlite:` is not followed by a path.
    #[error("invalid {} URL: the path is missing; expected for example {}", .0.kind, .0.example)]
    MissingPath(Accepted),

    /// The path after `sqlite:` begins with `~`, which only shells expand.
    #[error("invalid {} URL: ~ is not expanded in it; expected for example {}", .0.kind, .0.example)]
    HomePath(Accepted),
}

impl DatabaseUrl {
    /// Parses a URL.
    ///
    /// Whether the driver accepts the rest shows when the database is opened.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] unless the scheme is accepted.
    pub fn parse(url: &str, accepted: &Accepted) -> Result<Self, InvalidUrl> {
        match url.split_once(':') {
            Some(("sqlite", "")) => Err(InvalidUrl::MissingPath(*accepted)),
            Some(("sqlite", path)) if path.starts_with('~') => Err(InvalidUrl::HomePath(*accepted)),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            Some(("mongodb" | "mongodb+srv", _)) => Ok(Self::Mongodb(url.to_owned())),
            Some(("redis" | "rediss" | "redis+unix", _)) if accepted.redis => {
                Ok(Self::Redis(url.to_owned()))
            }
            Some(("memory", "")) => Ok(Self::Memory),
            _ => Err(InvalidUrl::UnknownScheme(*accepted)),
        }
    }

    /// Returns whether it contains a password, or may contain one.
    pub fn has_secret(&self) -> bool {
        let (url, has_user) = match self {
            Self::Sqlite(_) | Self::Memory => return false,
            Self::Other(url) if url.is_path() => return false,
            Self::Mongodb(url) | Self::Other(OtherUrl(url)) => (url, true),
            Self::Redis(url) => (url, false),
        };
        let rest = url
            .split_once(':')
            .and_then(|(_, rest)| rest.strip_prefix("//"));
        let Some(rest) = rest.filter(|rest| location(rest, has_user).is_some()) else {
            return true;
        };
        let (authority, options) = match rest.find(['/', '?', '#']) {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        };
        let login = authority.split_once('@').map_or("", |(login, _)| login);
        let is_user = has_user && !login.contains(':');
        let options = options.to_lowercase();
        let names = [
            "pass",
            "secret",
            "token",
            "credential",
            "authmechanismproperties",
        ];
        !(login.is_empty() || is_user) || names.into_iter().any(|name| options.contains(name))
    }

    /// Returns the path of an SQLite file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            _ => None,
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Mongodb(url) => f.write_str(&redacted(url, true)),
            // A password without a user is often written as if it were one.
            Self::Redis(url) => f.write_str(&redacted(url, false)),
            Self::Memory => f.write_str("memory:"),
            Self::Other(url) => url.fmt(f),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Returns the URL without its password and its options, which may contain another one.
fn redacted(url: &str, shows_user: bool) -> String {
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    let location = rest
        .strip_prefix("//")
        .and_then(|rest| location(rest, shows_user));
    format!("{scheme}://{}", location.as_deref().unwrap_or("…"))
}

/// Returns whether all characters are ASCII letters, digits, or among these others.
fn is_plain(part: &str, others: &str) -> bool {
    part.chars()
        .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// Returns the user, hosts and path of a URL, or `None` if a part of them could belong to a
/// password that is not percent-encoded.
fn location(rest: &str, shows_user: bool) -> Option<String> {
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let (login, hosts) = authority.split_once('@').unwrap_or(("", authority));
    let user = login.split(':').next().unwrap_or_default();
    let is_host = |host: &str| {
        let (name, port) = match host.rsplit_once(':') {
            Some(parts) if !host.ends_with(']') => parts,
            _ => (host, ""),
        };
        let address = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        let is_name = address.map_or(is_plain(name, ".-_%"), |ip| is_plain(ip, ".:%"));
        is_name && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_certain = rest.matches('@').count() == authority.matches('@').count()
        && is_plain(user, ".-_%+")
        && hosts.split(',').all(is_host)
        && is_plain(path, "/.-_%");
    let user = if shows_user && !user.is_empty() {
        format!("{user}@")
    } else {
        String::new()
    };
    is_certain.then(|| format!("{user}{hosts}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: Accepted = Accepted {
        kind: "queue",
        formats: "sqlite:PATH",
        example: "sqlite:/q.db",
        redis: true,
    };

    #[test]
    fn passwords_and_options_are_not_shown() {
        for (url, shown) in [
            ("mongodb://h1,h2:27018/db", "mongodb://h1,h2:27018/db"),
            ("mongodb://[::1]:27018/db", "mongodb://[::1]:27018/db"),
            (
                "mongodb://%2Ftmp%2Fm.sock/db",
                "mongodb://%2Ftmp%2Fm.sock/db",
            ),
            ("mongodb://mary@h/db", "mongodb://mary@h/db"),
            ("mongodb://mary:pw@h/db", "mongodb://mary@h/db"),
            ("mongodb://mary:pw@h?proxyPassword=pw", "mongodb://mary@h"),
            ("mongodb+srv://mary:pw@h", "mongodb+srv://mary@h"),
            ("redis://h:6380/3", "redis://h:6380/3"),
            ("redis://:pw@h:6380/3", "redis://h:6380/3"),
            ("redis://pw@h", "redis://h"),
            ("rediss://mary:pw@h", "rediss://h"),
            (
                "redis+unix:///run/r.sock?db=3&pass=pw",
                "redis+unix:///run/r.sock",
            ),
        ] {
            assert_shown(url, shown);
        }
    }

    #[test]
    fn what_may_be_a_part_of_a_password_is_not_shown() {
        for rest in [
            "mary:pw@h/db?x=http://y",
            "//mary:A@pw?C@h/db",
            "//mary:pw@pw@h/db",
            "//mary:p/pw@h/db",
            "//mary:p/pw@x@h/db",
            "//mary:p?pw@h/db",
            "//mary:p#pw@h/db",
            "//mary:pw@h/db?x=pw@y",
            "//mary:pw@h,mary:pw@i",
            "//mary:pw",
            "//mary:pw/db",
            "//pw!@h",
            "//mary:pw@h/pw pw",
            "",
            "pw",
            "/mary:pw@h",
        ] {
            assert_shown(&format!("mongodb:{rest}"), "mongodb://…");
            assert_shown(&format!("mongodb+srv:{rest}"), "mongodb+srv://…");
            for scheme in ["redis", "rediss", "redis+unix"] {
                assert_shown(&format!("{scheme}:{rest}"), &format!("{scheme}://…"));
            }
        }
    }

    #[test]
    fn urls_with_a_password_are_known() {
        for url in [
            "sqlite:/token/pass.db",
            "memory:",
            "mongodb://h1,h2:27018/db?replicaSet=x&tls=true",
            "mongodb://mary@h/db?authMechanism=MONGODB-X509",
            "mongodb+srv://h",
            "redis://h:6380/3?durable=no",
            "redis+unix:///run/r.sock?db=3",
        ] {
            let url = DatabaseUrl::parse(url, &ACCEPTED).unwrap();
            assert!(!url.has_secret(), "{url}");
        }
        for url in [
            "mongodb://mary:pw@h/db",
            "mongodb+srv://mary:pw@h",
            "mongodb://mary:p/pw@h/db",
            "mongodb://h/db?proxyPassword=pw",
            "mongodb://h/db?tlsCertificateKeyFilePassword=pw",
            "mongodb://h?authMechanismProperties=AWS_SESSION_TOKEN:pw",
            "mongodb:mary:pw@h",
            "mongodb:mary:pw@h/db?x=http://y",
            "mongodb://mary:A@pw?C@h/db",
            "redis://:pw@h",
            "redis://pw@h",
            "rediss://mary:pw@h/1",
            "redis+unix:///run/r.sock?pass=pw",
            "redis:",
        ] {
            let url = DatabaseUrl::parse(url, &ACCEPTED).unwrap();
            assert!(url.has_secret(), "{url}");
        }
    }

    #[test]
    fn passwords_of_other_databases_are_not_shown() {
        for (url, shown, has_secret) in [
            ("postgres://mary:pw@h/db", "postgres://mary@h/db", true),
            ("postgres://mary@h/db", "postgres://mary@h/db", false),
            ("postgres://mary:p/pw@h/db", "postgres://…", true),
            ("json:/var/lib/hcc.json", "json:/var/lib/hcc.json", false),
            ("json:/hcc.json?key=pw", "json://…", true),
            ("x:user=mary password=pw", "x://…", true),
        ] {
            let url = DatabaseUrl::from(OtherUrl::new(url));
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.has_secret(), has_secret, "{url}");
            assert!(!format!("{url:?}").contains("pw"), "{url}");
        }
    }

    #[test]
    fn strings_that_are_not_urls_are_refused_without_repeating_them() {
        for text in [
            "",
            "hcc.db",
            "/hcc.db",
            "amqp://u:pw@h",
            "memory:x",
            "MongoDB://u:pw@h",
        ] {
            let error = DatabaseUrl::parse(text, &ACCEPTED).unwrap_err();
            assert_eq!(error, InvalidUrl::UnknownScheme(ACCEPTED), "{text}");
            assert!(!format!("{error} {error:?}").contains("pw"));
        }
        let error = DatabaseUrl::parse("sqlite:", &ACCEPTED).unwrap_err();
        assert_eq!(error, InvalidUrl::MissingPath(ACCEPTED));
        for path in ["~", "~/hcc.db", "~mary/hcc.db"] {
            let error = DatabaseUrl::parse(&format!("sqlite:{path}"), &ACCEPTED).unwrap_err();
            assert_eq!(error, InvalidUrl::HomePath(ACCEPTED));
        }
    }

    fn assert_shown(url: &str, shown: &str) {
        let parsed = DatabaseUrl::parse(url, &ACCEPTED).unwrap();
        assert_eq!(parsed.to_string(), shown, "{url}");
        assert!(!format!("{parsed:?}").contains("pw"), "{url}");
    }
}
