//! Following a capped collection through failures of the collection and the server.
//!
//! A tailable cursor ends for many reasons: the collection is empty, was dropped, or has
//! overwritten its position; the server was killed, hangs, or is no longer primary. All are
//! handled in one way: a new cursor is opened behind the newest message, and the subscriber
//! receives `Lagged`.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ::mongodb::Collection;
use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Document, doc};
use ::mongodb::error::ErrorKind;
use ::mongodb::options::CursorType;
use ::mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use async_trait::async_trait;
use futures_util::StreamExt;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::capped::{Capped, Message};
use crate::{Received, Result, Subscription};

/// How long the server waits for new messages before it sends an empty batch. It bounds the
/// delay when a primary becomes a secondary, where new messages do not wake the cursor.
const MAX_AWAIT: Duration = Duration::from_secs(1);

/// The timeout for that batch: the driver has none.
const BATCH_TIMEOUT: Duration = Duration::from_secs(3);

/// How many messages are kept for a slow subscriber.
const CHANNEL_CAPACITY: usize = 1024;

/// The delay before a cursor is reopened, doubled after each failure.
const MIN_BACKOFF: Duration = Duration::from_millis(20);

/// The maximum of that delay.
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// The server's error codes for the end of a cursor: `CursorNotFound`,
/// `CappedPositionLost`, `QueryPlanKilled` and `CursorKilled`.
const CURSOR_ENDED: [i32; 4] = [43, 136, 175, 237];

/// Subscribes to a collection.
pub(super) async fn subscribe<T: Message>(messages: Capped<T>) -> Result<Subscriber<T>> {
    let mailbox = Arc::new(Mailbox::default());
    let tail = Tail {
        election: messages.server.election(),
        messages,
        mailbox: Arc::downgrade(&mailbox),
    };
    let (cursor, documents) = tail.open().await?;
    tail.deliver(documents);
    // Futures of the driver must not be dropped, but those of a subscription may be, so the
    // cursor is polled by a task.
    tokio::spawn(tail.follow(cursor));
    Ok(Subscriber(mailbox))
}

/// A subscription.
#[derive(Debug)]
pub(super) struct Subscriber<T>(Arc<Mailbox<T>>);

#[async_trait]
impl<T: Message> Subscription<T> for Subscriber<T> {
    async fn next(&mut self) -> Result<Received<T>> {
        loop {
            let next = self.0.lock().pop_front();
            match next {
                Some(received) => return received,
                None => self.0.woken.notified().await,
            }
        }
    }
}

/// The items that a subscriber has not received yet.
#[derive(Debug)]
struct Mailbox<T> {
    items: Mutex<VecDeque<Result<Received<T>>>>,
    woken: Notify,
}

impl<T> Mailbox<T> {
    fn put(&self, item: Result<Received<T>>) {
        let mut items = self.lock();
        if items.len() >= CHANNEL_CAPACITY {
            debug!(dropped = items.len(), "subscriber lagged");
            items.clear();
            items.push_back(Ok(Received::Lagged));
        }
        items.push_back(item);
        self.woken.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Result<Received<T>>>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self {
            items: Mutex::default(),
            woken: Notify::new(),
        }
    }
}

/// Follows a collection for one subscriber, until that is dropped.
struct Tail<T> {
    messages: Capped<T>,
    election: watch::Receiver<Option<ObjectId>>,
    mailbox: Weak<Mailbox<T>>,
}

impl<T: Message> Tail<T> {
    async fn follow(mut self, mut cursor: RawBatchCursor) {
        loop {
            self.forward(cursor).await;
            match self.reopen().await {
                Some(opened) => cursor = opened,
                None => return,
            }
        }
    }

    /// Delivers messages until the cursor ends or the subscriber is gone.
    async fn forward(&mut self, mut cursor: RawBatchCursor) {
        self.election.mark_unchanged();
        loop {
            let batch = tokio::select! {
                batch = next(&mut cursor) => batch,
                // The cursor goes on, but on a secondary, which is late.
                _ = self.election.changed() => return,
            };
            let Ok(Some(Batch { documents, .. })) = batch else {
                return;
            };
            if !self.deliver(documents) {
                return;
            }
        }
    }

