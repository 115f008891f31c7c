//! Many processes at once, and processes that are killed.
//!
//! A test here starts itself again, with what the child is to do in the
//! environment. What children report is a line each, written before they go on:
//! the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead, BufReader, Read, stdin};
use std::process::{Child, Command as Process, Stdio};
use std::thread;
use std::time::Duration;

use hcc_queue::{Command, Policy, Queue, QueueUrl, open};

use crate::sqlite::Folder;

const URL: &str = "HCC_QUEUE_TEST_URL";
const ROLE: &str = "HCC_QUEUE_TEST_ROLE";
const SERVERS: u64 = 12;

#[tokio::test]
async fn pulling_processes_never_share_a_command() {
    const COMMANDS: usize = 400;
    if let Some((queue, _)) = in_child().await {
        // All begin when the parent lets go of their input.
        stdin().read_to_end(&mut Vec::new()).unwrap();
        while let Some(command) = queue.pull().await.unwrap() {
            eprintln!("{}", command.id);
        }
        return;
    }
    let folder = Folder::new();
    let queue = folder.open();
    let mut pushed = BTreeSet::new();
    for number in 0..COMMANDS {
        let command = Command::new("start", format!("vm{number}"));
        pushed.insert(queue.push(&command).await.unwrap().to_string());
    }

    let mut children: Vec<Child> = (0..4)
        .map(|_| spawn("pulling_processes_never_share_a_command", &folder, "pull"))
        .collect();
    for child in &mut children {
        drop(child.stdin.take());
    }

    let pulled: Vec<String> = children.iter_mut().flat_map(lines).collect();
    assert_eq!(pulled.len(), COMMANDS);
    assert_eq!(pulled.into_iter().collect::<BTreeSet<_>>(), pushed);
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

#[tokio::test]
async fn signal_wakes_another_process() {
    if let Some((queue, _)) = in_child().await {
        let mut consumer = queue.consumer().await.unwrap();
        eprintln!("waiting");
        let lease = consumer.next().await.unwrap();
        eprintln!("{}", lease.command.id);
        return queue.ack(lease).await.unwrap();
    }
    let folder = Folder::new();
    let mut child = spawn("signal_wakes_another_process", &folder, "wait");
    let mut lines = lines(&mut child);
    assert_eq!(lines.next().unwrap(), "waiting");

    let command = Command::new("start", "web");
    folder.open().push(&command).await.unwrap();

    // The child's safety interval is an hour.
    assert_eq!(lines.next().unwrap(), command.id.as_str());
    assert!(child.wait().unwrap().success());
}

/// Producers and workers are killed at any moment; then the ledger must account
/// for every command.
///
/// Each round kills five; `HCC_STORM_ROUNDS=100` is the long form.
#[tokio::test]
async fn no_command_is_lost_or_done_twice_in_a_storm_of_kills() {
    const NAME: &str = "no_command_is_lost_or_done_twice_in_a_storm_of_kills";
    if let Some((queue, role)) = in_child().await {
        return match role.strip_prefix("produce ") {
            Some(producer) => produce(&queue, producer).await,
            None => work(&queue).await,
        };
    }
    let rounds = env::var("HCC_STORM_ROUNDS").map_or(20, |text| text.parse().unwrap());
    let folder = Folder::new();
    let mut ledger = Ledger::default();

    for round in 0..rounds {
        let mut children: Vec<Child> = (0..2)
            .map(|number| spawn(NAME, &folder, &format!("produce {round}.{number}")))
            .chain((0..3).map(|_| spawn(NAME, &folder, "work")))
            .collect();
        let readers: Vec<_> = children.iter_mut().map(lines).collect();
        // The kill comes after so many lines of one child, wherever the others are.
        let readers = readers.into_iter().enumerate().map(|(number, mut lines)| {
            thread::spawn(move || {
                let quota = if number == 0 {
                    10 + 7 * round
                } else {
                    usize::MAX
                };
                lines.by_ref().take(quota).collect::<Vec<_>>()
            })
        });
        let mut readers: Vec<_> = readers.collect();
        ledger.add(readers.remove(0).join().unwrap());
        for child in &mut children {
            child.kill().unwrap();
        }
        for mut child in children {
            child.wait().unwrap();
        }
        for reader in readers {
            ledger.add(reader.join().unwrap());
        }
    }
    // What is left is done by one that nobody kills.
    let queue = folder.open().with_policy(storm_policy());
    let mut consumer = queue.consumer().await.unwrap();
    while !queue.commands().list().await.unwrap().is_empty() {
        let lease = consumer.next().await.unwrap();
        ledger.add([format!("start {}", lease.command.id)]);
        let done = format!("done {}", lease.command.id);
        queue.ack(lease).await.unwrap();
        ledger.add([done]);
    }

    let killed_workers = 3 * rounds;
    println!("{ledger:?}, {killed_workers} workers killed");
    assert!(ledger.pushed.len() > 10 * rounds, "{ledger:?}");
    let lost: Vec<_> = ledger
        .pushed
        .iter()
        .filter(|id| !ledger.started.contains_key(*id))
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let twice = ledger.done.values().filter(|&&times| times > 1).count();
    assert_eq!(twice, 0);
    // A worker may be killed after its ack and before its line.
    let untold = ledger.started.len() - ledger.done.len();
    assert!(untold <= killed_workers, "{untold} not told");
    // Only what was held by the killed, or for too long, is begun again.
    let repeated: usize = ledger.started.values().map(|times| times - 1).sum();
    assert!(
        repeated <= killed_workers + ledger.late,
        "{repeated} repeated"
    );
    let check = "PRAGMA integrity_check";
    let integrity: String = folder
        .connection()
        .query_row(check, [], |row| row.get(0))
        .unwrap();
    assert_eq!(integrity, "ok");
}

async fn produce(queue: &Queue, producer: &str) {
    for number in 0_u64.. {
        let server = format!("vm{}", number % SERVERS);
        // No two are the same wish.
        let command = Command::new(format!("step {producer} {number}"), server);
        eprintln!("pushed {}", queue.push(&command).await.unwrap());
    }
}

async fn work(queue: &Queue) {
    let mut consumer = queue.consumer().await.unwrap();
    loop {
        let lease = consumer.next().await.unwrap();
        let id = lease.command.id.clone();
        eprintln!("start {id}");
        match queue.ack(lease).await {
            Ok(()) => eprintln!("done {id}"),
            Err(error) => eprintln!("lost {id} {error}"),
        }
    }
}

/// What the children say they did, and how often.
#[derive(Default)]
struct Ledger {
    pushed: BTreeSet<String>,
    started: BTreeMap<String, usize>,
    done: BTreeMap<String, usize>,
    /// Workers that were slower than their lease.
    late: usize,
}

impl Ledger {
    fn add(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            let (what, id) = line.split_once(' ').unwrap();
            match what {
                "pushed" => assert!(self.pushed.insert(id.to_owned())),
                "start" => *self.started.entry(id.to_owned()).or_default() += 1,
                "done" => *self.done.entry(id.to_owned()).or_default() += 1,
                "lost" if id.contains("lease") => self.late += 1,
                _ => panic!("{line}"),
            }
        }
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} pushed, {} started, {} done, {} late",
            self.pushed.len(),
            self.started.len(),
            self.done.len(),
            self.late
        )
    }
}

/// The queue that a child is to work on, and its role; `None` in the parent.
async fn in_child() -> Option<(Queue, String)> {
    let url: QueueUrl = env::var(URL).ok()?.parse().unwrap();
    let queue = open(&url).await.unwrap().with_policy(storm_policy());
    Some((queue, env::var(ROLE).unwrap()))
}

/// Short leases, so that what the killed have held is done soon; no other reason
/// to wake than signals; and no reason to die.
fn storm_policy() -> Policy {
    Policy {
        lease: Duration::from_secs(1),
        attempts: u32::MAX,
        safety: Duration::from_secs(60 * 60),
        ..Policy::default()
    }
}

/// Runs one test of this module again, as a child.
fn spawn(test: &str, folder: &Folder, role: &str) -> Child {
    Process::new(env::current_exe().unwrap())
        .args([&format!("processes::{test}"), "--exact", "--nocapture"])
        .env(URL, QueueUrl::sqlite(folder.path()).to_string())
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The complete lines that a child writes until its end.
fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    std::iter::from_fn(move || {
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        line.strip_suffix('\n').map(str::to_owned)
    })
}
