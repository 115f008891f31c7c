//! One write to the file, from waiting for its turn until it is durable.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::Sqlite;
use super::file::{Fault, File};
use crate::Result;

/// Called once the writers' lock is held; returns false if the write timed out.
pub(super) type Begin = Box<dyn FnOnce() -> bool + Send>;

/// One write, on a blocking thread.
///
/// | State | Ends | If its future is dropped |
/// | --- | --- | --- |
/// | waits for the connection of this queue | with `Error::Busy` after the timeout | nothing happens |
/// | waits for the lock that writers of all processes share | the same | the write may happen |
/// | writes | with the commit, or an error | the write happens |
/// | **committed**: others see it and can write | | |
/// | syncs the log | with the sync, or an error | the sync happens |
/// | **durable** | | |
///
/// The blocking thread cannot be cancelled while it waits for the lock. Of the thread that
/// gets the lock and the timeout, the first to set `decided` wins: the thread writes, or
/// gives the lock back.
pub(super) struct WriteTurn<T> {
    result: oneshot::Receiver<Result<T>>,
    thread: JoinHandle<Result<()>>,
    decided: Arc<AtomicBool>,
    queue: Sqlite,
}

impl<T: Send + 'static> WriteTurn<T> {
    /// Waits for the connection, then starts the write. It is synced if `is_change` is true
    /// of its result.
    pub(super) async fn start<F>(
        queue: &Sqlite,
        write: F,
        is_change: fn(&T) -> bool,
    ) -> Result<Self>
    where
        F: FnOnce(&mut File, Begin) -> Result<T, Fault> + Send + 'static,
    {
        let mut file = queue.lock_file().await?;
        let decided = Arc::new(AtomicBool::new(false));
        let begin: Begin = Box::new({
            let decided = Arc::clone(&decided);
            move || !decided.swap(true, Relaxed)
        });
        let (sender, result) = oneshot::channel();
        let queue = queue.clone();
        let synced = queue.clone();
        let thread = spawn_blocking(move || {
            let written = write(&mut file, begin).map_err(|fault| file.error(fault));
            // Others can write while this one waits for the disk.
            drop(file);
            let is_change = written.as_ref().is_ok_and(is_change);
            // The caller may have stopped waiting.
            let _ = sender.send(written);
            if is_change { synced.sync_log() } else { Ok(()) }
        });
        Ok(Self {
            result,
            thread,
            decided,
            queue,
        })
    }

    /// Waits for the commit, and returns what was written.
    pub(super) async fn committed(&mut self) -> Result<T> {
        let result = match timeout(self.queue.timeout, &mut self.result).await {
            Ok(result) => result,
            Err(_) if !self.decided.swap(true, Relaxed) => return Err(self.queue.busy()),
            Err(_) => (&mut self.result).await,
        };
        match result {
            Ok(result) => result,
            Err(_) => {
                let stopped = (&mut self.thread).await;
                panicked(stopped.expect_err("only a panic drops the sender"))
            }
        }
    }

    /// Waits for the sync of a committed write.
    pub(super) async fn synced(self) -> Result<()> {
        self.thread.await.unwrap_or_else(panicked)
    }

    /// Waits for the commit and the sync together, which wakes the caller once.
    pub(super) async fn durable(mut self) -> Result<T> {
        let synced = match timeout(self.queue.timeout, &mut self.thread).await {
            Ok(synced) => synced,
            Err(_) if !self.decided.swap(true, Relaxed) => return Err(self.queue.busy()),
            Err(_) => (&mut self.thread).await,
        };
        synced.unwrap_or_else(panicked)?;
        self.result.try_recv().expect("the thread has sent it")
    }
}

fn panicked<T>(error: JoinError) -> T {
    resume_unwind(error.into_panic())
}
