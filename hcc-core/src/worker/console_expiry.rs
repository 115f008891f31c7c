//! Removal of console URLs and passwords from the records.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use hcc_store::{Patch, Record, Store, StoreExt};
use tokio::sync::Notify;
use tokio::time::sleep;

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
    loop {
        let delay = match expire_older_than(ttl, context.store()).await {
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

/// Returns how long until the next console expires, at most `ttl`.
async fn expire_older_than(ttl: Duration, store: &dyn Store) -> hcc_store::Result<Duration> {
    let mut next = ttl;
    for record in store.list().await? {
        if record.url.is_none() && record.auth.is_none() {
            continue;
        }
        match time_left(&record, ttl) {
            Some(left) => next = next.min(left),
            None => drop(
                store
                    .update(&record.name, Patch::new().no_console())
                    .await?,
            ),
        }
    }
    Ok(next)
}

/// Returns `None` if the console has expired.
fn time_left(record: &Record, ttl: Duration) -> Option<Duration> {
    let age = record.ts?.elapsed().ok()?;
    ttl.checked_sub(age).filter(|left| !left.is_zero())
}
