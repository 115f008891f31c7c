use std::fmt::{Debug, Write};
use std::sync::{Mutex, Once};

use hcloud_api::{CreateServer, LocationId};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use wiremock::MockServer;

use crate::api::{TOKEN, client, location, refusal, respond};

/// The traces of all tests: what a subscriber of one thread receives depends on the
/// other threads.
static TRACED: Mutex<String> = Mutex::new(String::new());

struct WriteDown;

impl Visit for WriteDown {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(TRACED.lock().unwrap(), "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for WriteDown {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut WriteDown);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut WriteDown);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut WriteDown);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Starts recording.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        tracing::subscriber::set_global_default(WriteDown).unwrap();
        tracing::callsite::rebuild_interest_cache();
    });
}

pub(crate) fn traced() -> String {
    TRACED.lock().unwrap().clone()
}

#[tokio::test]
async fn bodies_are_traced_without_secrets() {
    // Two, as a secret of the request is redacted wherever the response repeats it.
    const USER_DATA: &str = "CanaryOfTheBody";
    const PASSWORD: &str = "CanaryPassword";
    start();
    let api = MockServer::start().await;
    let created = include_str!("../../src/fixtures/server_created.json");
    let mut created: serde_json::Value = serde_json::from_str(created).unwrap();
    created["root_password"] = PASSWORD.into();
    created["server"]["name"] = "traced-name".into();
    let created = wiremock::ResponseTemplate::new(201).set_body_json(created);
    respond(&api, "POST", "/servers", [created]).await;

    let mut server = CreateServer::new("traced-name", "traced-type", "debian-13");
    server.user_data = Some(USER_DATA.into());
    client(&api).servers().create(&server).await.unwrap();

    let traced = traced();
    for expected in [
        "http.route=\"/servers\"",
        r#""server_type":"traced-type""#,
        r#""user_data":"[redacted]""#,
        r#""root_password":"[redacted]""#,
        r#""name":"traced-name""#,
    ] {
        let escaped = expected.replace('"', "\\\"");
        let is_traced = traced.contains(expected) || traced.contains(&escaped);
        assert!(is_traced, "{expected} in {traced}");
    }
    for secret in [USER_DATA, PASSWORD] {
        assert!(!traced.contains(secret), "{traced}");
    }
}

#[tokio::test]
async fn traces_describe_requests_without_secrets() {
    const USER_DATA: &str = "CanaryUserData";
    start();
    let api = MockServer::start().await;
    let busy = refusal(503, "unavailable").insert_header("x-correlation-id", "7a11");
    respond(&api, "GET", "/locations/4711", [busy.clone(), location()]).await;
    respond(&api, "POST", "/servers", [busy]).await;

    let client = client(&api);
    client.locations().get(LocationId::new(4711)).await.unwrap();
    let mut server = CreateServer::new("web-1", "cx23", "debian-13");
    server.user_data = Some(USER_DATA.into());
    client.servers().create(&server).await.unwrap_err();

    let traced = traced();
    for expected in ["/locations/4711", "status=503", "retry scheduled", "7a11"] {
        assert!(traced.contains(expected), "{expected} in {traced}");
    }
    for secret in [TOKEN, USER_DATA] {
        assert!(!traced.contains(secret), "{traced}");
    }
}
