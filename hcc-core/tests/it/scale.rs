//! How cost grows with the number of records: measured in operations, not in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use hcc_core::{Command, Frontend, Power, Project, Request, Scope, Settings, SyncProgress, Worker};
use hcc_queue::Queue;
use hcc_store::{
    Attachment, Changes, DatabaseError, Failure, Fields, Memory, Precondition, Record,
    RecordStream, Result, Revision, Sqlite, Store, StoreUrl, Write,
};
use hcloud_sim::Sim;
use serde_json::Value;

use crate::harness::{MINUTE, RunningWorker, config_without_sync};
use crate::setup::{TestProject, name};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

/// Records that count what is read and written.
#[derive(Debug)]
pub(crate) struct Counted {
    store: Arc<dyn Store>,
    calls: AtomicU64,
    read: Arc<AtomicU64>,
    written: AtomicU64,
    /// How many of the next writes fail.
    pub(crate) failures: AtomicU64,
}

/// Calls, and records read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    calls: u64,
    read: u64,
    written: u64,
}

impl Counted {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            calls: AtomicU64::default(),
            read: Arc::default(),
            written: AtomicU64::default(),
            failures: AtomicU64::default(),
        }
    }

    fn fail(&self) -> Result<()> {
        let left = |left: u64| left.checked_sub(1);
        match self.failures.fetch_update(Relaxed, Relaxed, left) {
            Ok(_) => Err(DatabaseError::new(StoreUrl::sqlite("busy"), Failure::Busy).into()),
            Err(_) => Ok(()),
        }
    }

    /// Returns what was counted since the last time.
    fn take(&self) -> Counts {
        Counts {
            calls: self.calls.swap(0, Relaxed),
            read: self.read.swap(0, Relaxed),
            written: self.written.swap(0, Relaxed),
        }
    }

    fn called(&self) -> &dyn Store {
        self.calls.fetch_add(1, Relaxed);
        &*self.store
    }

    fn has_read(&self, records: usize) {
        self.read.fetch_add(records as u64, Relaxed);
    }
}

#[async_trait]
impl Store for Counted {
    async fn get(&self, name: &str) -> Result<Option<Record>> {
        let record = self.called().get(name).await?;
        self.has_read(1);
        Ok(record)
    }

    async fn get_many(&self, names: &[&str], fields: Fields) -> Result<Vec<Record>> {
        let records = self.called().get_many(names, fields).await?;
        self.has_read(records.len());
        Ok(records)
    }

    fn stream(&self, order: hcc_store::Order, fields: Fields) -> RecordStream<'_> {
        let read = self.read.clone();
        let records = self.called().stream(order, fields);
        Box::pin(records.inspect_ok(move |_| _ = read.fetch_add(1, Relaxed)))
    }

    async fn count(&self) -> Result<u64> {
        self.called().count().await
    }

    async fn changes(&self, since: &Revision, fields: Fields) -> Result<Changes> {
        let changes = self.called().changes(since, fields).await?;
        self.has_read(changes.records.len());
        Ok(changes)
    }

    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>> {
        let statuses = self.called().statuses().await?;
        self.has_read(statuses.len());
        Ok(statuses)
    }

    async fn reserve(&self, name: &str) -> Result<bool> {
        self.called().reserve(name).await
    }

    async fn write(&self, writes: &[Write]) -> Result<usize> {
        self.fail()?;
        self.written.fetch_add(writes.len() as u64, Relaxed);
        self.called().write(writes).await
    }

    async fn remove(&self, name: &str, only: Precondition) -> Result<bool> {
        self.called().remove(name, only).await
    }

    async fn rename(&self, from: &str, to: &str, id: u64) -> Result<bool> {
        self.called().rename(from, to, id).await
    }

    async fn attach(
        &self,
        kind: Attachment,
        key: &str,
        document: &Value,
        until: SystemTime,
    ) -> Result<()> {
        if kind == Attachment::Secret {
            self.fail()?;
        }
        self.called().attach(kind, key, document, until).await
    }

    async fn attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        self.called().attachment(kind, key).await
    }

    async fn take_attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        self.called().take_attachment(kind, key).await
    }

    async fn expire_attachments(&self) -> Result<usize> {
        self.called().expire_attachments().await
    }

    async fn version(&self) -> Result<String> {
        self.called().version().await
    }
}

/// A project with this many servers, all of which are recorded.
struct Recorded {
    setup: TestProject,
    store: Arc<Counted>,
    project: Project,
}

impl Recorded {
    async fn new(servers: usize) -> Self {
        Self::in_store(servers, Arc::new(Memory::default())).await
    }

    async fn in_store(servers: usize, store: Arc<dyn Store>) -> Self {
        let sim = Sim::builder().servers(servers, MANAGED);
        let setup = TestProject::with_long_timeout(sim).await;
        let store = Arc::new(Counted::new(store));
        let project = Project::new(setup.api(), store.clone(), Settings::default());
        project.sync(&Scope::All, false).await.unwrap();
        store.take();
        setup.sim.clear_requests();
        Self {
            setup,
            store,
            project,
        }
    }

