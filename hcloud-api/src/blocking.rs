//! A client for code that is not async.
//!
//! Nothing is mirrored here: [`Client::run`] runs whatever an async client can do, including
//! concurrent requests.
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

/// A client whose calls block the current thread until they have finished.
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
    /// An I/O error if the operating system has no file descriptors left.
    pub fn new(client: crate::Client) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { client, runtime })
    }

    /// Runs async calls to completion.
    ///
    /// # Panics
    ///
    /// If called from async code, which has to use the async client.
    pub fn run<'a, T>(&'a self, calls: impl AsyncFnOnce(&'a crate::Client) -> T) -> T {
        self.runtime.block_on(calls(&self.client))
    }
}