    /// Opens another cursor, and retries until it succeeds; `None` if the subscriber is gone.
    async fn reopen(&self) -> Option<RawBatchCursor> {
        let mut backoff = MIN_BACKOFF;
        loop {
            sleep(jittered(backoff)).await;
            backoff = MAX_BACKOFF.min(2 * backoff);
            let mailbox = self.mailbox.upgrade()?;
            match self.open().await {
                Ok((cursor, documents)) => {
                    debug!(queue = %self.messages.server.url(), "cursor reopened");
                    mailbox.put(Ok(Received::Lagged));
                    self.deliver(documents);
                    return Some(cursor);
                }
                Err(error) if error.is_retryable() => {
                    let error = &error as &dyn std::error::Error;
                    debug!(error, "cursor not reopened");
                }
                Err(error) => mailbox.put(Err(error)),
            }
        }
    }

    /// Opens a cursor behind the newest message, and returns the messages after that.
    async fn open(&self) -> Result<(RawBatchCursor, Vec<Document>)> {
        self.messages.ensure().await?;
        let server = &self.messages.server;
        let messages = self.messages.on(server.listening()?);
        let open = async {
            loop {
                match open(&messages).await {
                    Ok(Some(opened)) => return Ok(opened),
                    Err(error) if !is_cursor_end(&error) => return Err(error),
                    _ => {}
                }
                // On an empty collection, or after a crash of the server, cursors end at once
                // until a document is inserted.
                messages.insert_one(doc! { T::FIELD: null }).await?;
            }
        };
        Ok(server.answer(open).await?)
    }

    /// Returns false if the subscriber is gone.
    fn deliver(&self, documents: Vec<Document>) -> bool {
        let Some(mailbox) = self.mailbox.upgrade() else {
            return false;
        };
        for received in documents.into_iter().filter_map(T::received) {
            mailbox.put(Ok(received));
        }
        true
    }
}

/// One reply of the server.
struct Batch {
    documents: Vec<Document>,
    /// Whether the cursor can return more.
    is_alive: bool,
}

async fn open(
    messages: &Collection<Document>,
) -> mongodb::error::Result<Option<(RawBatchCursor, Vec<Document>)>> {
    let newest = messages.find_one(doc! {}).sort(doc! { "$natural": -1 });
    let Some(newest) = newest.await? else {
        return Ok(None);
    };
    let mut cursor = messages
        .find(doc! {})
        .cursor_type(CursorType::TailableAwait)
        .max_await_time(MAX_AWAIT)
        .batch()
        .await?;
    while let Some(mut batch) = next(&mut cursor).await? {
        if !batch.is_alive || batch.documents.is_empty() {
            break;
        }
        let mut documents = batch.documents.iter();
        if let Some(position) = documents.position(|document| is_same(document, &newest)) {
            let since = batch.documents.split_off(position + 1);
            return Ok(Some((cursor, since)));
        }
    }
    Ok(None)
}

/// Whether only the cursor has ended.
fn is_cursor_end(error: &mongodb::error::Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(refusal) if CURSOR_ENDED.contains(&refusal.code))
}

/// Ids are compared for equality only: those of two programs are not ordered.
fn is_same(one: &Document, other: &Document) -> bool {
    one.get("_id") == other.get("_id")
}

async fn next(cursor: &mut RawBatchCursor) -> mongodb::error::Result<Option<Batch>> {
    let batch = timeout(BATCH_TIMEOUT, cursor.next()).await;
    let batch = batch.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
    batch.map(|batch| read(&batch?)).transpose()
}

fn read(batch: &RawBatch) -> mongodb::error::Result<Batch> {
    let mut documents = Vec::new();
    for document in batch.doc_slices()? {
        if let Some(document) = document?.as_document() {
            documents.push(document.try_into()?);
        }
    }
    let cursor = batch.as_raw_document().get_document("cursor")?;
    Ok(Batch {
        documents,
        is_alive: cursor.get_i64("id")? != 0,
    })
}

/// Half to all of a delay, so that subscribers do not reconnect at the same time.
fn jittered(delay: Duration) -> Duration {
    let random = getrandom::u32().expect("the system has a random number generator");
    delay.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}
