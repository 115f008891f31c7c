//! The attempts of requests.

use std::sync::{Arc, Mutex};

use hcloud_api::{Client, LocationId, Method, RetryPolicy, StatusCode};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::api::{TOKEN, builder, location, refusal, respond};

#[tokio::test]
async fn each_attempt_is_observed() {
    let api = MockServer::start().await;
    let busy = refusal(503, "unavailable");
    respond(&api, "GET", "/locations/4711", [busy, location()]).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_by_hook = Arc::clone(&seen);
    let client = builder(&api).on_attempt(move |attempt| {
        let error = attempt.error.and_then(|error| error.code());
        seen_by_hook.lock().unwrap().push((
            attempt.method.clone(),
            attempt.path.to_owned(),
            attempt.route(),
            attempt.number,
            attempt.status,
            attempt.correlation_id.map(str::to_owned),
            error.map(ToString::to_string),
        ));
    });

    let client = client.build().unwrap();
    client.locations().get(LocationId::new(4711)).await.unwrap();

    let attempt = |number, status, id: Option<&str>, code: Option<&str>| {
        let (path, route) = ("/locations/4711".to_owned(), "/locations/{id}".to_owned());
        let (id, code) = (id.map(str::to_owned), code.map(str::to_owned));
        (Method::GET, path, route, number, status, id, code)
    };
    let busy = Some(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        *seen.lock().unwrap(),
        [
            attempt(1, busy, Some("d5064a1f0bb9de4b"), Some("unavailable")),
            attempt(2, Some(StatusCode::OK), None, None),
        ]
    );
}

#[tokio::test]
async fn an_attempt_without_a_response_has_no_status() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_by_hook = Arc::clone(&seen);
    let client = Client::builder(TOKEN)
        .endpoint("http://127.0.0.1:1")
        .retry(RetryPolicy::never())
        .on_attempt(move |attempt| {
            let error = attempt.error.unwrap().to_string();
            seen_by_hook.lock().unwrap().push((attempt.status, error));
        });

    let client = client.build().unwrap();
    client
        .locations()
        .get(LocationId::new(1))
        .await
        .unwrap_err();

    let seen = seen.lock().unwrap();
    let error = "no connection for GET /locations/1".to_owned();
    assert_eq!(*seen, [(None, error)]);
}

#[tokio::test]
async fn routes_are_the_templates_of_the_documented_operations() {
    let operations = include_str!("fixtures/operations.txt").lines();
    let operations: Vec<_> = operations.map(str::to_owned).collect();
    let api = MockServer::start().await;
    let empty = ResponseTemplate::new(200).set_body_json(json!({}));
    Mock::given(any()).respond_with(empty).mount(&api).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_by_hook = Arc::clone(&seen);
    let client = builder(&api)
        .storage_box_endpoint(api.uri())
        .on_attempt(move |attempt| {
            let operation = format!("{} {}", attempt.method, attempt.route());
            seen_by_hook.lock().unwrap().push(operation);
        });

    let client = client.build().unwrap();
    for operation in &operations {
        let (method, template) = operation.split_once(' ').unwrap();
        let path = template.replace("{id}", "1234");
        let request = client.request(method.parse().unwrap(), path);
        request.send::<Value>().await.unwrap();
    }

    assert!(operations.len() > 200, "{}", operations.len());
    assert_eq!(*seen.lock().unwrap(), operations);
}
