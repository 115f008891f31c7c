//! Runs jobs for the commands of a queue.

use std::pin::{Pin, pin};

use hcc_queue::{Lease, Queue};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tracing::error;

use super::backoff::Outage;

/// Runs a job for each command, at most `concurrency` at once, until `shutdown`; then waits for
/// the jobs that have started.
pub(super) async fn run<J>(
    queue: &Queue,
    concurrency: usize,
    job: impl Fn(Lease) -> J,
    shutdown: impl Future<Output = ()>,
) where
    J: Future<Output = ()> + Send + 'static,
{
    let mut shutdown = pin!(shutdown);
    let mut jobs = JoinSet::new();
    let mut outage = Outage::of("queue");
    while let Err(error) = drain(
        queue,
        concurrency,
        &job,
        &mut jobs,
        shutdown.as_mut(),
        &mut outage,
    )
    .await
    {
        tokio::select! {
            () = shutdown.as_mut() => break,
            () = sleep(outage.failed(&error)) => {}
        }
    }
    while let Some(ended) = jobs.join_next().await {
        log_panic(ended);
    }
}

/// Returns at shutdown, or when the queue cannot be reached.
async fn drain<J>(
    queue: &Queue,
    concurrency: usize,
    job: &impl Fn(Lease) -> J,
    jobs: &mut JoinSet<()>,
    mut shutdown: Pin<&mut impl Future<Output = ()>>,
    outage: &mut Outage,
) -> hcc_queue::Result<()>
where
    J: Future<Output = ()> + Send + 'static,
{
    let mut consumer = queue.consumer().await?;
    loop {
        while jobs.len() < concurrency
            && let Some(lease) = queue.commands().lease(queue.policy().lease).await?
        {
            jobs.spawn(job(lease));
        }
        outage.succeeded();
        tokio::select! {
            biased;
            () = shutdown.as_mut() => return Ok(()),
            Some(ended) = jobs.join_next() => log_panic(ended),
            woken = consumer.wait(), if jobs.len() < concurrency => woken?,
        }
    }
}

/// A job that panicked has dropped its lease: the command is delivered again.
fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        let error = &error as &dyn std::error::Error;
        error!(error, "job panicked");
    }
}
