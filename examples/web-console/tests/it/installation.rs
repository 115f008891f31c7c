//! A web console and a worker as processes of their own, with nothing between them but a database.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hcloud_sim::Sim;
use tempfile::TempDir;
use test_services::{Program, TestDatabase};

use crate::site::{Database, PASSWORD, Visitor};

pub(crate) const WEB_CONSOLE: &str = env!("CARGO_BIN_EXE_web-console");

/// Where records, users and commands lie.
pub(crate) struct Place {
    pub(crate) store: String,
    queue: String,
    folder: TempDir,
    _server: Option<TestDatabase>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = |file| format!("sqlite:{}/{file}", folder.path().display());
        Self {
            store: url("hcc.db"),
            queue: url("queue.db"),
            folder,
            _server: None,
        }
    }

    #[cfg(feature = "mongodb")]
    pub(crate) fn mongodb() -> Self {
        let server = TestDatabase::new();
        Self {
            store: server.url.clone(),
            queue: server.url.clone(),
            folder: tempfile::tempdir().unwrap(),
            _server: Some(server),
        }
    }
}

/// A simulated project, a worker that has its token, and a web console that has not.
pub(crate) struct Installation {
    pub(crate) sim: Sim,
    pub(crate) database: Database,
    pub(crate) origin: String,
    pub(crate) console: Program,
    pub(crate) worker: Program,
    place: Place,
}

impl Installation {
    /// Two servers, `web-1` and `db-1`, and an admin `root`.
    pub(crate) async fn start(place: Place, worker: &[&str]) -> Self {
        let label = ("managed", "1");
        let sim = Sim::builder().server("web-1", &[label]);
        let sim = sim.server("db-1", &[label]).speed(1000.0);
        let sim = sim.start().await.unwrap();
        // The simulator must be able to answer meanwhile.
        let mut sync = tokio::process::Command::from(hcc(&sim, &place));
        let synced = sync.args(["sync", "--all"]).output().await.unwrap();
        assert!(synced.status.success(), "{synced:?}");
        add_admin(&place.store);
        let console = Program::start(
            Command::new(WEB_CONSOLE)
                .args(["--listen", "127.0.0.1:0", "--screens"])
                .arg(format!("ws://{}", sim.address()))
                .env("HCC_STORE", &place.store),
        );
        let origin =
            console.wait_for_line(|line| line.starts_with("http://").then(|| line.to_owned()));
        Self {
            worker: start_worker(&sim, &place, worker),
            database: Database::open(&place.store, &place.queue).await,
            sim,
            origin,
            console,
            place,
        }
    }

    /// Lets another worker begin where one has ended.
    pub(crate) fn restart_worker(&mut self) {
        self.worker = start_worker(&self.sim, &self.place, &[]);
    }

    /// The admin, who has logged in.
    pub(crate) async fn root(&self) -> Visitor {
        let mut root = Visitor::of(&self.origin);
        root.log_in("root", PASSWORD).await;
        root
    }
}

fn start_worker(sim: &Sim, place: &Place, args: &[&str]) -> Program {
    let worker = Program::start(hcc(sim, place).arg("worker").args(args));
    worker.wait_for_line(|line| line.contains("worker started").then_some(()));
    worker
}

/// `hcc` with a home of its own, and a token.
fn hcc(sim: &Sim, place: &Place) -> Command {
    let mut hcc = Command::new(beside("hcc"));
    hcc.env_clear()
        .env("HOME", place.folder.path())
        .env("HCC_STORE", &place.store)
        .env("HCLOUD_TOKEN", sim.token())
        .env("HCLOUD_ENDPOINT", sim.endpoint());
    hcc
}

/// A program of another crate, which is built with the whole workspace.
fn beside(name: &str) -> PathBuf {
    let program = Path::new(WEB_CONSOLE).with_file_name(name);
    assert!(
        program.exists(),
        "{name} is missing: cargo build -p hcc-cli"
    );
    program
}

/// Adds an admin `root`, whose password is [`PASSWORD`], from the command line.
pub(crate) fn add_admin(store: &str) {
    let mut add = Command::new(WEB_CONSOLE)
        .args(["user", "add", "root", "--admin", "--store", store])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = add.stdin.take().expect("it is piped");
    writeln!(stdin, "{PASSWORD}").unwrap();
    drop(stdin);
    assert!(add.wait().unwrap().success());
}
