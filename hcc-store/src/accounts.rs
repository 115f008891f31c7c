//! Users, sessions and the audit trail of a web service.

#[cfg(any(feature = "sqlite", feature = "mongodb"))]
use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::net::IpAddr;
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
use serde_json::json;
use serde_with::serde_as;
use sha2::{Digest, Sha256};

use crate::Result;
use crate::record::Seconds;
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
use crate::schedule::malformed_field;

/// The users of a web service, their sessions, and an audit trail.
///
/// They are stored in the database of the records, so that a worker can look up the user who
/// requested a command. As with a [`Store`](crate::Store), any number of processes may use one
/// database, changes are atomic, and what a call has acknowledged is durable.
///
/// Sessions expire by the clock of the caller, not of the database.
#[async_trait]
pub trait Accounts: Debug + Send + Sync {
    /// Returns the user of this name. One whose document is malformed is disabled and has no
    /// permissions.
    async fn user(&self, name: &str) -> Result<Option<User>>;

    /// Returns all users, by name.
    async fn users(&self) -> Result<Vec<User>>;

    /// Stores a user that is new or unchanged since it was read.
    ///
    /// Returns `false` if the name is taken, or if the user was changed or removed in the
    /// meantime: then read it again. A new user has no sessions and no tokens.
    async fn put_user(&self, user: &User) -> Result<bool>;

    /// Removes a user, ends their sessions and removes their tokens.
    ///
    /// Returns whether the user existed.
    async fn remove_user(&self, name: &str) -> Result<bool>;

    /// Stores a new session.
    ///
    /// After checking a password and storing the session, compare the user's [`rev`](User::rev)
    /// again: if it differs, the password may have changed.
    async fn begin_session(&self, session: &Session) -> Result<()>;

