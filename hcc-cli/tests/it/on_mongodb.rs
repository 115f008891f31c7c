//! A simulated project with its records and commands in MongoDB, and a worker.

use std::path::Path;
use std::process::Stdio;

use hcloud_sim::Sim;
use test_services::TestDatabase;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::user::{Run, User};

/// One managed server, `web1`, and its record.
pub(crate) struct OnMongodb {
    pub(crate) user: User,
    server: TestDatabase,
    // Killed when it is dropped.
    _worker: Child,
}

impl OnMongodb {
    pub(crate) async fn start() -> Self {
        let server = TestDatabase::new();
        let user = User::of(Sim::builder().server("web1", &[("managed", "1")])).await;
        let hcc = |args| {
            let mut hcc = user.command(args);
            hcc.env("HCC_STORE", &server.url);
            hcc
        };
        let synced = Run::of(hcc(&["sync", "--all"])).await;
        assert_eq!(synced.code, Some(0), "{synced:?}");
        let mut worker = hcc(&["worker"]).spawn().unwrap();
        let mut log = BufReader::new(worker.stderr.take().unwrap()).lines();
        assert!(log.next_line().await.unwrap().is_some());
        // A full pipe would block the worker.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Self {
            user,
            server,
            _worker: worker,
        }
    }

    /// Another program, with the URL of the database in its environment.
    pub(crate) fn program(&self, program: impl AsRef<Path>) -> Command {
        let hcc = self.user.command(&[]);
        let settings = hcc.as_std().get_envs();
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .envs(settings.filter_map(|(name, value)| Some((name, value?))))
            .env("HCC_STORE", &self.server.url)
            .env("MONGODB", &self.server.url)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// The interpreter that has the packages of `requirements.txt`.
pub(crate) fn python() -> String {
    std::env::var("HCC_TEST_PYTHON").unwrap_or_else(|_| "python3".into())
}
