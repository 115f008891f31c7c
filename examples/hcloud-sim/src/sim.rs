//! The simulator and its builder.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::consoles::Consoles;
use crate::faults::{Fault, Faults};
use crate::http::{self, Budgets, Setup, Shared, Tokens};
use crate::labels::Labels;
use crate::rate_limit::Bucket;
use crate::request_log::Request;
use crate::snapshot::{self, InvalidState};
use crate::state::Cloud;

/// A simulated Hetzner Cloud that listens on a socket.
///
/// Dropping it closes the socket, all connections and all consoles.
pub struct Sim {
    address: SocketAddr,
    endpoint: String,
    /// The name and the tokens that each project was started with.
    projects: Vec<(String, Tokens)>,
    shared: Shared,
    state_file: Option<PathBuf>,
    _tasks: JoinSet<()>,
    /// Its own runtime, if it was started without one.
    runtime: Option<Runtime>,
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
    ///
    /// Storage boxes, which have a host of their own at Hetzner, have the same base URL here.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Replaces the token with all permissions of the first project; the API no longer accepts the old one.
    pub fn replace_token(&self, token: impl Into<String>) {
        self.shared.projects()[0].tokens().full = token.into();
    }

    /// Returns the token with all permissions that the first project was started with.
    pub fn token(&self) -> &str {
        &self.projects[0].1.full
    }

    /// Returns the token with read permission only that the first project was started with.
    pub fn read_only_token(&self) -> &str {
        &self.projects[0].1.read_only
    }

    /// Returns the name of each project, and the token with all permissions that it was started with.
    pub fn project_tokens(&self) -> impl Iterator<Item = (&str, &str)> {
        self.projects
            .iter()
            .map(|(name, tokens)| (name.as_str(), tokens.full.as_str()))
    }

    /// Returns the environment variables with which clients find the simulator.
    ///
    /// `HCLOUD_ENDPOINT`, `HCLOUD_TOKEN`, `HETZNER_ENDPOINT` (of storage boxes) and `HCLOUD_READ_ONLY_TOKEN`; for other
    /// projects, also `HCLOUD_TOKEN_NAME` and `HCLOUD_READ_ONLY_TOKEN_NAME`, with the name of the project in capitals.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sim = hcloud_sim::Sim::builder().start_blocking()?;
    /// let tests = std::process::Command::new("true").envs(sim.variables()).status()?;
    /// # assert!(tests.success());
    /// # Ok(())
    /// # }
    /// ```
    pub fn variables(&self) -> Vec<(String, String)> {
        let tokens = self.projects.iter().enumerate().map(|(number, project)| {
            let (name, Tokens { full, read_only }) = project;
            let name = name
                .to_uppercase()
                .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            let suffix = match number {
                0 => String::new(),
                _ => format!("_{name}"),
            };
            [
                (format!("HCLOUD_TOKEN{suffix}"), full.clone()),
                (format!("HCLOUD_READ_ONLY_TOKEN{suffix}"), read_only.clone()),
            ]
        });
        let endpoint = |name: &str| (name.to_owned(), self.endpoint.clone());
        let mut variables = vec![endpoint("HCLOUD_ENDPOINT")];
        variables.extend(tokens.flatten());
        variables.push(endpoint("HETZNER_ENDPOINT"));
        variables
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
        let mut projects = self.shared.projects().iter();
        projects.find_map(|project| project.cloud().screen(server))
    }

    /// Returns the state of all projects: resources, actions and what is still going to happen.
    pub fn export_state(&self) -> Value {
        snapshot::export(&self.shared)
    }

    /// Replaces the state of the projects that are named in an exported state.
    ///
    /// # Errors
    ///
    /// The value is not a state of this version of the simulator.
    pub fn import_state(&self, state: Value) -> Result<(), InvalidState> {
        snapshot::import(&self.shared, state)
    }

    /// Returns all projects to the state of the start.
    pub fn reset(&self) {
        snapshot::reset(&self.shared);
    }

