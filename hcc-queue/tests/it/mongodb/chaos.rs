//! Servers that are killed, hang or step down while a consumer waits.

use std::time::{Duration, SystemTime};
use std::{env, process};

use hcc_queue::{Command, CommandId, Queue, Received, State, Subscription, open};
use mongodb::bson::{Bson, doc};
use test_services::{Mongod, ReplicaSet};

use super::{Fresh, receive, soon};

const MINUTE: Duration = Duration::from_secs(60);

type Signals = Box<dyn Subscription<String>>;

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn subscriber_receives_messages_after_its_server_was_killed() {
    let server = Mongod::start();
    let fresh = Fresh::at(&server.fresh_url(), ()).await;
    let queue = fresh.open().await;
    let mut signals = queue.signals().subscribe().await.unwrap();
    send(&queue, "before").await;
    assert_eq!(receive(&mut signals).await, "before");

    // After a crash the server reports the collection as empty, which it is not.
    server.restart();

    until_lagged(&mut signals).await;
    send(&fresh.open().await, "after").await;
    assert_eq!(receive(&mut signals).await, "after");
    assert!(fresh.documents("msg").await.len() >= 2);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn pushed_commands_survive_kill_9_of_the_server() {
    const COMMANDS: usize = 100;
    let server = Mongod::start();
    let fresh = Fresh::at(&server.fresh_url(), ()).await;
    let queue = fresh.open().await;
    for number in 0..COMMANDS {
        let command = Command::new("start", format!("vm{number}"));
        queue.push(&command).await.unwrap();
    }
    let lease = queue.lease().await.unwrap().unwrap();
    queue.ack(lease).await.unwrap();

    server.restart();

    assert_eq!(fresh.documents("cmd").await.len(), COMMANDS - 1);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn subscriber_survives_the_loss_of_its_collection() {
    let fresh = Fresh::standalone().await;
    let queue = fresh.open().await;
    let mut signals = queue.signals().subscribe().await.unwrap();

    for _ in 0..3 {
        fresh.collection("msg").drop().await.unwrap();

        until_lagged(&mut signals).await;
        send(&queue, "again").await;
        assert_eq!(receive(&mut signals).await, "again");
    }
    assert!(fresh.is_capped("msg").await);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn subscriber_that_is_overrun_receives_lagged() {
    let fresh = Fresh::standalone().await;
    let queue = fresh.open().await;
    let mut signals = queue.signals().subscribe().await.unwrap();

    let flood = vec![doc! { "msg": "x".repeat(100) }; 10_000];
    fresh.collection("msg").insert_many(flood).await.unwrap();

    // Messages may be lost in each gap, but not those after the last.
    let end = Received::Message("end".to_owned());
    let mut lagged = false;
    loop {
        match soon(signals.next()).await.unwrap() {
            Received::Lagged => {
                lagged = true;
                send(&queue, "end").await;
            }
            received if received == end => break,
            Received::Message(_) => {}
        }
    }
    assert!(lagged);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn twelve_subscribers_do_not_block_a_push() {
    let fresh = Fresh::standalone().await;
    let one_connection = format!("{}?maxPoolSize=1", fresh.url);
    let queue = Fresh::at(&one_connection, ()).await.without_polling().await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let mut consumer = queue.consumer().await.unwrap();
        waiting.spawn(async move { consumer.next().await.unwrap().command.id });
    }

    let mut pushed: Vec<CommandId> = Vec::new();
    for number in 0..12 {
        let command = Command::new("start", format!("vm{number}"));
        pushed.push(soon(queue.push(&command)).await.unwrap());
    }

    let mut leased = soon(waiting.join_all()).await;
    leased.sort();
    pushed.sort();
    assert_eq!(leased, pushed);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn worker_continues_when_the_primary_is_killed() {
    let set = ReplicaSet::start().await;
    assert_work_continues(&set, async || set.primary().await.kill()).await;
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn worker_continues_when_the_primary_steps_down() {
    let set = ReplicaSet::start().await;
    assert_work_continues(&set, async || set.step_down().await).await;
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn worker_continues_when_the_primary_hangs() {
    let set = ReplicaSet::start().await;
    assert_work_continues(&set, async || set.primary().await.pause()).await;
}

/// Leases of a worker with a wrong clock are as long as any other.
#[tokio::test]
#[ignore = "needs MongoDB and faketime"]
async fn clock_of_a_worker_does_not_matter() {
    const URL: &str = "HCC_QUEUE_TEST_CLOCK";
    const NAME: &str = "mongodb::chaos::clock_of_a_worker_does_not_matter";
    if let Ok(url) = env::var(URL) {
        let queue = open(&url.parse().unwrap()).await.unwrap();
        queue.push(&Command::new("stop", "web")).await.unwrap();
        let lease = queue.lease().await.unwrap().unwrap();
        assert!(lease.age < MINUTE, "{:?}", lease.age);
        return;
    }
    for wrong in ["-1h", "+1h"] {
        let fresh = Fresh::standalone().await;
        let queue = fresh.open().await;
        queue.push(&Command::new("start", "db")).await.unwrap();

        let child = process::Command::new("faketime")
            .args(["-f", wrong])
            .arg(env::current_exe().unwrap())
            .args([NAME, "--exact", "--include-ignored"])
            .env(URL, &fresh.url)
            .output()
            .expect("faketime is installed");

        let output = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{output}");
        let entries = queue.list_all().await.unwrap();
        assert!(matches!(entries[0].state, State::Leased(left) if left <= MINUTE));
        let pushed = entries[1].command.at.unwrap();
        let now = SystemTime::now();
        assert!(pushed > now - MINUTE && pushed < now + MINUTE, "{pushed:?}");
        assert_eq!(queue.lease().await.unwrap().unwrap().command.verb, "stop");
    }
}

/// A consumer waits, the replica set fails over, and a push wakes the consumer.
async fn assert_work_continues(set: &ReplicaSet, fail: impl AsyncFnOnce()) {
    let fresh = Fresh::at(&set.fresh_url(), ()).await;
    let queue = fresh.without_polling().await;
    queue.push(&Command::new("start", "before")).await.unwrap();
    let before = queue.lease().await.unwrap().unwrap();
    let mut signals = queue.signals().subscribe().await.unwrap();
    let mut consumer = queue.consumer().await.unwrap();
    let waiting = tokio::spawn(async move { consumer.next().await.unwrap() });

    fail().await;

    until_lagged(&mut signals).await;
    let command = Command::new("stop", "after");
    // A push that failed is repeated with the same command.
    while let Err(error) = soon(queue.push(&command)).await {
        assert!(error.is_retryable(), "{error:?}");
    }
    assert_eq!(soon(waiting).await.unwrap().command.id, command.id);
    queue.ack(before).await.unwrap();
    for number in 0..5 {
        send(&queue, &number.to_string()).await;
        while receive(&mut signals).await != number.to_string() {}
    }
    assert_eq!(fresh.open().await.list_all().await.unwrap().len(), 1);
}

impl Fresh {
    async fn is_capped(&self, collection: &str) -> bool {
        let stats = doc! { "collStats": collection };
        let stats = self.database.run_command(stats).await.unwrap();
        stats.get("capped") == Some(&Bson::Boolean(true))
    }
}

async fn send(queue: &Queue, text: &str) {
    while let Err(error) = queue.signals().send(&text.to_owned()).await {
        assert!(error.is_retryable(), "{error:?}");
    }
}

async fn until_lagged(signals: &mut Signals) {
    while soon(signals.next()).await.unwrap() != Received::Lagged {}
}