    /// Returns the session of this key, unless it has expired.
    async fn session(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Session>>;

    /// Returns the sessions of a user that have not expired, newest first.
    async fn sessions(&self, user: &str, now: SystemTime) -> Result<Vec<Session>>;

    /// Changes when a session expires; returns whether it exists.
    async fn extend_session(&self, key: &SessionKey, until: SystemTime) -> Result<bool>;

    /// Ends sessions, and returns their number.
    async fn end_sessions(&self, which: Sessions<'_>) -> Result<usize>;

    /// Stores a new token.
    async fn put_token(&self, token: &Token) -> Result<()>;

    /// Returns the token of this key, unless it has expired.
    async fn token(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Token>>;

    /// Returns the tokens of a kind that have not expired, newest first: those of one user, or all.
    async fn tokens(&self, kind: &str, user: Option<&str>, now: SystemTime) -> Result<Vec<Token>>;

    /// Sets when a token was last used; returns whether it exists.
    async fn use_token(&self, key: &SessionKey, at: SystemTime) -> Result<bool>;

    /// Removes tokens, and returns their number.
    ///
    /// Of concurrent calls for one token, one removes it: a token that is valid once is used by
    /// removing it.
    async fn remove_tokens(&self, which: Tokens<'_>) -> Result<usize>;

    /// Counts an event against the limit of a key, such as a failed login from an address. All
    /// processes that use the database count together.
    ///
    /// Returns how long to wait if the limit is exceeded; then the event is not counted.
    async fn count(&self, key: &str, limit: RateLimit, now: SystemTime)
    -> Result<Option<Duration>>;

    /// Takes one counted event back.
    async fn refund(&self, key: &str, limit: RateLimit) -> Result<()>;

    /// Returns a setting that all processes share.
    async fn setting(&self, name: &str) -> Result<Option<Value>>;

    /// Replaces a setting; null removes it.
    async fn put_setting(&self, name: &str, value: &Value) -> Result<()>;

    /// Appends to the audit trail, whose entries cannot be changed.
    async fn append(&self, entry: &AuditEntry) -> Result<()>;

    /// Removes the oldest entries of the audit trail, up to the first that is not older than this.
    ///
    /// Returns their number.
    async fn prune_audit(&self, before: SystemTime) -> Result<usize>;

    /// Reads the audit trail, newest entry first.
    ///
    /// In MongoDB, entries that several processes append within one second may be out of order.
    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage>;
}

/// A user of a web service.
#[derive(Clone, Debug)]
pub struct User {
    /// The name, which is unique.
    pub name: String,
    /// The permissions, in a format that `hcc-core` defines.
    pub rights: Value,
    /// Whether the user is blocked.
    pub disabled: bool,
    /// The hash of the password in PHC string format; without one, the user cannot log in by
    /// password.
    pub password: Option<SecretString>,
    /// The second factor of a login by password, if the user has set one up.
    pub second_factor: Option<SecondFactor>,
    /// The passkeys, in the format of the web service; null if there are none.
    pub passkeys: Value,
    /// The number of times that the user was stored; 0 for a new one.
    pub rev: u32,
}

impl User {
    /// Creates a user without permissions and password, to be stored.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            rights: Value::Null,
            disabled: false,
            password: None,
            second_factor: None,
            passkeys: Value::Null,
            rev: 0,
        }
    }

    /// Returns the next revision, which [`put_user`](Accounts::put_user) stores.
    #[must_use]
    pub fn next(&self) -> Self {
        Self {
            rev: self.rev + 1,
            ..self.clone()
        }
    }
}

/// One-time passwords of an app (TOTP), and codes for those who have lost it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SecondFactor {
    /// The secret that the app shares, in Base32.
    #[serde(serialize_with = "expose_secret")]
    pub secret: SecretString,
    /// The keys of the recovery codes that have not been used.
    pub recovery: Vec<SessionKey>,
}

/// A [`User`] as backends store it, with the password hash; the type itself is not `Serialize`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct StoredUser(#[serde(with = "UserDocument")] pub User);

#[derive(Deserialize, Serialize)]
#[serde(remote = "User")]
struct UserDocument {
    name: String,
    #[serde(default)]
    rights: Value,
    #[serde(default)]
    disabled: bool,
    #[serde(default, serialize_with = "expose")]
    password: Option<SecretString>,
    #[serde(default)]
    second_factor: Option<SecondFactor>,
    #[serde(default)]
    passkeys: Value,
    rev: u32,
}

#[cfg(any(feature = "sqlite", feature = "mongodb"))]
impl StoredUser {
    /// Decodes the user of a name. One whose document is malformed is disabled and has no
    /// permissions, which is logged: what remains may have lost a limit.
    pub(crate) fn decode(name: String, document: &Value) -> User {
        let decoded = Self::deserialize(document);
        if let Ok(Self(user)) = decoded {
            if user.name == name {
                return user;
            }
        }
        let valid = json!({ "name": "", "rev": 1 });
        let field = match malformed_field::<Self>(document, &valid) {
            field if field.is_empty() && document.is_object() => "name".to_owned(),
            field => field,
        };
        warn_once("user", &name, &field);
        let rev = document["rev"].as_u64().and_then(|rev| rev.try_into().ok());
        User {
            disabled: true,
            rev: rev.unwrap_or_default(),
            ..User::new(name)
        }
    }
}

/// A document that is left out if it is malformed.
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
pub(crate) trait Checked: DeserializeOwned {
    const KIND: &'static str;

    /// Returns the required fields.
    fn valid() -> Value;
}

#[cfg(any(feature = "sqlite", feature = "mongodb"))]
impl Checked for Session {
    const KIND: &'static str = "session";

    fn valid() -> Value {
        json!({ "key": "", "user": "", "since": 0, "until": 0 })
    }
}

#[cfg(any(feature = "sqlite", feature = "mongodb"))]
impl Checked for Token {
    const KIND: &'static str = "token";

    fn valid() -> Value {
        json!({ "key": "", "kind": "", "user": "", "name": "", "data": null, "since": 0 })
    }
}

#[cfg(any(feature = "sqlite", feature = "mongodb"))]
impl Checked for AuditEntry {
    const KIND: &'static str = "audit entry";

