//! Ctrl-C, and what must not be cut in the middle.

use std::io;
use std::pin::pin;

use anyhow::Result;

use crate::problem::Problem;

/// The next Ctrl-C; it is listened for before this returns.
pub(crate) fn ctrl_c() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    #[cfg(windows)]
    let mut signal = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        signal.recv().await;
    })
}

/// The signals that ask a service to end: Ctrl-C, and what `kill` sends.
pub(crate) struct Ends {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
    #[cfg(windows)]
    signal: tokio::signal::windows::CtrlC,
}

impl Ends {
    /// Listens from now on, so that they do not end the process by themselves.
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

    /// The next of them.
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

/// Lets `work` end although Ctrl-C comes; a second one gives it up.
///
/// After a Ctrl-C the outcome is [`Interrupted`](Problem::Interrupted), unless the work failed.
pub(crate) async fn finish<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    let first = ctrl_c()?;
    tokio::select! {
        outcome = &mut work => return outcome,
        () = first => {}
    }
    eprintln!("hcc: finishing what was begun; Ctrl-C again gives it up");
    stop(work).await.and(Err(Problem::Interrupted.into()))
}

/// Drops `work` when Ctrl-C comes.
///
/// Where [`finish`] was used before, Ctrl-C no longer ends the process by itself.
pub(crate) async fn stop<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let interrupted = ctrl_c()?;
    tokio::select! {
        outcome = work => outcome,
        () = interrupted => Err(Problem::Interrupted.into()),
    }
}
