//! A user of `hcc` with a home directory of their own, on a simulated project.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use hcloud_sim::{Builder, Sim};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// A token that cannot occur in other output.
pub(crate) const TOKEN: &str = "canary-token";

pub(crate) struct User {
    pub(crate) sim: Sim,
    home: TempDir,
}

/// The exit code and the output of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl User {
    pub(crate) async fn of(sim: Builder) -> Self {
        Self {
            sim: sim.token(TOKEN).speed(1000.0).start().await.unwrap(),
            home: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.home.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        path
    }

    pub(crate) fn fault(&self, fault: &str) {
        self.sim.add_fault(fault.parse().unwrap());
    }

    /// Counts the requests of this method to paths with this suffix.
    pub(crate) fn requests(&self, method: &str, suffix: &str) -> usize {
        let requests = self.sim.requests();
        let hits = requests.iter().filter(|request| request.method == method);
        hits.filter(|request| request.path.ends_with(suffix))
            .count()
    }

    /// `hcc` with a token and the settings in the home directory.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.command_without_token(args);
        command.env("HCLOUD_TOKEN", TOKEN);
        command
    }

    /// A bash script that has `hcc` on its path, and runs in the home directory.
    pub(crate) fn bash(&self, script: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_hcc")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path));
        let hcc = self.command(&[]);
        let mut bash = Command::new("bash");
        bash.args(["-eu", "-c", script])
            .env_clear()
            .envs(
                hcc.as_std()
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("PATH", std::env::join_paths(path).unwrap())
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        bash
    }

    pub(crate) fn command_without_token(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hcc"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HCLOUD_ENDPOINT", self.sim.endpoint())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn hcc(&self, args: &[&str]) -> Run {
        Run::of(self.command(args)).await
    }

    /// The id of a server.
    pub(crate) async fn id(&self, name: &str) -> u64 {
        let servers: Value = serde_json::from_str(&self.ok(&["list", "-o", "json"]).await).unwrap();
        let servers = servers.as_array().expect("a list is printed");
        let server = servers.iter().find(|server| server["name"] == name);
        server
            .and_then(|server| server["id"].as_u64())
            .expect("it is listed")
    }

    /// Runs `hcc`, asserts that it succeeds, and returns its output.
    pub(crate) async fn ok(&self, args: &[&str]) -> String {
        let run = self.hcc(args).await;
        assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
        run.out
    }
}

impl Run {
    pub(crate) async fn of(mut command: Command) -> Self {
        command.output().await.unwrap().into()
    }

    /// Returns the exit code and the error: one line, and perhaps one with a hint. The correlation
    /// id of the API is left out.
    pub(crate) fn failure(&self) -> (i32, &str) {
        let text = self
            .err
            .split("correlation id: ")
            .next()
            .unwrap()
            .trim_end();
        let mut lines = text.lines();
        assert!(lines.next().is_some(), "{self:?}");
        assert!(lines.all(|line| line.starts_with("hint: ")), "{self:?}");
        assert!(text.lines().count() <= 2, "{self:?}");
        assert!(!self.err.contains(TOKEN), "{self:?}");
        (self.code.unwrap(), text)
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;

    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;

    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
