//! Something that we need and that is away.

use std::error::Error;
use std::time::Duration;

use tracing::{info, warn};

/// The pause after the first failure, which doubles with each further one.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(30);

/// Says once that something is away, and once that it is back.
#[derive(Debug)]
pub(super) struct Outage {
    what: &'static str,
    failures: u32,
}

impl Outage {
    pub(super) fn of(what: &'static str) -> Self {
        Self { what, failures: 0 }
    }

    /// It failed: how long to wait before it is tried again.
    pub(super) fn pause_after(&mut self, error: &(dyn Error + 'static)) -> Duration {
        if self.failures == 0 {
            let what = self.what;
            warn!(error, "{what} is away; waiting for it");
        }
        self.failures += 1;
        let doubled = 2_u32.saturating_pow(self.failures - 1);
        FIRST.saturating_mul(doubled).min(LONGEST)
    }

    /// It answered.
    pub(super) fn is_over(&mut self) {
        if self.failures > 0 {
            let what = self.what;
            info!("{what} is back");
        }
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_until_it_is_back() {
        let mut outage = Outage::of("the queue");
        let error = std::fmt::Error;

        let pauses: Vec<_> = (0..40).map(|_| outage.pause_after(&error)).collect();
        outage.is_over();

        assert_eq!((pauses[0], pauses[1]), (FIRST, 2 * FIRST));
        assert_eq!((pauses[8], pauses[39]), (LONGEST, LONGEST));
        assert_eq!(outage.pause_after(&error), FIRST);
    }
}
