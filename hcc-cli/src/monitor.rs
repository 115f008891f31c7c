//! Metrics and health of a worker over HTTP.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use futures_util::future::join_all;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, SharedString, Unit};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tokio::net::TcpListener;
use tokio::time::interval;
use tracing::info;

use crate::cmd::worker::{Served, lines};
use crate::error::{CliError, Context, Exit, Result};

/// The bounds of the histograms, in seconds: from requests to commands that wait for an action.
const BUCKETS: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0,
];

/// How often values are moved into the histograms, which otherwise happens on each request only.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(10);

/// Serves `/metrics`, `/healthz` and `/readyz`.
pub(crate) struct Monitor {
    listener: TcpListener,
    shared: Shared,
    recorder: Recorder,
}

#[derive(Clone)]
struct Shared {
    prometheus: PrometheusHandle,
    projects: Arc<[Arc<Served>]>,
}

impl Monitor {
    /// Listens on the address and begins to record metrics.
    pub(crate) async fn listen(address: SocketAddr, projects: Vec<Arc<Served>>) -> Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.context(|| format!("cannot listen on {address}"))?;
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("duration_seconds".to_owned()), BUCKETS)
            .expect("there are buckets");
        let recorder = Arc::new(builder.build_recorder());
        let shared = Shared {
            prometheus: recorder.handle(),
            projects: projects.into(),
        };
        metrics::set_global_recorder(recorder.clone())
            .map_err(|error| CliError::from_source(Exit::Failed, "", error.to_string()))?;
        hcloud_api::describe_metrics();
        let address = listener.local_addr()?;
        info!(%address, "serving metrics");
        Ok(Self {
            listener,
            shared,
            recorder: Recorder {
                recorder,
                labels: Vec::new(),
            },
        })
    }

    /// Returns what records the metrics.
    pub(crate) fn recorder(&self) -> Recorder {
        self.recorder.clone()
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
    join_all(shared.projects.iter().map(|served| served.record())).await;
    let content_type = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([content_type], shared.prometheus.render())
}

/// Whether the worker takes commands in all projects, and all it needs is available.
async fn readiness(State(shared): State<Shared>) -> impl IntoResponse {
    let projects = &shared.projects;
    let code = match projects.iter().all(|served| served.is_ready()) {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, lines(projects).join("\n") + "\n")
}

/// Records metrics with labels in addition to their own.
#[derive(Clone)]
pub(crate) struct Recorder {
    recorder: Arc<PrometheusRecorder>,
    labels: Vec<Label>,
}

impl Recorder {
    /// Adds the label of a project, if it has a name.
    pub(crate) fn of_project(self, name: Option<&str>) -> Self {
        let label = name.map(|name| Label::new("project", name.to_owned()));
        Self {
            labels: label.into_iter().collect(),
            ..self
        }
    }

    fn labelled(&self, key: &Key) -> Key {
        key.with_extra_labels(self.labels.clone())
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.recorder
            .register_counter(&self.labelled(key), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.recorder.register_gauge(&self.labelled(key), metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.recorder
            .register_histogram(&self.labelled(key), metadata)
    }
}
