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
            // Whoever writes does so alone, so nobody has found it meanwhile.
            let _ = self.0.set(log);
        }
        Ok(())
    }

    /// Makes durable what was committed, by whomever.
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

    use tempfile::TempDir;
    use tokio::sync::oneshot;

    use super::*;
    use crate::sqlite::Sqlite;
    use crate::{Command, Commands, Error, Failure};

    const MINUTE: Duration = Duration::from_secs(60);

    /// Whether a sync reaches the log that SQLite writes to.
    fn is_synced(queue: &Sqlite) -> bool {
        let there = fs::metadata(queue.database.path().with_extension("db-wal")).unwrap();
        let synced = queue.wal.0.get().unwrap().metadata().unwrap();
        (synced.dev(), synced.ino()) == (there.dev(), there.ino())
    }

    #[tokio::test]
    async fn log_that_is_synced_is_the_one_that_is_written() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("queue.db");
        let (first, second) = (Sqlite::new(&path), Sqlite::new(&path));
        let start = Command::new("start", "web");
        first.push(&start).await.unwrap();
        assert!(is_synced(&first));
        // Only looked, and so far has no log to sync.
        second.next_due().await.unwrap();
        second.sync_log().unwrap();
        assert!(second.wal.0.get().is_none());

        // The last that leaves takes the log with it; another one is made.
        drop((first, second));
        assert!(!path.with_extension("db-wal").exists());
        let third = Sqlite::new(&path);
        third.sync_log().unwrap();
        third.remove(&start.id).await.unwrap();
        assert!(is_synced(&third));

        // So much that the log begins anew.
        for number in 0..600 {
            let command = Command {
                args: "x".repeat(4_000).into(),
                ..Command::new("start", format!("vm{number}"))
            };
            third.push(&command).await.unwrap();
        }
        assert!(is_synced(&third));
    }

    /// A queue whose log cannot be synced.
    fn sick(path: &Path) -> Sqlite {
        let queue = Sqlite::new(path);
        // A device has no data to sync, and says so.
        let device = File::open("/dev/null").unwrap();
        queue.wal.0.set(device).unwrap();
        queue
    }

    #[tokio::test]
    async fn command_is_visible_before_it_is_durable() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("queue.db");
        let (visible, seen) = oneshot::channel();

        let pushed = sick(&path)
            .push_notifying(&Command::new("start", "web"), visible)
            .await;

        assert!(pushed.is_err());
        seen.await.unwrap();
        assert!(Sqlite::new(&path).lease(MINUTE).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn what_cannot_be_synced_is_not_confirmed() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("queue.db");
        Sqlite::new(&path)
            .queue()
            .push(&Command::new("start", "web"))
            .await
            .unwrap();
        let leased = Sqlite::new(&path).lease(MINUTE).await;
        let lease = leased.unwrap().unwrap();
        let sick = sick(&path);

        let pushed = sick.queue().push(&Command::new("stop", "db")).await;
        let leased = sick.lease(MINUTE).await;
        let acked = sick.ack(lease).await;

        assert!(
            pushed.as_ref().err().and_then(Error::failure) == Some(Failure::Failed),
            "{pushed:?}"
        );
        assert!(
            leased.as_ref().err().and_then(Error::failure) == Some(Failure::Failed),
            "{leased:?}"
        );
        assert!(
            acked.as_ref().err().and_then(Error::failure) == Some(Failure::Failed),
            "{acked:?}"
        );
    }
}
