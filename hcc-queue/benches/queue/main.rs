//! The cost of a queue, relative to its database alone and to named peers, in one run.
//!
//! `cargo bench -p hcc-queue` prints all, `… -- mongodb` one part. It needs
//! `redis-server` and `mongod`; `HCC_TEST_MONGOD` names one that is not on the
//! `PATH`.

#![expect(clippy::unwrap_used, reason = "errors end the program")]

mod actor;
mod backlog;
mod figures;
mod idle;
mod mongodb;
mod scale;
mod sqlite;

use std::env;
use std::time::Duration;

use hcc_queue::{Queue, open};
use rustix::time::{ClockId, clock_gettime};

const PARTS: [&str; 5] = ["mongodb", "sqlite", "backlog", "scale", "idle"];

// One thread, as `hcc` has.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [child, role, url] = &*arguments
        && child == actor::CHILD
    {
        return actor::act(role, url).await;
    }
    let asked = |part: &&str| arguments.iter().any(|argument| argument == part);
    let all = !PARTS.iter().any(asked);
    for part in PARTS.into_iter().filter(|part| all || asked(part)) {
        match part {
            "mongodb" => mongodb::bench().await,
            "sqlite" => sqlite::bench().await,
            "backlog" => backlog::bench().await,
            "scale" => scale::bench().await,
            _ => idle::bench().await,
        }
    }
}

async fn queue(url: &str) -> Queue {
    open(&url.parse().unwrap()).await.unwrap()
}

/// The current time, by the clock that all processes share.
fn now() -> Duration {
    clock_gettime(ClockId::Monotonic).try_into().unwrap()
}
