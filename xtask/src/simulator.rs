//! A simulator that a chore starts and ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

use crate::workspace::program;

/// A running simulator, ended with the chore.
pub(crate) struct Simulator {
    child: Child,
    /// Closed when the chore ends, however it does, which ends the simulator.
    _stdin: Option<ChildStdin>,
    environment: Vec<(String, String)>,
}

impl Simulator {
    pub(crate) fn start(profile: &str, arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(program(profile, "hcloud-sim"))
            .arg("--until-stdin-closes")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the simulator cannot be started")?;
        let stdout = child.stdout.take().expect("it was asked for");
        let environment = BufReader::new(stdout).lines().take(2).map(setting);
        let environment = environment.collect::<Result<_>>()?;
        Ok(Self {
            _stdin: child.stdin.take(),
            child,
            environment,
        })
    }

    /// What tells programs of it.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Its greeting is `NAME=VALUE`.
fn setting(line: std::io::Result<String>) -> Result<(String, String)> {
    let line = line?;
    let (name, value) = line.split_once('=').context("the simulator greets oddly")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended already, by the same Ctrl-C that ends the chore.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
