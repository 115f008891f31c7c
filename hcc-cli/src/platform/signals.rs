//! Ctrl-C and SIGTERM, and work that they must not cut off.

use std::io;
use std::pin::pin;

use crate::error::{CliError, Result};

/// Returns a future of the next Ctrl-C, which is caught from now on.
pub(crate) fn ctrl_c() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    #[cfg(windows)]
    let mut signal = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        signal.recv().await;
    })
}

/// The signals that shut a service down: Ctrl-C, and SIGTERM.
pub(crate) struct ShutdownSignals {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
    #[cfg(windows)]
    signal: tokio::signal::windows::CtrlC,
}

impl ShutdownSignals {
    /// Catches them from now on: they no longer end the process by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};

            let signals = [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            ];
            Ok(Self { signals })
        }
        #[cfg(windows)]
        {
            let signal = tokio::signal::windows::ctrl_c()?;
            Ok(Self { signal })
        }
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        #[cfg(windows)]
        self.signal.recv().await;
    }
}

/// Finishes `work` although Ctrl-C is pressed; a second Ctrl-C cancels it.
///
/// After a Ctrl-C the outcome is an interruption, unless the work failed.
pub(crate) async fn finish<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    let interrupt = ctrl_c()?;
    tokio::select! {
        outcome = &mut work => return outcome,
        () = interrupt => {}
    }
    eprintln!("hcc: finishing the request in progress; press Ctrl-C again to cancel it");
    cancel_on_ctrl_c(work)
        .await
        .and(Err(CliError::interrupted()))
}

/// Drops `work` when Ctrl-C is pressed.
///
/// Needed after [`finish`]: Ctrl-C no longer ends the process by itself.
pub(crate) async fn cancel_on_ctrl_c<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let interrupt = ctrl_c()?;
    tokio::select! {
        outcome = work => outcome,
        () = interrupt => Err(CliError::interrupted()),
    }
}
