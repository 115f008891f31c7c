//! MongoDB servers and replica sets.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};
use ::mongodb::event::EventHandler;
use ::mongodb::event::sdam::SdamEvent;
use ::mongodb::options::{Acknowledgment, ClientOptions, WriteConcern};
use ::mongodb::{Client, Database};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::error::identifier;
use crate::{DatabaseUrl, Error, Failure};

/// Limits the search for a server and the connection to it, unless the URL has other limits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits the wait for a response, which the driver leaves unbounded.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Limits the wait for the response of a primary that has been replaced.
const REPLACED_TIMEOUT: Duration = Duration::from_secs(1);

/// Error code `BadValue`.
pub const BAD_VALUE: i32 = 2;

/// Error code `TypeMismatch`.
pub const TYPE_MISMATCH: i32 = 14;

/// Error code `NamespaceExists`.
pub const NAMESPACE_EXISTS: i32 = 48;

/// Error code `DuplicateKey`.
pub const DUPLICATE_KEY: i32 = 11000;

/// Error codes `QuotaExceeded` and `OutOfDiskSpace`.
const FULL: [i32; 2] = [12501, 14031];

/// Error code `UserWritesBlocked`.
const WRITES_BLOCKED: i32 = 371;

/// Error codes of a member that is shutting down or is not, or no longer, the primary.
const NOT_PRIMARY: [i32; 6] = [91, 189, 10107, 11600, 11602, 13435];

/// A database of a server or replica set.
///
/// Writes are journalled and acknowledged by the majority, unless the URL says otherwise. Reads
/// go to the primary, whatever the URL says: they must see what was written before.
#[derive(Clone)]
pub struct Server {
    url: DatabaseUrl,
    options: ClientOptions,
    database: Database,
    /// A second pool, for tailable cursors: each occupies a connection, and would exhaust the
    /// first.
    listening: Arc<OnceLock<Database>>,
    /// The newest election of a replica set.
    election: watch::Receiver<Option<ObjectId>>,
    unreachable: Unreachable,
}

/// Why members do not answer, by their addresses. The driver has only a dump of all that it knows
/// about them.
type Unreachable = Arc<Mutex<BTreeMap<String, (Failure, String)>>>;

