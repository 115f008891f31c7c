//! Live updates of open pages: one task reads the database for all of them.

mod snapshot;
mod stream;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hcc_core::WorkerTracker;
use hcc_queue::Received;
use tokio::select;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use self::snapshot::Snapshot;
pub(crate) use self::stream::{poll, stream};
use crate::WebConsole;
use crate::places::Places;

/// The minimum time between two reads of the database.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_millis(100);

/// The maximum time between two reads: other programs may change records
/// without an event.
const REFRESH_INTERVAL: Duration = Duration::from_secs(30);

/// How long to wait after a failure of the database or the queue.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// The latest snapshot, for all open pages. Clones share their state.
#[derive(Clone, Debug)]
pub(crate) struct LiveUpdates {
    snapshot: Arc<watch::Sender<Arc<Snapshot>>>,
    sessions: Arc<watch::Sender<()>>,
    /// One permit per event stream.
    streams: Arc<Semaphore>,
    streams_of_users: Places<String>,
}

impl LiveUpdates {
    pub(crate) fn new(max_streams: usize, max_streams_of_user: usize) -> Self {
        Self {
            streams_of_users: Places::new(max_streams_of_user),
            snapshot: Arc::default(),
            sessions: Arc::default(),
            streams: Arc::new(Semaphore::new(max_streams)),
        }
    }

    /// Makes every stream check whether its session is still valid.
    pub(crate) fn recheck_sessions(&self) {
        self.sessions.send_replace(());
    }

    /// Returns whether no worker is running.
    pub(crate) fn no_worker(&self) -> bool {
        self.snapshot.borrow().no_worker
    }
}

impl WebConsole {
    /// Keeps open pages up to date; never returns.
    pub async fn watch(&self) {
        let mut workers = WorkerTracker::new(REFRESH_INTERVAL);
        loop {
            let Err(error) = self.follow(&mut workers).await;
            warn!(%error, "live updates interrupted");
            sleep(RECONNECT_DELAY).await;
        }
    }

    async fn follow(&self, workers: &mut WorkerTracker) -> Result<Infallible, hcc_core::Error> {
        let mut events = self.frontend.listen().await?;
        let mut signals = self.frontend.queue().signals().subscribe().await?;
        let mut refresh_at = Instant::now();
        let mut earliest = refresh_at;
        loop {
            select! {
                event = events.next() => match event? {
                    Received::Message(event @ hcc_core::Event::Worker(_)) => {
                        workers.observe(&event);
                    }
                    _ => refresh_at = refresh_at.min(earliest),
                },
                // A command has been pushed.
                signal = signals.next() => {
                    signal.map_err(hcc_core::Error::from)?;
                    refresh_at = refresh_at.min(earliest);
                }
                () = sleep_until(refresh_at) => {
                    self.refresh(workers.no_worker()).await?;
                    earliest = Instant::now() + MIN_REFRESH_INTERVAL;
                    refresh_at = Instant::now() + REFRESH_INTERVAL;
                }
                () = sleep_until(workers.deadline()), if !self.live.no_worker() => {
                    refresh_at = Instant::now();
                }
            }
            if workers.no_worker() != self.live.no_worker() {
                refresh_at = refresh_at.min(earliest);
            }
        }
    }

    /// Reads the database, and notifies all streams if something has changed.
    async fn refresh(&self, no_worker: bool) -> Result<(), hcc_core::Error> {
        let (records, commands) =
            tokio::try_join!(self.frontend.records(), self.frontend.commands())?;
        self.live.snapshot.send_if_modified(|snapshot| {
            let new = Snapshot::new(records, commands, no_worker, snapshot);
            let changed = !new.is_same(snapshot);
            if changed {
                *snapshot = Arc::new(new);
            }
            changed
        });
        Ok(())
    }
}
