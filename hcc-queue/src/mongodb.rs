//! Commands, signals and events in MongoDB, side by side with programs that know only the documents.

mod candidates;
mod capped;
mod commands;
mod document;
mod tail;

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::error::{ErrorKind, WriteFailure};
use ::mongodb::event::EventHandler;
use ::mongodb::event::sdam::SdamEvent;
use ::mongodb::options::{Acknowledgment, ClientOptions};
use ::mongodb::{Client, Database};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use self::capped::Capped;
use self::commands::Documents;
use crate::url::Place;
use crate::{BoxError, Collections, Error, Queue, QueueUrl, RawEvent, Result};

/// How long to look for a server that answers, unless the URL says so.
const SELECTION: Duration = Duration::from_secs(5);

/// How long to wait for an answer; the driver itself would wait for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait for the answer of a primary that was replaced.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The server's word for what it cannot make use of.
const BAD_VALUE: i32 = 2;

/// The server's word for "there is one already".
const DUPLICATE_KEY: i32 = 11000;

/// The server's word for "this is no number".
const TYPE_MISMATCH: i32 = 14;

/// The server's word for "you may not".
const UNAUTHORIZED: i32 = 13;

/// The server's words for "ask another one, or me again soon": it is no
/// primary any more, not yet, or shuts down.
const NOT_NOW: [i32; 6] = [91, 189, 10107, 11600, 11602, 13435];

/// Commands, signals and events in collections of MongoDB, for any number of machines.
///
/// Commands are journalled, and held by the majority of a replica set, unless
/// the URL says otherwise.
#[derive(Clone, Debug)]
pub struct Mongodb {
    server: Server,
    collections: Collections,
}

impl Mongodb {
    /// The queue in these collections; the first call looks for the server.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedUrl`] if the driver does not understand the URL, and
    /// [`Error::Unreachable`] if it names servers by DNS, which does not answer.
    pub async fn new(url: &QueueUrl, collections: Collections) -> Result<Self> {
        Ok(Self {
            server: Server::new(url).await?,
            collections,
        })
    }

    /// The commands with the signals and events beside them.
    ///
    /// Each subscription keeps a connection.
    pub fn queue(&self) -> Queue {
        let Collections {
            commands,
            signals,
            events,
            signal_bytes,
        } = &self.collections;
        Queue::new(
            Arc::new(Documents::new(&self.server, commands)),
            Arc::new(Capped::<String>::new(&self.server, signals, *signal_bytes)),
            Arc::new(Capped::<RawEvent>::new(&self.server, events, *signal_bytes)),
        )
    }
}

/// A server, or a set of them, and the database there.
#[derive(Clone)]
struct Server {
    url: QueueUrl,
    options: ClientOptions,
    database: Database,
    /// By connections of their own for those who listen: one of these is in use all
    /// the time, and would keep others from theirs.
    listening: Arc<OnceLock<Database>>,
    /// Changes when another member of a replica set becomes primary.
    election: watch::Receiver<Option<ObjectId>>,
}

impl Server {
    async fn new(url: &QueueUrl) -> Result<Self> {
        let Place::Mongodb(text) = &url.0 else {
            return Err(Error::MalformedUrl { queue: url.clone() });
        };
        let parsed = timeout(PATIENCE, ClientOptions::parse(text));
        let parsed = parsed.await.unwrap_or_else(|_| Err(no_answer()));
        let mut options = parsed.map_err(|error| refused(url, error))?;
        options.app_name.get_or_insert_with(|| "hcc".to_owned());
        options.server_selection_timeout.get_or_insert(SELECTION);
        options.connect_timeout.get_or_insert(SELECTION);
        let concern = options.write_concern.get_or_insert_default();
        concern.w.get_or_insert(Acknowledgment::Majority);
        concern.journal.get_or_insert(true);
        // What others have written a moment ago must be seen.
        options.selection_criteria = None;
        let (elected, election) = watch::channel(None);
        options.sdam_event_handler = Some(EventHandler::callback(move |event| {
            if let SdamEvent::TopologyDescriptionChanged(event) = event {
                note_election(&elected, event.new_description.max_election_id());
            }
        }));
        Ok(Self {
            url: url.clone(),
            database: connect(&options).map_err(|error| refused(url, error))?,
            options,
            listening: Arc::default(),
            election,
        })
    }