    fn valid() -> Value {
        json!({ "at": 0, "what": "", "outcome": "" })
    }
}

/// Decodes a document, unless it is malformed, which is logged.
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
pub(crate) fn decoded<T: Checked>(document: &Value) -> Option<T> {
    let skipped = |_: &serde_json::Error| {
        let user = document.get("user").or(document.get("by"));
        let user = user.and_then(Value::as_str).unwrap_or_default();
        warn_once(T::KIND, user, &malformed_field::<T>(document, &T::valid()));
    };
    T::deserialize(document).inspect_err(skipped).ok()
}

/// Warns about a malformed document of a user the first time that it is read.
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
fn warn_once(kind: &'static str, user: &str, field: &str) {
    const MAX_KNOWN: usize = 1000;
    static KNOWN: Mutex<BTreeSet<(&str, String, String)>> = Mutex::new(BTreeSet::new());

    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MAX_KNOWN {
        known.clear();
    }
    if known.insert((kind, user.to_owned(), field.to_owned())) {
        tracing::warn!(kind, user, field, "malformed document ignored");
    }
}

fn expose<S: serde::Serializer>(
    secret: &Option<SecretString>,
    output: S,
) -> Result<S::Ok, S::Error> {
    secret
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .serialize(output)
}

fn expose_secret<S: serde::Serializer>(
    secret: &SecretString,
    output: S,
) -> Result<S::Ok, S::Error> {
    secret.expose_secret().serialize(output)
}

/// The session of a user.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Session {
    /// The key by which it is found.
    pub key: SessionKey,
    /// The name of the user.
    pub user: String,
    /// The time of the login.
    #[serde_as(as = "Seconds")]
    pub since: SystemTime,
    /// The time at which it expires.
    #[serde_as(as = "Seconds")]
    pub until: SystemTime,
}

/// The SHA-256 of a session token, so that the database does not contain tokens.
///
/// That is sufficient for tokens of at least 128 random bits, but not for passwords.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub struct SessionKey(String);

impl SessionKey {
    /// Returns the key of the session with this token.
    pub fn of(token: &SecretString) -> Self {
        let hash = Sha256::digest(token.expose_secret());
        Self(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Returns the key as 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

/// Which sessions to end.
#[derive(Clone, Copy, Debug)]
pub enum Sessions<'a> {
    /// The session of this key.
    Key(&'a SessionKey),
    /// All sessions of a user.
    Of(&'a str),
    /// All sessions that have expired by then.
    EndedBy(SystemTime),
}

impl Sessions<'_> {
    /// Returns whether a session is one of them.
    pub fn include(self, session: &Session) -> bool {
        match self {
            Self::Key(key) => session.key == *key,
            Self::Of(user) => session.user == user,
            Self::EndedBy(now) => session.until <= now,
        }
    }
}

/// A token that is not a session: one of an API, an invitation, or one step of a login.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Token {
    /// The key by which it is found.
    pub key: SessionKey,
    /// What it is for, such as `api`. A token of one kind is not valid as another.
    pub kind: String,
    /// The name of the user.
    pub user: String,
    /// What the user calls it.
    pub name: String,
    /// What else the web service has to know.
    pub data: Value,
    /// The time at which it was created.
    #[serde_as(as = "Seconds")]
    pub since: SystemTime,
    /// The time at which it expires; `None` if it does not.
    #[serde_as(as = "Option<Seconds>")]
    pub until: Option<SystemTime>,
    /// The time of its last use.
    #[serde_as(as = "Option<Seconds>")]
    pub used: Option<SystemTime>,
}

impl Token {
    /// Returns whether it has not expired.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// Which tokens to remove.
#[derive(Clone, Copy, Debug)]
pub enum Tokens<'a> {
    /// The token of this key.
    Key(&'a SessionKey),
    /// All tokens of a user.
    Of(&'a str),
    /// All tokens that have expired by then.
    EndedBy(SystemTime),
}

impl Tokens<'_> {
    /// Returns whether a token is one of these.
    pub fn include(self, token: &Token) -> bool {
        match self {
            Self::Key(key) => token.key == *key,
            Self::Of(user) => token.user == user,
            Self::EndedBy(now) => !token.is_valid(now),
        }
    }
}

/// A limit of events: a burst, and then one more per interval (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many events are allowed at once.
    pub burst: u32,
    /// After a burst, one more event is allowed per interval.
    pub interval: Duration,
}

impl RateLimit {
    /// Creates a limit.
    pub const fn new(burst: u32, interval: Duration) -> Self {
        Self { burst, interval }
    }

    /// Counts an event of a key whose earlier events are forgotten at a time. Returns when they are
    /// forgotten from now on, or how long to wait.
    ///
    /// # Errors
    ///
    /// The limit is exceeded.
    pub fn count(
        self,
        until: SystemTime,
        now: SystemTime,
    ) -> std::result::Result<SystemTime, Duration> {
        let next = until.max(now) + self.interval;
        let ahead = next.duration_since(now).unwrap_or_default();
        match ahead.saturating_sub(self.interval * self.burst) {
            Duration::ZERO => Ok(next),
            wait => Err(wait),
        }
    }
}

/// An entry of the audit trail: an attempt of a user.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct AuditEntry {
    /// The time.
    #[serde_as(as = "Seconds")]
    pub at: SystemTime,
    /// The user; for a failed login, the name that was entered.
    pub by: Option<String>,
    /// The address of the user.
    pub ip: Option<IpAddr>,
    /// The operation, such as `login`, `kill` or `snapshot delete`.
    pub what: String,
    /// The server.
    pub server: Option<String>,
    /// The project, unless it is the one whose database stores the users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The outcome, such as `ok` or `not_permitted`.
    pub outcome: String,
}

/// Returns a time that was stored as [`seconds`].
#[cfg(feature = "sqlite")]
pub(crate) fn time(seconds: f64) -> SystemTime {
    let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    SystemTime::UNIX_EPOCH + since
}

/// Returns a time as it is stored in documents.
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
pub(crate) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// A query of the audit trail.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Only entries of this user.
    pub by: Option<String>,
    /// Only entries about servers of this name.
    pub server: Option<String>,
    /// Only entries of this project.
    pub project: AuditProject,
    /// Only entries older than a page that was read before.
    pub before: Option<AuditCursor>,
    /// The maximum number of entries, up to [`MAX_PAGE`](Self::MAX_PAGE).
    pub limit: usize,
}

