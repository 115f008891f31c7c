use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use hcloud_api::{CreateServer, LocationId};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use wiremock::MockServer;

use crate::api::{TOKEN, answers, client, location, refusal};

/// Writes down everything that is traced.
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<String>>);

impl Visit for Trace {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0.lock().unwrap(), "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Trace {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_trace_tells_what_was_asked_and_keeps_secrets() {
    const USER_DATA: &str = "CanaryUserData";
    let api = MockServer::start().await;
    let busy = refusal(503, "unavailable");
    answers(&api, "GET", "/locations/1", [busy.clone(), location()]).await;
    answers(&api, "POST", "/servers", [busy]).await;
    let trace = Trace::default();
    let _guard = tracing::subscriber::set_default(trace.clone());

    let client = client(&api);
    client.locations().get(LocationId::new(1)).await.unwrap();
    let mut server = CreateServer::new("web-1", "cx23", "debian-13");
    server.user_data = Some(USER_DATA.into());
    client.servers().create(&server).await.unwrap_err();

    let text = trace.0.lock().unwrap();
    for told in [
        "method=GET",
        "/locations/1",
        "status=503",
        "status=200",
        "trying again",
        "d5064a1f0bb9de4b",
    ] {
        assert!(text.contains(told), "{told} in {text}");
    }
    for secret in [TOKEN, USER_DATA] {
        assert!(!text.contains(secret), "{text}");
    }
}
