//! A server process that ends with its guard.

use std::fmt;
use std::io::{BufRead, BufReader, copy, sink};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

/// A server that tells on its output when it is ready.
pub struct Process(Mutex<Inner>);

struct Inner {
    command: Command,
    ready: &'static str,
    child: Child,
}

impl Process {
    /// Starts a server and waits until it has written `ready`.
    pub(crate) fn start(mut command: Command, ready: &'static str) -> Self {
        let child = spawn(&mut command, ready);
        Self(Mutex::new(Inner {
            command,
            ready,
            child,
        }))
    }

    /// Kills the server without a warning.
    pub fn kill(&self) {
        self.lock().kill();
    }

    /// Kills the server, unless it is dead, and starts it again.
    pub fn restart(&self) {
        let mut inner = self.lock();
        inner.kill();
        let ready = inner.ready;
        inner.child = spawn(&mut inner.command, ready);
    }

    /// Lets the server stand still, its connections open.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a server that stands still go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.lock().child);
        kill_process(pid, signal).unwrap();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whatever panicked meanwhile, the child is there to be ended.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn kill(&mut self) {
        // It does nothing to a child that has been waited for.
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
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(ready) {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "{program} ended");
    }
    // A full pipe would stop the server.
    thread::spawn(move || copy(&mut log, &mut sink()));
    child
}
