//! The HTTP API: rate limits, tokens, time.

use std::time::Duration;

use hcloud_sim::Sim;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::client::Client;

/// Returns the rate limit headers of a response: limit, remaining and reset.
fn budget(response: &Response) -> [i64; 3] {
    ["limit", "remaining", "reset"].map(|name| {
        let value = &response.headers()[format!("ratelimit-{name}")];
        value.to_str().unwrap().parse().unwrap()
    })
}

#[tokio::test]
async fn route_is_checked_before_the_token() {
    let sim = Sim::builder().start().await.unwrap();
    let client = Client::without_token(&sim);

    let unknown = client.get("/nothing").await;
    let known = client.get("/servers").await;

    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        unknown.text().await.unwrap(),
        r#"{"error":{"code":"not_found","details":null,"message":"api route not found"}}"#
    );
    assert_eq!(known.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        known.text().await.unwrap(),
        r#"{"error":{"code":"unauthorized","details":null,"message":"token is required"}}"#
    );
}

#[tokio::test]
async fn rate_limit_is_exhausted_and_refilled() {
    let sim = Sim::builder().rate_limit(Some(2)).start().await.unwrap();
    let client = Client::of(&sim);

    let first = client.get("/servers").await;
    let second = client.get("/locations").await;
    let refused = client.get("/servers").await;
    let about_actions = client.get("/actions?id=1").await;
    sim.clock().advance(Duration::from_secs(1801));
    let later = client.get("/servers").await;

    assert_eq!(budget(&first)[..2], [2, 1]);
    assert_eq!(budget(&second)[..2], [2, 0]);
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(budget(&refused)[..2], [2, 0]);
    let full = sim.clock().now().as_second() - 1801 + 3600;
    assert!((full - 2..=full + 2).contains(&budget(&refused)[2]));
    assert!(refused.headers().contains_key("x-correlation-id"));
    assert_eq!(budget(&about_actions)[..2], [4, 3]);
    assert_eq!(later.status(), StatusCode::OK);
}

#[tokio::test]
async fn actions_finish_by_the_clock() {
    let sim = Sim::builder().start().await.unwrap();
    let client = Client::of(&sim);
    let created = client.create("web1").await;
    let server = format!("/servers/{}", created["server"]["id"]);
    let create = format!("/actions/{}", created["action"]["id"]);
    let start = format!("/actions/{}", created["next_actions"][0]["id"]);

    sim.clock().advance(Duration::from_secs(2));
    let halfway = client.json(&create).await;
    assert_eq!(halfway["action"]["status"], "running");
    assert!((30..=70).contains(&halfway["action"]["progress"].as_u64().unwrap()));
    assert_eq!(
        client.json(&server).await["server"]["status"],
        "initializing"
    );

    sim.clock().advance(Duration::from_secs(2));
    assert_eq!(client.json(&create).await["action"]["status"], "success");
    assert_eq!(client.json(&start).await["action"]["status"], "running");
    assert_eq!(client.json(&server).await["server"]["status"], "starting");
    assert_eq!(client.json(&server).await["server"]["locked"], true);

    sim.clock().advance(Duration::from_secs(1));
    assert_eq!(client.json(&start).await["action"]["status"], "success");
    assert_eq!(client.json(&server).await["server"]["status"], "running");
    assert_eq!(client.json(&server).await["server"]["locked"], false);
}

#[tokio::test]
async fn equal_seeds_give_equal_secrets() {
    let password = async |seed| {
        let sim = Sim::builder().seed(seed).start().await.unwrap();
        let created = Client::of(&sim).create("web1").await;
        (sim.token().to_owned(), created["root_password"].clone())
    };

    assert_eq!(password(1).await, password(1).await);
    assert_ne!(password(1).await, password(2).await);
}

