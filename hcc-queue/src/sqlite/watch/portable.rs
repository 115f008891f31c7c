//! The system's file watcher, by the `notify` crate.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Watches one directory.
pub(in super::super) struct Watch {
    watcher: RecommendedWatcher,
    directory: Option<PathBuf>,
    woken: Arc<Notify>,
}

impl Watch {
    /// Creates a watch without a directory.
    pub(in super::super) fn new() -> io::Result<Self> {
        let woken = Arc::new(Notify::new());
        let waker = Arc::clone(&woken);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error may hide a change, so it is treated as one.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                waker.notify_one();
            }
        });
        Ok(Self {
            watcher: watcher.map_err(io::Error::other)?,
            directory: None,
            woken,
        })
    }

    /// Watches this directory instead of the previous one.
    pub(in super::super) fn watch(&mut self, directory: &Path) -> io::Result<()> {
        if let Some(previous) = self.directory.take() {
            // The watch ended by itself if the directory is gone.
            let _ = self.watcher.unwatch(&previous);
        }
        self.watcher
            .watch(directory, RecursiveMode::NonRecursive)
            .map_err(io::Error::other)?;
        self.directory = Some(directory.to_owned());
        Ok(())
    }

    /// Waits for a change since the last call, or since the watch began.
    pub(in super::super) async fn changed(&mut self) -> io::Result<()> {
        self.woken.notified().await;
        Ok(())
    }
}
