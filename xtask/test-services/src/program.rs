//! A program that a test starts, listens to, and ends.

use std::fmt::Debug;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a test waits for anything before it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long a program may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(5);

/// A running program; dropping it ends it.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    /// Starts a program and listens to it.
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

    /// Waits until the program says a line in which `find` finds something.
    pub fn hear<T>(&self, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => match find(&line) {
                    Some(found) => return found,
                    None => heard.push(line),
                },
                Err(RecvTimeoutError::Timeout) => panic!("it says too little: {heard:#?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended: {heard:#?}"),
            }
        }
    }

    /// How much memory the program takes.
    pub fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).unwrap()
    }

    /// Asks the program to end, and waits until it did.
    pub fn end(&mut self) {
        self.end_by(Signal::TERM);
    }

    /// Does what Ctrl-C does, and waits until the program has ended.
    pub fn interrupt(&mut self) {
        self.end_by(Signal::INT);
    }

    fn end_by(&mut self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        if self.has_ended() || kill_process(pid, signal).is_err() {
            return;
        }
        let deadline = Instant::now() + FAREWELL;
        while !self.has_ended() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        // What does not listen is made to end; what has ended cannot be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads to the end, so that the program never waits for a reader.
fn forward(stream: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Nobody listens any more; the program may still talk.
            let _ = lines.send(line);
        }
    });
}

/// Asks again until the answer is the one that is waited for.
pub async fn eventually<T: Debug + PartialEq>(mut ask: impl AsyncFnMut() -> T, wanted: T) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if answer == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{answer:?} is not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
