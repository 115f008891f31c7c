//! Workers that are killed while they create servers, with faults injected into the API.
//!
//! Each worker is a process: the test binary, started again by the test.

use std::collections::BTreeMap;
use std::env;
use std::future::pending;
use std::io::Write;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hcc_core::{AccountAuthorizer, Frontend, Project, Scope, Settings, Worker, WorkerConfig};
use hcc_queue::{Command, CommandId, Policy, Queue, State};
use hcc_store::{Accounts, Stage, Store, User};
use hcloud_api::{
    Client, CreateServer, Labels, ListActions, ListImages, ListServers, Server, ServerId,
};
use hcloud_sim::Sim;
use serde_json::json;
use tempfile::TempDir;
use test_services::TestDatabase;
use tokio::time::sleep;

use crate::harness::{MINUTE, RunningWorker};

const STORE: &str = "HCC_CORE_TEST_STORE";
const QUEUE: &str = "HCC_CORE_TEST_QUEUE";
const ENDPOINT: &str = "HCC_CORE_TEST_ENDPOINT";
const TOKEN: &str = "canary-token";

const FAULTS: &[&str] = &[
    "latency=20ms",
    "drop POST /v1/servers x1",
    "drop-after POST /v1/servers x1",
    "hang-after POST /v1/servers x1",
    "rate-limit POST /v1/servers x2",
    "status=502 POST /v1/servers x1",
    "truncate POST /v1/servers x1",
    "error=conflict POST /v1/servers x1",
    "drop GET /v1/servers x1",
    "error=resource_unavailable POST /v1/servers x1",
    "error=placement_error POST /v1/servers x2",
];

/// The system calls by which a worker communicates with the API and with databases.
/// Between two of them, nothing outside of the process changes.
const STEPS: &[&str] = &["sendto", "writev", "write", "pwrite64", "fdatasync"];

