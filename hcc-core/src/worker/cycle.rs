//! The service cycle: what a worker does when nothing woke it for a while.

use std::convert::Infallible;
use std::future::pending;
use std::time::{Duration, SystemTime};

use hcc_store::{Patch, Precondition, Record, Stage, StoreExt};
use tokio::time::sleep;

use super::outage::Outage;
use super::shift::Shift;
use crate::{Result, Scope, SyncOutcome};

/// For each 50 servers, which one request lists. This often, that takes a
/// quarter of the budget of 3600 requests an hour.
const PER_REQUEST: Duration = Duration::from_secs(4);

impl Shift {
    /// Keeps the records true, unless another worker has just done it.
    pub(super) async fn service(&self) {
        let serve = async {
            let served = self.serve().await;
            self.note_service(&served);
        };
        tokio::select! {
            () = serve => {}
            () = self.given_up() => {}
        }
    }

    async fn serve(&self) -> Result<()> {
        let records = self.store().list().await?;
        let requests = u32::try_from(records.len().div_ceil(50)).unwrap_or(u32::MAX);
        let cycle = self
            .worker
            .config
            .sync_interval
            .max(PER_REQUEST.saturating_mul(requests));
        self.set_cycle(cycle);
        if are_fresh(&records, cycle) {
            return Ok(());
        }
        let synced = self.sync(&Scope::Known).await?;
        for record in records.iter().filter(|record| is_reservation(record)) {
            let is_missing = synced
                .iter()
                .any(|one| one.name == record.name && one.record == SyncOutcome::Missing);
            if is_missing {
                self.drop_reservation(&record.name).await?;
            }
        }
        Ok(())
    }

    /// Removes a name that was reserved for a server that was never made, unless
    /// it is still going to be made.
    async fn drop_reservation(&self, name: &str) -> Result<()> {
        let is_expected = self.worker.queue.commands().pending(name).await?;
        if !is_expected && self.store().remove(name, Precondition::Reserved).await? {
            self.changed(name, SyncOutcome::Removed).await;
        }
        Ok(())
    }

    /// Wipes the URLs and passwords of consoles that have lived long enough.
    pub(super) async fn wipe_consoles(&self) -> Infallible {
        let Some(life) = self.worker.config.console_ttl else {
            return pending().await;
        };
        let mut outage = Outage::of("the store");
        loop {
            let pause = match self.wipe_older_than(life).await {
                Ok(next) => {
                    outage.is_over();
                    next
                }
                Err(error) => outage.pause_after(&error),
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.console_made.notified() => {}
            }
        }
    }

    /// Returns how long until the next one is due, as far as we know.
    async fn wipe_older_than(&self, life: Duration) -> hcc_store::Result<Duration> {
        let mut next = life;
        for record in self.store().list().await? {
            if record.url.is_none() && record.auth.is_none() {
                continue;
            }
            let age = record.ts.and_then(|made| made.elapsed().ok());
            match age.and_then(|age| life.checked_sub(age)) {
                Some(rest) if !rest.is_zero() => next = next.min(rest),
                _ => {
                    let wipe = Patch::new().no_console();
                    self.store().update(&record.name, wipe).await?;
                }
            }
        }
        Ok(next)
    }
}

/// Whether most records were synced less than a cycle ago. (Not all are: what is
/// gone at Hetzner stays as it is.)
fn are_fresh(records: &[Record], cycle: Duration) -> bool {
    let is_fresh = |synced: SystemTime| synced.elapsed().is_ok_and(|age| age < cycle);
    let fresh = records
        .iter()
        .filter(|record| record.synced.is_some_and(is_fresh))
        .count();
    2 * fresh > records.len()
}

fn is_reservation(record: &Record) -> bool {
    record.stage == Some(Stage::New) && record.id.is_none()
}
