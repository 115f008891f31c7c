//! How a worker behaves.

use std::time::Duration;

/// Limits and intervals of a [`Worker`](crate::Worker).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerConfig {
    /// How many commands are taken from the queue at once, for different servers; 256 by default. Of
    /// these, as many are in progress as the request budget of the API allows.
    pub concurrency: usize,
    /// How often all records are synced, whatever commands do; every minute by default.
    ///
    /// The interval is longer if there are so many servers that syncing them this
    /// often would take more than a quarter of the API's request budget.
    pub sync_interval: Duration,
    /// How often the worker publishes a heartbeat; every ten seconds by default.
    pub heartbeat_interval: Duration,
    /// How long running commands may take to finish at shutdown; 30 seconds by
    /// default. Commands that have not finished by then return to the queue.
    pub shutdown_grace: Duration,
    /// How long a record keeps the URL and password of a console; indefinitely by
    /// default. Hetzner itself lets them expire after a minute.
    pub console_ttl: Option<Duration>,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            concurrency: 256,
            sync_interval: Duration::from_secs(60),
            heartbeat_interval: Duration::from_secs(10),
            shutdown_grace: Duration::from_secs(30),
            console_ttl: None,
        }
    }
}
