//! A server process, killed when its guard is dropped.

use std::fmt;
use std::io::{BufRead, BufReader, copy, sink};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

/// A server that reports on its output when it is ready.
pub struct Process(Mutex<Inner>);

struct Inner {
    command: Command,
    ready: &'static str,
    child: Child,
}

impl Process {
    /// Starts a server and waits until its output contains `ready`.
    pub(crate) fn start(mut command: Command, ready: &'static str) -> Self {
        let child = spawn(&mut command, ready);
        Self(Mutex::new(Inner {
            command,
            ready,
            child,
        }))
    }

    /// Returns the process ID.
    pub fn id(&self) -> u32 {
        self.lock().child.id()
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        self.lock().kill();
    }

    /// Kills the server if it is running, and starts it again.
    pub fn restart(&self) {
        let mut inner = self.lock();
        inner.kill();
        let ready = inner.ready;
        inner.child = spawn(&mut inner.command, ready);
    }

    /// Suspends the server (SIGSTOP); its connections stay open.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends a [`pause`](Self::pause) (SIGCONT).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.lock().child);
        kill_process(pid, signal).unwrap();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The child must be killed even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn kill(&mut self) {
        // A no-op for a child that has been waited for.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({})", self.lock().child.id())
    }
}

fn spawn(command: &mut Command, ready: &str) -> Child {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {program}: {error}"));
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(ready) {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "{program} ended");
    }
    // A full pipe would block the server.
    thread::spawn(move || copy(&mut log, &mut sink()));
    child
}
