//! Removal of console URLs and passwords from the records.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::time::{Duration, SystemTime};

use hcc_store::{Fields, IfMissing, Patch, Revision, Store, Write};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::backoff::RetryDelay;
use super::context::WorkerContext;

/// Removes the URLs and passwords of consoles that are older than the configured time.
///
/// `console_created` announces a new one.
pub(super) async fn expire_consoles(
    context: &WorkerContext,
    console_created: &Notify,
) -> Infallible {
    let Some(ttl) = context.config.console_ttl else {
        return pending().await;
    };
    let mut retry = RetryDelay::default();
    let mut consoles = Consoles::default();
    loop {
        let delay = match consoles.expire_older_than(ttl, context.store()).await {
            Ok(delay) => {
                retry.succeeded();
                delay
            }
            Err(error) => {
                context.failed(&error.into());
                retry.failed()
            }
        };
        tokio::select! {
            () = sleep(delay) => {}
            () = console_created.notified() => {}
        }
    }
}

/// How often all records are read: MongoDB does not show updates by other programs among the changes.
const FULL_READ_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// The consoles in the records, of which only changes are read.
#[derive(Default)]
struct Consoles {
    revision: Revision,
    /// When all records were read.
    full_read: Option<Instant>,
    /// The records with a console, and when it was created.
    created: HashMap<String, Option<SystemTime>>,
}

impl Consoles {
    /// Returns how long until the next console expires, at most `ttl`.
    async fn expire_older_than(
        &mut self,
        ttl: Duration,
        store: &dyn Store,
    ) -> hcc_store::Result<Duration> {
        self.follow(store).await?;
        let mut next = ttl;
        let mut expired = Vec::new();
        for (name, created) in &self.created {
            match time_left(*created, ttl) {
                Some(left) => next = next.min(left),
                None => expired.push(Write::new(name, Patch::new().no_console(), IfMissing::Skip)),
            }
        }
        store.write(&expired).await?;
        for write in &expired {
            self.created.remove(&write.name);
        }
        Ok(next)
    }

    /// Reads what has changed since the last time.
    async fn follow(&mut self, store: &dyn Store) -> hcc_store::Result<()> {
        const FIELDS: Fields = Fields::Only(&["url", "auth", "ts"]);
        let is_outdated = |read: Instant| read.elapsed() >= FULL_READ_INTERVAL;
        if self.full_read.is_none_or(is_outdated) {
            self.revision = Revision::default();
        }
        let changes = store.changes(&self.revision, FIELDS).await?;
        if changes.is_complete {
            self.created.clear();
            self.full_read = Some(Instant::now());
        }
        for name in &changes.removed {
            self.created.remove(name);
        }
        for record in changes.records {
            if record.url.is_some() || record.auth.is_some() {
                self.created.insert(record.name, record.ts);
            } else {
                self.created.remove(&record.name);
            }
        }
        self.revision = changes.revision;
        Ok(())
    }
}

/// Returns `None` if the console has expired.
fn time_left(created: Option<SystemTime>, ttl: Duration) -> Option<Duration> {
    let age = created?.elapsed().ok()?;
    ttl.checked_sub(age).filter(|left| !left.is_zero())
}
