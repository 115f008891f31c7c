//! Polling until a condition holds.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long tests wait for a condition before they fail.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Calls `attempt` until it succeeds; returns its last error after [`WAIT_TIMEOUT`].
pub async fn retry<T, E>(mut attempt: impl AsyncFnMut() -> Result<T, E>) -> Result<T, E> {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    loop {
        let result = attempt().await;
        if result.is_ok() || Instant::now() > deadline {
            return result;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Polls `read` until it returns `expected`; panics after [`WAIT_TIMEOUT`].
pub async fn wait_until<T: Debug + PartialEq>(mut read: impl AsyncFnMut() -> T, expected: T) {
    let reached = retry(async || match read().await {
        value if value == expected => Ok(()),
        value => Err(value),
    });
    if let Err(value) = reached.await {
        panic!("expected {expected:?} but got {value:?} for {WAIT_TIMEOUT:?}");
    }
}
