//! The operations that commands cost, counted by the server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hcc_queue::{Lease, Outcome, Queue, RawEvent, open};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use test_services::{Mongod, wait_until};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

const SERVERS: usize = 200;
const COMMANDS: usize = 1_200;

/// As many as `hcc` has by default.
const CONCURRENCY: usize = 32;

/// The cost of each command, by kind of operation.
struct Cost(BTreeMap<&'static str, f64>);

impl Cost {
    fn total(&self) -> f64 {
        self.0.values().sum()
    }

    /// The claims that leased nothing.
    fn wasted(&self) -> f64 {
        self.0["findAndModify"] - 1.0
    }
}

/// The number of operations since the server was started, by their kind.
async fn operations(server: &Mongod) -> BTreeMap<&'static str, i64> {
    let client = Client::with_uri_str(server.url("admin")).await.unwrap();
    let status = doc! { "serverStatus": 1 };
    let status = client.database("admin").run_command(status).await.unwrap();
    let metrics = status.get_document("metrics").unwrap();
    let commands = metrics.get_document("commands").unwrap();
    let kinds = [
        "aggregate",
        "delete",
        "find",
        "findAndModify",
        "insert",
        "update",
    ];
    let count = |kind| {
        let count = commands.get_document(kind).unwrap();
        count.get_i64("total").unwrap()
    };
    kinds.into_iter().map(|kind| (kind, count(kind))).collect()
}

/// What workers of one process each cost that carry out a backlog, with an event for each command.
async fn cost(workers: usize) -> Cost {
    let server = Mongod::start();
    let url = server.fresh_url();
    let queue = open(&url.parse().unwrap()).await.unwrap();
    queue.init().await.unwrap();
    let client = Client::with_uri_str(&url).await.unwrap();
    let commands = client
        .default_database()
        .unwrap()
        .collection::<Document>("cmd");
    let left = watch::Sender::new(COMMANDS);
    let mut running = JoinSet::new();
    for _ in 0..workers {
        let queue = open(&url.parse().unwrap()).await.unwrap();
        running.spawn(work(queue, left.clone()));
    }
    wait_until(async || know_each_other(&client, workers).await, true).await;
    let before = operations(&server).await;

    let documents = (0..COMMANDS).map(|number| {
        doc! { "cmd": format!("step {number}"), "for": format!("vm{}", number % SERVERS) }
    });
    commands.insert_many(documents).await.unwrap();
    queue.notify().await;
    running.join_all().await;

    let after = operations(&server).await;
    let per_command = |(&kind, count)| (kind, (count - before[kind]) as f64 / COMMANDS as f64);
    let cost = Cost(after.iter().map(per_command).collect());
    println!(
        "{workers} workers: {:.2?}, {:.2} in all",
        cost.0,
        cost.total()
    );
    assert_eq!(queue.list_all().await.unwrap(), []);
    cost
}

/// Whether each worker has renewed its presence since all are there.
async fn know_each_other(client: &Client, workers: usize) -> bool {
    let present = client
        .default_database()
        .unwrap()
        .collection::<Document>("cmd_workers");
    let present = present.find_one(doc! {}).await.unwrap().unwrap_or_default();
    let counters = present.get_document("workers").into_iter().flatten();
    let renewed = counters.filter(|(_, counter)| counter.as_i64() >= Some(2));
    renewed.count() == workers
}

async fn work(queue: Queue, left: watch::Sender<usize>) {
    let mut none_left = left.subscribe();
    let events = queue.clone();
    let handler = move |lease: Arc<Lease>| {
        let (events, left) = (events.clone(), left.clone());
        async move {
            sleep(Duration::from_millis(5)).await;
            let event = RawEvent::for_command("ended", &lease.command);
            events.events().send(&event).await.unwrap();
            left.send_modify(|left| *left -= 1);
            Outcome::Done
        }
    };
    let mut consumer = queue.consumer().await.unwrap();
    let end = async move {
        none_left.wait_for(|left| *left == 0).await.unwrap();
    };
    consumer.run(CONCURRENCY, handler, end).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MongoDB"]
async fn command_costs_few_operations_with_any_number_of_workers() {
    for workers in [1, 2, 4] {
        let cost = cost(workers).await;

        assert!(cost.wasted() <= 0.1, "{workers} workers: {:.2?}", cost.0);
        assert!(cost.total() <= 4.0, "{workers} workers: {:.2?}", cost.0);
    }
}
