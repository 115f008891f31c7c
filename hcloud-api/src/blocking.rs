//! Calls from code that is not async.
//!
//! Nothing is mirrored here: what an async client can do, [`Client::run`] does, several requests
//! side by side included.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use hcloud_api::blocking;
//!
//! let client = blocking::Client::new(hcloud_api::Client::from_env()?)?;
//! let servers = client.run(async |client| client.servers().list(&Default::default()).all().await)?;
//! for server in servers {
//!     println!("{}", server.name);
//! }
//! # Ok(()) }
//! ```

use std::io;

use tokio::runtime::{Builder, Runtime};

/// A client whose calls return when they are done; they run on the thread that makes them.
#[derive(Debug)]
pub struct Client {
    client: crate::Client,
    runtime: Runtime,
}

impl Client {
    /// Wraps a client.
    ///
    /// # Errors
    ///
    /// When the operating system has no file descriptors left.
    pub fn new(client: crate::Client) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { client, runtime })
    }

    /// Runs async calls to their end.
    ///
    /// # Panics
    ///
    /// When called from async code, which has to use the async client.
    pub fn run<'a, T>(&'a self, calls: impl AsyncFnOnce(&'a crate::Client) -> T) -> T {
        self.runtime.block_on(calls(&self.client))
    }
}
