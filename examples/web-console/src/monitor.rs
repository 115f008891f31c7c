//! Metrics and health over HTTP, on an address of their own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::{join_all, try_join_all};
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::time::{interval, timeout};
use tracing::field::Empty;
use tracing::{Instrument, error, info, info_span};

use crate::WebConsole;
use crate::passwords::{hex, random};

/// The bounds of the histograms, in seconds.
const BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// How long a database may take to respond.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often values are moved into the histograms, which otherwise happens on each request only.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Monitored {
    prometheus: PrometheusHandle,
    console: WebConsole,
}

/// Serves `/metrics`, `/healthz` and `/readyz` of a web console indefinitely, and records metrics from
/// now on.
///
/// # Errors
///
/// The address cannot be listened on, or metrics are recorded already.
pub async fn monitor(address: SocketAddr, console: WebConsole) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("duration_seconds".to_owned()), BUCKETS)?
        .build_recorder();
    let prometheus = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    describe();
    println!("http://{}/metrics", listener.local_addr()?);
    let upkeep = prometheus.clone();
    let app = Router::new()
        .route("/metrics", get(render))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .with_state(Monitored {
            prometheus,
            console,
        });
    let upkeep = async {
        let mut ticks = interval(UPKEEP_INTERVAL);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    };
    tokio::select! {
        served = async { axum::serve(listener, app).await } => Ok(served?),
        () = upkeep => Ok(()),
    }
}

fn describe() {
    hcc_core::metrics::describe();
    describe_counter!(
        "web_console_requests_total",
        "Requests of browsers, by route and status"
    );
    describe_histogram!(
        "web_console_request_duration_seconds",
        Unit::Seconds,
        "Durations until responses to browsers begin"
    );
}

async fn render(State(monitored): State<Monitored>) -> impl IntoResponse {
    join_all(monitored.console.projects().map(async |project| {
        let queue = project.frontend.queue();
        let recorded = hcc_core::metrics::record_queue(queue, project.project.name());
        // The last depth stays if the queue does not respond.
        let _ = timeout(DATABASE_TIMEOUT, recorded).await;
    }))
    .await;
    let content_type = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([content_type], monitored.prometheus.render())
}

/// Whether the databases of all projects respond.
async fn readiness(State(monitored): State<Monitored>) -> (StatusCode, String) {
    let any = "any".parse().expect("it is the name of a server");
    let read = try_join_all(monitored.console.projects().map(async |project| {
        project.frontend.record(&any).await?;
        project.frontend.queue().commands().next_due().await?;
        Ok::<_, hcc_core::Error>(())
    }));
    match timeout(DATABASE_TIMEOUT, read).await {
        Ok(Ok(_)) => (StatusCode::OK, "ready\n".to_owned()),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        Err(_) => {
            let reason = "a database does not respond\n".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, reason)
        }
    }
}

/// Records a request of a browser: metrics, and a line in the log. The route is a template, such as
/// `/servers/{name}`.
pub(crate) async fn record(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        _ => "other",
    };
    let path = request.extensions().get::<MatchedPath>();
    let route = path.map_or("none", MatchedPath::as_str).to_owned();
    let id = hex(&random::<8>());
    let span = info_span!("request", id, method, route, user = Empty);
    let response = async {
        let response = next.run(request).await;
        let status = response.status().as_u16();
        let duration_ms = began.elapsed().as_millis() as u64;
        match status {
            500.. => error!(status, duration_ms, "request failed"),
            _ => info!(status, duration_ms, "request served"),
        }
        response
    };
    let mut response = response.instrument(span).await;
    let status = response.status().as_u16().to_string();
    let id = HeaderValue::try_from(id).expect("it is hexadecimal");
    response.headers_mut().insert("x-request-id", id);
    counter!("web_console_requests_total", "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    histogram!("web_console_request_duration_seconds", "method" => method, "route" => route)
        .record(began.elapsed());
    response
}
