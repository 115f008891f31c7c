//! Whatever the system has to watch folders.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Watches one folder.
pub(in super::super) struct Watch {
    watcher: RecommendedWatcher,
    folder: Option<PathBuf>,
    woken: Arc<Notify>,
}

impl Watch {
    /// A watch of nothing yet.
    pub(in super::super) fn new() -> io::Result<Self> {
        let woken = Arc::new(Notify::new());
        let waker = Arc::clone(&woken);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error may hide a change, so it counts as one.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                waker.notify_one();
            }
        });
        Ok(Self {
            watcher: watcher.map_err(io::Error::other)?,
            folder: None,
            woken,
        })
    }

    /// Watches this folder instead of the one before.
    pub(in super::super) fn watch(&mut self, folder: &Path) -> io::Result<()> {
        if let Some(before) = self.folder.take() {
            // It has ended by itself if the folder is gone.
            let _ = self.watcher.unwatch(&before);
        }
        self.watcher
            .watch(folder, RecursiveMode::NonRecursive)
            .map_err(io::Error::other)?;
        self.folder = Some(folder.to_owned());
        Ok(())
    }

    /// Waits for a change since the last call, or since the watch began.
    pub(in super::super) async fn changed(&mut self) -> io::Result<()> {
        self.woken.notified().await;
        Ok(())
    }
}
