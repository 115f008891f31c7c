//! MongoDB, compared to its driver.

use std::time::{Duration, Instant};

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{DateTime, Document, doc};
use ::mongodb::options::{CursorType, WriteConcern};
use ::mongodb::{Client, Collection, Database};
use fastrand::Rng;
use futures_util::{StreamExt, TryStreamExt};
use hcc_queue::{Queue, Received};
use test_services::Mongod;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::figures::{Figures, median};
use crate::queue;

const ROUNDS: usize = 15;
const CYCLES: usize = 1_000;
const SIGNALS: usize = 1_500;
const SPARSE: usize = 25;
const LISTENERS: usize = 10;

pub(crate) async fn bench() {
    let server = Mongod::start();
    println!("MongoDB, a lease and its ack");
    for workers in [1, 8] {
        cycles(&server, workers).await;
    }
    dense(&server).await;
    sparse(&server).await;
}

async fn database(url: &str) -> Database {
    let client = Client::with_uri_str(url).await.unwrap();
    client.default_database().unwrap()
}

/// Leases and acks, compared to two loops of the driver.
async fn cycles(server: &Mongod, workers: usize) {
    let [mut ours, mut ending, mut endless] = [const { Vec::new() }; 3];
    // In rotation, so that other load affects all, and none always follows the same one.
    for round in 0..ROUNDS {
        for turn in 0..3 {
            match (round + turn) % 3 {
                0 => ours.push(our_rate(server, workers).await),
                1 => ending.push(bare_rate(server, workers, Claim::Ending).await),
                _ => endless.push(bare_rate(server, workers, Claim::Endless).await),
            }
        }
    }
    println!("  {workers} at a time");
    println!(
        "    hcc-queue                    {:5.0}/s",
        median(ours.clone())
    );
    for (name, bare) in [("leases that end", ending), ("that never end", endless)] {
        let ratios = ours.iter().zip(&bare).map(|(ours, bare)| ours / bare);
        let ratio = median(ratios.collect());
        let bare = median(bare);
        println!("    driver, {name:15}      {bare:5.0}/s   hcc-queue: {ratio:.2}");
    }
}

async fn our_rate(server: &Mongod, workers: usize) -> f64 {
    let url = server.fresh_url();
    fill(&database(&url).await.collection("cmd")).await;
    let queue = queue(&url).await;
    // This creates connections and indexes.
    assert!(queue.lease().await.unwrap().is_some());
    rate(workers, || lease_and_ack(queue.clone())).await
}

async fn bare_rate(server: &Mongod, workers: usize, claim: Claim) -> f64 {
    let commands = database(&server.fresh_url()).await.collection("cmd");
    fill(&commands).await;
    assert!(claim.next(&commands).await.is_some());
    rate(workers, || claim_and_delete(commands.clone(), claim)).await
}

async fn fill(commands: &Collection<Document>) {
    let documents = (0..CYCLES).map(|number| doc! { "cmd": "start", "for": format!("vm{number}") });
    commands.insert_many(documents).await.unwrap();
}

/// The number of commands per second of several workers, until none is left.
async fn rate<F>(workers: usize, work: impl Fn() -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let begin = Instant::now();
    let workers: JoinSet<()> = (0..workers).map(|_| work()).collect();
    workers.join_all().await;
    CYCLES as f64 / begin.elapsed().as_secs_f64()
}

async fn lease_and_ack(queue: Queue) {
    while let Some(lease) = queue.lease().await.unwrap() {
        queue.ack(lease).await.unwrap();
    }
}

/// The driver's loop: marks the next unclaimed command, then deletes it if the mark is still
/// there, with the same durability. It has no order and no servers.
async fn claim_and_delete(commands: Collection<Document>, claim: Claim) {
    while let Some(ours) = claim.next(&commands).await {
        let deleted = commands.delete_one(ours).write_concern(durable());
        assert_eq!(deleted.await.unwrap().deleted_count, 1);
    }
}

/// How the driver's loop marks a command.
#[derive(Clone, Copy)]
enum Claim {
    /// Until a time by the server's clock, so that commands of crashed workers are redelivered.
    Ending,
    /// Indefinitely: the minimum that separates two workers.
    Endless,
}

impl Claim {
    /// Claims a command, and returns a filter that matches it while it is claimed.
    async fn next(self, commands: &Collection<Document>) -> Option<Document> {
        let token = ObjectId::new();
        let claimed = match self {
            Self::Ending => {
                let end = doc! { "$add": ["$$NOW", 60_000] };
                let attempts = doc! { "$add": [{ "$ifNull": ["$attempts", 0] }, 1] };
                let lease = doc! { "lease": end, "token": token, "attempts": attempts };
                let free = doc! { "$expr": { "$lte": ["$lease", "$$NOW"] } };
                commands.find_one_and_update(free, vec![doc! { "$set": lease }])
            }
            Self::Endless => {
                let lease = doc! { "$set": { "lease": DateTime::now(), "token": token } };
                commands.find_one_and_update(doc! { "lease": null }, lease)
            }
        };
        let command = claimed.write_concern(durable()).await.unwrap()?;
        Some(doc! { "_id": command.get("_id"), "token": token })
    }
}

fn durable() -> WriteConcern {
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    concern
}

