//! Fault injection: producers, workers and servers are killed at random times; then the
//! ledger must account for every command.
//!
//! This is the short form; `cargo xtask storm` runs the long one.

mod ledger;
mod recorded;

use std::env;
use std::future::pending;
use std::str::FromStr;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use hcc_queue::{Command, Consumer, Error, Outcome, Policy, Queue};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use self::ledger::{Ledger, Verdict};
use self::recorded::{Fact, Line, now, recorded};
use crate::place::{Place, everywhere};
use crate::processes::{Actor, Test};

/// Few enough that commands wait for each other, and enough that not all wait for the
/// leases of killed workers.
const SERVERS: usize = 40;
const PRODUCERS: usize = 3;
const WORKERS: usize = 5;

/// Short, so that the leases of killed workers expire soon.
const LEASE: Duration = Duration::from_secs(1);

/// Longer than a test, so that the leases of killed workers that are announced end only because
/// others notice that they are gone.
const LONG_LEASE: Duration = Duration::from_secs(60 * 60);

/// After this time without progress the test fails.
const STALL_TIMEOUT: Duration = Duration::from_secs(90);

everywhere! {
    no_command_is_lost_in_a_storm
}

async fn no_command_is_lost_in_a_storm(test: Test) {
    if let Some((queue, task)) = test.task().await {
        return act(queue, &task).await;
    }
    let plan = Plan::from_environment();
    println!("{}: {plan:?}", test.kind);
    let place = test.kind.own().await;
    let mut storm = Storm::begin(&test, &place, &plan);

    for (acked, fault) in plan.faults(&place).await {
        storm.until(|ledger| ledger.acked >= acked).await;
        storm.inject(&fault).await;
    }
    storm.until(|ledger| ledger.pushed >= plan.commands).await;
    let (ledger, outages) = storm.finish().await;

    let verdict = ledger.verdict();
    let (pushed, repeated) = (ledger.pushed, ledger.repeated());
    println!(
        "{}: {pushed} pushed, {repeated} leased again, {verdict}",
        test.kind
    );
    for outage in outages {
        let pause = ledger.next_ack(outage.end).unwrap();
        print!(
            "{}: {}, work went on after {pause:.1?}",
            test.kind, outage.fault
        );
        match outage.election {
            Some(election) => {
                let election = election.await.unwrap() - outage.end;
                println!(", another primary was there after {election:.1?}");
            }
            None => println!(),
        }
    }
    assert_eq!(verdict, Verdict::default());
}

/// The number of commands and faults.
#[derive(Debug)]
struct Plan {
    /// The minimum number of pushed commands.
    commands: usize,
    /// The number of killed processes.
    kills: usize,
    /// How often a server is killed, if there is one.
    server_kills: usize,
    /// For how many seconds a server is paused.
    pause: u64,
    seed: u64,
}

impl Plan {
    /// Reads the plan from the environment; the default is a short form.
    fn from_environment() -> Self {
        Self {
            commands: number("HCC_STORM_COMMANDS").unwrap_or(1_000),
            kills: number("HCC_STORM_KILLS").unwrap_or(20),
            server_kills: number("HCC_STORM_SERVER_KILLS").unwrap_or(1),
            pause: number("HCC_STORM_PAUSE").unwrap_or(4),
            seed: number("HCC_STORM_SEED").unwrap_or_else(|| fastrand::u64(..)),
        }
    }

    /// The faults, and the number of acks before each, in this order.
    async fn faults(&self, place: &Place) -> Vec<(usize, Fault)> {
        let mut rng = Rng::with_seed(self.seed);
        let mut faults = Vec::new();
        faults.extend((0..self.kills).map(|_| Fault::Kill(rng.usize(..PRODUCERS + WORKERS))));
        // Some are paused for longer than their lease.
        faults.extend((0..self.kills / 20).map(|_| Fault::Stall(rng.usize(..PRODUCERS + WORKERS))));
        if place.server().await.is_some() {
            faults.extend((0..self.server_kills).map(|_| Fault::KillServer));
            faults.push(Fault::PauseServer(Duration::from_secs(self.pause)));
        }
        if place.replica_set().is_some() {
            faults.extend((0..self.server_kills).map(|_| Fault::StepDown));
        }
        let after = faults.iter().map(|_| rng.usize(..self.commands));
        let after: Vec<_> = after.collect();
        let mut faults: Vec<_> = after.into_iter().zip(faults).collect();
        faults.sort_by_key(|(after, _)| *after);
        faults
    }
}

