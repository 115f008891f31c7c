//! The letters by which `wait` and `next` show what they do.

use std::io::{Write, stderr};
use std::time::Duration;

use tokio::pin;
use tokio::time::timeout;

/// Whether to show what happens meanwhile.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Letters {
    /// Show on standard error what happens, a letter each: a second without a
    /// message, a message, the wait begins, all that was there is read. An empty
    /// text stands for ".x_:"
    debug: Option<String>,
}

impl Letters {
    const DEFAULT: [char; 4] = ['.', 'x', '_', ':'];

    /// Says that what is there was read and the wait begins.
    pub(crate) fn begin(&self) {
        self.show(3);
        self.show(2);
    }

    /// Says how long it waits, and that something came.
    pub(crate) async fn during<T>(&self, wait: impl Future<Output = T>) -> T {
        if self.debug.is_none() {
            return wait.await;
        }
        pin!(wait);
        loop {
            if let Ok(done) = timeout(Duration::from_secs(1), &mut wait).await {
                self.show(1);
                return done;
            }
            self.show(0);
        }
    }

    fn show(&self, which: usize) {
        if let Some(letters) = &self.debug {
            let letter = letters.chars().nth(which).unwrap_or(Self::DEFAULT[which]);
            // Nobody is hurt who does not see it.
            let _ = write!(stderr(), "{letter}");
        }
    }
}