#[tokio::test]
async fn kills_and_faults_leave_no_duplicate_server_and_no_stale_record() {
    kill_after_requests(
        Databases::sqlite,
        "kills_and_faults_leave_no_duplicate_server_and_no_stale_record",
    )
    .await;
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn kills_and_faults_leave_no_duplicate_server_and_no_stale_record_in_mongodb() {
    kill_after_requests(
        Databases::mongodb,
        "kills_and_faults_leave_no_duplicate_server_and_no_stale_record_in_mongodb",
    )
    .await;
}

#[tokio::test]
#[ignore = "needs strace"]
async fn kill_at_any_step_leaves_no_duplicate_server_and_no_stale_record() {
    kill_at_each_step(
        Databases::sqlite,
        "kill_at_any_step_leaves_no_duplicate_server_and_no_stale_record",
    )
    .await;
}

#[tokio::test]
#[ignore = "needs MongoDB and strace"]
async fn kill_at_any_step_leaves_no_duplicate_server_and_no_stale_record_in_mongodb() {
    kill_at_each_step(
        Databases::mongodb,
        "kill_at_any_step_leaves_no_duplicate_server_and_no_stale_record_in_mongodb",
    )
    .await;
}

#[tokio::test]
async fn kills_and_faults_repeat_no_operation_and_lose_no_outcome() {
    operations_in_a_storm(
        Databases::sqlite,
        "kills_and_faults_repeat_no_operation_and_lose_no_outcome",
    )
    .await;
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn kills_and_faults_repeat_no_operation_and_lose_no_outcome_in_mongodb() {
    operations_in_a_storm(
        Databases::mongodb,
        "kills_and_faults_repeat_no_operation_and_lose_no_outcome_in_mongodb",
    )
    .await;
}

#[tokio::test]
#[ignore = "needs strace"]
async fn kill_at_any_step_repeats_no_operation_and_loses_no_outcome() {
    const TEST: &str = "kill_at_any_step_repeats_no_operation_and_loses_no_outcome";
    if run_as_worker().await {
        return;
    }
    for operation in OPERATIONS {
        let kills = operation_killed_at_each_step(operation, TEST).await;
        println!("{}: {kills} kills at as many steps", operation.verb);
        assert!(kills > STEPS.len(), "{}", operation.verb);
    }
}

#[tokio::test]
async fn kills_keep_the_order_of_commands_for_renamed_servers() {
    renames_in_a_storm(
        Databases::sqlite,
        "kills_keep_the_order_of_commands_for_renamed_servers",
    )
    .await;
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn kills_keep_the_order_of_commands_for_renamed_servers_in_mongodb() {
    renames_in_a_storm(
        Databases::mongodb,
        "kills_keep_the_order_of_commands_for_renamed_servers_in_mongodb",
    )
    .await;
}

/// A command whose repetition would do harm.
struct Once {
    verb: &'static str,
    args: &'static str,
    /// Hetzner's name of the action that must not be started twice.
    action: &'static str,
}

const OPERATIONS: &[Once] = &[
    Once {
        verb: "snapshot",
        args: r#"{ "do": "create" }"#,
        action: "create_image",
    },
    Once {
        verb: "rebuild",
        args: r#"{ "image": "debian-13" }"#,
        action: "rebuild_server",
    },
    Once {
        verb: "resize",
        args: r#"{ "type": "cx33", "restart": true }"#,
        action: "change_server_type",
    },
];

const OPERATION_FAULTS: &[&str] = &[
    "latency=20ms",
    "drop POST /v1/servers/* x1",
    "drop-after POST /v1/servers/* x1",
    "hang-after POST /v1/servers/* x1",
    "rate-limit POST /v1/servers/* x2",
    "status=502 POST /v1/servers/* x1",
    "truncate POST /v1/servers/* x1",
    "error=locked POST /v1/servers/* x1",
    "drop GET /v1/servers x1",
];

impl Once {
    /// Creates a server with a record, and pushes the command for it.
    async fn push(&self, databases: &Databases, sim: &Sim, name: &str) -> Pushed {
        let server = create_managed(databases, sim, name).await;
        let mut command = Command::new(self.verb, name);
        command.args = serde_json::from_str(self.args).unwrap();
        let id = databases.queue().await.push(&command).await.unwrap();
        let name = name.to_owned();
        Pushed { id, name, server }
    }

    /// Asserts that the command took effect once, or was refused, and that its outcome is known.
    async fn assert_once(&self, pushed: &Pushed, databases: &Databases, sim: &Sim) -> bool {
        let frontend = Frontend::new(databases.store().await, databases.queue().await);
        let outcome = frontend.wait(&pushed.id, MINUTE).await;
        let is_done = match outcome {
            Ok(_) => true,
            Err(hcc_core::Error::CommandFailed(_)) => false,
            Err(error) => panic!("{} of {}: {error}", self.verb, pushed.name),
        };
        let api = client(sim.endpoint());
        let all = api
            .servers()
            .actions_for(pushed.server)
            .list(&ListActions::default());
        let all = all.all().await.unwrap();
        let count = all
            .iter()
            .filter(|action| action.command == self.action)
            .count();
        assert!(
            count <= 1,
            "{} of {}: {count} times",
            self.verb,
            pushed.name
        );
        assert!(
            !is_done || count == 1,
            "{} of {}: not done",
            self.verb,
            pushed.name
        );
        let images = api.images().list(&ListImages {
            label_selector: Some(format!("hcc-command={}", pushed.id).parse().unwrap()),
            ..ListImages::default()
        });
        let images = images.all().await.unwrap().len();
        assert_eq!(images, if self.verb == "snapshot" { count } else { 0 });
        is_done
    }
}

/// Creates a server with a record.
async fn create_managed(databases: &Databases, sim: &Sim, name: &str) -> ServerId {
    let api = client(sim.endpoint());
    let create = CreateServer {
        labels: Labels::new().with("managed", "1").unwrap(),
        ..CreateServer::new(name, "cx23", "debian-13")
    };
    let created = api.servers().create(&create).await.unwrap();
    api.wait(created.actions()).await.unwrap();
    let project = Project::new(api, databases.store().await, Settings::default());
    project.sync(&Scope::All, false).await.unwrap();
    created.server.id
}

struct Pushed {
    id: CommandId,
    name: String,
    server: ServerId,
}

/// Each round kills two workers, wherever they are.
async fn operations_in_a_storm(databases: impl FnOnce() -> Databases, test: &str) {
    if run_as_worker().await {
        return;
    }
    let databases = databases();
    let rounds = number("HCC_STORM_ROUNDS").unwrap_or(OPERATION_FAULTS.len());
    let sim = simulator().await;
    let mut all = Vec::new();

    for round in 0..rounds {
        for operation in OPERATIONS {
            let name = format!("{}-{round}", operation.verb);
            all.push((operation, operation.push(&databases, &sim, &name).await));
        }
        sim.clear_requests();
        sim.add_fault(
            OPERATION_FAULTS[round % OPERATION_FAULTS.len()]
                .parse()
                .unwrap(),
        );
        let workers = [(); 2].map(|()| WorkerProcess::spawn(&databases, &sim, test, None));
        let requests = 1 + round * 5 % 24;
        while sim.requests().len() < requests {
            sleep(Duration::from_millis(1)).await;
        }
        drop(workers);
        sim.clear_faults();
    }

    let last = RunningWorker::start(databases.worker(sim.endpoint()).await);
    let mut done = 0;
    for (operation, pushed) in &all {
        done += usize::from(operation.assert_once(pushed, &databases, &sim).await);
    }
    last.stop().await;
    println!("{done} of {} done after {} kills", all.len(), 2 * rounds);
    assert!(done > all.len() / 2);
}

/// For each step that a worker takes, a worker is killed there; returns the number of kills. Lost
/// responses have a storm of their own: each costs the minute in which a request may still arrive.
async fn operation_killed_at_each_step(operation: &Once, test: &str) -> usize {
    let stride = number("HCC_STORM_STRIDE").unwrap_or(6);
    let sim = simulator().await;
    let mut kills = 0;
    for (&call, first) in STEPS.iter().zip(1..) {
        let steps = (first..).step_by(stride);
        for step in steps {
            let databases = Databases::sqlite();
            let name = format!("{call}-{step}");
            let pushed = operation.push(&databases, &sim, &name).await;
            sim.add_fault("latency=20ms".parse().unwrap());

            let worker = WorkerProcess::spawn(&databases, &sim, test, Some((call, step)));
            let was_killed = worker.killed_before_end_of(&databases, &name).await;
            sim.clear_faults();

            let last = RunningWorker::start(databases.worker(sim.endpoint()).await);
            operation.assert_once(&pushed, &databases, &sim).await;
            last.stop().await;
            clear(&sim).await;
            if !was_killed {
                break;
            }
            kills += 1;
        }
    }
    kills
}

/// Each round renames a server twice, and kills two workers meanwhile.
async fn renames_in_a_storm(databases: impl FnOnce() -> Databases, test: &str) {
    if run_as_worker().await {
        return;
    }
    let databases = databases();
    let rounds = number("HCC_STORM_ROUNDS").unwrap_or(10);
    let sim = simulator().await;
    let (queue, store) = (databases.queue().await, databases.store().await);
    let mut all = Vec::new();

    for round in 0..rounds {
        let [a, b, c] = ["a", "b", "c"].map(|name| format!("{name}{round}"));
        let server = create_managed(&databases, &sim, &a).await;
        let mut ids = Vec::new();
        let mut push = async |verb: &str, server: &str, args| {
            let mut command = Command::new(verb, server);
            command.args = args;
            ids.push(queue.push(&command).await.unwrap());
        };
        sim.add_fault("latency=10ms".parse().unwrap());
        push("rename", &a, json!({ "to": b, "id": server.number() })).await;
        push("off", &a, json!(null)).await;
        push("start", &a, json!(null)).await;
        let workers = [(); 2].map(|()| WorkerProcess::spawn(&databases, &sim, test, None));
        while store.get(&b).await.unwrap().is_none() {
            sleep(Duration::from_millis(1)).await;
        }
        push("rescue", &b, json!({ "do": "enable" })).await;
        push("rename", &b, json!({ "to": c, "id": server.number() })).await;
        push("rescue", &b, json!({ "do": "disable" })).await;
        let requests = sim.requests().len() + round * 3;
        let is_left = async || queue.commands().counts().await.unwrap().waiting > 0;
        while sim.requests().len() < requests && is_left().await {
            sleep(Duration::from_millis(1)).await;
        }
        drop(workers);
        sim.clear_faults();
        all.push((server, c, ids));
    }

    let last = RunningWorker::start(databases.worker(sim.endpoint()).await);
    let frontend = Frontend::new(store, queue);
    let api = client(sim.endpoint());
    for (server, name, ids) in all {
        for id in ids {
            match frontend.wait(&id, MINUTE).await {
                // A worker was killed before it reported the end, and later commands replaced `last`.
                Ok(_) | Err(hcc_core::Error::OutcomeUnknown { .. }) => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
        assert_eq!(api.servers().get(server).await.unwrap().name, name);
        let actions = api.servers().actions_for(server);
        let mut actions = actions.list(&ListActions::default()).all().await.unwrap();
        actions.sort_by_key(|action| action.id);
        let mut order: Vec<_> = actions.into_iter().map(|action| action.command).collect();
        // A command that was delivered again may have been repeated.
        order.dedup();
        assert_eq!(
            order,
            [
                "create_server",
                "start_server",
                "stop_server",
                "start_server",
                "enable_rescue",
                "disable_rescue"
            ],
            "{name}"
        );
    }
    last.stop().await;
}

/// Creates a server; two of three fall back to a type or a location with the capacity, one of them
/// within the limits of a user.
fn create(name: &str, number: usize) -> Command {
    let mut create = Command::new("new", name);
    if number % 3 > 0 {
        create.args = json!({ "type": "cx23,cpx22", "location": "fsn1,nbg1" });
    }
    create.by = (number % 3 == 2).then(|| "eve".to_owned());
    create
}

/// Each round kills two workers; `HCC_STORM_ROUNDS` sets the number of rounds.
async fn kill_after_requests(databases: impl FnOnce() -> Databases, test: &str) {
    // A worker that is killed could not clean up databases of its own.
    if run_as_worker().await {
        return;
    }
    let databases = databases();
    databases.add_limited_user().await;
    let rounds = number("HCC_STORM_ROUNDS").unwrap_or(2 * FAULTS.len());
    let sim = simulator().await;
    let queue = databases.queue().await;

    for round in 0..rounds {
        sim.clear_requests();
        sim.add_fault(FAULTS[round % FAULTS.len()].parse().unwrap());
        for number in 0..3 {
            let create = create(&format!("vm{round}-{number}"), number);
            queue.push(&create).await.unwrap();
        }
        let workers = [(); 2].map(|()| WorkerProcess::spawn(&databases, &sim, test, None));
        // The workers are killed after this many requests, wherever they are.
        let requests = 1 + round % 12;
        while sim.requests().len() < requests {
            sleep(Duration::from_millis(1)).await;
        }
        drop(workers);
        sim.clear_faults();
    }

    let summary = finish(&databases, &sim).await;
    println!("{summary:?} after {} kills", 2 * rounds);
    assert_eq!(summary.servers + summary.refused, 3 * rounds);
}

/// For each step that a worker takes to create a server, a worker is killed there.
///
/// `HCC_STORM_STRIDE=1` includes every step.
async fn kill_at_each_step(databases: impl Fn() -> Databases, test: &str) {
    if run_as_worker().await {
        return;
    }
    let stride = number("HCC_STORM_STRIDE").unwrap_or(6);
    let sim = simulator().await;
    let mut kills = 0;

    for (&call, first) in STEPS.iter().zip(1..) {
        let steps = (first..).step_by(stride);
        for (step, fault) in steps.zip(FAULTS.iter().cycle()) {
            let databases = databases();
            databases.add_limited_user().await;
            let name = format!("{call}-{step}");
            let queue = databases.queue().await;
            queue.push(&create(&name, step)).await.unwrap();
            sim.add_fault(fault.parse().unwrap());

            let worker = WorkerProcess::spawn(&databases, &sim, test, Some((call, step)));
            let was_killed = worker.killed_before_end_of(&databases, &name).await;
            sim.clear_faults();

            let summary = finish(&databases, &sim).await;
            assert_eq!(summary.servers + summary.refused, 1, "{name}: {summary:?}");
            clear(&sim).await;
            if !was_killed {
                break;
            }
            kills += 1;
        }
    }
    println!("{kills} kills at as many steps");
    assert!(kills > STEPS.len());
}

/// What is left at the end.
#[derive(Debug)]
struct Summary {
    servers: usize,
    refused: usize,
}

/// Has a worker finish the commands that are left, and compares the servers of the API with
/// the records.
async fn finish(databases: &Databases, sim: &Sim) -> Summary {
    let last = RunningWorker::start(databases.worker(sim.endpoint()).await);
    let frontend = Frontend::new(databases.store().await, databases.queue().await);
    for entry in frontend.commands().await.unwrap() {
        if entry.state != State::Dead {
            // Commands that are not dead afterwards have succeeded.
            let _ = frontend.wait(&entry.command.id, MINUTE).await;
        }
    }

    let mut servers = BTreeMap::new();
    for server in all_servers(sim).await {
        let duplicate = servers.insert(server.name, server.id.number());
        assert_eq!(duplicate, None);
    }
    let mut records = BTreeMap::new();
    for record in frontend.records().await.unwrap() {
        assert_eq!(record.stage, Some(Stage::Created), "{}", record.name);
        if record.last.is_some_and(|last| last.by.is_some()) {
            let server_type = record.r#type.and_then(|it| it.name);
            assert_eq!(server_type.as_deref(), Some("cpx22"), "{}", record.name);
        }
        records.insert(record.name, record.id.unwrap());
    }
    assert_eq!(records, servers);
    let refused = frontend.commands().await.unwrap();
    assert!(refused.iter().all(|entry| entry.state == State::Dead));
    last.stop().await;
    Summary {
        servers: servers.len(),
        refused: refused.len(),
    }
}

async fn all_servers(sim: &Sim) -> Vec<Server> {
    let all = ListServers::default();
    let servers = client(sim.endpoint());
    servers.servers().list(&all).all().await.unwrap()
}

/// Deletes all servers.
async fn clear(sim: &Sim) {
    for server in all_servers(sim).await {
        let api = client(sim.endpoint());
        api.servers().delete(server.id).await.unwrap();
    }
}

pub(crate) async fn simulator() -> Sim {
    let sim = Sim::builder().token(TOKEN).speed(100.0).rate_limit(None);
    sim.start().await.unwrap()
}

fn number(name: &str) -> Option<usize> {
    let text = env::var(name).ok()?;
    Some(text.parse().expect("the value is a number"))
}

/// The databases of the records and of the queue.
pub(crate) struct Databases {
    store: String,
    queue: String,
    _owner: Owner,
}

/// What exists as long as the databases are used.
enum Owner {
    Directory { _directory: TempDir },
    Server { _database: TestDatabase },
}

impl Databases {
    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |name| format!("sqlite:{}/{name}.db", directory.path().display());
        Self {
            store: file("store"),
            queue: file("queue"),
            _owner: Owner::Directory {
                _directory: directory,
            },
        }
    }

    pub(crate) fn mongodb() -> Self {
        let database = TestDatabase::new();
        Self {
            store: database.url.clone(),
            queue: database.url.clone(),
            _owner: Owner::Server {
                _database: database,
            },
        }
    }

    /// Adds a user who may create servers of the type cpx22 only.
    async fn add_limited_user(&self) {
        let grants = json!([{ "servers": "*", "may": ["create"] }]);
        let user = User {
            rights: json!({ "grants": grants, "create": { "types": ["cpx22"] } }),
            ..User::new("eve")
        };
        let accounts = accounts(&self.store).await;
        assert!(accounts.put_user(&user).await.unwrap());
    }

    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        store(&self.store).await
    }

    pub(crate) async fn queue(&self) -> Queue {
        queue(&self.queue).await
    }

    async fn worker(&self, endpoint: &str) -> Worker {
        worker(&self.store, &self.queue, endpoint).await
    }
}

/// A worker process, which is killed when this is dropped.
pub(crate) struct WorkerProcess(Child);

impl WorkerProcess {
    /// Starts a worker. With `at`, strace kills it at that call of that kind.
    fn spawn(databases: &Databases, sim: &Sim, test: &str, at: Option<(&str, usize)>) -> Self {
        let this = env::current_exe().unwrap();
        let worker = match at {
            None => Process::new(this),
            Some((call, number)) => {
                let mut strace = Process::new("strace");
                // strace becomes a grandchild, so that the child is the worker.
                strace.arg("--daemonize");
                strace.args(["--follow-forks", "--quiet=all", "--output=/dev/null"]);
                strace.arg(format!("--trace={call}"));
                strace.arg(format!("--inject={call}:signal=KILL:when={number}"));
                strace.arg(this);
                strace
            }
        };
        Self::start(worker, databases, sim, &format!("storm::{test}"))
    }

    /// Starts a worker in a test, which reads lines from its standard input.
    pub(crate) fn with_input(databases: &Databases, sim: &Sim, test: &str) -> Self {
        let mut worker = Process::new(env::current_exe().unwrap());
        worker.stdin(Stdio::piped());
        Self::start(worker, databases, sim, test)
    }

    fn start(mut worker: Process, databases: &Databases, sim: &Sim, test: &str) -> Self {
        worker
            .arg(test)
            .args(["--exact", "--include-ignored", "--nocapture"])
            .env(STORE, &databases.store)
            .env(QUEUE, &databases.queue)
            .env(ENDPOINT, sim.endpoint())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(worker.spawn().expect("strace is installed"))
    }

    pub(crate) fn send(&mut self, line: &str) {
        let input = self.0.stdin.as_mut().unwrap();
        // It may have been killed.
        let _ = writeln!(input, "{line}");
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Returns whether the worker was killed before it had completed the command.
    async fn killed_before_end_of(mut self, databases: &Databases, server: &str) -> bool {
        let queue = databases.queue().await;
        let store = databases.store().await;
        loop {
            if self.0.try_wait().unwrap().is_some() {
                return true;
            }
            let record = store.get(server).await.unwrap();
            let has_outcome = record.is_some_and(|record| record.last.is_some());
            if has_outcome && queue.list_all().await.unwrap().is_empty() {
                return false;
            }
            sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // It may have exited already; the comparison at the end shows what it did.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a worker until it is killed, if this process was started for that.
async fn run_as_worker() -> bool {
    let Some(worker) = worker_of_process().await else {
        return false;
    };
    worker.run(pending()).await.unwrap();
    true
}

/// Returns the worker that this process was started for, if it was.
pub(crate) async fn worker_of_process() -> Option<Worker> {
    let [Ok(store), Ok(queue), Ok(endpoint)] = [STORE, QUEUE, ENDPOINT].map(env::var) else {
        return None;
    };
    Some(worker(&store, &queue, &endpoint).await)
}

async fn worker(store_url: &str, queue_url: &str, endpoint: &str) -> Worker {
    let mut settings = Settings::default();
    settings.server_type = Some("cx23".to_owned());
    settings.image = Some("debian-13".to_owned());
    let project = Project::new(client(endpoint), store(store_url).await, settings);
    let mut config = WorkerConfig::default();
    config.sync_interval = Duration::from_millis(50);
    let authorizer = AccountAuthorizer::new(accounts(store_url).await);
    Worker::new(project, queue(queue_url).await)
        .with_config(config)
        .with_authorizer(Arc::new(authorizer))
}

async fn accounts(url: &str) -> Arc<dyn Accounts> {
    hcc_store::open_accounts(&url.parse().unwrap())
        .await
        .unwrap()
}

async fn store(url: &str) -> Arc<dyn Store> {
    hcc_store::open(&url.parse().unwrap()).await.unwrap()
}

/// Opens the queue with short leases, so that commands of killed workers are delivered soon.
async fn queue(url: &str) -> Queue {
    let queue = hcc_queue::open(&url.parse().unwrap()).await.unwrap();
    queue.with_policy(Policy {
        lease: Duration::from_millis(500),
        backoff: Duration::from_millis(50),
        attempts: u32::MAX,
        ..Policy::default()
    })
}

pub(crate) fn client(endpoint: &str) -> Client {
    Client::builder(TOKEN)
        .endpoint(endpoint)
        .timeout(Duration::from_secs(1))
        .build()
        .unwrap()
}
