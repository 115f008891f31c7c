//! Workers that are present, and what happens to the leases of those that are gone.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Lease, Result};

/// A worker that others can see, announced by [`Commands::announce`](crate::Commands::announce).
///
/// Its leases end when it is gone, long before they would expire: SQLite notices within two
/// seconds that a process has ended, by a file lock that the system releases. MongoDB and Redis
/// notice within 15 seconds that it no longer [renews](Self::renew) its presence. Whatever the
/// others conclude, a lease is fenced: a worker that was only slow finds that its lease is lost.
///
/// When it is dropped, the worker is gone.
#[async_trait]
pub trait Presence: Debug + Send + Sync {
    /// Leases the next command, as [`Commands::lease`](crate::Commands::lease) does, for as long
    /// as the worker is present, and for `duration` at most.
    async fn lease(&self, duration: Duration) -> Result<Option<Lease>>;

    /// Shows the others that the worker is present, and ends the leases of those that have not
    /// shown it for a while. Returns whether there were any: their commands can be leased.
    async fn renew(&self) -> Result<bool>;

    /// How often to [renew](Self::renew); `None` if the system knows that a worker is gone.
    fn renewal_interval(&self) -> Option<Duration>;

    /// Ends the presence of a worker that has no leases.
    async fn leave(&self) -> Result<()>;
}

#[cfg(any(feature = "mongodb", feature = "redis"))]
pub(crate) use self::observer::{Observer, RENEWAL_INTERVAL};

#[cfg(any(feature = "mongodb", feature = "redis"))]
mod observer {
    use std::collections::HashMap;
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use tokio::time::Instant;

    /// How often a worker renews its presence.
    pub(crate) const RENEWAL_INTERVAL: Duration = Duration::from_secs(3);

    /// The number of consecutive observations without a renewal after which a worker is gone.
    const MAX_MISSED: u32 = 3;

    /// Decides which workers are gone, by whether their counters grow from one renewal of its own
    /// to the next. No clock of a server or of another worker matters, and an outage, in which none
    /// can renew, begins the observation anew.
    #[derive(Debug, Default)]
    pub(crate) struct Observer(Mutex<Observed>);

    #[derive(Debug, Default)]
    struct Observed {
        /// When the others were last observed.
        at: Option<Instant>,
        others: HashMap<String, Other>,
    }

    #[derive(Debug)]
    struct Other {
        counter: i64,
        /// How many observations ago the counter has grown.
        missed: u32,
    }

    impl Observer {
        /// Observes the counters of the other workers; returns those that are gone.
        pub(crate) fn gone(
            &self,
            counters: impl IntoIterator<Item = (String, i64)>,
        ) -> Vec<String> {
            let mut observed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let last = observed.at.replace(now);
            let is_continuous = last.is_some_and(|last| now - last <= 2 * RENEWAL_INTERVAL);
            let mut before = std::mem::take(&mut observed.others);
            let mut gone = Vec::new();
            for (worker, counter) in counters {
                let same = before.remove(&worker);
                let same = same.filter(|other| is_continuous && other.counter == counter);
                let missed = same.map_or(0, |other| other.missed + 1);
                if missed >= MAX_MISSED {
                    gone.push(worker.clone());
                }
                observed.others.insert(worker, Other { counter, missed });
            }
            gone
        }
    }

    #[cfg(test)]
    mod tests {
        use tokio::time::advance;

        use super::*;

        #[tokio::test(start_paused = true)]
        async fn worker_is_gone_after_three_observations_without_a_renewal() {
            let observer = Observer::default();
            let mut gone = Vec::new();
            for round in 0..4 {
                gone = observer.gone([("alive".to_owned(), round), ("killed".to_owned(), 7)]);
                assert!(gone.is_empty() || round == 3, "round {round}");
                advance(RENEWAL_INTERVAL).await;
            }
            assert_eq!(gone, ["killed"]);
        }

        #[tokio::test(start_paused = true)]
        async fn outage_of_the_database_takes_no_worker_for_gone() {
            let observer = Observer::default();
            let silent = || [("silent".to_owned(), 7)];
            for _ in 0..3 {
                assert!(observer.gone(silent()).is_empty());
                advance(RENEWAL_INTERVAL).await;
            }

            advance(10 * RENEWAL_INTERVAL).await;

            assert!(observer.gone(silent()).is_empty());
        }
    }
}
