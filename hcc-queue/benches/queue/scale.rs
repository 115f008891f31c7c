//! How the cost of a command grows with the number of workers, and how long the commands of a killed
//! worker wait.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ::mongodb::Client;
use ::mongodb::bson::{Document, doc};
use hcc_queue::{Command, Queue};
use rusqlite::Connection;
use tempfile::TempDir;
use test_services::{Mongod, Redis};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::actor::Actor;
use crate::idle::Cost;
use crate::queue;

const COMMANDS: usize = 1_200;
const SERVERS: usize = 200;

/// How often the commands that are left are counted.
const PERIOD: Duration = Duration::from_millis(50);

/// Workers renew their presence every three seconds, and know each other then.
const INTRODUCTION_TIME: Duration = Duration::from_secs(4);

const FAIR_ROUNDS: usize = 3;

pub(crate) async fn bench() {
    println!("A backlog of {COMMANDS} commands over {SERVERS} servers, by workers that need 5 ms");
    let mut first = None;
    for workers in [1, 2, 4] {
        let figures = mongodb(workers).await;
        print(
            "MongoDB",
            workers,
            &figures,
            first.get_or_insert(figures.cpu),
        );
    }
    let mut first = None;
    for workers in [1, 2, 4] {
        let figures = sqlite(workers).await;
        print(
            "SQLite",
            workers,
            &figures,
            first.get_or_insert(figures.cpu),
        );
    }
    println!("From the death of a worker to the next attempt at its command, in another process");
    for (name, waits) in takeovers().await {
        println!("  {name:8} {waits:.1?}");
    }
    println!("SQLite, two processes that push, lease and ack without a pause, in 5 s");
    for _ in 0..FAIR_ROUNDS {
        let (least, most) = two_processes();
        println!(
            "  {least} and {most}   ratio {:.2}",
            most as f64 / least as f64
        );
    }
}

/// What a backlog cost.
struct Figures {
    time: Duration,
    /// Of all processes.
    cpu: Duration,
    /// Operations of the server, by kind.
    operations: BTreeMap<String, f64>,
}

fn print(name: &str, workers: usize, figures: &Figures, first: &Duration) {
    let rate = COMMANDS as f64 / figures.time.as_secs_f64();
    let cpu = figures.cpu.as_secs_f64() * 1000.0 / COMMANDS as f64;
    let ratio = figures.cpu.div_duration_f64(*first);
    print!("  {name:8} {workers} workers {rate:5.0}/s  {cpu:.2} ms of CPU each, ratio {ratio:.2}");
    if let Some(claims) = figures.operations.get("findAndModify") {
        let all: f64 = figures.operations.values().sum();
        print!(
            "  {all:.2} operations each, {:.2} claims wasted",
            claims - 1.0
        );
    }
    println!();
}

async fn mongodb(workers: usize) -> Figures {
    let server = Mongod::start();
    let url = server.fresh_url();
    queue(&url).await.init().await.unwrap();
    let client = Client::with_uri_str(&url).await.unwrap();
    let commands = client
        .default_database()
        .unwrap()
        .collection::<Document>("cmd");
    let actors = workers_of(&url, workers).await;
    let processes = || actors.iter().map(Actor::id).chain([server.process().id()]);
    let (before, began) = (cpu(processes()), operations(&client).await);
    let begin = Instant::now();

    let documents = backlog().map(|(verb, server)| doc! { "cmd": verb, "for": server });
    commands.insert_many(documents).await.unwrap();
    queue(&url).await.notify().await;
    while commands.estimated_document_count().await.unwrap() > 0 {
        sleep(PERIOD).await;
    }

    let time = begin.elapsed();
    let operations = operations(&client).await;
    let each = |(kind, count): (String, i64)| {
        let each = (count - began[&kind]) as f64 / COMMANDS as f64;
        (kind, each)
    };
    Figures {
        time,
        cpu: cpu(processes()) - before,
        operations: operations.into_iter().map(each).collect(),
    }
}

