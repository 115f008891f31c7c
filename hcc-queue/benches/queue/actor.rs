//! Other processes: this program again, in a role.

use std::env;
use std::future::pending;
use std::io::{BufRead, BufReader, Lines, Read, stdin};
use std::process::{self, Child, ChildStdout, Command as Process, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hcc_queue::{Command, Lease, Outcome, Queue, RawEvent};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tokio::time::sleep;

use crate::{now, queue};

/// The first argument of a child.
pub(crate) const CHILD: &str = "--child";

/// Another process, killed when dropped.
pub(crate) struct Actor {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Actor {
    /// Starts a process and waits until it is ready.
    pub(crate) fn start(role: &str, url: &str) -> Self {
        let mut child = Process::new(env::current_exe().unwrap())
            .args([CHILD, role, url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut actor = Self { child, lines };
        assert_eq!(actor.line(), "ready");
        actor
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process at once.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// The next line, as a time.
    pub(crate) fn time(&mut self) -> Duration {
        Duration::from_nanos(self.line().parse().unwrap())
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Runs a role until the parent exits.
pub(crate) async fn act(role: &str, url: &str) {
    thread::spawn(|| {
        stdin().read_to_end(&mut Vec::new()).unwrap();
        process::exit(1);
    });
    match role {
        "consume" => consume(&queue(url).await).await,
        "pop" => pop(url).await,
        "work" => work(&queue(url).await, Duration::from_millis(5)).await,
        "stick" => stick(&queue(url).await).await,
        "saturate" => saturate(&queue(url).await).await,
        _ => panic!("no role {role}"),
    }
}

/// Prints when each command was leased.
async fn consume(queue: &Queue) {
    let mut consumer = queue.consumer().await.unwrap();
    println!("ready");
    loop {
        let lease = consumer.next().await.unwrap();
        let leased = now();
        queue.ack(lease).await.unwrap();
        println!("{}", leased.as_nanos());
    }
}

/// Works as `hcc` does, with an event for each command, and prints a line for each.
async fn work(queue: &Queue, time: Duration) {
    println!("ready");
    let events = queue.clone();
    let handler = move |lease: Arc<Lease>| {
        let events = events.clone();
        async move {
            sleep(time).await;
            let event = RawEvent::for_command("ended", &lease.command);
            events.events().send(&event).await.unwrap();
            println!("done");
            Outcome::Done
        }
    };
    let mut consumer = queue.consumer().await.unwrap();
    consumer.run(32, handler, pending()).await.unwrap();
}

/// Begins commands, and ends none.
async fn stick(queue: &Queue) {
    println!("ready");
    let handler = |_| async {
        println!("begun");
        pending().await
    };
    let mut consumer = queue.consumer().await.unwrap();
    consumer.run(1, handler, pending()).await.unwrap();
}

/// Prints when each element of a list in Redis was popped.
async fn pop(url: &str) {
    let mut connection = redis_connection(url).await;
    println!("ready");
    loop {
        let mut pop = redis::cmd("BLPOP");
        pop.arg("list").arg(0);
        pop.exec_async(&mut connection).await.unwrap();
        println!("{}", now().as_nanos());
    }
}

/// A connection without a response timeout.
pub(crate) async fn redis_connection(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    connection.await.unwrap()
}

/// Pushes and works for five seconds without a pause, and prints the longest wait and the
/// number of completed commands.
async fn saturate(queue: &Queue) {
    println!("ready");
    let (begin, mut longest, mut done) = (Instant::now(), Duration::ZERO, 0_u64);
    while begin.elapsed() < Duration::from_secs(5) {
        let server = format!("vm{}-{done}", process::id());
        let mut time = Instant::now();
        let mut lap = || {
            let end = Instant::now();
            longest = longest.max(end - time);
            time = end;
        };
        let command = Command::new("start", server);
        queue.push(&command).await.unwrap();
        lap();
        let lease = queue.lease().await.unwrap();
        lap();
        if let Some(lease) = lease {
            queue.ack(lease).await.unwrap();
            lap();
            done += 1;
        }
    }
    println!("{}", longest.as_nanos());
    println!("{done}");
}
