//! The progress marks of `wait` and `next`.

use std::io::{Write, stderr};
use std::time::Duration;

use tokio::pin;
use tokio::time::timeout;

/// Whether to print progress marks.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ProgressMarks {
    /// Print progress marks to standard error, one of these four characters each: a second
    /// without a message, a message, start of waiting, backlog read. Empty means ".x_:"
    debug: Option<String>,
}

impl ProgressMarks {
    const DEFAULT: [char; 4] = ['.', 'x', '_', ':'];

    /// Marks that the backlog is read and the wait begins.
    pub(crate) fn begin(&self) {
        self.print(3);
        self.print(2);
    }

    /// Marks each second of the wait, and its end.
    pub(crate) async fn during<T>(&self, wait: impl Future<Output = T>) -> T {
        if self.debug.is_none() {
            return wait.await;
        }
        pin!(wait);
        loop {
            if let Ok(done) = timeout(Duration::from_secs(1), &mut wait).await {
                self.print(1);
                return done;
            }
            self.print(0);
        }
    }

    fn print(&self, index: usize) {
        if let Some(marks) = &self.debug {
            let mark = marks.chars().nth(index).unwrap_or(Self::DEFAULT[index]);
            // A lost mark does no harm.
            let _ = write!(stderr(), "{mark}");
        }
    }
}