impl Server {
    /// Prepares the connection to a server; the first call connects.
    ///
    /// # Errors
    ///
    /// [`Failure::MalformedUrl`] if the driver does not accept the URL, and
    /// [`Failure::Unreachable`] if it needs DNS and that does not answer.
    pub async fn new(url: &DatabaseUrl) -> Result<Self, Error> {
        let malformed = || Error::new(url.clone(), Failure::MalformedUrl);
        let DatabaseUrl::Mongodb(text) = url else {
            return Err(malformed());
        };
        let refused = |error: DriverError| match *error.kind {
            ErrorKind::InvalidArgument { .. } => malformed(),
            _ => classified(url, &error, &Unreachable::default()),
        };
        let parsed = timeout(RESPONSE_TIMEOUT, ClientOptions::parse(text)).await;
        let parsed = parsed.unwrap_or_else(|_| Err(timed_out()));
        let mut options = parsed.map_err(refused)?;
        options.app_name.get_or_insert_with(|| "hcc".to_owned());
        options
            .server_selection_timeout
            .get_or_insert(CONNECT_TIMEOUT);
        options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
        let concern = options.write_concern.get_or_insert_default();
        concern.w.get_or_insert(Acknowledgment::Majority);
        concern.journal.get_or_insert(true);
        options.selection_criteria = None;
        let (elected, election) = watch::channel(None);
        let set = url.clone();
        let unreachable = Unreachable::default();
        let reasons = Arc::clone(&unreachable);
        options.sdam_event_handler = Some(EventHandler::callback(move |event| {
            let SdamEvent::TopologyDescriptionChanged(event) = event else {
                return;
            };
            if note_election(&elected, event.new_description.max_election_id()) {
                info!(url = %set, "another member became primary");
            }
            let servers = event.new_description.servers();
            let failed = servers
                .iter()
                .filter_map(|(host, server)| Some((host.to_string(), reduced(server.error()?))));
            *locked(&reasons) = failed.collect();
        }));
        Ok(Self {
            url: url.clone(),
            database: connect(&options).map_err(refused)?,
            options,
            listening: Arc::default(),
            election,
            unreachable,
        })
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Returns the database that the URL names, or else `hetzner`.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the same database with connections for tailable cursors.
    pub fn listening(&self) -> Result<&Database, Error> {
        if let Some(database) = self.listening.get() {
            return Ok(database);
        }
        let mut options = self.options.clone();
        options.max_pool_size = Some(u32::MAX);
        let database = connect(&options).map_err(|error| self.error(error))?;
        Ok(self.listening.get_or_init(|| database))
    }

    /// Returns a receiver that changes when another member becomes primary.
    pub fn election(&self) -> watch::Receiver<Option<ObjectId>> {
        self.election.clone()
    }

    /// Returns the write concern of all writes, for commands that the driver does not know.
    pub fn write_concern(&self) -> WriteConcern {
        self.options.write_concern.clone().unwrap_or_default()
    }

    /// Returns the name and version of the server.
    pub async fn version(&self) -> Result<String, Error> {
        let about = self.database.run_command(doc! { "buildInfo": 1 });
        let about: Document = self.answer(about).await?;
        let version = about.get_str("version").unwrap_or_default();
        Ok(format!("MongoDB {version}"))
    }

    /// Waits for the response to a call, with the limits of [`bounded`](Self::bounded).
    pub async fn answer<T>(
        &self,
        call: impl IntoFuture<Output = Result<T, DriverError>>,
    ) -> Result<T, Error> {
        self.bounded(call).await.map_err(|error| self.error(error))
    }

    /// Waits for the response to a call for a limited time, and even less if the primary is
    /// replaced meanwhile: it may be unresponsive, and the driver would not ask the new one.
    pub async fn bounded<T>(
        &self,
        call: impl IntoFuture<Output = Result<T, DriverError>>,
    ) -> Result<T, DriverError> {
        let mut election = self.election.clone();
        election.mark_unchanged();
        let replaced = async {
            // The sender is kept by the client, and so lives as long as this server.
            let _ = election.changed().await;
            sleep(REPLACED_TIMEOUT).await;
        };
        tokio::select! {
            biased;
            response = call.into_future() => response,
            () = replaced => {
                warn!(url = %self.url, "no response from the former primary");
                Err(timed_out())
            }
            () = sleep(RESPONSE_TIMEOUT) => {
                warn!(url = %self.url, timeout = ?RESPONSE_TIMEOUT, "no response");
                Err(timed_out())
            }
        }
    }

    /// Classifies an error of the driver.
    pub fn error(&self, error: impl Into<DriverError>) -> Error {
        classified(&self.url, &error.into(), &self.unreachable)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url)
    }
}

fn connect(options: &ClientOptions) -> Result<Database, DriverError> {
    let name = options.default_database.as_deref().unwrap_or("hetzner");
    Ok(Client::with_options(options.clone())?.database(name))
}

fn timed_out() -> DriverError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

/// Reports a newer primary than the known one, but not the first; returns whether it did.
fn note_election(elected: &watch::Sender<Option<ObjectId>>, newest: Option<ObjectId>) -> bool {
    elected.send_if_modified(|known| {
        let is_replaced = known.is_some() && newest > *known;
        *known = newest.max(*known);
        is_replaced
    })
}

/// The error response of a server, without its message: that may quote documents.
#[derive(Debug, thiserror::Error)]
#[error("the server reported {name} (code {code})")]
struct ServerError {
    code: i32,
    name: String,
}

/// Returns the code of an error response, and its name.
fn response_code(error: &DriverError) -> Option<(i32, &str)> {
    match &*error.kind {
        ErrorKind::Command(error) => Some((error.code, &error.code_name)),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => {
            Some((error.code, &error.code_name))
        }
        ErrorKind::Write(WriteFailure::WriteError(error)) => {
            Some((error.code, error.code_name.as_deref().unwrap_or_default()))
        }
        ErrorKind::InsertMany(error) => {
            let mut refused = error.write_errors.iter().flatten();
            let refused = refused.next()?;
            Some((
                refused.code,
                refused.code_name.as_deref().unwrap_or_default(),
            ))
        }
        _ => None,
    }
}

