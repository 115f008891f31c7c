//! Messages in a Redis stream: a subscriber reads on from the last entry that it has read.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::server::{Connection, RESPONSE_TIMEOUT, Server};
use crate::{Channel, RawEvent, Received, Result, Subscription};

/// How long a read blocks before it is repeated, so that a dead connection or a deleted
/// stream is noticed.
const BLOCK_TIME: Duration = Duration::from_secs(5);

/// A message of a stream, in a field with the stream's name.
pub(super) trait Message: Debug + Send + Sync + Sized + 'static {
    const STREAM: &'static str;

    fn to_text(&self) -> String;

    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Message for String {
    const STREAM: &'static str = "msg";

    fn to_text(&self) -> String {
        self.clone()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_utf8_lossy(bytes).into_owned())
    }
}

impl Message for RawEvent {
    const STREAM: &'static str = "evt";

    fn to_text(&self) -> String {
        serde_json::to_string(self).expect("its keys are strings")
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// The streams of a server.
#[derive(Clone, Debug)]
pub(super) struct Streams(Arc<Server>);

impl Streams {
    pub(super) fn new(server: &Arc<Server>) -> Self {
        Self(Arc::clone(server))
    }
}

#[async_trait]
impl<T: Message> Channel<T> for Streams {
    async fn send(&self, message: &T) -> Result<()> {
        self.0.call("send", (T::STREAM, message.to_text())).await
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<T>>> {
        let position = Position {
            server: Arc::clone(&self.0),
            connection: Some(self.0.connection().await?),
            stream: T::STREAM,
            last: self.0.call("newest", T::STREAM).await?,
        };
        Ok(Box::new(Subscriber {
            received: VecDeque::new(),
            reading: Box::pin(position.read()),
        }))
    }

    async fn recent(&self) -> Result<Vec<T>> {
        let read = Read {
            entries: self.0.call("recent", T::STREAM).await?,
            lagged: false,
        };
        let received = read.received();
        Ok(received
            .filter_map(|received| match received {
                Received::Message(message) => Some(message),
                Received::Lagged => None,
            })
            .collect())
    }
}

/// A subscription.
struct Subscriber<T> {
    received: VecDeque<Received<T>>,
    /// Kept when a wait is cancelled, as the request has been sent.
    reading: Pin<Box<dyn Future<Output = (Position, Result<Read>)> + Send>>,
}

#[async_trait]
impl<T: Message> Subscription<T> for Subscriber<T> {
    async fn next(&mut self) -> Result<Received<T>> {
        loop {
            if let Some(received) = self.received.pop_front() {
                return Ok(received);
            }
            let (position, read) = self.reading.as_mut().await;
            self.reading = Box::pin(position.read());
            self.received.extend(read?.received());
        }
    }
}

/// A position in a stream.
struct Position {
    server: Arc<Server>,
    connection: Option<Connection>,
    stream: &'static str,
    /// The entry that was read last. Entries are trimmed in order, so none after it is missing
    /// while it exists.
    last: String,
}

/// The id, and alternating names and values.
type Entry = (String, Vec<Vec<u8>>);

/// The new entries of each stream, if any, and the entry that was read last.
type Reply = (Option<Vec<(String, Vec<Entry>)>>, Vec<Entry>);

/// The result of a read.
struct Read {
    entries: Vec<Entry>,
    /// Whether entries before these are missing.
    lagged: bool,
}

impl Position {
    /// Waits for entries, and retries for a while if the server is unreachable.
    async fn read(mut self) -> (Self, Result<Read>) {
        let mut backoff = Duration::from_millis(20);
        let mut end = None;
        loop {
            let read = self.try_read().await;
            match read {
                Err(error) if error.is_retryable() => {
                    self.connection = None;
                    let end = *end.get_or_insert_with(|| Instant::now() + RESPONSE_TIMEOUT);
                    if Instant::now() + backoff > end {
                        return (self, Err(error));
                    }
                    debug!(stream = self.stream, "reconnecting");
                    sleep(backoff).await;
                    backoff *= 2;
                }
                Ok(read) if read.entries.is_empty() && !read.lagged => end = None,
                read => return (self, read),
            }
        }
    }

    async fn try_read(&mut self) -> Result<Read> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.server.connection().await?),
        };
        let reply = connection.read(self.stream, &self.last, BLOCK_TIME).await;
        let (new, last): Reply = reply.map_err(|fault| self.server.error(fault))?;
        let read = Read {
            entries: new.into_iter().flatten().flat_map(|(_, new)| new).collect(),
            lagged: last.is_empty(),
        };
        match read.entries.last() {
            Some((newest, _)) => self.last.clone_from(newest),
            None if read.lagged => self.last = self.server.call("newest", self.stream).await?,
            None => {}
        }
        Ok(read)
    }
}

impl Read {
    fn received<T: Message>(self) -> impl Iterator<Item = Received<T>> {
        let lagged = self.lagged.then_some(Received::Lagged);
        let entries = self.entries.into_iter();
        lagged.into_iter().chain(entries.filter_map(|(_, fields)| {
            let mut fields = fields.chunks_exact(2);
            let field = fields.find(|field| field[0] == T::STREAM.as_bytes())?;
            // An unreadable message may have been meant for this subscriber.
            Some(T::from_bytes(&field[1]).map_or(Received::Lagged, Received::Message))
        }))
    }
}
