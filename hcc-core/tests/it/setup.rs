//! A simulated setup, and a project that works on it.

use std::sync::Arc;
use std::time::Duration;

use hcc_core::{CreateOptions, CreateOutcome, Project, ServerName, Settings};
use hcc_store::{Memory, Record, Store};
use hcloud_api::{Action, Client, ClientBuilder, ListServers};
use hcloud_sim::{Builder, Sim};
use serde_json::Value;

use crate::harness::MINUTE;

/// The token, which is recognizable in any output.
pub(crate) const TOKEN: &str = "canary-token";

/// How many times faster than Hetzner.
const FAST: f64 = 1000.0;

pub(crate) struct TestProject {
    pub(crate) sim: Sim,
    pub(crate) store: Arc<Memory>,
    pub(crate) project: Project,
}

impl TestProject {
    pub(crate) async fn new(sim: Builder) -> Self {
        Self::with_settings(sim, Settings::default()).await
    }

    /// With a client that never times out: for tests that count requests.
    pub(crate) async fn with_long_timeout(sim: Builder) -> Self {
        let sim = sim.speed(FAST);
        Self::with_timeout(sim, Settings::default(), Duration::from_secs(60)).await
    }

    /// With servers as slow as those of Hetzner.
    pub(crate) async fn in_real_time(sim: Builder) -> Self {
        Self::with_timeout(sim, Settings::default(), Duration::from_secs(60)).await
    }

    /// With a client that times out soon, since some faults are missing responses.
    pub(crate) async fn with_settings(sim: Builder, settings: Settings) -> Self {
        Self::with_timeout(sim.speed(FAST), settings, Duration::from_secs(1)).await
    }

    async fn with_timeout(sim: Builder, settings: Settings, timeout: Duration) -> Self {
        let sim = sim.token(TOKEN).start().await.unwrap();
        let store = Arc::new(Memory::default());
        let api = client(&sim, timeout);
        let project = Project::new(api, store.clone(), settings);
        Self {
            sim,
            store,
            project,
        }
    }

    /// Returns another client, with a long timeout.
    pub(crate) fn api(&self) -> Client {
        client(&self.sim, Duration::from_secs(60))
    }

    /// Creates the server `web1`.
    pub(crate) async fn create(&self, options: &CreateOptions) -> hcc_core::Result<CreateOutcome> {
        self.project.create(&name("web1"), options).await
    }

    pub(crate) async fn wait(&self, actions: Vec<Action>) -> hcc_core::Result<()> {
        self.project.wait(actions, MINUTE, |_| {}).await
    }

    pub(crate) fn fault(&self, fault: &str) {
        self.sim.add_fault(fault.parse().unwrap());
    }

    /// Returns the number of servers of this name.
    pub(crate) async fn servers(&self, name: &str) -> usize {
        self.sim.clear_faults();
        let all = ListServers::default();
        let servers = self.api().servers().list(&all).all().await.unwrap();
        servers.iter().filter(|server| server.name == name).count()
    }

    pub(crate) async fn record(&self, name: &str) -> Option<Record> {
        self.store.get(name).await.unwrap()
    }

    /// Returns the requests so far, as `METHOD path`, without a worker's check of its token.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.sim.requests();
        requests
            .iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .filter(|request| request != "PUT /v1/servers/0")
            .collect()
    }

    /// Returns the types and locations that were requested, if the simulator records bodies.
    pub(crate) fn orders(&self) -> Vec<String> {
        let requests = self.sim.requests().into_iter();
        let created = requests.filter(|it| it.method == "POST" && it.path == "/v1/servers");
        created
            .map(|request| {
                let body: Value = serde_json::from_str(&request.body.unwrap()).unwrap();
                let field = |name: &str| body[name].as_str().unwrap().to_owned();
                format!("{} {}", field("server_type"), field("location"))
            })
            .collect()
    }
}

fn client(sim: &Sim, timeout: Duration) -> Client {
    builder(sim, sim.token()).timeout(timeout).build().unwrap()
}

/// Returns the builder of a client with this token.
pub(crate) fn builder(sim: &Sim, token: &str) -> ClientBuilder {
    Client::builder(token).endpoint(sim.endpoint())
}

/// Returns the actions that a creation has started.
pub(crate) fn actions(outcome: CreateOutcome) -> Vec<Action> {
    match outcome {
        CreateOutcome::Created(actions) | CreateOutcome::Resumed(actions) => actions,
        _ => Vec::new(),
    }
}

pub(crate) fn name(name: &str) -> ServerName {
    name.parse().unwrap()
}
