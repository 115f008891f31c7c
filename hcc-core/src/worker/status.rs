//! What a worker does at the moment, and which services are unavailable.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tracing::{info, warn};

use crate::Error;

/// What a worker depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Service {
    /// The Hetzner API.
    Hetzner,
    /// The database of the records.
    Store,
    /// The database of the commands.
    Queue,
}

impl Service {
    /// All services.
    pub const ALL: &[Self] = &[Self::Hetzner, Self::Store, Self::Queue];

    /// Returns the name in logs and metrics, such as `store`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hetzner => "Hetzner",
            Self::Store => "store",
            Self::Queue => "queue",
        }
    }

    /// Returns the service that does not work, if that is what the error says.
    pub fn unavailable(error: &Error) -> Option<Self> {
        match error {
            Error::Store(_) => Some(Self::Store),
            Error::Queue(
                hcc_queue::Error::LeaseLost { .. } | hcc_queue::Error::Malformed { .. },
            ) => None,
            Error::Queue(_) => Some(Self::Queue),
            error => error
                .api()
                .filter(|api| is_away(api))
                .map(|_| Self::Hetzner),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_away(error: &hcloud_api::Error) -> bool {
    use hcloud_api::Error as Api;

    match error {
        Api::Connect { .. }
        | Api::Timeout { .. }
        | Api::CallTimeout {
            in_flight: true, ..
        }
        | Api::Transport { .. } => true,
        Api::Gateway { status, .. } => status.is_server_error(),
        Api::Api { source, .. } => source.status.is_server_error(),
        _ => false,
    }
}

/// What a worker does at the moment; returned by [`WorkerHandle::status`](crate::WorkerHandle::status).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Whether it takes commands.
    pub phase: WorkerPhase,
    /// The number of commands in progress.
    pub in_progress: usize,
    /// The services that are unavailable, with the reason.
    pub unavailable: BTreeMap<Service, String>,
    /// When all records were last synced, by this worker or another one.
    pub last_sync: Option<SystemTime>,
}

/// The phases of a worker's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerPhase {
    /// It checks its token and waits for what is unavailable.
    #[default]
    Starting,
    /// It takes commands.
    Running,
    /// It finishes the commands in progress.
    Stopping,
}

impl fmt::Display for WorkerStatus {
    /// Writes one line for people, such as `running, 2 commands in progress`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.phase {
            WorkerPhase::Starting => "starting",
            WorkerPhase::Running => "running",
            WorkerPhase::Stopping => "stopping",
        })?;
        match self.in_progress {
            0 => {}
            1 => write!(f, ", 1 command in progress")?,
            number => write!(f, ", {number} commands in progress")?,
        }
        for (service, reason) in &self.unavailable {
            write!(f, "; {service} unavailable: {reason}")?;
        }
        Ok(())
    }
}

/// The status of a worker, shared by its parts; logs the beginning and the end of each outage.
#[derive(Clone, Debug)]
pub(super) struct StatusSender(pub(super) watch::Sender<WorkerStatus>);

impl StatusSender {
    pub(super) fn set_phase(&self, phase: WorkerPhase) {
        self.0.send_modify(|status| status.phase = phase);
    }

    pub(super) fn set_in_progress(&self, in_progress: usize) {
        self.0
            .send_modify(|status| status.in_progress = in_progress);
    }

    /// Notes that all records were synced.
    pub(super) fn synced(&self, age: Duration) {
        let at = SystemTime::now().checked_sub(age);
        self.0
            .send_modify(|status| status.last_sync = status.last_sync.max(at));
    }

    /// Notes a failure of a service, and logs the first one.
    pub(super) fn failed(
        &self,
        service: Service,
        address: &str,
        error: &(dyn std::error::Error + 'static),
    ) {
        let begins = self.0.send_if_modified(|status| {
            let reason = describe(error);
            status.unavailable.insert(service, reason).is_none()
        });
        if begins {
            warn!(
                service = service.as_str(),
                address, error, "unavailable, retrying"
            );
            #[cfg(feature = "metrics")]
            crate::metrics::record_available(service, false);
        }
    }

    /// Notes that a service responds.
    pub(super) fn reached(&self, service: Service) {
        let ends = self
            .0
            .send_if_modified(|status| status.unavailable.remove(&service).is_some());
        if ends {
            info!(service = service.as_str(), "available again");
            #[cfg(feature = "metrics")]
            crate::metrics::record_reconnect(service);
        }
    }
}

/// The message of an error and of its causes.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_names_what_is_unavailable_and_why() {
        let status = WorkerStatus {
            phase: WorkerPhase::Running,
            in_progress: 2,
            unavailable: BTreeMap::from([(Service::Queue, "redis://host does not answer".into())]),
            last_sync: None,
        };

        assert_eq!(
            status.to_string(),
            "running, 2 commands in progress; queue unavailable: redis://host does not answer"
        );
    }

    #[test]
    fn outage_ends_when_the_service_responds() {
        let status = StatusSender(watch::Sender::default());

        status.failed(Service::Store, "sqlite:a", &fmt::Error);
        status.failed(Service::Store, "sqlite:a", &fmt::Error);
        let during = status.0.borrow().unavailable.clone();
        status.reached(Service::Store);

        assert_eq!(during.len(), 1);
        assert!(status.0.borrow().unavailable.is_empty());
    }
}
