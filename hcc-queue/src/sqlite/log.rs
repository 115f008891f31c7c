//! Messages in a file next to the database, one JSON value per line.
//!
//! Senders append, and subscribers are woken by the file system. A message needs no commit,
//! and a program in any language can send one: `echo '"cmd"' >> queue.db-live/msg`. A file
//! that has become too long is replaced by an empty one, by a sender, or by a subscriber if only
//! other programs send.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use hcc_database::sqlite::{create_directory, create_file, lock, open_or_create, try_lock, unlock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::file::directory;
use super::watch::Watch;
use crate::{
    BoxError, Channel, DatabaseError, Error, Failure, QueueUrl, Received, Result, Subscription,
};

/// The size in bytes from which a line, as only another program can write it, is skipped.
const MAX_LINE: usize = 1 << 20;

/// The number of bytes to read at once.
const CHUNK: u64 = 1 << 16;

/// A channel through a file.
#[derive(Debug)]
pub(super) struct Log<T> {
    queue: QueueUrl,
    path: PathBuf,
    timeout: Duration,
    /// The size in bytes from which the file is replaced.
    max_bytes: u64,
    /// Kept from one message to the next.
    file: Mutex<Option<File>>,
    messages: PhantomData<fn() -> T>,
}

impl<T> Log<T> {
    /// Creates the channel of this name next to a database.
    pub(super) fn new(database: &Path, name: &str, timeout: Duration, max_bytes: u64) -> Self {
        Self {
            queue: QueueUrl::sqlite(database),
            path: directory(database).join(name),
            timeout,
            max_bytes,
            file: Mutex::default(),
            messages: PhantomData,
        }
    }

    /// Appends a line if the file is not locked. This writes a few bytes to the page cache,
    /// so it is not moved to a blocking thread.
    fn append_now(&self, line: &[u8]) -> io::Result<()> {
        let mut file = self
            .file
            .try_lock()
            .map_err(|_| io::ErrorKind::WouldBlock)?;
        append(
            &mut file,
            &self.path,
            line,
            self.max_bytes,
            |file| match try_lock(file)? {
                true => Ok(()),
                false => Err(io::ErrorKind::WouldBlock.into()),
            },
        )
    }
}

#[async_trait]
impl<T> Channel<T> for Log<T>
where
    T: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    async fn init(&self) -> Result<()> {
        let path = self.path.clone();
        let opened = spawn_blocking(move || open(&path).map(drop)).await;
        let opened = opened.unwrap_or_else(|stopped| resume_unwind(stopped.into_panic()));
        opened.map_err(|error| failed(&self.queue, error))
    }

    async fn send(&self, message: &T) -> Result<()> {
        let mut line =
            serde_json::to_vec(message).expect("messages are strings or have string keys");
        line.push(b'\n');
        match self.append_now(&line) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            appended => return appended.map_err(|error| failed(&self.queue, error)),
        }
        let (path, max_bytes) = (self.path.clone(), self.max_bytes);
        let appended = spawn_blocking(move || append(&mut None, &path, &line, max_bytes, lock));
        match timeout(self.timeout, appended).await {
            Ok(Ok(appended)) => appended.map_err(|error| failed(&self.queue, error)),
            Ok(Err(stopped)) => resume_unwind(stopped.into_panic()),
            Err(_) => Err(DatabaseError::new(self.queue.clone(), Failure::Busy).into()),
        }
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<T>>> {
        let (queue, path, max_bytes) = (self.queue.clone(), self.path.clone(), self.max_bytes);
        let tail = spawn_blocking(move || Tail::new(queue, path, max_bytes))
            .await
            .unwrap_or_else(|stopped| resume_unwind(stopped.into_panic()))?;
        Ok(Box::new(tail))
    }

    async fn recent(&self) -> Result<Vec<T>> {
        let path = self.path.clone();
        let read = spawn_blocking(move || fs::read(path))
            .await
            .unwrap_or_else(|stopped| resume_unwind(stopped.into_panic()));
        let lines = match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.map_err(|error| failed(&self.queue, error))?,
        };
        let lines = lines.split(|&byte| byte == b'\n');
        Ok(lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect())
    }
}

/// Appends a line in one write, to the file that currently has this path.
fn append(
    kept: &mut Option<File>,
    path: &Path,
    line: &[u8],
    max_bytes: u64,
    lock: fn(&File) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let mut file = match kept.take() {
            Some(file) => file,
            None => open(path)?,
        };
        // Closing the file also unlocks it.
        lock(&file)?;
        let about = file.metadata()?;
        if !refers_to(path, &about)? {
            continue;
        }
        if about.len() < max_bytes {
            file.write_all(line)?;
            unlock(&file)?;
            *kept = Some(file);
            return Ok(());
        }
        replace(path)?;
    }
}

/// Replaces a file that the caller has locked by an empty one.
fn replace(path: &Path) -> io::Result<()> {
    let empty = path.with_extension("new");
    match fs::remove_file(&empty) {
        // A leftover of a killed process may belong to another user.
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => create_file(&empty)?,
    }
    fs::rename(empty, path)
}