fn number<T: FromStr>(name: &str) -> Option<T> {
    let value = env::var(name).ok()?;
    Some(value.parse().ok().expect("the value is a number"))
}

/// A fault to inject.
#[derive(Debug)]
enum Fault {
    /// A child is killed and replaced.
    Kill(usize),
    /// A child is paused for longer than its lease.
    Stall(usize),
    /// The primary is killed and restarted.
    KillServer,
    /// The primary is paused for this long.
    PauseServer(Duration),
    /// The primary steps down.
    StepDown,
}

/// A time without a primary.
struct Outage {
    fault: String,
    /// When work could continue.
    end: Duration,
    /// When the other members had elected a primary.
    election: Option<JoinHandle<Duration>>,
}

/// The children, and their reports.
struct Storm<'a> {
    test: &'a Test,
    place: &'a Place,
    rng: Rng,
    /// Producers, then workers.
    children: Vec<Actor>,
    sender: mpsc::UnboundedSender<String>,
    lines: mpsc::UnboundedReceiver<String>,
    ledger: Ledger,
    outages: Vec<Outage>,
    /// Lines of children that are not reports, such as panics.
    unexpected: Vec<String>,
}

impl<'a> Storm<'a> {
    fn begin(test: &'a Test, place: &'a Place, plan: &Plan) -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        let mut storm = Self {
            test,
            place,
            rng: Rng::with_seed(plan.seed),
            children: Vec::new(),
            sender,
            lines,
            ledger: Ledger::default(),
            outages: Vec::new(),
            unexpected: Vec::new(),
        };
        for index in 0..PRODUCERS + WORKERS {
            let child = storm.start(task(index));
            storm.children.push(child);
        }
        storm
    }

    /// Starts a child and reads its lines.
    fn start(&mut self, task: &str) -> Actor {
        let task = format!("{task} {}", self.rng.u64(..));
        let mut child = self.test.start(&self.place.url, &task);
        let (lines, sender) = (child.lines(), self.sender.clone());
        thread::spawn(move || lines.for_each(|line| sender.send(line).unwrap_or_default()));
        child
    }

    async fn until(&mut self, enough: impl Fn(&Ledger) -> bool) {
        while !enough(&self.ledger) {
            self.listen().await;
        }
    }

    async fn listen(&mut self) {
        let Ok(line) = timeout(STALL_TIMEOUT, self.lines.recv()).await else {
            panic!("no progress: {:#?}", self.unexpected);
        };
        self.note(line.expect("this process holds a sender"));
    }

    fn note(&mut self, line: String) {
        match serde_json::from_str(&line) {
            Ok(line) => self.ledger.add(line),
            Err(_) => self.unexpected.push(line),
        }
    }

    async fn inject(&mut self, fault: &Fault) {
        let (place, alone) = (self.place, self.place.replica_set().is_none());
        let election = || {
            let elected = place.replica_set()?.wait_for_primary();
            Some(tokio::spawn(async {
                elected.await;
                now()
            }))
        };
        let mut outage = None;
        match *fault {
            Fault::Kill(index) => {
                self.killing(index);
                self.children[index] = self.start(task(index));
            }
            Fault::Stall(index) => {
                let child = Pid::from_child(self.children[index].process());
                kill_process(child, Signal::STOP).unwrap();
                sleep(2 * LEASE).await;
                kill_process(child, Signal::CONT).unwrap();
            }
            Fault::KillServer => {
                let server = place.server().await.unwrap();
                server.kill();
                outage = Some((now(), election()));
                if alone {
                    sleep(LEASE / 2).await;
                } else {
                    let enough = self.ledger.acked + 20;
                    self.until(|ledger| ledger.acked > enough).await;
                }
                server.restart();
            }
            Fault::PauseServer(pause) => {
                let server = place.server().await.unwrap();
                server.pause();
                outage = Some((now(), election()));
                sleep(pause).await;
                server.resume();
            }
            Fault::StepDown => {
                let begin = now();
                place.replica_set().unwrap().step_down().await;
                outage = Some((begin, election()));
            }
        }
        if let Some((begin, election)) = outage {
            println!("{}: {fault:?} after {}", self.test.kind, self.ledger.acked);
            self.outages.push(Outage {
                fault: format!("{fault:?}"),
                // Without a replica set it ends when the server is back.
                end: if alone { now() } else { begin },
                election,
            });
        }
    }

    /// Notes when a child may still have leases.
    fn killing(&mut self, index: usize) {
        let worker = self.children[index].process().id();
        let fact = Fact::Killing { worker };
        self.ledger.add(Line { at: now(), fact });
    }

    /// Kills all children, lets another one complete what is left, and returns all reports
    /// and outages.
    async fn finish(mut self) -> (Ledger, Vec<Outage>) {
        for index in 0..self.children.len() {
            self.killing(index);
        }
        self.children.clear();
        let last = self.start("finish");
        // The channel closes when all children have exited.
        self.sender = mpsc::unbounded_channel().0;
        while let Some(line) = timeout(STALL_TIMEOUT, self.lines.recv()).await.unwrap() {
            self.note(line);
        }
        last.join();
        assert!(self.unexpected.is_empty(), "{:#?}", self.unexpected);
        (self.ledger, self.outages)
    }
}