impl AuditQuery {
    /// The maximum number of entries of a page.
    pub const MAX_PAGE: usize = 1000;

    /// Returns the maximum number of entries of the page.
    pub fn page_size(&self) -> usize {
        self.limit.min(Self::MAX_PAGE)
    }
}

/// The projects of which entries of the audit trail are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuditProject {
    /// All entries.
    #[default]
    Any,
    /// Entries without a project: of the one whose database stores the users, and about users.
    Home,
    /// Entries of the project of this name.
    Named(String),
}

impl AuditProject {
    /// Returns whether an entry is of one of these projects.
    pub fn includes(&self, entry: &AuditEntry) -> bool {
        match self {
            Self::Any => true,
            Self::Home => entry.project.is_none(),
            Self::Named(name) => entry.project.as_ref() == Some(name),
        }
    }
}

/// A page of the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries, newest first.
    pub entries: Vec<AuditEntry>,
    /// The cursor of the next page; `None` if there are no older entries.
    pub older: Option<AuditCursor>,
}

impl AuditPage {
    /// Creates a page of at most `limit` entries and their cursors; one more entry means that there is a
    /// next page.
    pub fn new(entries: Vec<(String, AuditEntry)>, limit: usize) -> Self {
        let entries = entries.into_iter().map(|(id, entry)| (id, Some(entry)));
        Self::of_decoded(entries.collect(), limit)
    }

    /// The same, leaving out entries that could not be decoded.
    pub(crate) fn of_decoded(mut entries: Vec<(String, Option<AuditEntry>)>, limit: usize) -> Self {
        let more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| more);
        Self {
            older: last.map(|(id, _)| AuditCursor(id.clone())),
            entries: entries.into_iter().filter_map(|(_, entry)| entry).collect(),
        }
    }
}

/// A position in the audit trail, as a string for links.
///
/// An invalid cursor yields an empty page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCursor(pub(crate) String);

impl From<String> for AuditCursor {
    fn from(cursor: String) -> Self {
        Self(cursor)
    }
}

impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
