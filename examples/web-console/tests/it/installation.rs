//! A web console and a worker in separate processes, connected only by a database.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hcloud_sim::Sim;
use tempfile::TempDir;
use test_services::{Program, TestDatabase};
use tokio::task::spawn_blocking;

use crate::site::{Database, PASSWORD, TestClient};

pub(crate) const WEB_CONSOLE: &str = env!("CARGO_BIN_EXE_web-console");

/// The databases of records, users and commands.
pub(crate) struct DatabaseUrls {
    pub(crate) store: String,
    queue: String,
    directory: TempDir,
    _server: Option<TestDatabase>,
}

impl DatabaseUrls {
    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = |file| format!("sqlite:{}/{file}", directory.path().display());
        Self {
            store: url("hcc.db"),
            queue: url("queue.db"),
            directory,
            _server: None,
        }
    }

    #[cfg(feature = "mongodb")]
    pub(crate) fn mongodb() -> Self {
        let server = TestDatabase::new();
        Self {
            store: server.url.clone(),
            queue: server.url.clone(),
            directory: tempfile::tempdir().unwrap(),
            _server: Some(server),
        }
    }
}

/// A simulated project, a worker with its token, and a web console without.
pub(crate) struct Installation {
    pub(crate) sim: Sim,
    pub(crate) database: Database,
    pub(crate) origin: String,
    pub(crate) console: Program,
    pub(crate) worker: Program,
    urls: DatabaseUrls,
}

impl Installation {
    /// Two servers, `web-1` and `db-1`, and an admin `root`.
    pub(crate) async fn start(urls: DatabaseUrls, worker: &[&str]) -> Self {
        let label = ("managed", "1");
        let sim = Sim::builder().server("web-1", &[label]);
        let sim = sim.server("db-1", &[label]).speed(1000.0);
        let sim = sim.start().await.unwrap();
        // The simulator has to respond meanwhile.
        let mut sync = tokio::process::Command::from(hcc(&sim, &urls));
        let synced = sync.args(["sync", "--all"]).output().await.unwrap();
        assert!(synced.status.success(), "{synced:?}");
        add_admin(&urls.store);
        let console = Program::start(
            Command::new(WEB_CONSOLE)
                .args(["--listen", "127.0.0.1:0", "--screens"])
                .arg(format!("ws://{}", sim.address()))
                // Many pages of one user on this machine.
                .args(["--proxy", "127.0.0.1", "--max-streams-of-user", "1000"])
                .env("HCC_STORE", &urls.store),
        );
        let origin =
            console.wait_for_line(|line| line.starts_with("http://").then(|| line.to_owned()));
        Self {
            worker: start_worker(&sim, &urls, worker).await,
            database: Database::open(&urls.store, &urls.queue).await,
            sim,
            origin,
            console,
            urls,
        }
    }

    /// Starts another worker.
    pub(crate) async fn restart_worker(&mut self) {
        self.worker = start_worker(&self.sim, &self.urls, &[]).await;
    }

    /// A client of the admin.
    pub(crate) async fn root(&self) -> TestClient {
        let mut root = TestClient::of(&self.origin);
        root.log_in("root", PASSWORD).await;
        root
    }
}

async fn start_worker(sim: &Sim, urls: &DatabaseUrls, args: &[&str]) -> Program {
    let worker = Program::start(hcc(sim, urls).arg("worker").args(args));
    // The simulator must respond meanwhile: a worker checks its token before it starts.
    let started = spawn_blocking(move || {
        worker.wait_for_line(|line| line.contains("worker started").then_some(()));
        worker
    });
    started.await.unwrap()
}

/// `hcc` with a separate home directory, and a token.
fn hcc(sim: &Sim, urls: &DatabaseUrls) -> Command {
    let mut hcc = Command::new(program("hcc"));
    hcc.env_clear()
        .env("HOME", urls.directory.path())
        .env("HCC_STORE", &urls.store)
        .env("HCLOUD_TOKEN", sim.token())
        .env("HCLOUD_ENDPOINT", sim.endpoint());
    hcc
}

/// A program of another crate, built with the workspace.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = Path::new(WEB_CONSOLE).with_file_name(name);
    assert!(path.exists(), "{name} is missing: cargo build -p hcc-cli");
    path
}

/// Adds an admin `root`, whose password is [`PASSWORD`], from the command line.
pub(crate) fn add_admin(store: &str) {
    let mut add = Command::new(WEB_CONSOLE)
        .args(["user", "add", "root", "--admin", "--store", store])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = add.stdin.take().expect("stdin is piped");
    writeln!(stdin, "{PASSWORD}").unwrap();
    drop(stdin);
    assert!(add.wait().unwrap().success());
}

#[test]
fn urls_with_passwords_are_refused_as_arguments() {
    for arguments in [
        &["--store", "mongodb://mary:canary@127.0.0.1:9/db"][..],
        &["--store=mongodb:mary:canary@127.0.0.1:9/db?x=http://y"],
        &["--queue", "redis://:canary@127.0.0.1:9"],
        &["user", "add", "mary", "--store=mongodb://mary:canary@h/db"],
        &["--project", "lab=mongodb://mary:canary@h/db"],
        &["--project=lab=sqlite:/hcc.db,redis://:canary@h"],
    ] {
        let run = Command::new(WEB_CONSOLE).args(arguments).output().unwrap();

        let text = String::from_utf8(run.stderr).unwrap();
        assert!(!run.status.success(), "{arguments:?}");
        assert!(text.contains("cannot be passed as an argument"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

/// The URL of a database that no test opens.
const MONGODB: &str = "mongodb://mary:canary@127.0.0.1:9/db";

#[test]
fn projects_that_are_invalid_or_would_mix_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = |name: &str| format!("sqlite:{}/{name}/hcc.db", directory.path().display());
    for (projects, reason) in [
        (
            "la/b=mongodb://mary:canary@h/db".to_owned(),
            "expected NAME=STORE",
        ),
        (
            "mongodb://mary:canary@h/db?a=b".to_owned(),
            "expected NAME=STORE",
        ),
        ("lab".to_owned(), "expected NAME=STORE"),
        (
            format!("shop={}", store("lab")),
            "two projects have the name shop",
        ),
        (
            format!("lab={}", store("shop")),
            "the records or the queue of another",
        ),
        (
            format!("lab={} old={}", store("lab"), store("lab")),
            "project old has the records",
        ),
        (
            format!("lab={MONGODB} old={MONGODB},records=old,commands=old,signals=old"),
            "collection evt",
        ),
        (format!("lab={MONGODB},record=lab"), "expected records=NAME"),
        (
            format!("lab={MONGODB},records="),
            "of the records is missing",
        ),
        (
            format!("lab={MONGODB},redis://:canary@h,redis://:canary@i"),
            "at most one QUEUE",
        ),
    ] {
        let run = Command::new(WEB_CONSOLE)
            .args(["--listen", "127.0.0.1:0", "--project-name", "shop"])
            .env("HCC_STORE", store("shop"))
            .env("WEB_CONSOLE_PROJECTS", projects)
            .output()
            .unwrap();

        let text = String::from_utf8(run.stderr).unwrap();
        assert!(!run.status.success(), "{text}");
        assert!(text.contains(reason) && !text.contains("canary"), "{text}");
    }
}
