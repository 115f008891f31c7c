//! SQLite, across processes.

use std::time::Duration;

use fastrand::Rng;
use hcc_queue::Command;
use tempfile::TempDir;
use test_services::Redis;
use tokio::time::sleep;

use crate::actor::{Actor, redis_connection};
use crate::figures::Figures;
use crate::{now, queue};

const PUSHES: usize = 1_500;
const PROCESSES: usize = 8;

pub(crate) async fn bench() {
    wake().await;
    saturation();
}

/// From the start of a push to the lease in another process, compared to a push to a list in
/// Redis with the same durability and its pop in another process.
async fn wake() {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite:{}/queue.db", directory.path().display());
    let queue = queue(&url).await;
    let mut worker = Actor::start("consume", &url);
    // It appends to its file and syncs that before it responds.
    let redis = Redis::start();
    let url = redis.fresh_url();
    let mut list = redis_connection(&url).await;
    let mut popper = Actor::start("pop", &url);
    let mut rng = Rng::with_seed(1);

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // In rotation, so that other load affects both.
    for number in 0..PUSHES {
        let command = Command::new("start", format!("vm{number}"));
        let begin = now();
        queue.push(&command).await.unwrap();
        ours.push(worker.time() - begin);
        sleep(Duration::from_micros(rng.u64(1_500..4_500))).await;

        let mut push = redis::cmd("RPUSH");
        push.arg("list").arg(format!("start vm{number}"));
        let begin = now();
        push.exec_async(&mut list).await.unwrap();
        theirs.push(popper.time() - begin);
        sleep(Duration::from_micros(rng.u64(1_500..4_500))).await;
    }

    let ours: Figures = ours.into_iter().collect();
    let theirs: Figures = theirs.into_iter().collect();
    println!("SQLite, from push to lease in another process");
    println!("  hcc-queue             {ours}");
    println!(
        "  Redis, RPUSH to BLPOP {theirs}   hcc-queue: {}",
        ours.relative_to(&theirs)
    );
}

/// Each of many processes pushes and works without a pause.
fn saturation() {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite:{}/queue.db", directory.path().display());

    let mut all: Vec<_> = (0..PROCESSES)
        .map(|_| Actor::start("saturate", &url))
        .collect();
    let ends = all.iter_mut().map(|actor| {
        let longest = actor.time();
        (longest, actor.line().parse::<u64>().unwrap())
    });
    let (longest, done): (Vec<_>, Vec<_>) = ends.unzip();

    let longest = longest.into_iter().max().unwrap();
    let (least, most) = (done.iter().min().unwrap(), done.iter().max().unwrap());
    println!("SQLite, {PROCESSES} processes that push, lease and ack without a pause");
    println!("  longest wait          {longest:.1?}");
    println!("  completed in 5 s      {least} by one, {most} by another");
}
