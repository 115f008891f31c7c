//! Noticing that standard output was closed.

use std::future::pending;
use std::io;

/// Returns when the reader of standard output has closed it; never, if the system cannot report
/// that.
///
/// A verb that waits for messages would otherwise notice only when it prints the next one.
pub(crate) async fn stdout_closed() {
    #[cfg(unix)]
    // Files and devices have no reader, and cannot be watched.
    if let Ok(()) = watch().await {
        return;
    }
    pending::<()>().await;
}

#[cfg(unix)]
async fn watch() -> io::Result<()> {
    use std::os::fd::AsFd;

    use tokio::io::Interest;
    use tokio::net::unix::pipe::Sender;

    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    // The checked constructor would make standard output non-blocking for all processes that share
    // it.
    let pipe = Sender::from_owned_fd_unchecked(stdout)?;
    pipe.ready(Interest::ERROR).await?;
    Ok(())
}
