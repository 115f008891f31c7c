//! inotify, read by the runtime itself: a thread between would cost every wake-up its own.

use std::io;
use std::path::Path;

use futures_util::StreamExt;
use inotify::{EventStream, Inotify, WatchDescriptor, WatchMask};

/// Watches one folder.
pub(in super::super) struct Watch {
    events: EventStream<[u8; 1024]>,
    folder: Option<WatchDescriptor>,
}

impl Watch {
    /// A watch of nothing yet, in a runtime with I/O enabled.
    pub(in super::super) fn new() -> io::Result<Self> {
        Ok(Self {
            events: Inotify::init()?.into_event_stream([0; 1024])?,
            folder: None,
        })
    }

    /// Watches this folder instead of the one before.
    pub(in super::super) fn watch(&mut self, folder: &Path) -> io::Result<()> {
        let mut watches = self.events.watches();
        if let Some(before) = self.folder.take() {
            // It has ended by itself if the folder is gone.
            let _ = watches.remove(before);
        }
        let changes = WatchMask::CREATE
            | WatchMask::MODIFY
            | WatchMask::MOVE
            | WatchMask::DELETE
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF;
        self.folder = Some(watches.add(folder, changes | WatchMask::ONLYDIR)?);
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
