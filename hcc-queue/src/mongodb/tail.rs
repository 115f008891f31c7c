//! Following a capped collection, whatever happens to it or to its server.
//!
//! A tailable cursor ends in many ways: the collection is empty, was dropped, or
//! has gone round; its server was killed, stands still, or is no primary any more.
//! All of them are met in one: whoever listens is told that there is a gap, and a
//! new cursor begins behind the newest message.

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

use super::capped::{Capped, Message};
use crate::{Received, Result, Subscription};

/// How long the server holds a question for news before it says that there are
/// none. It bounds the delay when a primary becomes a secondary, which is slow
/// to tell.
const WAIT: Duration = Duration::from_secs(1);

/// How long to wait for that answer: the driver would wait for ever.
const STALL: Duration = Duration::from_secs(3);

/// How many messages a listener may be behind.
const BUFFERED: usize = 1024;

/// The wait before a cursor is opened again, doubled while that fails.
const BACKOFF: Duration = Duration::from_millis(20);

/// The longest such wait.
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// The server's words for "this cursor is no more": it is not known, was overrun,
/// lost its collection, or was killed.
const ENDS: [i32; 4] = [43, 136, 175, 237];

/// Begins to listen.
pub(super) async fn listen<T: Message>(messages: Capped<T>) -> Result<Listener<T>> {
    let mailbox = Arc::new(Mailbox::default());
    let tail = Tail {
        election: messages.server.election(),
        messages,
        mailbox: Arc::downgrade(&mailbox),
    };
    let (cursor, documents) = tail.open().await?;
    tail.tell(documents);
    // A question to the driver must not be given up and asked again, as listeners
    // may do with theirs.
    tokio::spawn(tail.follow(cursor));
    Ok(Listener(mailbox))
}

/// One who listens.
#[derive(Debug)]
pub(super) struct Listener<T>(Arc<Mailbox<T>>);

#[async_trait]
impl<T: Message> Subscription<T> for Listener<T> {
    async fn next(&mut self) -> Result<Received<T>> {
        loop {
            let next = self.0.lock().pop_front();
            match next {
                Some(heard) => return heard,
                None => self.0.woken.notified().await,
            }
        }
    }
}

/// What a listener has yet to hear.
#[derive(Debug)]
struct Mailbox<T> {
    heard: Mutex<VecDeque<Result<Received<T>>>>,
    woken: Notify,
}

impl<T> Mailbox<T> {
    fn put(&self, heard: Result<Received<T>>) {
        let mut waiting = self.lock();
        if waiting.len() >= BUFFERED {
            waiting.clear();
            waiting.push_back(Ok(Received::Lagged));
        }
        waiting.push_back(heard);
        self.woken.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Result<Received<T>>>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self {
            heard: Mutex::default(),
            woken: Notify::new(),
        }
    }
}

/// What follows a collection for one listener, as long as there is one.
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

    /// Tells what comes, until the cursor ends or nobody listens.
    async fn forward(&mut self, mut cursor: RawBatchCursor) {
        self.election.mark_unchanged();
        loop {
            let batch = tokio::select! {
                batch = next(&mut cursor) => batch,
                // Here it goes on, but slowly, and another member is told more.
                _ = self.election.changed() => return,
            };
            let Ok(Some(Batch { documents, .. })) = batch else {
                return;
            };
            if !self.tell(documents) {
                return;
            }
        }
    }

    /// Opens another cursor, however long that takes; `None` if nobody listens.
    async fn reopen(&self) -> Option<RawBatchCursor> {
        let mut backoff = BACKOFF;
        loop {
            sleep(jittered(backoff)).await;
            backoff = MAX_BACKOFF.min(2 * backoff);
            let mailbox = self.mailbox.upgrade()?;
            match self.open().await {
                Ok((cursor, documents)) => {
                    mailbox.put(Ok(Received::Lagged));
                    self.tell(documents);
                    return Some(cursor);
                }
                Err(error) if error.is_retryable() => {}
                Err(error) => mailbox.put(Err(error)),
            }
        }
    }

    /// Opens a cursor behind the newest message; what came since then is read.
    async fn open(&self) -> Result<(RawBatchCursor, Vec<Document>)> {
        self.messages.make().await?;
        let server = &self.messages.server;
        let messages = self.messages.on(server.listening()?);
        let open = async {
            loop {
                match open(&messages).await {
                    Ok(Some(opened)) => return Ok(opened),
                    Err(error) if !is_end(&error) => return Err(error),
                    _ => {}
                }
                // A collection that is empty, or whose server has crashed, gives
                // no cursor that lives, until something is put there.
                messages.insert_one(doc! { T::FIELD: null }).await?;
            }
        };
        Ok(server.answer(open).await?)
    }

    /// Returns whether there is anybody to be told.
    fn tell(&self, documents: Vec<Document>) -> bool {
        let Some(mailbox) = self.mailbox.upgrade() else {
            return false;
        };
        for heard in documents.into_iter().filter_map(T::hear) {
            mailbox.put(Ok(heard));
        }
        true
    }
}

/// What the server says at a time.
struct Batch {
    documents: Vec<Document>,
    /// Whether there can be more.
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
        .max_await_time(WAIT)
        .batch()
        .await?;
    while let Some(mut batch) = next(&mut cursor).await? {
        if !batch.is_alive || batch.documents.is_empty() {
            break;
        }
        let mut documents = batch.documents.iter();
        if let Some(place) = documents.position(|document| is_same(document, &newest)) {
            let since = batch.documents.split_off(place + 1);
            return Ok(Some((cursor, since)));
        }
    }
    Ok(None)
}

/// Whether only the cursor has failed.
fn is_end(error: &mongodb::error::Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(refusal) if ENDS.contains(&refusal.code))
}

/// Ids are no order: those of two programs in one second are in any.
fn is_same(one: &Document, other: &Document) -> bool {
    one.get("_id") == other.get("_id")
}

async fn next(cursor: &mut RawBatchCursor) -> mongodb::error::Result<Option<Batch>> {
    let batch = timeout(STALL, cursor.next()).await;
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

/// Between half of a wait and all of it, so that not all come back at once.
fn jittered(wait: Duration) -> Duration {
    let random = getrandom::u32().expect("the system has random numbers");
    wait.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}
