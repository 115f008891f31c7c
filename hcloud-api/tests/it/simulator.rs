//! The simulated Hetzner Cloud.

use std::time::Duration;

use hcloud_api::{Client, ClientBuilder, RetryPolicy};
use hcloud_sim::{Builder, Sim};

/// A speed at which actions end at once.
const SPEED: f64 = 1e6;

pub(crate) async fn start(builder: Builder) -> (Sim, Client) {
    let sim = builder.speed(SPEED).start().await.unwrap();
    let client = client(&sim).build().unwrap();
    (sim, client)
}

/// Returns a client of the simulator that retries immediately.
pub(crate) fn client(sim: &Sim) -> ClientBuilder {
    let immediately = Duration::from_millis(1);
    Client::builder(sim.token())
        .endpoint(sim.endpoint())
        .storage_box_endpoint(sim.endpoint())
        .retry(RetryPolicy::default().backoff(immediately, immediately))
        .poll_interval(immediately, 10 * immediately)
}

/// Returns the logged requests, such as `POST /v1/servers`.
pub(crate) fn requests(sim: &Sim) -> Vec<String> {
    let requests = sim.requests().into_iter();
    let lines = requests.map(|request| format!("{} {}", request.method, request.path));
    lines.collect()
}