#[tokio::test]
async fn pages_contain_pagination_metadata() {
    let sim = Sim::builder().servers(5, &[]).start().await.unwrap();
    let client = Client::of(&sim);

    let middle = client
        .json("/servers?page=2&per_page=2&sort=name:desc")
        .await;
    let beyond = client.json("/servers?page=9").await;
    let too_many = client.get("/servers?per_page=51").await;

    let names = middle["servers"].as_array().unwrap();
    let names: Vec<_> = names
        .iter()
        .map(|server| server["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["server-3", "server-2"]);
    assert_eq!(
        middle["meta"]["pagination"],
        json!({
            "page": 2, "per_page": 2, "previous_page": 1, "next_page": 3, "last_page": 3, "total_entries": 5,
        })
    );
    assert_eq!(beyond["servers"], json!([]));
    assert_eq!(beyond["meta"]["pagination"]["next_page"], Value::Null);
    assert_eq!(too_many.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn invalid_servers_and_primary_ips_are_rejected() {
    let sim = Sim::builder().servers(1, &[]).start().await.unwrap();
    let client = Client::of(&sim);
    let server = |changes: Value| {
        let mut body = json!({ "name": "web1", "server_type": "cx23", "image": "debian-13", "location": "nbg1" });
        body.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        ("/servers", body)
    };
    let taken = client.json("/primary_ips").await["primary_ips"][0]["id"].clone();

    for ((path, body), status, code) in [
        (
            server(json!({ "server_type": "cx22" })),
            422,
            "invalid_input",
        ),
        (
            server(json!({ "server_type": "cx23", "location": "ash" })),
            422,
            "invalid_input",
        ),
        (
            server(json!({ "server_type": "cax11", "location": "hel1" })),
            412,
            "resource_unavailable",
        ),
        (server(json!({ "image": "windows" })), 422, "invalid_input"),
        (
            server(json!({ "labels": { "hetzner.cloud/a": "" } })),
            422,
            "invalid_input",
        ),
        (
            server(json!({ "ssh_keys": ["unknown"] })),
            422,
            "invalid_input",
        ),
        (server(json!({ "networks": [1] })), 404, "not_found"),
        (
            server(json!({ "public_net": { "ipv4": taken } })),
            422,
            "primary_ip_assigned",
        ),
        (
            server(json!({ "public_net": { "ipv6": taken } })),
            412,
            "primary_ip_version_mismatch",
        ),
        (
            server(json!({ "public_net": { "enable_ipv4": false, "enable_ipv6": false } })),
            422,
            "invalid_input",
        ),
        (
            (
                "/primary_ips",
                json!({ "name": "ip", "type": "ipv5", "location": "nbg1" }),
            ),
            422,
            "invalid_input",
        ),
        (
            (
                "/ssh_keys",
                json!({ "name": "key", "public_key": "nonsense" }),
            ),
            422,
            "invalid_input",
        ),
    ] {
        let response = client.send(Method::POST, path, Some(&body)).await;
        assert_eq!(response.status(), status, "{body}");
        let error: Value = response.json().await.unwrap();
        assert_eq!(error["error"]["code"], code, "{body}");
    }
    assert_eq!(
        client.json("/servers").await["meta"]["pagination"]["total_entries"],
        1
    );
}

#[tokio::test]
async fn invalid_json_and_invalid_fields_are_different_errors() {
    let sim = Sim::builder().start().await.unwrap();
    let client = Client::of(&sim);

    for (body, status, field) in [
        ("{", 400, None),
        (r#"{"name":"x","public_key":"x"} x"#, 400, None),
        ("[]", 422, Some(".")),
        (r#"{"public_key":"x"}"#, 422, Some("name")),
        (r#"{"name":1}"#, 422, Some("name")),
        (
            r#"{"name":"x","public_key":"x","labels":{"a":1}}"#,
            422,
            Some("labels.a"),
        ),
    ] {
        let answer = client.post_text("/ssh_keys", body).await;

        assert_eq!(answer.status(), status, "{body}");
        let error: Value = answer.json().await.unwrap();
        let name = error["error"]["details"]["fields"][0]["name"].as_str();
        assert_eq!(name, field, "{body}");
    }
}
