//! The write-ahead log, made durable by us instead of by SQLite.
//!
//! SQLite would do so with each commit, before anybody sees it and while nobody else may write
//! (`synchronous = FULL`). Here it only keeps the log in order (`NORMAL`): others see a commit at
//! once, begin with it, and write behind it, and one sync makes durable what several have
//! committed. The promise is the same: nobody is told that a write is done before it is durable.
//! And who writes because of what he saw makes both durable, as the log has one order.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The log of one connection; a clone is the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Wal(Arc<OnceLock<File>>);

impl Wal {
    /// Finds the log of a database, which stays the same one for the connection that has just
    /// written to it.
    pub(super) fn find(&self, database: &Path) -> io::Result<()> {
        if self.0.get().is_none() {
            let mut path = database.as_os_str().to_owned();
            path.push("-wal");
            let log = OpenOptions::new().read(true).append(true).open(path)?;
            // Another thread has found the same.
            let _ = self.0.set(log);
        }
        Ok(())
    }

    /// Makes durable what was committed, by whomever.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.get().map_or(Ok(()), File::sync_data)
    }

    #[cfg(test)]
    pub(super) fn metadata(&self) -> io::Result<Option<std::fs::Metadata>> {
        self.0.get().map(File::metadata).transpose()
    }
}