/// From sending a signal to receiving it, with frequent signals.
async fn dense(server: &Mongod) {
    let url = server.fresh_url();
    let queue = queue(&url).await;
    let messages = capped(&server.fresh_url()).await;
    let mut ours = received_by_queue(&queue).await;
    let mut bare = received_by_cursor(&messages).await;
    let mut rng = Rng::with_seed(1);

    let (mut our_times, mut bare_times) = (Vec::new(), Vec::new());
    for _ in 0..SIGNALS {
        let begin = Instant::now();
        queue.signals().send(&"cmd".to_owned()).await.unwrap();
        our_times.push(ours.recv().await.unwrap() - begin);
        sleep(Duration::from_micros(rng.u64(1_000..4_000))).await;

        let begin = Instant::now();
        messages.insert_one(doc! { "msg": "cmd" }).await.unwrap();
        bare_times.push(bare.recv().await.unwrap() - begin);
        sleep(Duration::from_micros(rng.u64(1_000..4_000))).await;
    }

    let ours: Figures = our_times.into_iter().collect();
    let bare: Figures = bare_times.into_iter().collect();
    println!("MongoDB, from sending a signal to receiving it");
    println!("  hcc-queue             {ours}");
    println!(
        "  bare tailable cursor  {bare}   hcc-queue: {}",
        ours.relative_to(&bare)
    );
}

/// The same with seconds between signals, compared to the wait of the original.
async fn sparse(server: &Mongod) {
    let mut ours = JoinSet::new();
    let mut originals = JoinSet::new();
    for seed in 0..LISTENERS as u64 {
        let queue = queue(&server.fresh_url()).await;
        let received = received_by_queue(&queue).await;
        ours.spawn(sparsely(seed, received, async move || {
            queue.signals().send(&"cmd".to_owned()).await.unwrap();
        }));
        let messages = capped(&server.fresh_url()).await;
        let received = received_by_original(&messages).await;
        originals.spawn(sparsely(seed, received, async move || {
            messages.insert_one(doc! { "msg": "cmd" }).await.unwrap();
        }));
    }

    let ours: Figures = ours.join_all().await.into_iter().flatten().collect();
    let originals: Figures = originals.join_all().await.into_iter().flatten().collect();
    println!("MongoDB, the same with 1.1 to 3.3 s between signals");
    println!("  hcc-queue             {ours}");
    println!(
        "  as the original waits {originals}   of hcc-queue: {}",
        originals.relative_to(&ours)
    );
}

/// A capped collection that is not empty.
async fn capped(url: &str) -> Collection<Document> {
    let database = database(url).await;
    let create = database.create_collection("msg").capped(true).size(100_000);
    create.await.unwrap();
    let messages = database.collection("msg");
    messages.insert_one(doc! { "msg": null }).await.unwrap();
    messages
}

/// When signals were received.
async fn received_by_queue(queue: &Queue) -> UnboundedReceiver<Instant> {
    let (sender, times) = unbounded_channel();
    let mut signals = queue.signals().subscribe().await.unwrap();
    tokio::spawn(async move {
        while signals.next().await.unwrap() != Received::Lagged {
            send_now(&sender);
        }
    });
    times
}

/// The same with the driver's cursor alone.
async fn received_by_cursor(messages: &Collection<Document>) -> UnboundedReceiver<Instant> {
    let (sender, times) = unbounded_channel();
    let cursor = messages
        .find(doc! {})
        .cursor_type(CursorType::TailableAwait)
        .max_await_time(Duration::from_secs(1));
    let mut cursor = cursor.await.unwrap();
    cursor.try_next().await.unwrap().unwrap();
    tokio::spawn(async move {
        while let Ok(Some(_)) = cursor.try_next().await {
            send_now(&sender);
        }
    });
    times
}

/// The same as the original waits: with a cursor that is not polled for 0.1 s after each
/// second without messages.
async fn received_by_original(messages: &Collection<Document>) -> UnboundedReceiver<Instant> {
    let (sender, times) = unbounded_channel();
    let cursor = messages
        .find(doc! { "msg": { "$ne": null } })
        .cursor_type(CursorType::TailableAwait);
    let mut batches = cursor.batch().await.unwrap();
    tokio::spawn(async move {
        while let Some(Ok(batch)) = batches.next().await {
            let documents = batch.doc_slices().unwrap().into_iter().count();
            if documents == 0 {
                sleep(Duration::from_millis(100)).await;
            }
            for _ in 0..documents {
                send_now(&sender);
            }
        }
    });
    times
}

fn send_now(sender: &UnboundedSender<Instant>) {
    // At the end the receiver is gone.
    let _ = sender.send(Instant::now());
}

/// The latency of a few signals, sent seconds apart.
async fn sparsely(
    seed: u64,
    mut received: UnboundedReceiver<Instant>,
    send: impl AsyncFn() + Send,
) -> Vec<Duration> {
    let mut rng = Rng::with_seed(seed);
    let mut times = Vec::new();
    for _ in 0..SPARSE {
        sleep(Duration::from_millis(rng.u64(1_100..3_300))).await;
        let begin = Instant::now();
        send().await;
        times.push(received.recv().await.unwrap() - begin);
    }
    times
}
