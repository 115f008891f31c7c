//! The simulator and its builder.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::consoles::Consoles;
use crate::faults::{Fault, Faults};
use crate::http::{self, Budgets, Shared, Tokens};
use crate::labels::Labels;
use crate::rate_limit::Bucket;
use crate::request_log::Request;
use crate::state::Cloud;

/// A simulated Hetzner Cloud that listens on a socket.
///
/// Dropping it closes the socket, all connections and all consoles.
pub struct Sim {
    address: SocketAddr,
    endpoint: String,
    token: String,
    shared: Shared,
    _tasks: JoinSet<()>,
}

impl Sim {
    /// Returns a builder; by default, an empty project on a free port of the loopback interface.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns the address on which the simulator listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the base URL for clients, such as `http://127.0.0.1:8080/v1`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Replaces the token with all permissions; the API no longer accepts the old one.
    pub fn replace_token(&self, token: impl Into<String>) {
        self.shared.tokens().full = token.into();
    }

    /// Returns the token with all permissions that the simulator was started with.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the clock that determines when actions end and console URLs expire.
    pub fn clock(&self) -> &Clock {
        self.shared.clock()
    }

    /// Adds a fault for the requests from now on.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.faults().add(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Returns the logged requests to the API, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log().requests()
    }

    /// Clears the log of requests.
    pub fn clear_requests(&self) {
        self.shared.log().clear();
    }

    /// Returns the text on the screen of a server: empty while it is off, `None` if it does not exist.
    pub fn screen(&self, server: u64) -> Option<String> {
        self.shared.cloud().screen(server)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.shared.cloud().shut_down();
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Settings of a [`Sim`].
#[derive(Clone)]
pub struct Builder {
    listen: SocketAddr,
    token: Option<String>,
    read_only_token: Option<String>,
    servers: Vec<(String, Labels)>,
    seed: u64,
    speed: f64,
    latency: Duration,
    rate_limit: Option<u32>,
    faults: Vec<Fault>,
    console: Option<(String, String)>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            token: None,
            read_only_token: None,
            servers: Vec::new(),
            seed: 0,
            speed: 1.0,
            latency: Duration::ZERO,
            rate_limit: Some(3600),
            faults: Vec::new(),
            console: None,
        }
    }
}

impl Builder {
    /// Sets the address to listen on; port 0 selects a free port.
    pub fn listen(self, listen: SocketAddr) -> Self {
        Self { listen, ..self }
    }

    /// Sets the token with all permissions; by default it is derived from the seed.
    pub fn token(self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self
        }
    }

    /// Sets a second token, with read permission only.
    pub fn read_only_token(self, token: impl Into<String>) -> Self {
        Self {
            read_only_token: Some(token.into()),
            ..self
        }
    }

    /// Adds a running server.
    pub fn server(mut self, name: impl Into<String>, labels: &[(&str, &str)]) -> Self {
        let labels = labels
            .iter()
            .map(|&(key, value)| (key.into(), value.into()))
            .collect();
        self.servers.push((name.into(), labels));
        self
    }

    /// Adds running servers: `server-1`, `server-2`, and so on.
    pub fn servers(self, count: usize, labels: &[(&str, &str)]) -> Self {
        (1..=count).fold(self, |builder, number| {
            builder.server(format!("server-{number}"), labels)
        })
    }

    /// Sets the seed of passwords and tokens; equal seeds and requests give equal responses.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets the speed of actions relative to Hetzner's.
    pub fn speed(self, speed: f64) -> Self {
        Self { speed, ..self }
    }

    /// Sets the minimum time of every response of the API.
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Sets the rate limit in requests per hour, with twice as many for actions; `None` disables it.
    pub fn rate_limit(self, rate_limit: Option<u32>) -> Self {
        Self { rate_limit, ..self }
    }

    /// Adds a fault that is active from the start.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Replaces all consoles by an external one, such as a real VNC server behind websockify.
    pub fn console(self, url: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            console: Some((url.into(), password.into())),
            ..self
        }
    }

    /// Starts the simulator.
    ///
    /// # Errors
    ///
    /// The socket cannot be bound to the address.
    pub async fn start(self) -> io::Result<Sim> {
        let listener = TcpListener::bind(self.listen).await?;
        let address = listener.local_addr()?;
        let clock = Clock::default();
        let mut consoles = Consoles::at(format!("ws://{address}/console"));
        if let Some((url, password)) = self.console {
            consoles = consoles.with_external_console(url, password);
        }
        let mut cloud = Cloud::new(clock.clone(), self.seed, self.speed, consoles);
        let token = self.token.unwrap_or_else(|| cloud.secret(64));
        for (name, labels) in self.servers {
            cloud.add_running_server(name, labels);
        }
        let faults = Faults::default();
        self.faults.into_iter().for_each(|fault| faults.add(fault));
        let now = clock.now();
        let budgets = self.rate_limit.map(|limit| Budgets {
            actions: Bucket::full(limit.saturating_mul(2), now),
            others: Bucket::full(limit, now),
        });
        let tokens = Tokens {
            full: token.clone(),
            read_only: self.read_only_token,
        };
        let shared = Shared::new(cloud, tokens, budgets, faults, self.latency);

        let mut tasks = JoinSet::new();
        tasks.spawn(http::serve(listener, shared.clone()));
        tasks.spawn(http::run_scheduler(shared.clone()));
        Ok(Sim {
            address,
            endpoint: format!("http://{address}/v1"),
            token,
            shared,
            _tasks: tasks,
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("listen", &self.listen)
            .field("servers", &self.servers.len())
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
