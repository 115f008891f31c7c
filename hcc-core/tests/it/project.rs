//! A simulated project, and a middleware that works on it.

use std::sync::Arc;
use std::time::Duration;

use hcc_core::{Middleware, ServerName, Settings};
use hcc_store::{Memory, Record, Store};
use hcloud_api::{Client, ListServers};
use hcloud_sim::{Builder, Sim};

/// The token is told apart from everything else in what a test prints.
pub(crate) const TOKEN: &str = "canary-token";

pub(crate) struct Project {
    pub(crate) sim: Sim,
    pub(crate) store: Arc<Memory>,
    pub(crate) middleware: Middleware,
}

impl Project {
    pub(crate) async fn new(sim: Builder) -> Self {
        Self::with_settings(sim, Settings::default()).await
    }

    pub(crate) async fn with_settings(sim: Builder, settings: Settings) -> Self {
        let sim = sim.token(TOKEN).speed(1000.0).start().await.unwrap();
        let store = Arc::new(Memory::default());
        let middleware = Middleware::new(client(&sim), store.clone(), settings);
        Self {
            sim,
            store,
            middleware,
        }
    }

    pub(crate) fn fault(&self, fault: &str) {
        self.sim.add_fault(fault.parse().unwrap());
    }

    /// How many servers of this name Hetzner has.
    pub(crate) async fn servers(&self, name: &str) -> usize {
        self.sim.clear_faults();
        let all = ListServers::default();
        let servers = client(&self.sim).servers().list(&all).all().await.unwrap();
        servers.iter().filter(|server| server.name == name).count()
    }

    pub(crate) async fn record(&self, name: &str) -> Option<Record> {
        self.store.get(name).await.unwrap()
    }

    /// The requests so far, as `METHOD path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.sim.requests();
        requests
            .iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }
}

/// A client whose patience is short, since some faults are silence.
fn client(sim: &Sim) -> Client {
    Client::builder(sim.token())
        .endpoint(sim.endpoint())
        .timeout(Duration::from_secs(1))
        .build()
        .unwrap()
}

pub(crate) fn name(text: &str) -> ServerName {
    text.parse().unwrap()
}
