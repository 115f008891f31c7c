//! A program under test, and its output lines.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::WAIT_TIMEOUT;

/// The time between a signal and SIGKILL.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// A running program; dropping it stops it.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    /// Starts a program and collects its output.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        let (sender, lines) = mpsc::channel();
        forward(child.stdout.take().expect("it is piped"), sender.clone());
        forward(child.stderr.take().expect("it is piped"), sender);
        Self { child, lines }
    }

    /// Waits for an output line for which `find` returns a value; panics after [`WAIT_TIMEOUT`].
    pub fn wait_for_line<T>(&self, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        let mut lines = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => match find(&line) {
                    Some(found) => return found,
                    None => lines.push(line),
                },
                Err(RecvTimeoutError::Timeout) => panic!("expected line missing in {lines:#?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("program ended; output: {lines:#?}"),
            }
        }
    }

    /// Returns the resident memory of the program, in KiB.
    pub fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).unwrap()
    }

    /// Sends SIGTERM and waits until the program has ended.
    pub fn stop(&mut self) {
        self.stop_with(Signal::TERM);
    }

    /// Sends SIGINT, as Ctrl-C does, and waits until the program has ended.
    pub fn interrupt(&mut self) {
        self.stop_with(Signal::INT);
    }

    fn stop_with(&mut self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        if self.has_ended() || kill_process(pid, signal).is_err() {
            return;
        }
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        while !self.has_ended() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        // Fails if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Drains a stream, so that a full pipe never blocks the program.
fn forward(stream: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // The receiver may be gone already.
            let _ = lines.send(line);
        }
    });
}
