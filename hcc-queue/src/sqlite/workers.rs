//! Workers that are present: each holds the lock of a file, which the system releases when the
//! process ends, however it ends.
//!
//! A worker that is stopped or slow still holds its lock, so none is taken for gone by mistake. If
//! a file is missing, its worker may be present: then the leases expire as if there were no files.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hcc_database::sqlite::{Fault, create_directory, lock, open_or_create, try_lock_shared};
use rusqlite::{Connection, Transaction};

use super::Sqlite;
use super::file::directory;
use super::log::refers_to;
use crate::{CommandId, Lease, Presence, Result};

/// How often to check for workers that are gone, while other workers have leases.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The workers of a queue, as one process sees them; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    directory: PathBuf,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    checked: Option<Instant>,
    /// The workers of this process.
    own: HashSet<String>,
    /// Workers that are gone and have leases.
    gone: Vec<String>,
}

/// Whether other workers have leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Idle,
    Busy,
    /// Some that have leases are gone.
    Gone,
}

impl Workers {
    pub(super) fn new(database: &Path) -> Self {
        Self {
            directory: directory(database).join("workers"),
            seen: Arc::default(),
        }
    }

    /// Checks for workers that are gone, unless that was done a moment ago; returns whether there
    /// are any.
    pub(super) fn any_gone(&self, connection: &Connection) -> Result<bool, Fault> {
        let (is_recent, is_known) = {
            let seen = self.seen();
            let checked = seen.checked.map(|checked| checked.elapsed());
            let is_recent = checked.is_some_and(|age| age < CHECK_INTERVAL);
            (is_recent, !seen.gone.is_empty())
        };
        Ok(is_known || !is_recent && self.check(connection)? == Others::Gone)
    }

    /// Checks for workers that are gone.
    pub(super) fn check(&self, connection: &Connection) -> Result<Others, Fault> {
        let sql = "SELECT DISTINCT holder FROM cmd INDEXED BY cmd_holder WHERE holder IS NOT NULL";
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query([])?;
        let (mut is_busy, mut gone) = (false, Vec::new());
        while let Some(row) = rows.next()? {
            let Some(worker) = row.get_ref(0)?.as_str().ok().filter(|id| is_id(id)) else {
                continue;
            };
            if self.seen().own.contains(worker) {
                continue;
            }
            is_busy = true;
            if is_unlocked(&self.directory.join(worker))? {
                gone.push(worker.to_owned());
            }
        }
        let others = match gone.is_empty() {
            false => Others::Gone,
            true if is_busy => Others::Busy,
            true => Others::Idle,
        };
        let mut seen = self.seen();
        seen.checked = Some(Instant::now());
        seen.gone = gone;
        Ok(others)
    }

    /// Ends the leases of the workers that a check has found gone.
    pub(super) fn end_leases(&self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        let gone = std::mem::take(&mut self.seen().gone);
        for worker in gone {
            let sql = "UPDATE cmd SET due = unixepoch('subsec'), holder = NULL
                WHERE holder = ?1 AND held";
            transaction.prepare_cached(sql)?.execute([&worker])?;
            remove(&self.directory.join(worker))?;
        }
        Ok(())
    }

    /// Removes the files of workers that are gone and have no leases.
    fn clean_up(&self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        for file in fs::read_dir(&self.directory)? {
            let path = file?.path();
            let worker = path.file_name().and_then(|name| name.to_str());
            let sql = "SELECT 1 FROM cmd WHERE holder = ?1";
            if !is_unlocked(&path)? || transaction.prepare_cached(sql)?.exists([worker])? {
                continue;
            }
            remove(&path)?;
        }
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker of this process.
#[derive(Debug)]
pub(super) struct Worker {
    queue: Sqlite,
    identity: Arc<Identity>,
}

/// The id of a worker, and the lock of its file.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) id: String,
    workers: Workers,
    /// Locked by the first lease.
    file: OnceLock<File>,
}

impl Worker {
    pub(super) fn new(queue: &Sqlite) -> Self {
        let id = CommandId::random().to_string();
        let workers = queue.workers.clone();
        workers.seen().own.insert(id.clone());
        Self {
            queue: queue.clone(),
            identity: Arc::new(Identity {
                id,
                workers,
                file: OnceLock::new(),
            }),
        }
    }
}

impl Identity {
    /// Locks the file of the worker. The caller holds the lock of all writers.
    pub(super) fn lock(&self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        if self.file.get().is_none() {
            create_directory(&self.workers.directory)?;
            self.workers.clean_up(transaction)?;
            let file = open_or_create(&self.path())?;
            lock(&file)?;
            let _ = self.file.set(file);
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.workers.directory.join(&self.id)
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.workers.seen().own.remove(&self.id);
    }
}

#[async_trait]
impl Presence for Worker {
    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        let worker = Some(Arc::clone(&self.identity));
        self.queue.lease_for(duration, worker).await
    }

    async fn renew(&self) -> Result<bool> {
        Ok(false)
    }

    fn renewal_interval(&self) -> Option<Duration> {
        None
    }

    async fn leave(&self) -> Result<()> {
        if self.identity.file.get().is_some() {
            // If it cannot be removed, the next worker does so.
            let _ = fs::remove_file(self.identity.path());
        }
        Ok(())
    }
}

/// Whether this may be the id of a worker: other programs could set it to the path of any file.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a file exists and is not locked.
fn is_unlocked(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        // It belongs to another user.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(false),
        file => file?,
    };
    // Another process may have removed it in the meantime.
    Ok(try_lock_shared(&file)? && refers_to(path, &file.metadata()?)?)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
