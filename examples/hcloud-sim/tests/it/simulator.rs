//! A running `hcloud-sim`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use hcloud_sim::Request;

use crate::description::Report;

pub(crate) const READ_ONLY_TOKEN: &str = "reader";

/// The program; dropping it checks its responses by Hetzner's description, and stops it.
pub(crate) struct Simulator {
    process: Child,
    /// The variables that it prints, with their values.
    environment: Vec<(String, String)>,
}

impl Simulator {
    /// Starts a simulator in which actions are 60 times as fast.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_hcloud-sim"))
            .args(["--listen", "127.0.0.1:0", "--speed", "60"])
            .args(["--read-only-token", READ_ONLY_TOKEN, "--record-bodies"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let environment = lines
            .take(4)
            .map(|line| {
                let line = line.unwrap();
                let (name, value) = line.split_once('=').expect("a variable");
                (name.to_owned(), value.to_owned())
            })
            .collect();
        Self {
            process,
            environment,
        }
    }

    /// Returns the value of a variable that it prints.
    pub(crate) fn variable(&self, name: &str) -> &str {
        let mut variables = self.environment.iter();
        let found = variables.find(|(other, _)| other == name);
        found.map(|(_, value)| value).unwrap()
    }

    /// Returns a command that connects to the simulator only.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_remove("HCLOUD_CONTEXT")
            .envs(self.environment.iter().cloned());
        command
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let log = self
            .variable("HCLOUD_ENDPOINT")
            .replace("/v1", "/_sim/requests");
        let log = Command::new("curl").args(["--silent", &log]).output();
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        if !std::thread::panicking() {
            let requests: Vec<Request> = serde_json::from_slice(&log.unwrap().stdout).unwrap();
            Report::of(&requests).assert_valid();
        }
    }
}