    /// Writes the state to the file of [`Builder::state_file`]; does nothing without one.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save_state(&self) -> io::Result<()> {
        let file = self.state_file.as_deref();
        file.map_or(Ok(()), |file| snapshot::save(&self.shared, file))
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // An error is reported by a call of `save_state` before.
        let _ = self.save_state();
        for project in self.shared.projects() {
            project.cloud().shut_down();
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// A project of a [`Sim`]: its tokens and its first servers.
#[derive(Clone)]
pub struct Project {
    name: String,
    token: Option<String>,
    read_only_token: Option<String>,
    servers: Vec<(String, Labels)>,
}

impl Project {
    /// Returns an empty project.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            token: None,
            read_only_token: None,
            servers: Vec::new(),
        }
    }

    /// Sets the token with all permissions; by default it is derived from the seed.
    pub fn token(self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self
        }
    }

    /// Sets the token with read permission only; by default it is derived from the seed.
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
        (1..=count).fold(self, |project, number| {
            project.server(format!("server-{number}"), labels)
        })
    }
}

impl fmt::Debug for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Project")
            .field("name", &self.name)
            .field("servers", &self.servers.len())
            .finish_non_exhaustive()
    }
}

/// Settings of a [`Sim`].
#[derive(Clone)]
pub struct Builder {
    listen: SocketAddr,
    public_url: Option<String>,
    first: Project,
    more: Vec<Project>,
    seed: u64,
    speed: f64,
    latency: Duration,
    rate_limit: Option<u32>,
    action_lists_are_actions: bool,
    faults: Vec<Fault>,
    console: Option<(String, String)>,
    state_file: Option<PathBuf>,
    records_bodies: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            public_url: None,
            first: Project::new("default"),
            more: Vec::new(),
            seed: 0,
            speed: 1.0,
            latency: Duration::ZERO,
            rate_limit: Some(3600),
            action_lists_are_actions: true,
            faults: Vec::new(),
            console: None,
            state_file: None,
            records_bodies: false,
        }
    }
}

impl Builder {
    /// Sets the address to listen on; port 0 selects a free port.
    pub fn listen(self, listen: SocketAddr) -> Self {
        Self { listen, ..self }
    }

    /// Sets the URL by which clients reach the simulator, such as `https://sim.example.com`, if it is not the address.
    ///
    /// It is the base of the endpoint, of consoles and of links between pages; the control endpoints and consoles accept
    /// its host in addition to loopback.
    pub fn public_url(self, url: impl Into<String>) -> Self {
        Self {
            public_url: Some(url.into()),
            ..self
        }
    }

