//! Commands, signals and events in MongoDB, side by side with programs that know only the documents.

mod capped;
mod commands;
mod document;
mod tail;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::error::{ErrorKind, WriteFailure};
use ::mongodb::event::EventHandler;
use ::mongodb::event::sdam::SdamEvent;
use ::mongodb::options::{Acknowledgment, ClientOptions};
use ::mongodb::{Client, Database};
use tokio::sync::{OnceCell, watch};
use tokio::time::timeout;

use self::capped::Capped;
use self::commands::Documents;
use crate::url::Place;
use crate::{Cause, Collections, Error, Event, Queue, QueueUrl, Result};

/// How long to look for a server that answers, unless the URL says so.
const SELECTION: Duration = Duration::from_secs(5);

/// How long to wait for an answer; the driver itself would wait for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// The server's word for "there is one already".
const DUPLICATE_KEY: i32 = 11000;

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
            Arc::new(Capped::<Event>::new(&self.server, events, *signal_bytes)),
        )
    }
}

/// A server, or a set of them, and the database there.
#[derive(Clone)]
struct Server {
    url: QueueUrl,
    options: ClientOptions,
    database: Database,
    listening: Arc<OnceCell<Listening>>,
}

/// Connections of their own for those who listen: one of these is in use all the
/// time, and would keep others from theirs.
struct Listening {
    database: Database,
    /// Changes when another member of a replica set becomes primary.
    election: watch::Receiver<Option<ObjectId>>,
}

impl Server {
    async fn new(url: &QueueUrl) -> Result<Self> {
        let Place::Mongodb(text) = &url.0 else {
            return Err(Error::MalformedUrl { queue: url.clone() });
        };
        let mut options = answer(ClientOptions::parse(text))
            .await
            .map_err(|error| refused(url, error))?;
        options.app_name.get_or_insert_with(|| "hcc".to_owned());
        options.server_selection_timeout.get_or_insert(SELECTION);
        options.connect_timeout.get_or_insert(SELECTION);
        let concern = options.write_concern.get_or_insert_default();
        concern.w.get_or_insert(Acknowledgment::Majority);
        concern.journal.get_or_insert(true);
        // What others have written a moment ago must be seen.
        options.selection_criteria = None;
        Ok(Self {
            url: url.clone(),
            database: connect(&options).map_err(|error| refused(url, error))?,
            options,
            listening: Arc::default(),
        })
    }

    async fn listening(&self) -> Result<&Listening> {
        let connect = async || {
            let (elected, election) = watch::channel(None);
            let mut options = self.options.clone();
            options.max_pool_size = Some(u32::MAX);
            options.sdam_event_handler = Some(EventHandler::callback(move |event| {
                if let SdamEvent::TopologyDescriptionChanged(event) = event
                    && let Some(newest) = event.new_description.max_election_id()
                {
                    elected.send_if_modified(|known| known.replace(newest) != Some(newest));
                }
            }));
            let database = connect(&options).map_err(|error| self.error(error))?;
            Ok(Listening { database, election })
        };
        self.listening.get_or_try_init(connect).await
    }

    fn error(&self, error: mongodb::error::Error) -> Error {
        failure(&self.url, error)
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
    let kind: fn(QueueUrl, Cause) -> Error = match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. } => |queue, source| Error::Unreachable { queue, source },
        ErrorKind::Command(refusal) if NOT_NOW.contains(&refusal.code) => {
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

/// Bounds the wait for an answer.
async fn answer<T>(
    call: impl IntoFuture<Output = mongodb::error::Result<T>>,
) -> mongodb::error::Result<T> {
    timeout(PATIENCE, call)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

fn is_duplicate_key(error: &mongodb::error::Error) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE_KEY,
        ErrorKind::Command(error) => error.code == DUPLICATE_KEY,
        _ => false,
    }
}
