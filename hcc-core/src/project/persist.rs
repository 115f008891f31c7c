//! Writes of what cannot be requested again, repeated while the database is unavailable.

use std::time::{Duration, SystemTime};

use hcc_store::{Attachment, Patch, StoreExt};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::Project;

/// How long such a write is repeated by default.
pub(super) const RECORD_TIMEOUT: Duration = Duration::from_secs(5 * 60);

const INITIAL_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(10);

impl Project {
    /// Sets how long the write of a new root password is repeated while the records are unavailable;
    /// five minutes by default.
    #[must_use]
    pub fn with_record_timeout(self, record_timeout: Duration) -> Self {
        Self {
            record_timeout,
            ..self
        }
    }

    /// Sets fields of a record, which is inserted if it does not exist.
    pub(super) async fn persist(&self, name: &str, patch: Patch) -> hcc_store::Result<()> {
        let mut attempts = self.attempts();
        loop {
            let written = self.store.set(name, patch.clone()).await;
            match written {
                Err(error) if attempts.allow_another(&error).await => {}
                written => return written,
            }
        }
    }

    /// Stores a document that nothing else has.
    pub(crate) async fn persist_secret(
        &self,
        key: &str,
        secret: &Value,
        until: SystemTime,
    ) -> hcc_store::Result<()> {
        let mut attempts = self.attempts();
        loop {
            let kind = Attachment::Secret;
            match self.store.attach(kind, key, secret, until).await {
                Err(error) if attempts.allow_another(&error).await => {}
                written => return written,
            }
        }
    }

    fn attempts(&self) -> Attempts {
        Attempts {
            deadline: Instant::now() + self.record_timeout,
            delay: INITIAL_BACKOFF,
        }
    }
}

/// The attempts of one write.
struct Attempts {
    deadline: Instant,
    delay: Duration,
}

impl Attempts {
    /// Waits until the next attempt; returns whether there is one.
    async fn allow_another(&mut self, error: &hcc_store::Error) -> bool {
        if Instant::now() + self.delay > self.deadline {
            return false;
        }
        let retry_in_ms = self.delay.as_millis() as u64;
        warn!(%error, retry_in_ms, "root password not recorded yet");
        sleep(self.delay).await;
        self.delay = (self.delay * 2).min(MAX_BACKOFF);
        true
    }
}
