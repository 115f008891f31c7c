//! A mocked API.

use std::time::Duration;

use hcloud_api::{Client, ClientBuilder, RetryPolicy};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A token that must never be seen outside the `Authorization` header.
pub(crate) const TOKEN: &str = "CanaryTokenThatNobodyMaySee";

/// A client of the mocked API that retries at once.
pub(crate) fn client(api: &MockServer) -> Client {
    builder(api).build().unwrap()
}

pub(crate) fn builder(api: &MockServer) -> ClientBuilder {
    let at_once = Duration::from_millis(1);
    Client::builder(TOKEN)
        .endpoint(api.uri())
        .retry(RetryPolicy::default().backoff(at_once, at_once))
        .poll_interval(at_once, at_once)
}

/// Answers `GET at` with one location, so that the answer can be decoded.
pub(crate) fn location() -> ResponseTemplate {
    body(include_str!("fixtures/location.json"))
}

/// A JSON answer with these bytes.
pub(crate) fn body(json: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(json, "application/json")
}

/// The API's way to say no.
pub(crate) fn refusal(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("x-correlation-id", "d5064a1f0bb9de4b")
        .set_body_json(json!({"error": {"code": code, "message": "no", "details": null}}))
}

/// Answers requests of one method and path in turn: each answer once, the last for ever.
pub(crate) async fn answers(
    api: &MockServer,
    verb: &str,
    at: &str,
    answers: impl IntoIterator<Item = ResponseTemplate>,
) {
    let mut answers: Vec<_> = answers.into_iter().collect();
    let last = answers.pop().unwrap();
    for answer in answers {
        let mock = Mock::given(method(verb)).and(path(at)).respond_with(answer);
        mock.up_to_n_times(1).mount(api).await;
    }
    let mock = Mock::given(method(verb)).and(path(at)).respond_with(last);
    mock.mount(api).await;
}

/// How many requests have arrived.
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
