//! Event streams of open pages.

use std::time::Duration;

use hcc_queue::RawEvent;
use hcc_store::{Patch, Precondition, StoreExt};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::site::{PASSWORD, Site, TestClient};

/// How long a test waits for an event.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An open event stream.
pub(crate) struct EventStream {
    response: Response,
    received: String,
}

impl EventStream {
    pub(crate) async fn open(client: &TestClient) -> Self {
        Self::open_at(client, "/events").await
    }

    pub(crate) async fn open_at(client: &TestClient, path: &str) -> Self {
        Self::of(client.request(Method::GET, path)).await
    }

    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            response,
            received: String::new(),
        }
    }

    /// The next update; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let update = timeout(TIMEOUT, self.receive()).await;
        update.expect("an event arrives in time")
    }

    async fn receive(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.received.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let update = data.map(serde_json::from_str);
                self.received = rest.to_owned();
                match update {
                    Some(update) => return Some(update.unwrap()),
                    // A comment keeps the connection open.
                    None => continue,
                }
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.received += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// Waits for an update with this status of the server.
    pub(crate) async fn wait_for(&mut self, server: &str, status: &str) -> Value {
        loop {
            let update = self.next().await.expect("the stream continues");
            let servers = update["servers"].as_array().unwrap();
            if servers
                .iter()
                .any(|it| it["name"] == server && it["status"] == status)
            {
                return update;
            }
        }
    }
}

async fn set_status(site: &Site, server: &str, status: &str) {
    let patch = Patch::new().status(status);
    site.store.set(server, patch).await.unwrap();
    let event: RawEvent =
        serde_json::from_value(json!({ "evt": "record", "for": server, "record": "updated" }))
            .unwrap();
    site.queue.events().send(&event).await.unwrap();
}

#[tokio::test]
async fn stream_sends_changed_records() {
    let site = Site::new().await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    let mut stream = EventStream::open(&root).await;
    stream.wait_for("web", "off").await;

    set_status(&site, "web", "running").await;

    let update = stream.wait_for("web", "running").await;
    assert_eq!(update["all"], false);
    assert_eq!(update["servers"][0]["offers"][0], "stop");
}

#[tokio::test]
async fn stream_sends_waiting_commands() {
    let site = Site::new().await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    let mut stream = EventStream::open(&root).await;
    stream.wait_for("web", "off").await;

    root.post("/servers/web", &[("verb", "start")]).await;

    let update = stream.wait_for("web", "off").await;
    assert_eq!(update["servers"][0]["doing"], "Start: waiting");
    assert_eq!(update["commands"][0]["what"], "Start");
}

#[tokio::test]
async fn stream_sends_only_servers_that_the_user_may_see() {
    let site = Site::new().await;
    site.add_user(
        "anna",
        json!({ "grants": [{ "servers": "web", "may": ["view"] }] }),
    )
    .await;
    set_status(&site, "secret", "off").await;
    set_status(&site, "web", "off").await;
    let anna = site.log_in("anna").await;
    let mut stream = EventStream::open(&anna).await;
    let mut updates = vec![stream.wait_for("web", "off").await];
    site.queue
        .push(&hcc_queue::Command::new("start", "secret"))
        .await
        .unwrap();

    set_status(&site, "secret", "running").await;
    set_status(&site, "web", "running").await;
    updates.push(stream.wait_for("web", "running").await);

    let polled = anna.get("/servers.json").await.text;
    assert!(!polled.contains("secret"), "{polled}");
    assert!(!format!("{updates:?}").contains("secret"), "{updates:?}");
}

#[tokio::test]
async fn stream_sends_removed_servers() {
    let site = Site::new().await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    let mut stream = EventStream::open(&root).await;
    stream.wait_for("web", "off").await;

    site.store.remove("web", Precondition::Any).await.unwrap();
    let event = json!({ "evt": "record", "for": "web", "record": "removed" });
    let event: RawEvent = serde_json::from_value(event).unwrap();
    site.queue.events().send(&event).await.unwrap();

    let update = stream.next().await.unwrap();
    assert_eq!(update["gone"], json!(["web"]));
}

#[tokio::test]
async fn stream_ends_with_its_session() {
    let site = Site::new().await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    site.add_user("anna", json!({ "admin": true })).await;
    let anna = site.log_in("anna").await;
    let (mut of_root, mut of_anna) = (
        EventStream::open(&root).await,
        EventStream::open(&anna).await,
    );
    of_root.wait_for("web", "off").await;
    of_anna.wait_for("web", "off").await;

    root.post("/users/anna", &[("do", "remove"), ("sure", "anna")])
        .await;
    assert_eq!(of_anna.next().await, None);
    root.post("/logout", &[]).await;
    assert_eq!(of_root.next().await, None);
}