    fn listening(&self) -> Result<&Database> {
        if let Some(database) = self.listening.get() {
            return Ok(database);
        }
        let mut options = self.options.clone();
        options.max_pool_size = Some(u32::MAX);
        let database = connect(&options).map_err(|error| self.error(error))?;
        Ok(self.listening.get_or_init(|| database))
    }

    /// The answer to a call.
    async fn answer<T>(
        &self,
        call: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<T> {
        self.bounded(call).await.map_err(|error| self.error(error))
    }

    /// Bounds the wait for an answer, more so from whom another member has
    /// replaced as primary: it may stand still, and will not be asked again.
    async fn bounded<T>(
        &self,
        call: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> mongodb::error::Result<T> {
        let mut election = self.election.clone();
        election.mark_unchanged();
        let replaced = async {
            // It changes as long as there are clients, one of which we have.
            let _ = election.changed().await;
            sleep(LAST_WORD).await;
        };
        tokio::select! {
            biased;
            answer = call.into_future() => answer,
            () = replaced => Err(no_answer()),
            () = sleep(PATIENCE) => Err(no_answer()),
        }
    }

    fn error(&self, error: impl Into<mongodb::error::Error>) -> Error {
        failure(&self.url, error.into())
    }
}

fn connect(options: &ClientOptions) -> mongodb::error::Result<Database> {
    let name = options.default_database.as_deref().unwrap_or("hetzner");
    Ok(Client::with_options(options.clone())?.database(name))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url)
    }
}

/// What the driver's error means for the caller.
fn failure(url: &QueueUrl, error: mongodb::error::Error) -> Error {
    let kind: fn(QueueUrl, BoxError) -> Error = match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. } => |queue, source| Error::Unreachable { queue, source },
        ErrorKind::Command(refusal) if NOT_NOW.contains(&refusal.code) => {
            |queue, source| Error::Unreachable { queue, source }
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(refusal))
            if NOT_NOW.contains(&refusal.code) =>
        {
            |queue, source| Error::Unreachable { queue, source }
        }
        ErrorKind::Command(refusal) if refusal.code == UNAUTHORIZED => {
            |queue, source| Error::Denied { queue, source }
        }
        ErrorKind::Authentication { .. } => |queue, source| Error::Denied { queue, source },
        _ => |queue, source| Error::Failed { queue, source },
    };
    kind(url.clone(), error.into())
}

/// Why a URL leads nowhere.
fn refused(url: &QueueUrl, error: mongodb::error::Error) -> Error {
    match *error.kind {
        // The driver's message may repeat a part of the password.
        ErrorKind::InvalidArgument { .. } => Error::MalformedUrl { queue: url.clone() },
        _ => failure(url, error),
    }
}

/// Tells of a newer primary than the one that was known; the first is no news.
fn note_election(elected: &watch::Sender<Option<ObjectId>>, newest: Option<ObjectId>) {
    elected.send_if_modified(|known| {
        let is_news = known.is_some() && newest > *known;
        *known = newest.max(*known);
        is_news
    });
}

fn no_answer() -> mongodb::error::Error {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

/// Whether a field holds nothing that could be counted up.
fn is_type_mismatch(error: &mongodb::error::Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(error) if error.code == TYPE_MISMATCH)
}

/// Whether a hint names an index that is not there.
fn is_missing_index(error: &mongodb::error::Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(error) if error.code == BAD_VALUE)
}

fn is_duplicate_key(error: &mongodb::error::Error) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE_KEY,
        ErrorKind::Command(error) => error.code == DUPLICATE_KEY,
        _ => false,
    }
}
