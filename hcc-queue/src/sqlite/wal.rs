//! Syncing SQLite's write-ahead log, in place of SQLite.
//!
//! With `synchronous = FULL`, SQLite syncs the log within each commit, before other
//! connections see the commit and while none can write. Here SQLite runs with
//! `synchronous = NORMAL`, which only keeps the log consistent: other connections see a commit
//! at once, act on it and write behind it, and one sync makes several commits durable. The
//! guarantee is the same, as no write is confirmed before the log is synced. A write that
//! depends on an earlier one makes both durable, because the log is sequential.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The log of one connection; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Wal(Arc<OnceLock<File>>);

impl Wal {
    /// Opens the log of a database. It stays the same file while the connection that has just
    /// written to it is open.
    pub(super) fn find(&self, database: &Path) -> io::Result<()> {
        if self.0.get().is_none() {
            let mut path = database.as_os_str().to_owned();
            path.push("-wal");
            let log = OpenOptions::new().read(true).append(true).open(path)?;
            // The caller holds the writers' lock, so this is not set concurrently.
            let _ = self.0.set(log);
        }
        Ok(())
    }

    /// Makes all commits durable, those of other processes too.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.get().map_or(Ok(()), File::sync_data)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::time::Duration;

    use super::*;
    use crate::sqlite::Sqlite;
    use crate::{Command, Commands, Error, Failure};
    use tempfile::TempDir;
    use test_services::wait_until;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Whether syncs go to the log that SQLite writes to.
    fn is_synced(queue: &Sqlite) -> bool {
        let there = fs::metadata(queue.database.path().with_extension("db-wal")).unwrap();
        let synced = queue.wal.0.get().unwrap().metadata().unwrap();
        (synced.dev(), synced.ino()) == (there.dev(), there.ino())
    }

    #[tokio::test]
    async fn log_that_is_synced_is_the_one_that_is_written() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("queue.db");
        let (first, second) = (Sqlite::new(&path), Sqlite::new(&path));
        let start = Command::new("start", "web");
        let pushed = first.push(&start, Duration::ZERO).await.unwrap();
        pushed.durable().await.unwrap();
        assert!(is_synced(&first));
        // It has only read, so it has no log to sync yet.
        second.next_due().await.unwrap();
        second.sync_log().unwrap();
        assert!(second.wal.0.get().is_none());

        // The last connection removes the log; the next one creates another.
        drop((first, second));
        wait_until(async || path.with_extension("db-wal").exists(), false).await;
        let third = Sqlite::new(&path);
        third.sync_log().unwrap();
        third.remove(&start.id).await.unwrap();
        assert!(is_synced(&third));

        // Enough for the log to be restarted.
        for number in 0..600 {
            let command = Command {
                args: "x".repeat(4_000).into(),
                ..Command::new("start", format!("vm{number}"))
            };
            third.push(&command, Duration::ZERO).await.unwrap();
        }
        assert!(is_synced(&third));
    }

    /// A queue with a log that cannot be synced.
    fn with_failing_sync(path: &Path) -> Sqlite {
        let queue = Sqlite::new(path);
        // Syncing a device is an error.
        let device = File::open("/dev/null").unwrap();
        queue.wal.0.set(device).unwrap();
        queue
    }

    #[tokio::test]
    async fn command_is_visible_before_it_is_durable() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("queue.db");
        let queue = with_failing_sync(&path);
        let command = Command::new("start", "web");

        let pushed = queue.push(&command, Duration::ZERO).await.unwrap();

        assert_eq!(pushed.id, command.id);
        assert!(pushed.durable().await.is_err());
        assert!(Sqlite::new(&path).lease(MINUTE).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn failed_sync_is_reported() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("queue.db");
        Sqlite::new(&path)
            .queue()
            .push(&Command::new("start", "web"))
            .await
            .unwrap();
        let leased = Sqlite::new(&path).lease(MINUTE).await;
        let lease = leased.unwrap().unwrap();
        let failing = with_failing_sync(&path);

        let pushed = failing.queue().push(&Command::new("stop", "db")).await;
        let leased = failing.lease(MINUTE).await;
        let acked = failing.ack(lease).await;

        assert_failed(&pushed.map(drop));
        assert_failed(&leased.map(drop));
        assert_failed(&acked);
    }

    fn assert_failed(result: &Result<(), Error>) {
        let failure = result.as_ref().err().and_then(Error::failure);
        assert_eq!(failure, Some(Failure::Failed));
    }
}