fn classified(url: &DatabaseUrl, error: &DriverError, unreachable: &Unreachable) -> Error {
    let error = if let Some((code, name)) = response_code(error) {
        refused(url, code, name)
    } else {
        let (mut failure, mut reason) = reduced(error);
        if let ErrorKind::ServerSelection { .. } = &*error.kind {
            let mut hosts = Vec::new();
            for (host, (of_host, why)) in locked(unreachable).iter() {
                if *of_host == Failure::Denied {
                    failure = Failure::Denied;
                }
                hosts.push(format!("{host}: {why}"));
            }
            if !hosts.is_empty() {
                reason = hosts.join("; ");
            }
        }
        Error::new(url.clone(), failure).with_source(reason)
    };
    debug!(url = %url, failure = ?error.failure(), "database call failed");
    error
}

/// Reduces an error of the driver to what failed and the reason, without its message: that may
/// quote the command, and with it the values that were to be stored.
fn reduced(error: &DriverError) -> (Failure, String) {
    if let Some((code, name)) = response_code(error) {
        let name = identifier(name).to_owned();
        return (failure_of(code), ServerError { code, name }.to_string());
    }
    let (failure, reason) = match &*error.kind {
        ErrorKind::Io(error) => return (Failure::Unreachable, error.to_string()),
        ErrorKind::ServerSelection { .. } => (Failure::Unreachable, "no member can be written to"),
        ErrorKind::DnsResolve { .. } => {
            (Failure::Unreachable, "its DNS records cannot be resolved")
        }
        ErrorKind::ConnectionPoolCleared { .. } => (Failure::Unreachable, "the connection is lost"),
        ErrorKind::IncompatibleServer { .. } => (
            Failure::Failed,
            "the version of the server is not supported",
        ),
        ErrorKind::Authentication { .. } => (Failure::Denied, "authentication failed"),
        ErrorKind::BsonDeserialization(_) | ErrorKind::BsonSerialization(_) => {
            (Failure::Failed, "a document could not be decoded")
        }
        ErrorKind::InvalidResponse { .. } => (Failure::Failed, "invalid response"),
        _ => (Failure::Failed, "the driver reported an error"),
    };
    (failure, reason.to_owned())
}

fn locked(reasons: &Unreachable) -> std::sync::MutexGuard<'_, BTreeMap<String, (Failure, String)>> {
    reasons.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the error for an error response of a server, by its code and the code's name.
pub fn refused(url: &DatabaseUrl, code: i32, name: &str) -> Error {
    let name = identifier(name).to_owned();
    Error::new(url.clone(), failure_of(code)).with_source(ServerError { code, name })
}

fn failure_of(code: i32) -> Failure {
    match code {
        code if NOT_PRIMARY.contains(&code) => Failure::Unreachable,
        code if FULL.contains(&code) => Failure::Full,
        WRITES_BLOCKED => Failure::ReadOnly,
        // Unauthorized, AuthenticationFailed
        13 | 18 => Failure::Denied,
        _ => Failure::Failed,
    }
}

/// Converts a value to JSON. Values that JSON lacks become objects with the name of their type, also
/// `NaN` and infinite numbers, which must not become null: that may mean that something is unlimited.
pub fn to_json(value: Bson) -> Value {
    match value {
        Bson::Double(number) if !number.is_finite() => {
            let text = number.to_string().replace("inf", "Infinity");
            json!({ "$numberDouble": text })
        }
        Bson::Array(values) => values.into_iter().map(to_json).collect(),
        Bson::Document(fields) => fields
            .into_iter()
            .map(|(field, value)| (field, to_json(value)))
            .collect(),
        value => serde_json::to_value(value).unwrap_or_else(|_| json!({})),
    }
}

/// Returns whether a document with the same key exists.
pub fn is_duplicate_key(error: &DriverError) -> bool {
    has_code(error, DUPLICATE_KEY)
}

/// Returns whether the server reported this error code.
pub fn has_code(error: &DriverError, code: i32) -> bool {
    // The driver cannot read a message that quotes a document and cuts a character in two.
    let response = || error.server_response()?.get_i32("code").ok();
    let found = response_code(error).map(|(found, _)| found);
    found.or_else(response) == Some(code)
}
