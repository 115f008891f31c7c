//! Notifications for systemd; they do nothing in a process that systemd has not started.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

#[cfg(unix)]
use sd_notify::NotifyState;
use tokio::time::interval;

/// Reports what the service does at the moment.
pub(crate) fn status(status: &str) {
    #[cfg(unix)]
    notify(&[NotifyState::Status(status)]);
    #[cfg(not(unix))]
    let _ = status;
}

/// Reports that the service has begun to reload.
pub(crate) fn reloading() {
    #[cfg(unix)]
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        notify(&[NotifyState::Reloading, now]);
    }
}

/// Reports that the service is running, or has reloaded.
pub(crate) fn ready() {
    #[cfg(unix)]
    notify(&[NotifyState::Ready]);
}

/// Reports that the service is shutting down.
pub(crate) fn stopping() {
    #[cfg(unix)]
    notify(&[NotifyState::Stopping]);
}

/// Reports regularly that the process is alive, if its unit has a watchdog.
pub(crate) async fn keep_watchdog_alive() -> Infallible {
    let Some(timeout) = watchdog_timeout() else {
        return pending().await;
    };
    let mut ticks = interval(timeout / 2);
    loop {
        ticks.tick().await;
        #[cfg(unix)]
        notify(&[NotifyState::Watchdog]);
    }
}

fn watchdog_timeout() -> Option<Duration> {
    #[cfg(unix)]
    return sd_notify::watchdog_enabled();
    #[cfg(not(unix))]
    None
}

#[cfg(unix)]
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}
