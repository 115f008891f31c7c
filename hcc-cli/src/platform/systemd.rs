//! Notifications for systemd; they do nothing in a process that systemd has not started.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

#[cfg(unix)]
use sd_notify::NotifyState;
use tokio::time::interval;

/// Reports that the service is running.
pub(crate) fn ready() {
    #[cfg(unix)]
    notify(NotifyState::Ready);
}

/// Reports that the service is shutting down.
pub(crate) fn stopping() {
    #[cfg(unix)]
    notify(NotifyState::Stopping);
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
        notify(NotifyState::Watchdog);
    }
}

fn watchdog_timeout() -> Option<Duration> {
    #[cfg(unix)]
    return sd_notify::watchdog_enabled();
    #[cfg(not(unix))]
    None
}

#[cfg(unix)]
fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}
