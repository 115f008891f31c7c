//! What a web service keeps beside the records: its users, their sessions, and
//! what they did.

use std::fmt::{self, Debug};
use std::net::IpAddr;
use std::time::SystemTime;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use serde_with::serde_as;
use sha2::{Digest, Sha256};

use crate::Result;
use crate::record::Seconds;

/// The users of a web service, their sessions, and an audit trail.
///
/// They lie in the database of the records, so that whoever carries out a
/// command can look up who asked for it. As with a [`Store`](crate::Store), any
/// number of processes may work on one database, a change is seen as a whole
/// or not at all, and what a call has confirmed is durable.
///
/// Sessions end by the clocks of those who ask: the database looks at no clock.
#[async_trait]
pub trait Accounts: Debug + Send + Sync {
    /// The user of this name.
    async fn user(&self, name: &str) -> Result<Option<User>>;

    /// All users, by name.
    async fn users(&self) -> Result<Vec<User>>;

    /// Stores a user that is new, or as it was when it was read.
    ///
    /// Returns whether it did: not if the name is taken, or somebody else has
    /// changed or removed the user since. Then it is read again. A user who is
    /// new has no sessions.
    async fn put_user(&self, user: &User) -> Result<bool>;

    /// Removes a user and ends their sessions.
    ///
    /// Returns whether there was one to remove.
    async fn remove_user(&self, name: &str) -> Result<bool>;

    /// Stores a new session.
    ///
    /// Who has checked a password before should look at the user's
    /// [`rev`](User::rev) again afterwards: if it is another one, the password
    /// may be, too.
    async fn begin_session(&self, session: &Session) -> Result<()>;

    /// The session of this key, unless it has ended by now.
    async fn session(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Session>>;

    /// Lets a session end at another time; returns whether there was one.
    async fn extend_session(&self, key: &SessionKey, until: SystemTime) -> Result<bool>;

    /// Ends sessions, and returns how many there were.
    async fn end_sessions(&self, which: Sessions<'_>) -> Result<usize>;

    /// Adds to the audit trail. Nothing here changes or removes what is in it.
    async fn append(&self, entry: &AuditEntry) -> Result<()>;

    /// Reads the audit trail, the newest entry first.
    ///
    /// In MongoDB, entries of one second that several processes have appended may
    /// stand in another order than they were made.
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
            rev: 0,
        }
    }

    /// Returns the next revision.
    pub(crate) fn next(&self) -> Self {
        Self {
            rev: self.rev + 1,
            ..self.clone()
        }
    }
}

/// A [`User`] as a document. The type itself is not `Serialize`, as it holds a password hash.
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Stored(#[serde(with = "UserDocument")] pub(crate) User);

#[cfg(any(feature = "sqlite", feature = "mongodb"))]
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
    rev: u32,
}

#[cfg(any(feature = "sqlite", feature = "mongodb"))]
fn expose<S: Serializer>(secret: &Option<SecretString>, output: S) -> Result<S::Ok, S::Error> {
    secret
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .serialize(output)
}

/// Somebody who has logged in.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Session {
    /// What it is found by.
    pub key: SessionKey,
    /// Who has logged in.
    pub user: String,
    /// When they did.
    #[serde_as(as = "Seconds")]
    pub since: SystemTime,
    /// When it ends.
    #[serde_as(as = "Seconds")]
    pub until: SystemTime,
}

/// The SHA-256 of a session's token: whoever reads the database learns no token.
///
/// That is enough for a token of 128 random bits or more, and for nothing that a
/// person has chosen.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub struct SessionKey(String);

impl SessionKey {
    /// The key of the session that has this token.
    pub fn of(token: &SecretString) -> Self {
        let hash = Sha256::digest(token.expose_secret());
        Self(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The key as text: 64 hexadecimal digits.
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
    /// The one of this key.
    Key(&'a SessionKey),
    /// All of a user.
    Of(&'a str),
    /// All that have ended by then, to make room.
    EndedBy(SystemTime),
}

impl Sessions<'_> {
    pub(crate) fn include(self, session: &Session) -> bool {
        match self {
            Self::Key(key) => session.key == *key,
            Self::Of(user) => session.user == user,
            Self::EndedBy(now) => session.until <= now,
        }
    }
}

/// What somebody did, or tried to do.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct AuditEntry {
    /// When.
    #[serde_as(as = "Seconds")]
    pub at: SystemTime,
    /// Who; at a login that failed, who they said they were.
    pub by: Option<String>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// What, such as `login` or `kill`.
    pub what: String,
    /// With which server.
    pub server: Option<String>,
    /// What came of it, such as `ok` or `not_permitted`.
    pub outcome: String,
}

/// A time as documents hold it.
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
pub(crate) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Which entries of the audit trail to read.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Only what this user did.
    pub by: Option<String>,
    /// Only what was done with this server.
    pub server: Option<String>,
    /// Only what is older than a page that was read before.
    pub before: Option<AuditCursor>,
    /// At most so many, and at most [`MAX_PAGE`](Self::MAX_PAGE).
    pub limit: usize,
}

impl AuditQuery {
    /// How many entries a page can hold.
    pub const MAX_PAGE: usize = 1000;

    pub(crate) fn limit(&self) -> usize {
        self.limit.min(Self::MAX_PAGE)
    }
}

/// A part of the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The newest first.
    pub entries: Vec<AuditEntry>,
    /// Where to go on; `None` if nothing older is left.
    pub older: Option<AuditCursor>,
}

impl AuditPage {
    /// The page that `entries` make, of which there is one more than asked for
    /// if there are older ones.
    pub(crate) fn of(mut entries: Vec<(String, AuditEntry)>, limit: usize) -> Self {
        let more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| more);
        Self {
            older: last.map(|(id, _)| AuditCursor(id.clone())),
            entries: entries.into_iter().map(|(_, entry)| entry).collect(),
        }
    }
}

/// A place in the audit trail, as a text that a link can carry.
///
/// A text that is none leads to the end of the trail: nothing is older.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCursor(pub(crate) String);

impl From<String> for AuditCursor {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
