//! Signals and events.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use hcc_queue::{Channel, Received, Result, Subscription};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::file::JsonFile;

/// How many messages are kept, also for slow subscribers.
const CAPACITY: usize = 256;

/// The newest messages in a JSON file; the system tells subscribers when it changes.
#[derive(Debug)]
pub struct JsonChannel<T>(Arc<JsonFile<Log<T>>>);

#[derive(Deserialize, Serialize)]
struct Log<T> {
    /// The number of messages before the first of those that are kept.
    begin: usize,
    /// The oldest first.
    messages: Vec<T>,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self {
            begin: 0,
            messages: Vec::new(),
        }
    }
}

impl<T> Log<T> {
    fn end(&self) -> usize {
        self.begin + self.messages.len()
    }
}

/// What messages are.
pub trait Message: Clone + Debug + DeserializeOwned + Serialize + Send + Sync + 'static {}

impl<T: Clone + Debug + DeserializeOwned + Serialize + Send + Sync + 'static> Message for T {}

impl<T: Message> JsonChannel<T> {
    /// Creates a channel in a directory; its first use creates the file.
    pub fn new(directory: &Path, name: &str) -> Self {
        Self(Arc::new(JsonFile::new(directory, name).not_durable()))
    }
}

#[async_trait]
impl<T: Message> Channel<T> for JsonChannel<T> {
    async fn init(&self) -> Result<()> {
        Ok(self.0.change(|_| ()).await?)
    }

    async fn send(&self, message: &T) -> Result<()> {
        let message = message.clone();
        let sent = self.0.change(|log| {
            log.messages.push(message);
            let surplus = log.messages.len().saturating_sub(CAPACITY);
            log.messages.drain(..surplus);
            log.begin += surplus;
        });
        Ok(sent.await?)
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<T>>> {
        self.init().await?;
        let changed = Arc::new(Notify::new());
        let watcher = watch(self.0.path(), changed.clone());
        let watcher = watcher.map_err(|error| self.0.error(&error))?;
        Ok(Box::new(JsonSubscription {
            next: self.0.read().await?.end(),
            file: self.0.clone(),
            changed,
            _watcher: watcher,
        }))
    }

    async fn recent(&self) -> Result<Vec<T>> {
        Ok(self.0.read().await?.messages)
    }
}

/// Notifies of each replacement of a file.
fn watch(path: &Path, changed: Arc<Notify>) -> io::Result<RecommendedWatcher> {
    let name = path.file_name().map(ToOwned::to_owned);
    let is_it = move |path: &std::path::PathBuf| path.file_name() == name.as_deref();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // After an error, changes may have been missed.
        if event.map_or(true, |event| {
            event.need_rescan() || event.paths.iter().any(&is_it)
        }) {
            changed.notify_one();
        }
    })
    .map_err(io::Error::other)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let watching = watcher.watch(directory, RecursiveMode::NonRecursive);
    watching.map_err(io::Error::other)?;
    Ok(watcher)
}

struct JsonSubscription<T> {
    file: Arc<JsonFile<Log<T>>>,
    /// The number of the next message.
    next: usize,
    changed: Arc<Notify>,
    _watcher: RecommendedWatcher,
}

#[async_trait]
impl<T: Message> Subscription<T> for JsonSubscription<T> {
    async fn next(&mut self) -> Result<Received<T>> {
        loop {
            let log = self.file.read().await?;
            if !(log.begin..=log.end()).contains(&self.next) {
                self.next = log.begin;
                return Ok(Received::Lagged);
            }
            if let Some(message) = log.messages.get(self.next - log.begin) {
                self.next += 1;
                return Ok(Received::Message(message.clone()));
            }
            self.changed.notified().await;
        }
    }
}
