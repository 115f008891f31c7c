//! Redis: a server that tests share, each with its own database, or a dedicated one.

use std::net::Ipv4Addr;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tempfile::TempDir;

use crate::process::Process;

/// The log line of `redis-server` that says that it accepts connections.
const READY: &str = "Ready to accept connections";

const DATABASES: u32 = 1000;

/// A `redis-server` that syncs every write to disk.
#[derive(Debug)]
pub struct Redis {
    // Dropped before its data directory.
    process: Process,
    address: String,
    used: AtomicU32,
    _directory: TempDir,
}

impl Redis {
    /// Starts a server on its own loopback address.
    pub fn start() -> Self {
        Self::with_settings(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts a server with these arguments.
    pub fn with_settings(settings: &[&str]) -> Self {
        Self::with_settings_for(|_| settings.iter().map(|&setting| setting.to_owned()).collect())
    }

    /// Starts a server with the arguments for its address.
    pub fn with_settings_for(settings: impl FnOnce(&str) -> Vec<String>) -> Self {
        static STARTED: AtomicU8 = AtomicU8::new(0);

        let number = STARTED.fetch_add(1, Ordering::Relaxed) + 1;
        let [.., high, low] = process::id().to_be_bytes();
        // Derived from the process ID, so that the address is free after a restart.
        let address = Ipv4Addr::new(127, number, high, low).to_string();
        let directory = TempDir::new().unwrap();
        let mut redis = Command::new("redis-server");
        redis.args(["--bind", &address, "--port", "6379", "--save", ""]);
        redis.args(["--databases", &DATABASES.to_string()]);
        redis
            .arg("--dir")
            .arg(directory.path())
            .args(settings(&address));
        Self {
            process: Process::start(redis, READY),
            address,
            used: AtomicU32::new(0),
            _directory: directory,
        }
    }

    /// Returns the server that concurrent tests share; the last one to drop it stops it.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Redis>> = Mutex::new(Weak::new());

        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// Returns the address of the server as `HOST:PORT`.
    pub fn host(&self) -> String {
        format!("{}:6379", self.address)
    }

    /// Returns the URL of an unused database.
    pub fn fresh_url(&self) -> String {
        let number = self.used.fetch_add(1, Ordering::Relaxed);
        assert!(number < DATABASES, "all databases are used");
        format!("redis://{}/{number}", self.host())
    }

    /// Returns the server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
