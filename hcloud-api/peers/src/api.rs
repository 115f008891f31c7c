//! A mocked API with one list of servers, rendered in advance.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::extract::Query;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) const PAGES: usize = 100;
pub(crate) const PER_PAGE: usize = 50;
pub(crate) const SERVERS: usize = PAGES * PER_PAGE;

/// The API, until dropped.
pub(crate) struct Api {
    pub(crate) endpoint: String,
    serving: JoinHandle<()>,
}

#[derive(Deserialize)]
struct Wanted {
    page: usize,
}

impl Api {
    pub(crate) async fn start(latency: Duration) -> Result<Self> {
        let pages: Arc<[Vec<u8>]> = (1..=PAGES).map(page).collect();
        let servers = async move |Query(Wanted { page }): Query<Wanted>| {
            tokio::time::sleep(latency).await;
            (
                [(CONTENT_TYPE, "application/json")],
                pages[page - 1].clone(),
            )
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}/v1", listener.local_addr()?);
        let router = Router::new().route("/v1/servers", get(servers));
        let serving = tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("a listener that listens goes on");
        });
        Ok(Self { endpoint, serving })
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// One page of the list, as the API sends it.
pub(crate) fn page(number: usize) -> Vec<u8> {
    let response = include_str!("../../src/fixtures/server.json");
    let mut response: Value = serde_json::from_str(response).expect("the fixture is JSON");
    // Hetzner removed it in November 2026, and hcloud 0.26 requires it.
    response["server"]["image"]["deprecated"] = Value::Null;
    response["server"]["server_type"]["deprecated"] = Value::Bool(false);
    let first = (number - 1) * PER_PAGE + 1;
    let servers: Vec<Value> = (first..first + PER_PAGE)
        .map(|id| {
            let mut server = response["server"].clone();
            server["id"] = id.into();
            server["name"] = format!("web-{id}").into();
            server
        })
        .collect();
    json!({
        "servers": servers,
        "meta": {"pagination": {
            "page": number,
            "per_page": PER_PAGE,
            "previous_page": (number > 1).then(|| number - 1),
            "next_page": (number < PAGES).then(|| number + 1),
            "last_page": PAGES,
            "total_entries": SERVERS,
        }},
    })
    .to_string()
    .into_bytes()
}
