//! A file for asynchronous callers.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Fault, File, Schema};
use crate::{DatabaseUrl, Error, Failure};

/// A file for asynchronous callers; clones share one connection and use one thread at a time.
///
/// # Cancel safety
///
/// A call whose future is dropped may still take effect.
#[derive(Clone, Debug)]
pub struct Database {
    file: Arc<Mutex<File>>,
    path: PathBuf,
    timeout: Duration,
}

impl Database {
    /// Creates the handle of a file; locks are awaited for up to `timeout`.
    pub fn new(path: impl Into<PathBuf>, schema: &'static Schema, timeout: Duration) -> Self {
        let path = path.into();
        let file = File::new(path.clone(), schema, timeout);
        Self {
            file: Arc::new(Mutex::new(file)),
            path,
            timeout,
        }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns how long locks are awaited.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Creates an error of this file.
    pub fn error(&self, failure: Failure) -> Error {
        Error::new(DatabaseUrl::Sqlite(self.path.clone()), failure)
    }

    /// Reads the file if it exists; a missing file yields the default.
    pub async fn read<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Default + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let read = |file: &mut File, permit: &Permit| {
            file.existing(|connection| {
                permit.take()?;
                job(connection)
            })
        };
        self.run(read, Ok).await
    }

    /// Writes in one transaction; a missing file is created first.
    pub async fn write<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let write = |file: &mut File, permit: &Permit| file.transaction(permit, job);
        self.run(write, Ok).await
    }

    /// Writes in one transaction if the file exists; a missing file yields the default.
    pub async fn write_existing<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Default + Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let write = |file: &mut File, permit: &Permit| {
            if file.existing(|_| Ok(true))? {
                file.transaction(permit, job)
            } else {
                Ok(T::default())
            }
        };
        self.run(write, Ok).await
    }

    /// Returns the version of SQLite, after opening the file if it exists.
    pub async fn version(&self) -> Result<String, Error> {
        self.read(|_| Ok(())).await?;
        Ok(format!("SQLite {}", rusqlite::version()))
    }

    /// Runs `job` on a thread that may block, then `finish` once other calls may use the file.
    ///
    /// # Errors
    ///
    /// Those of the closures, and [`Failure::Busy`] if `job` has not taken its permit in time.
    pub async fn run<T, U, F, G>(&self, job: F, finish: G) -> Result<U, Error>
    where
        U: Send + 'static,
        F: FnOnce(&mut File, &Permit) -> Result<T, Fault> + Send + 'static,
        G: FnOnce(T) -> Result<U, Error> + Send + 'static,
    {
        // Waiting here, not on the thread, keeps a database to one such thread.
        let file = timeout(self.timeout, Arc::clone(&self.file).lock_owned()).await;
        let mut file = file.map_err(|_| self.error(Failure::Busy))?;
        let permit = Arc::new(Permit::default());
        let taken = Arc::clone(&permit);
        let mut thread = spawn_blocking(move || {
            let done = job(&mut file, &taken).map_err(|fault| file.error(fault))?;
            drop(file);
            finish(done)
        });
        let done = match timeout(self.timeout, &mut thread).await {
            Ok(done) => done,
            Err(_) if permit.revoke() => return Err(self.error(Failure::Busy)),
            Err(_) => thread.await,
        };
        done.unwrap_or_else(|stopped| resume_unwind(stopped.into_panic()))
    }
}

/// The permission to begin, for a thread that cannot be cancelled while it waits for a lock.
///
/// It is taken by the thread or revoked by the caller whose timeout expires, whichever is first.
#[derive(Debug, Default)]
pub struct Permit(AtomicU8);

const TAKEN: u8 = 1;
const REVOKED: u8 = 2;

impl Permit {
    /// Takes the permit; the caller then waits for the result, however long that takes.
    ///
    /// # Errors
    ///
    /// [`Failure::Busy`] if it was revoked: the caller has given up.
    pub fn take(&self) -> Result<(), Fault> {
        match self.0.compare_exchange(0, TAKEN, Relaxed, Relaxed) {
            Err(REVOKED) => Err(Failure::Busy.into()),
            _ => Ok(()),
        }
    }

    /// Revokes the permit; returns `false` if it was taken.
    fn revoke(&self) -> bool {
        self.0
            .compare_exchange(0, REVOKED, Relaxed, Relaxed)
            .is_ok()
    }
}
