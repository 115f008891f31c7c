//! Ctrl-C, and what must not be cut in the middle.

use std::io;
use std::pin::pin;

use anyhow::Result;

use crate::exit::Interrupted;

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

/// Lets `work` end although Ctrl-C comes; a second one gives it up.
///
/// After a Ctrl-C the outcome is [`Interrupted`], unless the work failed.
pub(crate) async fn finish<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    let first = ctrl_c()?;
    tokio::select! {
        outcome = &mut work => return outcome,
        () = first => {}
    }
    eprintln!("hcc: finishing what was begun; Ctrl-C again gives it up");
    stop(work).await.and(Err(Interrupted.into()))
}

/// Drops `work` when Ctrl-C comes.
///
/// Where [`finish`] was used before, Ctrl-C no longer ends the process by itself.
pub(crate) async fn stop<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let interrupted = ctrl_c()?;
    tokio::select! {
        outcome = work => outcome,
        () = interrupted => Err(Interrupted.into()),
    }
}
