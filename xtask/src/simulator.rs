//! A simulator process for the duration of a task.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

use crate::workspace::program;

/// A running simulator; dropping it stops it.
pub(crate) struct Simulator {
    child: Child,
    /// Closed when this process ends in any way, which stops the simulator.
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
            .context("failed to start the simulator")?;
        let stdout = child.stdout.take().expect("piped");
        let environment = BufReader::new(stdout).lines().take(2).map(setting);
        let environment = environment.collect::<Result<_>>()?;
        Ok(Self {
            _stdin: child.stdin.take(),
            child,
            environment,
        })
    }

    /// Returns the environment variables with its endpoint and token.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Parses a line `NAME=VALUE` of its output.
fn setting(line: std::io::Result<String>) -> Result<(String, String)> {
    let line = line?;
    let (name, value) = line
        .split_once('=')
        .context("unexpected output of the simulator")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Fails if the same Ctrl-C has ended it already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
