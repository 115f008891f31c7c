//! Tests with several processes, on every database that supports them.
//!
//! These tests run themselves as child processes, with the child's task in the environment.
//! Children report by lines on stderr.

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead, BufReader, Read, stdin};
use std::process::{self, Child, Command as Process, Stdio};
use std::thread;
use std::time::Duration;

use hcc_queue::{Command, Policy, Queue, open};
use tokio::task::JoinSet;

use crate::place::{Kind, everywhere};

const URL: &str = "HCC_QUEUE_TEST_URL";
const TASK: &str = "HCC_QUEUE_TEST_TASK";

/// A test that runs itself as a child process.
pub(crate) struct Test {
    path: &'static str,
    pub(crate) kind: Kind,
}

impl Test {
    /// Creates the test of this module path, which begins with the crate.
    pub(crate) fn new(path: &'static str, kind: Kind) -> Self {
        let (_, path) = path.split_once("::").unwrap();
        Self { path, kind }
    }

    /// Returns the queue and the task of a child; `None` in the parent. A child exits with
    /// its parent.
    pub(crate) async fn task(&self) -> Option<(Queue, String)> {
        let url = env::var(URL).ok()?.parse().unwrap();
        thread::spawn(|| {
            stdin().read_to_end(&mut Vec::new()).unwrap();
            process::exit(1);
        });
        Some((open(&url).await.unwrap(), env::var(TASK).unwrap()))
    }

    /// Starts a child.
    pub(crate) fn start(&self, url: &str, task: &str) -> Actor {
        let child = Process::new(env::current_exe().unwrap())
            .args([self.path, "--exact", "--include-ignored", "--nocapture"])
            .env(URL, url)
            .env(TASK, task)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Actor(child.unwrap())
    }
}

/// A child of a test, killed when dropped.
pub(crate) struct Actor(Child);

impl Actor {
    /// The complete lines that it writes until it exits.
    pub(crate) fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let mut stderr = BufReader::new(self.0.stderr.take().unwrap());
        std::iter::from_fn(move || {
            let mut line = String::new();
            stderr.read_line(&mut line).unwrap();
            line.strip_suffix('\n').map(str::to_owned)
        })
    }

    pub(crate) fn process(&self) -> &Child {
        &self.0
    }

    /// Waits until it has exited successfully.
    pub(crate) fn join(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // This has no effect after `join`.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

everywhere! {
    two_pullers_never_share_a_command
    signal_wakes_another_process
    commands_are_executed_if_all_signals_are_lost
}

async fn two_pullers_never_share_a_command(test: Test) {
    const COMMANDS: usize = 2_000;
    const PULLED: &str = "pulled ";
    if let Some((queue, _)) = test.task().await {
        while let Some(command) = queue.pull().await.unwrap() {
            eprintln!("{PULLED}{}", command.id);
        }
        return;
    }
    let place = test.kind.shared().await;
    let queue = open(&place.url.parse().unwrap()).await.unwrap();
    let commands: Vec<_> = (0..COMMANDS)
        .map(|number| Command::new("start", format!("vm{number}")))
        .collect();
    for some in commands.chunks(20) {
        let pushes = some.iter().cloned().map(|command| {
            let queue = queue.clone();
            async move { queue.push(&command).await.unwrap() }
        });
        pushes.collect::<JoinSet<_>>().join_all().await;
    }

    let mut children = [(); 2].map(|()| test.start(&place.url, "pull"));
    let pulled = children.each_mut().map(|child| {
        let lines = child.lines();
        // Libraries write to stderr, too.
        let pulled = move |line: String| Some(line.strip_prefix(PULLED)?.to_owned());
        thread::spawn(move || lines.filter_map(pulled).collect::<Vec<_>>())
    });
    let pulled = pulled.map(|lines| lines.join().unwrap());

    // Both pulled concurrently.
    assert!(pulled.iter().all(|pulled| !pulled.is_empty()));
    let pulled = pulled.concat();
    assert_eq!(pulled.len(), COMMANDS);
    assert_eq!(pulled.into_iter().collect::<BTreeSet<_>>().len(), COMMANDS);
    children.into_iter().for_each(Actor::join);
}

async fn signal_wakes_another_process(test: Test) {
    if let Some((queue, _)) = test.task().await {
        return acknowledge_all(queue, Duration::from_secs(60 * 60)).await;
    }
    let place = test.kind.shared().await;
    let mut child = test.start(&place.url, "wait");
    let mut lines = child.lines();
    assert_eq!(lines.next().unwrap(), "waiting");
    let queue = open(&place.url.parse().unwrap()).await.unwrap();

    for _ in 0..5 {
        let command = Command::new("start", "web");
        queue.push(&command).await.unwrap();

        assert_eq!(lines.next().unwrap(), command.id.as_str());
    }
}

async fn commands_are_executed_if_all_signals_are_lost(test: Test) {
    if let Some((queue, _)) = test.task().await {
        return acknowledge_all(queue, Duration::from_millis(100)).await;
    }
    let place = test.kind.shared().await;
    let mut child = test.start(&place.url, "wait");
    let mut lines = child.lines();
    assert_eq!(lines.next().unwrap(), "waiting");
    let queue = open(&place.url.parse().unwrap()).await.unwrap();

    for _ in 0..5 {
        let command = Command::new("start", "web");
        queue
            .commands()
            .push(&command, Duration::ZERO)
            .await
            .unwrap();

        assert_eq!(lines.next().unwrap(), command.id.as_str());
    }
}

/// Acknowledges commands and reports their ids.
async fn acknowledge_all(queue: Queue, poll_interval: Duration) {
    let queue = queue.with_policy(Policy {
        poll_interval,
        ..Policy::default()
    });
    let mut consumer = queue.consumer().await.unwrap();
    eprintln!("waiting");
    loop {
        let lease = consumer.next().await.unwrap();
        let id = lease.command.id.clone();
        queue.ack(lease).await.unwrap();
        eprintln!("{id}");
    }
}
