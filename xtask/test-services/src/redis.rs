//! Redis: a server whose databases the tests of a program share, or one of one's own.

use std::net::Ipv4Addr;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tempfile::TempDir;

use crate::process::Process;

/// What `redis-server` says when it accepts connections.
const READY: &str = "Ready to accept connections";

const DATABASES: u32 = 1000;

/// A `redis-server` that confirms what is on its disk.
#[derive(Debug)]
pub struct Redis {
    // Ended before its folder goes.
    process: Process,
    address: String,
    used: AtomicU32,
    _folder: TempDir,
}

impl Redis {
    /// Starts a server on an address of its own.
    pub fn start() -> Self {
        Self::with_settings(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts a server with these arguments.
    pub fn with_settings(settings: &[&str]) -> Self {
        static STARTED: AtomicU8 = AtomicU8::new(0);

        let number = STARTED.fetch_add(1, Ordering::Relaxed) + 1;
        let [.., high, low] = process::id().to_be_bytes();
        // Nobody else is given that address, so that it is free after a restart.
        let address = Ipv4Addr::new(127, number, high, low).to_string();
        let folder = TempDir::new().unwrap();
        let mut redis = Command::new("redis-server");
        redis.args(["--bind", &address, "--port", "6379", "--save", ""]);
        redis.args(["--databases", &DATABASES.to_string()]);
        redis.arg("--dir").arg(folder.path()).args(settings);
        Self {
            process: Process::start(redis, READY),
            address,
            used: AtomicU32::new(0),
            _folder: folder,
        }
    }

    /// The server of all tests that run now; the last of them ends it.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Redis>> = Mutex::new(Weak::new());

        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// Where the server is, as `HOST:PORT`.
    pub fn host(&self) -> String {
        format!("{}:6379", self.address)
    }

    /// Where a database is that nobody has used.
    pub fn fresh_url(&self) -> String {
        let number = self.used.fetch_add(1, Ordering::Relaxed);
        assert!(number < DATABASES, "all databases are used");
        format!("redis://{}/{number}", self.host())
    }

    /// The server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
