//! All tests of the public API, in one binary.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod full_disk;
mod memory;
mod model;
#[cfg(feature = "mongodb")]
mod mongodb;
mod mutants;
mod place;
mod processes;
mod redis;
mod refusals;
mod sqlite;
mod storm;

use std::time::Duration;

use hcc_queue::Queue;

/// Leases and acknowledges all commands that are due, and returns their verbs; fails if one that
/// is due is neither leased nor buried.
async fn drain(queue: &Queue) -> Vec<String> {
    const HOUR: Duration = Duration::from_secs(60 * 60);

    let commands = queue.commands();
    let mut verbs = Vec::new();
    while commands.next_due().await.unwrap() == Some(Duration::ZERO) {
        let before = commands.counts().await.unwrap();
        match commands.lease(HOUR).await.unwrap() {
            Some(lease) => {
                verbs.push(lease.command.verb.clone());
                commands.ack(lease).await.unwrap();
            }
            None => assert!(commands.counts().await.unwrap().dead > before.dead),
        }
        queue.list_all().await.unwrap();
    }
    verbs
}