/// Opens the file to read and append, and creates it and its directory if missing.
fn open(path: &Path) -> io::Result<File> {
    match open_or_create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_directory(path.parent().expect("the path has a directory and a name"))?;
            open_or_create(path)
        }
        opened => opened,
    }
}

/// Whether the path still refers to this file. The identity of an open file is not reused.
pub(super) fn refers_to(path: &Path, file: &Metadata) -> io::Result<bool> {
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

/// A subscription.
struct Tail<T> {
    queue: QueueUrl,
    path: PathBuf,
    max_bytes: u64,
    file: File,
    /// A line that is not completely written yet.
    partial: Vec<u8>,
    received: VecDeque<Received<T>>,
    watch: Watch,
    /// Whether there may have been a change since the last read.
    is_behind: bool,
}

impl<T: DeserializeOwned> Tail<T> {
    fn new(queue: QueueUrl, path: PathBuf, max_bytes: u64) -> Result<Self> {
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
            max_bytes,
            file,
            partial: Vec::new(),
            received: VecDeque::new(),
            watch,
            is_behind: true,
        })
    }

    /// Reads new messages, one chunk at a time, from the page cache, so this is not moved to a
    /// blocking thread.
    fn read(&mut self) -> io::Result<()> {
        while self.received.is_empty() {
            // Checked first: a replaced file does not grow while it is read.
            let is_replaced = !refers_to(&self.path, &self.file.metadata()?)?;
            if self.read_chunk()? {
                continue;
            }
            if !is_replaced {
                // If another subscriber, or a sender, has the lock, it does the same.
                if self.file.metadata()?.len() >= self.max_bytes && try_lock(&self.file)? {
                    let replaced = self.replace();
                    unlock(&self.file)?;
                    // The size matters less than the messages.
                    if replaced.is_ok() {
                        continue;
                    }
                }
                self.is_behind = false;
                break;
            }
            self.file = open_watched(&self.path, &mut self.watch)?;
            self.partial.clear();
            self.received.push_back(Received::Lagged);
        }
        Ok(())
    }

    /// Replaces the file, which the caller has locked, unless another process has.
    fn replace(&self) -> io::Result<()> {
        if refers_to(&self.path, &self.file.metadata()?)? {
            replace(&self.path)?;
        }
        Ok(())
    }

    /// Reads on; returns whether there was anything to read.
    fn read_chunk(&mut self) -> io::Result<bool> {
        let mut chunk = (&self.file).take(CHUNK);
        let read = chunk.read_to_end(&mut self.partial)?;
        if let Some(end) = self.partial.iter().rposition(|&byte| byte == b'\n') {
            let lines = self.partial[..end].split(|&byte| byte == b'\n');
            self.received.extend(
                lines
                    .filter(|line| !line.is_empty())
                    // An unreadable message may have been meant for this subscriber.
                    .map(|line| {
                        serde_json::from_slice(line).map_or(Received::Lagged, Received::Message)
                    }),
            );
            self.partial.drain(..=end);
        } else if self.partial.len() > MAX_LINE {
            // No JSON starts like this, so the rest of the line is unreadable as well.
            self.partial = vec![0];
        }
        Ok(read > 0)
    }
}

/// Opens the file and watches its directory.
fn open_watched(path: &Path, watch: &mut Watch) -> io::Result<File> {
    let directory = path.parent().expect("the path has a directory and a name");
    create_directory(directory)?;
    // It may have been replaced since the last time.
    watch.watch(directory)?;
    open(path)
}

#[async_trait]
impl<T: DeserializeOwned + Send> Subscription<T> for Tail<T> {
    async fn next(&mut self) -> Result<Received<T>> {
        loop {
            if let Some(received) = self.received.pop_front() {
                return Ok(received);
            }
            if !self.is_behind {
                let changed = self.watch.changed().await;
                changed.map_err(|error| failed(&self.queue, error))?;
                self.is_behind = true;
            }
            self.read().map_err(|error| failed(&self.queue, error))?;
        }
    }
}

fn failed(queue: &QueueUrl, source: impl Into<BoxError>) -> Error {
    DatabaseError::new(queue.clone(), Failure::Failed)
        .with_source(source)
        .into()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn line_without_an_end_is_skipped_and_takes_a_bounded_amount_of_memory() {
        let directory = TempDir::new().unwrap();
        let database = directory.path().join("q.db");
        let log = Log::<String>::new(&database, "msg", Duration::from_secs(5), 1 << 30);
        let mut file = open(&log.path).unwrap();
        let mut tail = Tail::<String>::new(log.queue, log.path, log.max_bytes).unwrap();
        for _ in 0..8 {
            file.write_all(&vec![b'x'; MAX_LINE]).unwrap();
            tail.read().unwrap();
        }
        assert!(tail.received.is_empty());
        assert!(tail.partial.capacity() < 4 * MAX_LINE);

        // Without the line before it, the rest would be a valid message.
        file.write_all(b"\"cmd\"\n\"next\"\n").unwrap();

        assert_eq!(tail.next().await.unwrap(), Received::Lagged);
        assert_eq!(
            tail.next().await.unwrap(),
            Received::Message("next".to_owned())
        );
    }
}