#[tokio::test]
async fn page_gets_what_has_changed_since_it_was_loaded() {
    let site = Site::new().await;
    for name in ["web1", "web2", "web10"] {
        set_status(&site, name, "off").await;
    }
    let root = site.admin().await;
    let page = root.get("/").await.text;
    let (_, rest) = page.split_once("data-version=\"").unwrap();
    let version = rest.split('"').next().unwrap();

    set_status(&site, "web2", "running").await;
    site.store.remove("web1", Precondition::Any).await.unwrap();
    let changed = root.get(&format!("/servers.json?since={version}")).await;
    let only = root
        .get(&format!("/servers.json?since={version}&server=web10"))
        .await;
    let stale = root.get("/servers.json?since=0-1").await;
    let nonsense = root.get("/servers.json?since=x").await;

    let update: Value = serde_json::from_str(&changed.text).unwrap();
    assert_eq!(update["gone"], json!(["web1"]));
    assert_eq!(update["servers"].as_array().unwrap().len(), 1);
    assert_eq!(update["servers"][0]["status"], "running");
    let update: Value = serde_json::from_str(&only.text).unwrap();
    assert_eq!(
        (&update["gone"], &update["servers"]),
        (&json!([]), &json!([]))
    );
    for stale in [stale, nonsense] {
        let update: Value = serde_json::from_str(&stale.text).unwrap();
        assert_eq!(update["stale"], true);
        assert_eq!(update["servers"], json!([]));
    }
}

#[tokio::test]
async fn failed_commands_are_counted_and_the_newest_are_shown() {
    let site = Site::new().await;
    set_status(&site, "web", "off").await;
    let commands = site.queue.commands();
    for _ in 0..30 {
        let command = hcc_queue::Command::new("start", "web");
        site.queue.push(&command).await.unwrap();
        let lease = commands.lease(TIMEOUT).await.unwrap().unwrap();
        commands.bury(lease, &"broken".into()).await.unwrap();
    }
    let root = site.admin().await;

    let update = root.get("/servers.json").await;

    let update: Value = serde_json::from_str(&update.text).unwrap();
    assert_eq!(update["failed"], 30);
    assert_eq!(update["commands"].as_array().unwrap().len(), 20);
    let page = root.get("/").await.text;
    assert!(page.contains("Failed commands: <span class=\"number\">30</span>"));
    let failed = root.get("/failed").await.text;
    assert_eq!(failed.matches("<li data-command").count(), 30);
}

#[tokio::test]
async fn databases_are_not_read_without_open_pages() {
    let site = Site::new().await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    let version = |page: &str| {
        let (_, rest) = page.split_once("data-version=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let before = version(&root.get("/").await.text);

    for status in ["running", "off", "starting"] {
        set_status(&site, "web", status).await;
    }
    let mut stream = EventStream::open(&root).await;
    stream.wait_for("web", "starting").await;
    let after = version(&root.get("/").await.text);

    let number = |version: String| -> u64 { version.rsplit_once('-').unwrap().1.parse().unwrap() };
    assert_eq!(number(after), number(before) + 1);
}

#[tokio::test]
async fn open_streams_are_limited() {
    let site = Site::with(|settings| settings.max_streams = 2).await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    let mut streams = [
        EventStream::open(&root).await,
        EventStream::open(&root).await,
    ];
    for stream in &mut streams {
        stream.wait_for("web", "off").await;
    }

    let refused = root.get("/events").await;

    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(root.get("/servers.json").await.status, StatusCode::OK);
}

#[tokio::test]
async fn five_hundred_streams_do_not_block_logins() {
    let site = Site::with(|settings| {
        settings.max_streams_of_user = 500;
        settings.max_connections_of_network = 600;
    })
    .await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    let mut streams = Vec::new();
    for _ in 0..500 {
        let mut stream = EventStream::open(&root).await;
        stream.wait_for("web", "off").await;
        streams.push(stream);
    }

    set_status(&site, "web", "running").await;
    for stream in &mut streams {
        stream.wait_for("web", "running").await;
    }

    let mut late = site.anonymous();
    assert_eq!(
        late.log_in("root", PASSWORD).await.status(),
        StatusCode::SEE_OTHER
    );
}
