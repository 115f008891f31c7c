//! A mocked API.

use std::time::Duration;

use hcloud_api::{Client, ClientBuilder, RetryPolicy};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A token that must never be seen outside the `Authorization` header.
pub(crate) const TOKEN: &str = "CanaryTokenThatMustNotLeak";

/// Returns a client of the mocked API that retries immediately.
pub(crate) fn client(api: &MockServer) -> Client {
    builder(api).build().unwrap()
}

pub(crate) fn builder(api: &MockServer) -> ClientBuilder {
    let immediately = Duration::from_millis(1);
    Client::builder(TOKEN)
        .endpoint(api.uri())
        .retry(RetryPolicy::default().backoff(immediately, immediately))
        .poll_interval(immediately, immediately)
}

/// Returns a response with a location.
pub(crate) fn location() -> ResponseTemplate {
    body(include_str!("../../src/fixtures/location.json"))
}

/// Returns a JSON response with these bytes.
pub(crate) fn body(json: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(json, "application/json")
}

/// Returns an error response of the API.
pub(crate) fn refusal(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("x-correlation-id", "d5064a1f0bb9de4b")
        .set_body_json(json!({"error": {"code": code, "message": "no", "details": null}}))
}

/// Responds to requests with one method and path: each response once, the last one repeatedly.
pub(crate) async fn respond(
    api: &MockServer,
    verb: &str,
    at: &str,
    responses: impl IntoIterator<Item = ResponseTemplate>,
) {
    let mut responses: Vec<_> = responses.into_iter().collect();
    let last = responses.pop().unwrap();
    for response in responses {
        let mock = Mock::given(method(verb))
            .and(path(at))
            .respond_with(response);
        mock.up_to_n_times(1).mount(api).await;
    }
    let mock = Mock::given(method(verb)).and(path(at)).respond_with(last);
    mock.mount(api).await;
}

/// Returns the number of received requests.
pub(crate) async fn requests(api: &MockServer) -> usize {
    api.received_requests().await.unwrap().len()
}

/// Reads a request that has no body.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) {
    let mut lines = BufReader::new(stream).lines();
    while lines
        .next_line()
        .await
        .unwrap()
        .is_some_and(|line| !line.is_empty())
    {}
}
