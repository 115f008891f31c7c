use std::collections::HashMap;

use hcloud_api::{Action, Error, Location, Method};
use serde::{Deserialize, Serialize};
use wiremock::matchers::{body_json, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::api::{body, client, refusal, requests, respond};

#[derive(Serialize)]
struct Hibernate {
    minutes: u32,
}

#[derive(Deserialize)]
struct Started {
    action: Action,
}

#[tokio::test]
async fn a_custom_request_is_sent_and_decoded() {
    let api = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/servers/42/actions/hibernate"))
        .and(query_param("deep", "true"))
        .and(body_json(serde_json::json!({"minutes": 5})))
        .respond_with(body(include_str!("../../src/fixtures/action.json")))
        .mount(&api)
        .await;

    let client = client(&api);
    let request = client.request(Method::POST, "/servers/42/actions/hibernate");
    let request = request.query("deep", true).json(&Hibernate { minutes: 5 });
    let started: Started = request.unwrap().send().await.unwrap();

    assert_eq!(started.action.command, "start_server");
}

#[tokio::test]
async fn a_custom_request_is_retried_only_if_safe() {
    let api = MockServer::start().await;
    for verb in ["PUT", "POST"] {
        let busy = refusal(503, "unavailable");
        respond(&api, verb, "/new", [busy, ResponseTemplate::new(204)]).await;
    }

    let client = client(&api);
    let put: hcloud_api::Result<()> = client.request(Method::PUT, "/new").send().await;
    let post: hcloud_api::Result<()> = client.request(Method::POST, "/new").send().await;

    put.unwrap();
    assert!(post.unwrap_err().may_have_taken_effect());
    assert_eq!(requests(&api).await, 3);
}

#[tokio::test]
async fn pages_of_a_custom_list_are_followed() {
    let api = MockServer::start().await;
    let list = body(include_str!("../../src/fixtures/locations.json"));
    respond(&api, "GET", "/new/locations", [list]).await;

    let client = client(&api);
    let list = client.request(Method::GET, "/new/locations").list();
    let locations: Vec<Location> = list.all().await.unwrap();

    assert_eq!(locations[0].name, "fsn1");
}

#[tokio::test]
async fn a_body_that_cannot_be_serialized_is_not_sent() {
    let api = MockServer::start().await;
    let by_pair = HashMap::from([((1, 2), "keys are not strings")]);

    let client = client(&api);
    let error = client.request(Method::POST, "/new").json(&by_pair);

    assert!(matches!(error, Err(Error::Encode { .. })), "{error:?}");
}
