//! Ctrl-C and SIGTERM, and work that they must not cut off.

use std::future::pending;
use std::io;
use std::pin::pin;
use std::process::{self, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{CliError, Result};

/// Whether Ctrl-C and SIGTERM, in this order, do not end the process by themselves.
static CAUGHT: [AtomicBool; 2] = [AtomicBool::new(false), AtomicBool::new(false)];

/// Waits for a signal that would end any other process, but that the kernel does not deliver to
/// the first process of a container; returns the exit code.
pub(crate) async fn end_of_first_process() -> ExitCode {
    const FIRST: u32 = 1;
    #[cfg(unix)]
    if process::id() == FIRST {
        use tokio::signal::unix::{SignalKind, signal};

        let next = async |kind: SignalKind, is_caught: &AtomicBool| {
            let Ok(mut received) = signal(kind) else {
                return pending().await;
            };
            loop {
                received.recv().await;
                if !is_caught.load(Ordering::Relaxed) {
                    return ExitCode::from(128 + kind.as_raw_value() as u8);
                }
            }
        };
        return tokio::select! {
            code = next(SignalKind::interrupt(), &CAUGHT[0]) => code,
            code = next(SignalKind::terminate(), &CAUGHT[1]) => code,
        };
    }
    pending().await
}

/// Returns a future of the next Ctrl-C, which is caught from now on.
pub(crate) fn ctrl_c() -> io::Result<impl Future<Output = ()>> {
    CAUGHT[0].store(true, Ordering::Relaxed);
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
        for caught in &CAUGHT {
            caught.store(true, Ordering::Relaxed);
        }
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
