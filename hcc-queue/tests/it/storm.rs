//! A storm: processes that push and work are killed at any moment, servers as
//! well; then the ledger must account for every command.
//!
//! Here in a short form; `cargo xtask storm` runs the long one.

mod ledger;
mod recorded;

use std::env;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use hcc_queue::{Command, Consumer, Error, Policy, Queue};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use self::ledger::{Ledger, Verdict};
use self::recorded::{now, recorded};
use crate::place::{Place, everywhere};
use crate::processes::{Actor, Test};

/// Few, so that commands wait for each other; many, so that not all wait for
/// those that the killed have held.
const SERVERS: usize = 40;
const PRODUCERS: usize = 3;
const WORKERS: usize = 5;

/// Short, so that what the killed have held is done soon.
const LEASE: Duration = Duration::from_secs(1);

/// Nothing takes so long, unless it hangs.
const STUCK: Duration = Duration::from_secs(90);

everywhere! {
    storm_costs_no_command
}

async fn storm_costs_no_command(test: Test) {
    if let Some((queue, task)) = test.task().await {
        return act(queue, &task).await;
    }
    let plan = Plan::from_environment();
    println!("{}: {plan:?}", test.kind);
    let place = test.kind.own().await;
    let mut storm = Storm::begin(&test, &place, &plan);

    for (acked, blow) in plan.blows(&place).await {
        storm.until(|ledger| ledger.acked >= acked).await;
        storm.strike(&blow).await;
    }
    storm.until(|ledger| ledger.pushed >= plan.commands).await;
    let (ledger, outages) = storm.calm().await;

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
            test.kind, outage.blow
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

/// How much is to happen.
#[derive(Debug)]
struct Plan {
    /// How many commands are pushed at least.
    commands: usize,
    /// How many processes are killed.
    kills: usize,
    /// How many times a server is killed, if there is one.
    server_kills: usize,
    /// How many seconds a server stands still.
    pause: u64,
    seed: u64,
}

impl Plan {
    /// What the environment says, or else a short form.
    fn from_environment() -> Self {
        Self {
            commands: number("HCC_STORM_COMMANDS").unwrap_or(1_000),
            kills: number("HCC_STORM_KILLS").unwrap_or(20),
            server_kills: number("HCC_STORM_SERVER_KILLS").unwrap_or(1),
            pause: number("HCC_STORM_PAUSE").unwrap_or(4),
            seed: number("HCC_STORM_SEED").unwrap_or_else(|| fastrand::u64(..)),
        }
    }

    /// What happens, each after so many acks, in this order.
    async fn blows(&self, place: &Place) -> Vec<(usize, Blow)> {
        let mut rng = Rng::with_seed(self.seed);
        let mut blows = Vec::new();
        blows.extend((0..self.kills).map(|_| Blow::Kill(rng.usize(..PRODUCERS + WORKERS))));
        // Some stand still for longer than their lease, and go on.
        blows.extend((0..self.kills / 20).map(|_| Blow::Stall(rng.usize(..PRODUCERS + WORKERS))));
        if place.server().await.is_some() {
            blows.extend((0..self.server_kills).map(|_| Blow::KillServer));
            blows.push(Blow::PauseServer(Duration::from_secs(self.pause)));
        }
        if place.replica_set().is_some() {
            blows.extend((0..self.server_kills).map(|_| Blow::StepDown));
        }
        let after = blows.iter().map(|_| rng.usize(..self.commands));
        let after: Vec<_> = after.collect();
        let mut blows: Vec<_> = after.into_iter().zip(blows).collect();
        blows.sort_by_key(|(after, _)| *after);
        blows
    }
}

fn number<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    Some(text.parse().ok().expect("it is a number"))
}

/// Something bad.
#[derive(Debug)]
enum Blow {
    /// A child is killed, and another takes its place.
    Kill(usize),
    /// A child stands still for longer than its lease.
    Stall(usize),
    /// The server that takes writes is killed, and comes back.
    KillServer,
    /// The server that takes writes stands still for so long.
    PauseServer(Duration),
    /// Another server has to take the writes.
    StepDown,
}

/// A time without a server that takes writes.
struct Outage {
    blow: String,
    /// From when on work could go on again.
    end: Duration,
    /// When the others had elected a server that takes writes, which they do only after it has
    /// waited in vain for what the old one may still have to tell.
    election: Option<JoinHandle<Duration>>,
}

/// The children, and what they have told.
struct Storm<'a> {
    test: &'a Test,
    place: &'a Place,
    rng: Rng,
    /// Those that push, then those that work.
    children: Vec<Actor>,
    telling: mpsc::UnboundedSender<String>,
    told: mpsc::UnboundedReceiver<String>,
    ledger: Ledger,
    outages: Vec<Outage>,
    /// What children say when they panic.
    trouble: Vec<String>,
}

impl<'a> Storm<'a> {
    fn begin(test: &'a Test, place: &'a Place, plan: &Plan) -> Self {
        let (telling, told) = mpsc::unbounded_channel();
        let mut storm = Self {
            test,
            place,
            rng: Rng::with_seed(plan.seed),
            children: Vec::new(),
            telling,
            told,
            ledger: Ledger::default(),
            outages: Vec::new(),
            trouble: Vec::new(),
        };
        for index in 0..PRODUCERS + WORKERS {
            let child = storm.start(task(index));
            storm.children.push(child);
        }
        storm
    }

    /// Starts a child, whose lines are read from now on.
    fn start(&mut self, task: &str) -> Actor {
        let task = format!("{task} {}", self.rng.u64(..));
        let mut child = self.test.start(&self.place.url, &task);
        let (lines, telling) = (child.lines(), self.telling.clone());
        thread::spawn(move || lines.for_each(|line| telling.send(line).unwrap_or_default()));
        child
    }

