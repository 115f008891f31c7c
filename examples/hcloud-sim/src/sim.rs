//! A running simulator, and how one is started.

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

/// A simulated Hetzner Cloud that listens on a socket; dropping it ends it, with all connections and consoles.
pub struct Sim {
    address: SocketAddr,
    endpoint: String,
    token: String,
    shared: Shared,
    _tasks: JoinSet<()>,
}

impl Sim {
    /// A simulator to be set up; without any setting, an empty project on a free port of the loopback interface.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The address on which the simulator listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for clients, such as `http://127.0.0.1:8080/v1`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The token that may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The clock on which actions run and console links expire.
    pub fn clock(&self) -> &Clock {
        self.shared.clock()
    }

    /// Lets something go wrong from now on.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.faults().add(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// The requests to the API that arrived, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log().requests()
    }

    /// Forgets the requests that arrived so far.
    pub fn forget_requests(&self) {
        self.shared.log().clear();
    }

    /// What the screen of a server shows; empty while it is off, `None` if there is no such server.
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
    /// Where to listen; port 0 means a free one.
    pub fn listen(self, listen: SocketAddr) -> Self {
        Self { listen, ..self }
    }

    /// The token that may do everything; by default the seed decides.
    pub fn token(self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self
        }
    }

    /// A second token, that may only read.
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

    /// What decides passwords and tokens; equal seeds and equal requests get equal answers.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// How many times as quickly as at Hetzner actions end.
    pub fn speed(self, speed: f64) -> Self {
        Self { speed, ..self }
    }

    /// How long every answer of the API takes, at the least.
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// How many requests an hour the API answers, twice as many about actions; `None` for no limit.
    pub fn rate_limit(self, rate_limit: Option<u32>) -> Self {
        Self { rate_limit, ..self }
    }

    /// Something that goes wrong from the start.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Has every console be at this WebSocket, such as that of a real VNC server, with this
    /// password.
    pub fn console(self, url: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            console: Some((url.into(), password.into())),
            ..self
        }
    }

    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub async fn start(self) -> io::Result<Sim> {
        let listener = TcpListener::bind(self.listen).await?;
        let address = listener.local_addr()?;
        let clock = Clock::default();
        let mut consoles = Consoles::at(format!("ws://{address}/console"));
        if let Some((url, password)) = self.console {
            consoles = consoles.lead_elsewhere(url, password);
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
        tasks.spawn(http::keep_agenda(shared.clone()));
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
