//! Messages in a file beside the database: one JSON text a line.
//!
//! Senders append, and whoever listens is woken by the system when they have. A
//! message needs no commit, and a program in any language can send one:
//! `echo '"cmd"' >> queue.db-live/msg`. A file that has become long is replaced
//! by an empty one.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use hcc_database::sqlite::{create_directory, create_file, open_or_create};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::file::folder;
use super::watch::Watch;
use crate::{
    BoxError, Channel, DatabaseError, Error, Failure, QueueUrl, Received, Result, Subscription,
};

/// How long a file may become before it is replaced, in bytes.
const ROOM: u64 = 100_000;

/// A channel whose messages go through a file.
#[derive(Debug)]
pub(super) struct Log<T> {
    queue: QueueUrl,
    path: PathBuf,
    patience: Duration,
    /// Kept from one message to the next.
    file: Mutex<Option<File>>,
    messages: PhantomData<fn() -> T>,
}

impl<T> Log<T> {
    /// The channel of this name beside a database.
    pub(super) fn new(database: &Path, name: &str, patience: Duration) -> Self {
        Self {
            queue: QueueUrl::sqlite(database),
            path: folder(database).join(name),
            patience,
            file: Mutex::default(),
            messages: PhantomData,
        }
    }

    /// Adds a line unless others are at it: a few bytes for the system's memory, so that no
    /// thread of its own is worth it.
    fn append_now(&self, line: &[u8]) -> io::Result<()> {
        let mut file = self
            .file
            .try_lock()
            .map_err(|_| io::ErrorKind::WouldBlock)?;
        append(&mut file, &self.path, line, |file| Ok(file.try_lock()?))
    }
}

#[async_trait]
impl<T> Channel<T> for Log<T>
where
    T: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    async fn send(&self, message: &T) -> Result<()> {
        let mut line = serde_json::to_vec(message).expect("messages are texts or have text keys");
        line.push(b'\n');
        match self.append_now(&line) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            appended => return appended.map_err(|error| failed(&self.queue, error)),
        }
        let path = self.path.clone();
        let appended = spawn_blocking(move || append(&mut None, &path, &line, File::lock));
        match timeout(self.patience, appended).await {
            Ok(Ok(appended)) => appended.map_err(|error| failed(&self.queue, error)),
            Ok(Err(stopped)) => resume_unwind(stopped.into_panic()),
            Err(_) => Err(DatabaseError::new(self.queue.clone(), Failure::Busy).into()),
        }
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<T>>> {
        let (queue, path) = (self.queue.clone(), self.path.clone());
        let tail = spawn_blocking(move || Tail::new(queue, path))
            .await
            .unwrap_or_else(|stopped| resume_unwind(stopped.into_panic()))?;
        Ok(Box::new(tail))
    }
}

/// Adds a line, in one piece, to the file that is there then.
fn append(
    kept: &mut Option<File>,
    path: &Path,
    line: &[u8],
    lock: fn(&File) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let mut file = match kept.take() {
            Some(file) => file,
            None => open(path)?,
        };
        // Unlocked at the latest when it is closed.
        lock(&file)?;
        let about = file.metadata()?;
        if !leads_to(path, &about)? {
            continue;
        }
        if about.len() < ROOM {
            file.write_all(line)?;
            file.unlock()?;
            *kept = Some(file);
            return Ok(());
        }
        replace(path)?;
    }
}

/// Puts an empty file in the place of one that the caller has locked.
fn replace(path: &Path) -> io::Result<()> {
    let empty = path.with_extension("new");
    match fs::remove_file(&empty) {
        // What a process left that was killed may be another user's.
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => create_file(&empty)?,
    }
    fs::rename(empty, path)
}

/// Opens the file to read and append, making it and its folder if they are missing.
fn open(path: &Path) -> io::Result<File> {
    match open_or_create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_directory(path.parent().expect("the path has a folder and a name"))?;
            open_or_create(path)
        }
        opened => opened,
    }
}

/// Whether the path still leads to this file.
///
/// An open file keeps its identity from being used again.
fn leads_to(path: &Path, file: &Metadata) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(there) => Ok(identity(&there) == identity(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn identity(file: &Metadata) -> impl PartialEq + use<> {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}

#[cfg(not(unix))]
fn identity(file: &Metadata) -> impl PartialEq + use<> {
    file.created().ok()
}

/// One who listens.
struct Tail<T> {
    queue: QueueUrl,
    path: PathBuf,
    file: File,
    /// The beginning of a line whose end is not written yet.
    begun: Vec<u8>,
    heard: VecDeque<Received<T>>,
    watch: Watch,
    /// Whether there may have been a change since the last read.
    is_behind: bool,
}

impl<T: DeserializeOwned> Tail<T> {
    fn new(queue: QueueUrl, path: PathBuf) -> Result<Self> {
        let begin = || {
            let mut watch = Watch::new()?;
            let mut file = open_watched(&path, &mut watch)?;
            file.seek(SeekFrom::End(0))?;
            Ok((watch, file))
        };
        let (watch, file) = begin().map_err(|error: io::Error| failed(&queue, error))?;
        Ok(Self {
            queue,
            path,
            file,
            begun: Vec::new(),
            heard: VecDeque::new(),
            watch,
            is_behind: true,
        })
    }

    /// Reads what has come: a few KiB that are still in the system's memory, so
    /// that no thread of its own is worth it.
    fn read(&mut self) -> io::Result<()> {
        // Asked first: what is not current any more does not grow while it is read.
        while !leads_to(&self.path, &self.file.metadata()?)? {
            self.read_lines()?;
            let next = open_watched(&self.path, &mut self.watch)?;
            self.heard.push_back(Received::Lagged);
            self.file = next;
            self.begun.clear();
        }
        self.read_lines()
    }

    fn read_lines(&mut self) -> io::Result<()> {
        self.file.read_to_end(&mut self.begun)?;
        let Some(end) = self.begun.iter().rposition(|&byte| byte == b'\n') else {
            return Ok(());
        };
        let rest = self.begun.split_off(end + 1);
        let lines = self.begun.split(|&byte| byte == b'\n');
        self.heard.extend(
            lines
                .filter(|line| !line.is_empty())
                // What is not understood may have been meant for us.
                .map(|line| {
                    serde_json::from_slice(line).map_or(Received::Lagged, Received::Message)
                }),
        );
        self.begun = rest;
        Ok(())
    }
}

/// Opens the file, and watches the folder that it is in.
fn open_watched(path: &Path, watch: &mut Watch) -> io::Result<File> {
    let folder = path.parent().expect("the path has a folder and a name");
    create_directory(folder)?;
    // It may be another one than that of the last time.
    watch.watch(folder)?;
    open(path)
}

#[async_trait]
impl<T: DeserializeOwned + Send> Subscription<T> for Tail<T> {
    async fn next(&mut self) -> Result<Received<T>> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Ok(heard);
            }
            if !self.is_behind {
                let changed = self.watch.changed().await;
                changed.map_err(|error| failed(&self.queue, error))?;
                self.is_behind = true;
            }
            self.read().map_err(|error| failed(&self.queue, error))?;
            self.is_behind = false;
        }
    }
}

fn failed(queue: &QueueUrl, source: impl Into<BoxError>) -> Error {
    DatabaseError::new(queue.clone(), Failure::Failed)
        .with_source(source)
        .into()
}
