//! Pages that stay open.

use std::time::Duration;

use hcc_queue::RawEvent;
use hcc_store::{Patch, Precondition, StoreExt};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::site::{PASSWORD, Site, Visitor};

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open event stream.
pub(crate) struct Stream {
    response: Response,
    heard: String,
}

impl Stream {
    pub(crate) async fn of(visitor: &Visitor) -> Self {
        let response = visitor
            .request(Method::GET, "/events")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            response,
            heard: String::new(),
        }
    }

    /// The next update; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.heard.split_once("\n\n") {
                let update = event.strip_prefix("data: ").map(serde_json::from_str);
                self.heard = rest.to_owned();
                match update {
                    Some(update) => return Some(update.unwrap()),
                    // A comment keeps the connection open.
                    None => continue,
                }
            }
            let chunk = timeout(PATIENCE, self.response.chunk())
                .await
                .expect("it says something");
            self.heard += std::str::from_utf8(&chunk.unwrap()?).unwrap();
        }
    }

    /// Waits for an update that has this server in this state.
    pub(crate) async fn hear(&mut self, server: &str, status: &str) -> Value {
        loop {
            let update = self.next().await.expect("the stream goes on");
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
async fn change_of_a_record_is_seen_without_loading_the_page() {
    let site = Site::new().await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    let mut stream = Stream::of(&root).await;
    stream.hear("web", "off").await;

    set_status(&site, "web", "running").await;

    let update = stream.hear("web", "running").await;
    assert_eq!(update["all"], false);
    assert_eq!(update["servers"][0]["offers"][0], "stop");
}

#[tokio::test]
async fn click_of_another_is_seen_as_a_command_that_waits() {
    let site = Site::new().await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    let mut stream = Stream::of(&root).await;
    stream.hear("web", "off").await;

    root.post("/servers/web", &[("verb", "start")]).await;

    let update = stream.hear("web", "off").await;
    assert_eq!(update["servers"][0]["doing"], "Start: waiting");
    assert_eq!(update["commands"][0]["what"], "Start");
}

#[tokio::test]
async fn nobody_hears_of_servers_that_they_may_not_see() {
    let site = Site::new().await;
    site.add_user(
        "anna",
        json!({ "grants": [{ "servers": "web", "may": ["view"] }] }),
    )
    .await;
    set_status(&site, "secret", "off").await;
    set_status(&site, "web", "off").await;
    let anna = site.visitor("anna").await;
    let mut stream = Stream::of(&anna).await;
    let mut heard = vec![stream.hear("web", "off").await];
    site.queue
        .push(&hcc_queue::Command::new("start", "secret"))
        .await
        .unwrap();

    set_status(&site, "secret", "running").await;
    set_status(&site, "web", "running").await;
    heard.push(stream.hear("web", "running").await);

    let polled = anna.get("/servers.json").await.text;
    assert!(!polled.contains("secret"), "{polled}");
    assert!(!format!("{heard:?}").contains("secret"), "{heard:?}");
}

#[tokio::test]
async fn removed_server_is_gone() {
    let site = Site::new().await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    let mut stream = Stream::of(&root).await;
    stream.hear("web", "off").await;

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
    let anna = site.visitor("anna").await;
    let (mut of_root, mut of_anna) = (Stream::of(&root).await, Stream::of(&anna).await);
    of_root.hear("web", "off").await;
    of_anna.hear("web", "off").await;

    root.post("/users/anna", &[("do", "remove"), ("sure", "anna")])
        .await;
    assert_eq!(of_anna.next().await, None);
    root.post("/logout", &[]).await;
    assert_eq!(of_root.next().await, None);
}

#[tokio::test]
async fn only_so_many_streams_are_open() {
    let site = Site::with(|settings| settings.streams = 2).await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    let mut streams = [Stream::of(&root).await, Stream::of(&root).await];
    for stream in &mut streams {
        stream.hear("web", "off").await;
    }

    let refused = root.get("/events").await;

    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(root.get("/servers.json").await.status, StatusCode::OK);
}

#[tokio::test]
async fn five_hundred_streams_are_held_and_logins_go_on() {
    let site = Site::new().await;
    set_status(&site, "web", "off").await;
    let root = site.admin().await;
    let mut streams = Vec::new();
    for _ in 0..500 {
        let mut stream = Stream::of(&root).await;
        stream.hear("web", "off").await;
        streams.push(stream);
    }

    set_status(&site, "web", "running").await;
    for stream in &mut streams {
        stream.hear("web", "running").await;
    }

    let mut late = site.stranger();
    assert_eq!(
        late.log_in("root", PASSWORD).await.status(),
        StatusCode::SEE_OTHER
    );
}
