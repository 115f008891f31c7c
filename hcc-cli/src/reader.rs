//! Whoever reads what we print, and may go away.

use std::future::pending;
use std::io;

/// Returns when nobody reads standard output any more; never, where the system does not tell.
///
/// Who waits for messages would otherwise learn it from the next one, in an hour perhaps.
pub(crate) async fn gone() {
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
    // Not checked, as that would make standard output non-blocking, for all who share it.
    let pipe = Sender::from_owned_fd_unchecked(stdout)?;
    pipe.ready(Interest::ERROR).await?;
    Ok(())
}
