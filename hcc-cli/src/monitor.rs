//! Metrics and health of a worker over HTTP.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use hcc_core::{WorkerHandle, WorkerPhase, metrics};
use hcc_queue::Queue;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::time::{interval, timeout};
use tracing::info;

use crate::error::{CliError, Context, Exit, Result};

/// The bounds of the histograms, in seconds: from requests to commands that wait for an action.
const BUCKETS: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0,
];

/// How long the queue may take to count its commands.
const COUNT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often values are moved into the histograms, which otherwise happens on each request only.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(10);

/// Serves `/metrics`, `/healthz` and `/readyz`.
pub(crate) struct Monitor {
    listener: TcpListener,
    shared: Shared,
}

/// Where a monitor finds the worker, once there is one.
pub(crate) type Shown = Arc<OnceLock<(WorkerHandle, Queue)>>;

#[derive(Clone)]
struct Shared {
    prometheus: PrometheusHandle,
    worker: Shown,
}

impl Monitor {
    /// Listens on the address and begins to record metrics.
    pub(crate) async fn listen(address: SocketAddr, worker: Shown) -> Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.context(|| format!("cannot listen on {address}"))?;
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("duration_seconds".to_owned()), BUCKETS)
            .expect("there are buckets");
        let recorder = builder.build_recorder();
        let shared = Shared {
            prometheus: recorder.handle(),
            worker,
        };
        ::metrics::set_global_recorder(recorder)
            .map_err(|error| CliError::from_source(Exit::Failed, "", error.to_string()))?;
        hcloud_api::describe_metrics();
        metrics::describe();
        let address = listener.local_addr()?;
        info!(%address, "serving metrics");
        Ok(Self { listener, shared })
    }

    /// Serves indefinitely.
    pub(crate) async fn serve(self) -> Result<Infallible> {
        let app = Router::new()
            .route("/metrics", get(render))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(readiness))
            .with_state(self.shared.clone());
        let upkeep = async {
            let mut ticks = interval(UPKEEP_INTERVAL);
            loop {
                ticks.tick().await;
                self.shared.prometheus.run_upkeep();
            }
        };
        tokio::select! {
            ended = async { axum::serve(self.listener, app).await } => {
                ended?;
                pending().await
            }
            never = upkeep => never,
        }
    }
}

async fn render(State(shared): State<Shared>) -> impl IntoResponse {
    if let Some((worker, queue)) = shared.worker.get() {
        metrics::record_worker(&worker.status());
        // The last depth stays if the queue does not respond.
        let _ = timeout(COUNT_TIMEOUT, metrics::record_queue(queue)).await;
    }
    let content_type = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([content_type], shared.prometheus.render())
}

/// Whether the worker takes commands, and all it needs is available.
async fn readiness(State(shared): State<Shared>) -> impl IntoResponse {
    let Some((worker, _)) = shared.worker.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting\n".to_owned());
    };
    let status = worker.status();
    let is_ready = status.phase == WorkerPhase::Running && status.unavailable.is_empty();
    let code = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, format!("{status}\n"))
}
