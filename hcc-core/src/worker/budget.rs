//! How many commands may be in progress: as many as the request budget of the API allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::context::WorkerContext;

/// How many requests a command takes, about: to find the server, for the action, for its progress
/// and for the record.
const REQUESTS_PER_COMMAND: u64 = 4;

/// How often the budget is checked while it allows no further command: it grows by a request a
/// second.
const RECHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Lets commands begin as far as the requests suffice that the last response left over.
#[derive(Debug)]
pub(super) struct Budget {
    context: Arc<WorkerContext>,
    in_progress: AtomicU64,
    ended: Notify,
}

impl Budget {
    pub(super) fn new(context: Arc<WorkerContext>) -> Self {
        Self {
            context,
            in_progress: AtomicU64::new(0),
            ended: Notify::new(),
        }
    }

    /// Waits until the budget allows another command, which ends when the guard is dropped.
    pub(super) async fn begin(&self) -> BudgetGuard<'_> {
        loop {
            let allowed = self.allowed();
            let begin = |in_progress| (in_progress < allowed).then_some(in_progress + 1);
            let begun = self.in_progress.fetch_update(Relaxed, Relaxed, begin);
            if begun.is_ok() {
                return BudgetGuard(self);
            }
            // It may have grown, which nothing reports.
            let _ = timeout(RECHECK_INTERVAL, self.ended.notified()).await;
        }
    }

    fn allowed(&self) -> u64 {
        let remaining = self.context.project().api.rate_limit().remaining;
        // With none in progress, the request of the next one finds out what the budget is now.
        remaining.map_or(u64::MAX, |requests| {
            (requests / REQUESTS_PER_COMMAND).max(1)
        })
    }
}

/// A command in progress; see [`Budget::begin`].
pub(super) struct BudgetGuard<'a>(&'a Budget);

impl Drop for BudgetGuard<'_> {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Relaxed);
        self.0.ended.notify_one();
    }
}
