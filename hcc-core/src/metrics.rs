//! Metrics, recorded with the facade of the crate [`metrics`](https://docs.rs/metrics).
//!
//! They are recorded wherever a command is executed or a service fails, for the recorder that the
//! program has installed. What has to be read first, such as the depth of the queue, is recorded by
//! [`record_queue`] and `record_worker`: call them when the metrics are collected.
//!
//! | metric | type | labels |
//! | --- | --- | --- |
//! | `hcc_commands_total` | counter | `verb`, `outcome`: `done`, `failed`, `retried` |
//! | `hcc_command_duration_seconds` | histogram | `verb` |
//! | `hcc_commands_in_progress` | gauge | |
//! | `hcc_leases_lost_total` | counter | |
//! | `hcc_queue_commands` | gauge | `state`: `waiting`, `delayed`, `leased`, `dead` |
//! | `hcc_service_available` | gauge, 1 or 0 | `service`: `Hetzner`, `store`, `queue` |
//! | `hcc_reconnects_total` | counter | `service` |
//! | `hcc_last_sync_age_seconds` | gauge | |
//!
//! The durations of commands are those of one attempt each, without the time in the queue.

#[cfg(feature = "worker")]
use std::time::Duration;

#[cfg(feature = "worker")]
use ::metrics::histogram;
use ::metrics::{
    Label, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
};
#[cfg(feature = "worker")]
use hcc_queue::Disposition;
use hcc_queue::Queue;

use crate::ProjectName;
#[cfg(feature = "worker")]
use crate::{Service, WorkerStatus};

/// Describes the metrics to the recorder, which must be installed; call it once.
pub fn describe() {
    describe_counter!(
        "hcc_commands_total",
        "Attempts of commands, by verb and outcome"
    );
    describe_histogram!(
        "hcc_command_duration_seconds",
        Unit::Seconds,
        "Durations of the attempts of commands"
    );
    describe_gauge!("hcc_commands_in_progress", "Commands in progress");
    describe_counter!(
        "hcc_leases_lost_total",
        "Commands that another worker took over"
    );
    describe_gauge!("hcc_queue_commands", "Commands in the queue, by state");
    describe_gauge!(
        "hcc_service_available",
        "Whether a service is available to this worker"
    );
    describe_counter!("hcc_reconnects_total", "Outages of a service that ended");
    describe_gauge!(
        "hcc_last_sync_age_seconds",
        Unit::Seconds,
        "Time since all records were synced"
    );
    // Counters that begin with their first event hide it from rates.
    counter!("hcc_leases_lost_total").increment(0);
    #[cfg(feature = "worker")]
    for service in Service::ALL {
        counter!("hcc_reconnects_total", "service" => service.as_str()).increment(0);
    }
}

/// Records how many commands are in each state, with the label `project` if one is named.
///
/// # Errors
///
/// The queue is unavailable; then nothing is recorded.
pub async fn record_queue(queue: &Queue, project: Option<&ProjectName>) -> hcc_queue::Result<()> {
    let counts = queue.commands().counts().await?;
    for (state, number) in [
        ("waiting", counts.waiting),
        ("delayed", counts.delayed),
        ("leased", counts.leased),
        ("dead", counts.dead),
    ] {
        let mut labels = vec![Label::new("state", state)];
        labels.extend(project.map(|name| Label::new("project", name.to_string())));
        gauge!("hcc_queue_commands", labels).set(number as f64);
    }
    Ok(())
}

/// Records what a worker does at the moment.
#[cfg(feature = "worker")]
pub fn record_worker(status: &WorkerStatus) {
    gauge!("hcc_commands_in_progress").set(status.in_progress as f64);
    for service in Service::ALL {
        record_available(*service, !status.unavailable.contains_key(service));
    }
    if let Some(age) = status.last_sync.and_then(|at| at.elapsed().ok()) {
        gauge!("hcc_last_sync_age_seconds").set(age.as_secs_f64());
    }
}

#[cfg(feature = "worker")]
pub(crate) fn record_available(service: Service, is_available: bool) {
    let value = f64::from(u8::from(is_available));
    gauge!("hcc_service_available", "service" => service.as_str()).set(value);
}

#[cfg(feature = "worker")]
pub(crate) fn record_reconnect(service: Service) {
    counter!("hcc_reconnects_total", "service" => service.as_str()).increment(1);
    record_available(service, true);
}

#[cfg(feature = "worker")]
pub(crate) fn record_lost_lease() {
    counter!("hcc_leases_lost_total").increment(1);
}

#[cfg(feature = "worker")]
pub(crate) fn record_command(verb: &'static str, disposition: Disposition) {
    let outcome = match disposition {
        Disposition::Done => "done",
        Disposition::Retry(_) => "retried",
        Disposition::Dead => "failed",
    };
    counter!("hcc_commands_total", "verb" => verb, "outcome" => outcome).increment(1);
}

#[cfg(feature = "worker")]
pub(crate) fn record_duration(verb: &'static str, duration: Duration) {
    histogram!("hcc_command_duration_seconds", "verb" => verb).record(duration);
}
