//! The routes of the service, with a fake worker: no API token, no Hetzner, no database server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use hcc_core::store::{Memory, Patch, StoreExt};
use hcc_core::testing::{FakeWorker, RunningFakeWorker};
use hcc_core::{ErrorKind, Failure, Frontend, queue};
use reqwest::StatusCode;
use tokio::net::TcpListener;

#[path = "../../src/servers.rs"]
mod servers;

/// Serves the routes, with a server `web1` that is off.
async fn serve(worker: impl FnOnce(FakeWorker) -> FakeWorker) -> (String, RunningFakeWorker) {
    let store = Arc::new(Memory::default());
    store.set("web1", Patch::new().status("off")).await.unwrap();
    let queue = queue::Memory::default().queue();
    let worker = worker(FakeWorker::new(queue.clone(), store.clone()));
    let worker = worker.start().await;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let routes = servers::routes(Frontend::new(store, queue));
    tokio::spawn(async { axum::serve(listener, routes).await });
    (origin, worker)
}

#[tokio::test]
async fn started_server_is_listed_as_running() {
    let (origin, worker) = serve(|worker| worker).await;
    let client = crate::client();

    let start = client.post(format!("{origin}/web1/start")).send();
    let status = start.await.unwrap().status();

    assert_eq!(status, StatusCode::OK);
    let servers = client.get(&origin).send().await.unwrap();
    assert_eq!(servers.text().await.unwrap(), r#"{"web1":"running"}"#);
    let [request] = &worker.requests()[..] else {
        panic!("expected one request");
    };
    assert_eq!(request.by.as_deref(), Some("anna"));
    worker.shut_down().await;
}

#[tokio::test]
async fn failed_command_responds_with_its_status_and_the_reason() {
    let locked = |worker: FakeWorker| {
        worker.on("start", |_| {
            Failure::new(ErrorKind::TryLater, "locked", "server is locked").into()
        })
    };
    let (origin, _worker) = serve(locked).await;

    let start = crate::client().post(format!("{origin}/web1/start")).send();
    let response = start.await.unwrap();

    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.text().await.unwrap(), "server is locked");
}

#[tokio::test]
async fn invalid_name_never_reaches_the_queue() {
    let (origin, worker) = serve(|worker| worker).await;

    let start = crate::client().post(format!("{origin}/web_1/start")).send();
    let response = start.await.unwrap();

    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(worker.requests().is_empty());
}
