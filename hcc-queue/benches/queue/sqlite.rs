//! SQLite, across processes.

use std::time::Duration;

use fastrand::Rng;
use hcc_queue::Command;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::actor::Actor;
use crate::figures::Figures;
use crate::{now, queue};

const PUSHES: usize = 1_500;
const PROCESSES: usize = 8;

pub(crate) async fn bench() {
    wake().await;
    saturation();
}

/// From the begin of a push to the lease in another process.
async fn wake() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}/queue.db", folder.path().display());
    let mut rng = Rng::with_seed(1);
    let queue = queue(&url).await;
    let mut worker = Actor::start("consume", &url);

    let mut times = Vec::new();
    for number in 0..PUSHES {
        let command = Command::new("start", format!("vm{number}"));
        let begin = now();
        queue.push(&command).await.unwrap();
        times.push(worker.time() - begin);
        sleep(Duration::from_micros(rng.u64(1_500..4_500))).await;
    }

    let times: Figures = times.into_iter().collect();
    println!("SQLite, from push to lease in another process");
    println!("  hcc-queue             {times}");
}

/// Each of many processes pushes and works without a pause.
fn saturation() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}/queue.db", folder.path().display());

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
    println!("  done in 5 s           {least} by one, {most} by another");
}
