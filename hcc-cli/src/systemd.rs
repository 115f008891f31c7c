//! What a service tells systemd; nothing where it was not started by it.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

#[cfg(unix)]
use sd_notify::NotifyState;
use tokio::time::interval;

/// The service has begun.
pub(crate) fn ready() {
    #[cfg(unix)]
    tell(NotifyState::Ready);
}

/// The service was asked to end.
pub(crate) fn stopping() {
    #[cfg(unix)]
    tell(NotifyState::Stopping);
}

/// Says again and again that the process is alive, if systemd watches that.
pub(crate) async fn stay_alive() -> Infallible {
    let Some(limit) = watchdog() else {
        return pending().await;
    };
    let mut ticks = interval(limit / 2);
    loop {
        ticks.tick().await;
        #[cfg(unix)]
        tell(NotifyState::Watchdog);
    }
}

fn watchdog() -> Option<Duration> {
    #[cfg(unix)]
    return sd_notify::watchdog_enabled();
    #[cfg(not(unix))]
    None
}

#[cfg(unix)]
fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