/// The operations that a server has executed, by kind.
async fn operations(client: &Client) -> BTreeMap<String, i64> {
    let status = doc! { "serverStatus": 1 };
    let status = client.database("admin").run_command(status).await.unwrap();
    let commands = status.get_document("metrics").unwrap();
    let commands = commands.get_document("commands").unwrap();
    let kinds = [
        "aggregate",
        "delete",
        "find",
        "findAndModify",
        "insert",
        "update",
    ];
    let count = |kind: &str| {
        let count = commands.get_document(kind).unwrap();
        (kind.to_owned(), count.get_i64("total").unwrap())
    };
    kinds.into_iter().map(count).collect()
}

async fn sqlite(workers: usize) -> Figures {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("queue.db");
    let url = format!("sqlite:{}", path.display());
    let queue = queue(&url).await;
    queue.init().await.unwrap();
    let actors = workers_of(&url, workers).await;
    let processes = || actors.iter().map(Actor::id);
    let before = cpu(processes());
    let begin = Instant::now();

    let mut connection = Connection::open(&path).unwrap();
    let transaction = connection.transaction().unwrap();
    for command in backlog() {
        let sql = r#"INSERT INTO cmd (cmd, "for") VALUES (?1, ?2)"#;
        transaction.execute(sql, [command.0, command.1]).unwrap();
    }
    transaction.commit().unwrap();
    queue.notify().await;
    let count = "SELECT count(*) FROM cmd";
    while connection
        .query_row(count, [], |row| row.get::<_, i64>(0))
        .unwrap()
        > 0
    {
        sleep(PERIOD).await;
    }

    Figures {
        time: begin.elapsed(),
        cpu: cpu(processes()) - before,
        operations: BTreeMap::new(),
    }
}

fn backlog() -> impl Iterator<Item = (String, String)> {
    (0..COMMANDS).map(|number| {
        let server = format!("vm{}", number % SERVERS);
        (format!("step {number}"), server)
    })
}

async fn workers_of(url: &str, count: usize) -> Vec<Actor> {
    let actors = (0..count).map(|_| Actor::start("work", url)).collect();
    sleep(INTRODUCTION_TIME).await;
    actors
}

fn cpu(processes: impl Iterator<Item = u32>) -> Duration {
    let costs = processes.flat_map(|process| Cost::of(process).into_values());
    costs.map(|cost| cost.cpu).sum()
}

/// How long it takes to notice a killed worker, on each database.
async fn takeovers() -> Vec<(&'static str, Vec<Duration>)> {
    let directory = TempDir::new().unwrap();
    let (mongod, redis) = (Mongod::start(), Redis::start());
    let sqlite = format!("sqlite:{}/queue.db", directory.path().display());
    let places = [
        ("SQLite", sqlite),
        ("MongoDB", mongod.fresh_url()),
        ("Redis", redis.fresh_url()),
    ];
    let mut measured = JoinSet::new();
    for (name, url) in places {
        measured.spawn(async move {
            let mut waits = Vec::new();
            for _ in 0..5 {
                waits.push(takeover(&url).await);
            }
            (name, waits)
        });
    }
    measured.join_all().await
}

async fn takeover(url: &str) -> Duration {
    let queue: Queue = queue(url).await;
    queue.push(&Command::new("start", "web")).await.unwrap();
    let mut killed = Actor::start("stick", url);
    let (begun, mut killed) = tokio::task::spawn_blocking(move || (killed.line(), killed))
        .await
        .unwrap();
    assert_eq!(begun, "begun");
    let mut other = Actor::start("work", url);
    sleep(INTRODUCTION_TIME).await;
    killed.kill();
    let begin = Instant::now();
    let done = tokio::task::spawn_blocking(move || other.line());
    assert_eq!(done.await.unwrap(), "done");
    begin.elapsed()
}

/// How many turns two processes have on one queue.
fn two_processes() -> (u64, u64) {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite:{}/queue.db", directory.path().display());
    let mut both = [(); 2].map(|()| Actor::start("saturate", &url));
    let turns = both.each_mut().map(|actor| {
        actor.line();
        actor.line().parse::<u64>().unwrap()
    });
    (turns[0].min(turns[1]), turns[0].max(turns[1]))
}