fn task(index: usize) -> &'static str {
    match index {
        _ if index < PRODUCERS => "produce",
        _ if index % 2 == 0 => "work",
        _ => "work-announced",
    }
}

/// Runs a child.
async fn act(queue: Queue, task: &str) {
    let (task, seed) = task.split_once(' ').unwrap();
    let mut rng = Rng::with_seed(seed.parse().unwrap());
    let queue = recorded(queue).with_policy(Policy {
        lease: if task == "work" { LEASE } else { LONG_LEASE },
        attempts: u32::MAX,
        backoff: Duration::from_millis(20),
        max_backoff: Duration::from_millis(20),
        // Workers are woken by signals only.
        poll_interval: Duration::from_secs(60 * 60),
        ..Policy::default()
    });
    match task {
        "produce" => produce(&queue, &mut rng).await,
        "work" => work(&queue, &mut rng).await,
        "work-announced" => work_announced(&queue, rng, pending()).await,
        _ => work_announced(&queue, rng, until_empty(&queue)).await,
    }
}

async fn produce(queue: &Queue, rng: &mut Rng) {
    loop {
        let server = format!("vm{}", rng.usize(..SERVERS));
        // Some are duplicates.
        let verb = match rng.u8(..16) {
            0 => "duplicate".to_owned(),
            _ => format!("step {}", rng.u64(..)),
        };
        // A failed push may have happened, so the next one is a different command.
        if let Err(error) = queue.push(&Command::new(verb, server)).await {
            tolerate(error).await;
        }
    }
}

async fn work(queue: &Queue, rng: &mut Rng) {
    let mut consumer = consumer(queue).await;
    loop {
        if let Err(error) = work_once(queue, &mut consumer, rng).await {
            tolerate(error).await;
        }
    }
}

/// Works as `hcc` does, until `end`.
async fn work_announced(queue: &Queue, rng: Rng, end: impl Future<Output = ()>) {
    let rng = Mutex::new(rng);
    let handler = move |_| {
        let (time, outcome) = attempt(&mut rng.lock().unwrap());
        async move {
            sleep(time).await;
            outcome
        }
    };
    let mut consumer = consumer(queue).await;
    consumer.run(2, handler, end).await.unwrap();
}

async fn until_empty(queue: &Queue) {
    while queue.commands().next_due().await.unwrap().is_some() {
        sleep(Duration::from_millis(20)).await;
    }
}

async fn consumer(queue: &Queue) -> Consumer {
    loop {
        match queue.consumer().await {
            Ok(consumer) => return consumer,
            Err(error) => tolerate(error).await,
        }
    }
}

async fn work_once(queue: &Queue, consumer: &mut Consumer, rng: &mut Rng) -> Result<(), Error> {
    let lease = consumer.next().await?;
    let (time, outcome) = attempt(rng);
    if !time.is_zero() {
        queue.hold(&lease, sleep(time)).await?;
    }
    queue.settle(lease, &outcome).await.map(|_| ())
}

/// The time that an attempt takes, and how it ends: most at once, some last longer than a lease;
/// some fail.
fn attempt(rng: &mut Rng) -> (Duration, Outcome) {
    let time = match rng.u16(..1000) {
        0 => LEASE.mul_f32(1.5),
        1..50 => Duration::from_millis(rng.u64(..10)),
        _ => Duration::ZERO,
    };
    let outcome = match rng.u8(..50) {
        0 => Outcome::Retry("failed".into()),
        _ => Outcome::Done,
    };
    (time, outcome)
}

/// Waits after an error that the faults explain, and panics for others.
async fn tolerate(error: Error) {
    assert!(
        error.is_retryable() || matches!(error, Error::LeaseLost { .. }),
        "{error:?}"
    );
    // Connections to a killed server fail at once.
    sleep(Duration::from_millis(20)).await;
}