    /// Runs a worker that has no records to sync but those of commands, and counts what it needs for
    /// the commands of these servers.
    async fn counts_of_commands(&self, command: Command, servers: &[&str]) -> Counts {
        let queue: Queue = hcc_queue::Memory::default().queue();
        let mut config = config_without_sync();
        config.console_ttl = Some(60 * MINUTE);
        let worker = Worker::new(self.project.clone(), queue.clone()).with_config(config);
        let frontend = Frontend::new(self.store.clone(), queue);
        let running = RunningWorker::start(worker);
        // The first command waits until the worker has started.
        let sync = Request::new(Command::Sync, name("server-1"));
        frontend.submit_and_wait(&sync, MINUTE).await.unwrap();
        self.store.take();
        for server in servers {
            let request = Request::new(command.clone(), name(server));
            frontend.submit_and_wait(&request, MINUTE).await.unwrap();
        }
        let counts = self.store.take();
        running.stop().await;
        counts
    }
}

#[tokio::test]
async fn sync_of_a_name_costs_that_record_whatever_the_number_of_others() {
    let mut counts = Vec::new();
    for servers in [10, 500] {
        let recorded = Recorded::new(servers).await;
        let named = Scope::Names(vec![name("server-7")]);

        recorded.project.sync(&named, false).await.unwrap();

        counts.push(recorded.store.take());
        assert_eq!(recorded.setup.requests().len(), 1);
    }
    let expected = Counts {
        calls: 3,
        read: 2,
        written: 1,
    };
    assert_eq!(counts, [expected, expected]);
}

#[tokio::test]
async fn commands_of_a_worker_cost_their_records_whatever_the_number_of_others() {
    for command in [
        Command::Power(Power::Force),
        Command::Console,
        Command::Sync,
    ] {
        let mut counts = Vec::new();
        for servers in [10, 500] {
            let recorded = Recorded::new(servers).await;

            let counted = recorded.counts_of_commands(command.clone(), &["server-3", "server-7"]);

            counts.push(counted.await);
        }
        assert_eq!(counts[0].written, counts[1].written, "{command:?}");
        // A read of changes may find those of one command or of two.
        let difference = counts[0].read.abs_diff(counts[1].read);
        assert!(
            difference <= 4 && counts[1].read <= 20,
            "{command:?}: {counts:?}"
        );
    }
}

#[tokio::test]
async fn sync_of_all_records_grows_with_their_number() {
    let mut counts = Vec::new();
    for servers in [100, 1000] {
        let recorded = Recorded::new(servers).await;

        let synced = recorded.project.sync(&Scope::All, false).await.unwrap();

        assert_eq!(synced.len(), servers);
        let requests = recorded.setup.requests().len();
        // One more lists the snapshots and backups.
        assert_eq!(requests, servers / 50 + 1);
        let Counts {
            calls,
            read,
            written,
        } = recorded.store.take();
        // A stream, the records of each page, and a write.
        assert_eq!((calls, written), (requests as u64 + 1, servers as u64));
        counts.push(read);
    }
    assert_eq!(counts, [200, 2000]);
}

#[tokio::test]
async fn other_tasks_run_after_each_page_of_a_sync() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::new(directory.path().join("hcc.db")));
    let recorded = Recorded::in_store(2000, store).await;
    let fetched = Arc::new(AtomicU64::new(0));
    let longest = Arc::new(AtomicU64::new(0));
    // Sees how far the sync has come whenever a task of this thread may run.
    let (progress, read, most) = (
        fetched.clone(),
        recorded.store.read.clone(),
        longest.clone(),
    );
    let other = tokio::spawn(async move {
        let mut last = 0;
        loop {
            let done = progress.load(Relaxed) + read.load(Relaxed);
            most.fetch_max(done - last, Relaxed);
            last = done;
            tokio::task::yield_now().await;
        }
    });

    let report = |progress| {
        if let SyncProgress::Fetching { servers, .. } = progress {
            fetched.store(servers, Relaxed);
        }
    };
    let planned = recorded.project.plan_sync(&Scope::All, true, report);
    let synced = planned.await.unwrap().apply().await.unwrap();

    other.abort();
    assert_eq!(synced.len(), 2000);
    assert_eq!(fetched.load(Relaxed), 2000);
    let longest = longest.load(Relaxed);
    assert!((50..=500).contains(&longest), "{longest}");
}

#[tokio::test]
async fn no_more_commands_are_in_progress_than_the_budget_allows() {
    // Requests for eight commands.
    let sim = Sim::builder()
        .servers(50, MANAGED)
        .rate_limit(Some(36))
        .latency(Duration::from_millis(20));
    let setup = TestProject::with_long_timeout(sim).await;
    setup.project.sync(&Scope::All, false).await.unwrap();
    let queue: Queue = hcc_queue::Memory::default().queue();
    for server in 1..=50 {
        let command = hcc_queue::Command::new("start", format!("server-{server}"));
        queue.push(&command).await.unwrap();
    }
    let worker = Worker::new(setup.project.clone(), queue.clone());
    let worker = worker.with_config(config_without_sync());
    let status = worker.handle();
    let running = RunningWorker::start(worker);

    // A task of its own begins with each command that is taken.
    while queue.commands().counts().await.unwrap().leased < 50 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }

    let in_progress = status.status().in_progress;
    assert!((1..=8).contains(&in_progress), "{in_progress}");
    drop(running);
}