    async fn until(&mut self, enough: impl Fn(&Ledger) -> bool) {
        while !enough(&self.ledger) {
            self.listen().await;
        }
    }

    async fn listen(&mut self) {
        let Ok(line) = timeout(STUCK, self.told.recv()).await else {
            panic!("nobody does anything any more: {:#?}", self.trouble);
        };
        self.note(line.expect("we can tell as well"));
    }

    fn note(&mut self, line: String) {
        match serde_json::from_str(&line) {
            Ok(line) => self.ledger.add(line),
            Err(_) => self.trouble.push(line),
        }
    }

    async fn strike(&mut self, blow: &Blow) {
        let (place, alone) = (self.place, self.place.replica_set().is_none());
        let election = || {
            let elected = place.replica_set()?.wait_for_primary();
            Some(tokio::spawn(async {
                elected.await;
                now()
            }))
        };
        let mut outage = None;
        match *blow {
            Blow::Kill(index) => self.children[index] = self.start(task(index)),
            Blow::Stall(index) => {
                let child = Pid::from_child(self.children[index].process());
                kill_process(child, Signal::STOP).unwrap();
                sleep(2 * LEASE).await;
                kill_process(child, Signal::CONT).unwrap();
            }
            Blow::KillServer => {
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
            Blow::PauseServer(pause) => {
                let server = place.server().await.unwrap();
                server.pause();
                outage = Some((now(), election()));
                sleep(pause).await;
                server.resume();
            }
            Blow::StepDown => {
                let begin = now();
                place.replica_set().unwrap().step_down().await;
                outage = Some((begin, election()));
            }
        }
        if let Some((begin, election)) = outage {
            println!("{}: {blow:?} after {}", self.test.kind, self.ledger.acked);
            self.outages.push(Outage {
                blow: format!("{blow:?}"),
                // Where no other server takes over, it ends when this one is back.
                end: if alone { now() } else { begin },
                election,
            });
        }
    }

    /// Kills all, lets one that nobody kills do what is left, and returns what
    /// all have told, and when there was no server.
    async fn calm(mut self) -> (Ledger, Vec<Outage>) {
        self.children.clear();
        let last = self.start("finish");
        // The channel closes when nobody can tell anything any more.
        self.telling = mpsc::unbounded_channel().0;
        while let Some(line) = timeout(STUCK, self.told.recv()).await.unwrap() {
            self.note(line);
        }
        last.join();
        assert!(self.trouble.is_empty(), "{:#?}", self.trouble);
        (self.ledger, self.outages)
    }
}

fn task(index: usize) -> &'static str {
    if index < PRODUCERS { "produce" } else { "work" }
}

/// What a child does.
async fn act(queue: Queue, task: &str) {
    let (task, seed) = task.split_once(' ').unwrap();
    let mut rng = Rng::with_seed(seed.parse().unwrap());
    let queue = recorded(queue).with_policy(Policy {
        lease: LEASE,
        attempts: u32::MAX,
        backoff: Duration::from_millis(20),
        max_backoff: Duration::from_millis(20),
        // There is no other reason to wake than signals.
        poll_interval: Duration::from_secs(60 * 60),
        ..Policy::default()
    });
    match task {
        "produce" => produce(&queue, &mut rng).await,
        "work" => work(&queue, &mut rng).await,
        _ => finish(&queue, &mut rng).await,
    }
}

async fn produce(queue: &Queue, rng: &mut Rng) {
    loop {
        let server = format!("vm{}", rng.usize(..SERVERS));
        // Some are the same wish.
        let verb = match rng.u8(..16) {
            0 => "click".to_owned(),
            _ => format!("step {}", rng.u64(..)),
        };
        // Whether one happened that failed, nobody knows; the next is another.
        if let Err(error) = queue.push(&Command::new(verb, server)).await {
            bear(error).await;
        }
    }
}

async fn work(queue: &Queue, rng: &mut Rng) {
    let mut consumer = consumer(queue).await;
    loop {
        if let Err(error) = work_once(queue, &mut consumer, rng).await {
            bear(error).await;
        }
    }
}

/// Works until nothing is left.
async fn finish(queue: &Queue, rng: &mut Rng) {
    let mut consumer = consumer(queue).await;
    while queue.commands().next_due().await.unwrap().is_some() {
        work_once(queue, &mut consumer, rng).await.unwrap();
    }
}

async fn consumer(queue: &Queue) -> Consumer {
    loop {
        match queue.consumer().await {
            Ok(consumer) => return consumer,
            Err(error) => bear(error).await,
        }
    }
}

/// Carries out a command: most in no time, some for longer than a lease lasts,
/// some in vain.
async fn work_once(queue: &Queue, consumer: &mut Consumer, rng: &mut Rng) -> Result<(), Error> {
    let lease = consumer.next().await?;
    let time = match rng.u16(..1000) {
        0 => LEASE.mul_f32(1.5),
        1..50 => Duration::from_millis(rng.u64(..10)),
        _ => Duration::ZERO,
    };
    if !time.is_zero() {
        queue.hold(&lease, sleep(time)).await?;
    }
    match rng.u8(..50) {
        0 => queue.fail(lease, "in vain").await,
        _ => queue.ack(lease).await,
    }
}

/// Goes on after a failure that belongs to a storm.
async fn bear(error: Error) {
    assert!(
        error.is_retryable() || matches!(error, Error::LeaseLost { .. }),
        "{error:?}"
    );
    // A server that is away refuses at once.
    sleep(Duration::from_millis(20)).await;
}