    /// Sets the token with all permissions of the first project; by default it is derived from the seed.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.first = self.first.token(token);
        self
    }

    /// Sets a second token of the first project, with read permission only.
    pub fn read_only_token(mut self, token: impl Into<String>) -> Self {
        self.first = self.first.read_only_token(token);
        self
    }

    /// Adds a running server to the first project.
    pub fn server(mut self, name: impl Into<String>, labels: &[(&str, &str)]) -> Self {
        self.first = self.first.server(name, labels);
        self
    }

    /// Adds running servers to the first project: `server-1`, `server-2`, and so on.
    pub fn servers(mut self, count: usize, labels: &[(&str, &str)]) -> Self {
        self.first = self.first.servers(count, labels);
        self
    }

    /// Adds a project, with tokens, resources and rate limits of its own.
    pub fn project(mut self, project: Project) -> Self {
        self.more.push(project);
        self
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

    /// Sets whether requests for the actions of one resource or kind, such as `/servers/1/actions`, count against the
    /// limit of actions; Hetzner does not document it.
    pub fn action_lists_are_actions(self, are_actions: bool) -> Self {
        Self {
            action_lists_are_actions: are_actions,
            ..self
        }
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

    /// Keeps the state in a file: it is read at the start, and written after changes and at the end.
    pub fn state_file(self, path: impl Into<PathBuf>) -> Self {
        Self {
            state_file: Some(path.into()),
            ..self
        }
    }

    /// Adds the bodies of requests and responses to the log of requests.
    ///
    /// They contain the passwords and keys that clients send and receive.
    pub fn record_bodies(self, records_bodies: bool) -> Self {
        Self {
            records_bodies,
            ..self
        }
    }

    /// Starts the simulator.
    ///
    /// # Errors
    ///
    /// The socket cannot be bound to the address, or the state file is invalid.
    pub async fn start(self) -> io::Result<Sim> {
        let listener = TcpListener::bind(self.listen).await?;
        let address = listener.local_addr()?;
        let public_url = match self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{address}"),
        };
        let clock = Clock::default();
        let now = clock.now();
        let consoles = Consoles::at(
            format!("{}/console", public_url.replacen("http", "ws", 1)),
            self.console,
        );

        let mut started = Vec::new();
        let mut projects = Vec::new();
        for (number, project) in (0..).zip([self.first].into_iter().chain(self.more)) {
            let Project {
                name,
                token,
                read_only_token,
                servers,
            } = project;
            let empty = Cloud::new(
                number,
                clock.clone(),
                self.seed,
                self.speed,
                consoles.emptied(),
            );
            let start = move |mut cloud: Cloud| {
                let tokens = Tokens {
                    full: token.clone().unwrap_or_else(|| cloud.secret(64)),
                    read_only: read_only_token.clone().unwrap_or_else(|| cloud.secret(64)),
                };
                for (name, labels) in &servers {
                    cloud.add_running_server(name.clone(), labels.clone());
                }
                (cloud, tokens)
            };
            let (seed, speed) = (self.seed, self.speed);
            let (cloud, tokens) = start(empty);
            let (clock, consoles) = (clock.clone(), consoles.emptied());
            projects.push(http::Project {
                name: name.clone(),
                cloud: Mutex::new(cloud),
                tokens: Mutex::new(tokens.clone()),
                budgets: self.rate_limit.map(|limit| {
                    Mutex::new(Budgets {
                        actions: Bucket::full(limit.saturating_mul(2), now),
                        others: Bucket::full(limit, now),
                        action_lists_are_actions: self.action_lists_are_actions,
                    })
                }),
                initial: Box::new(move || {
                    start(Cloud::new(
                        number,
                        clock.clone(),
                        seed,
                        speed,
                        consoles.emptied(),
                    ))
                    .0
                }),
            });
            started.push((name, tokens));
        }
        let faults = Faults::default();
        self.faults.into_iter().for_each(|fault| faults.add(fault));
        let endpoint = format!("{public_url}/v1");
        let shared = Shared::new(Setup {
            projects,
            clock,
            faults,
            latency: self.latency,
            records_bodies: self.records_bodies,
            address,
            public_url,
        });
        if let Some(path) = &self.state_file {
            snapshot::load(&shared, path)?;
        }

        let mut tasks = JoinSet::new();
        tasks.spawn(http::serve(listener, shared.clone()));
        for number in 0..started.len() {
            tasks.spawn(http::run_scheduler(shared.clone(), number));
        }
        if let Some(path) = self.state_file.clone() {
            tasks.spawn(snapshot::keep_saved(shared.clone(), path));
        }
        Ok(Sim {
            address,
            endpoint,
            projects: started,
            shared,
            state_file: self.state_file,
            _tasks: tasks,
            runtime: None,
        })
    }

    /// Starts the simulator in a thread of its own, for programs and tests without an asynchronous runtime.
    ///
    /// # Errors
    ///
    /// As for [`Builder::start`], or the thread cannot be started.
    ///
    /// # Panics
    ///
    /// In an asynchronous task, where [`Builder::start`] is to be used.
    pub fn start_blocking(self) -> io::Result<Sim> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let mut sim = runtime.block_on(self.start())?;
        sim.runtime = Some(runtime);
        Ok(sim)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("listen", &self.listen)
            .field("servers", &self.first.servers.len())
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
