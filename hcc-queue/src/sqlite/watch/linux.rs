//! inotify, polled by the async runtime: a watcher thread would delay each wake-up.

use std::io;
use std::path::Path;

use futures_util::StreamExt;
use inotify::{EventStream, Inotify, WatchDescriptor, WatchMask};

/// Watches one directory.
pub(in super::super) struct Watch {
    events: EventStream<[u8; 1024]>,
    directory: Option<WatchDescriptor>,
}

impl Watch {
    /// Creates a watch without a directory; the runtime must have I/O enabled.
    pub(in super::super) fn new() -> io::Result<Self> {
        Ok(Self {
            events: Inotify::init()?.into_event_stream([0; 1024])?,
            directory: None,
        })
    }

    /// Watches this directory instead of the previous one.
    pub(in super::super) fn watch(&mut self, directory: &Path) -> io::Result<()> {
        let mut watches = self.events.watches();
        if let Some(previous) = self.directory.take() {
            // The watch ended by itself if the directory is gone.
            let _ = watches.remove(previous);
        }
        let changes = WatchMask::CREATE
            | WatchMask::MODIFY
            | WatchMask::MOVE
            | WatchMask::DELETE
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF;
        self.directory = Some(watches.add(directory, changes | WatchMask::ONLYDIR)?);
        Ok(())
    }

    /// Waits for a change since the last call, or since the watch began.
    pub(in super::super) async fn changed(&mut self) -> io::Result<()> {
        match self.events.next().await {
            Some(event) => event.map(drop),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
