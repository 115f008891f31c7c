//! Fault injection.

use std::time::{Duration, Instant};

use hcloud_sim::Sim;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::timeout;

use crate::client::{Client, http};

async fn sim(fault: &str) -> (Sim, Client) {
    let sim = Sim::builder()
        .fault(fault.parse().unwrap())
        .start()
        .await
        .unwrap();
    let client = Client::expecting_faults(&sim);
    (sim, client)
}

async fn servers(sim: &Sim) -> usize {
    sim.clear_faults();
    let list = Client::of(sim).json("/servers").await;
    list["servers"].as_array().unwrap().len()
}

fn order() -> serde_json::Value {
    json!({ "name": "web1", "server_type": "cx23", "image": "debian-13" })
}

#[tokio::test]
async fn dropped_request_is_not_executed() {
    let (sim, client) = sim("drop POST /v1/servers").await;

    let answer = client
        .try_send(Method::POST, "/servers", Some(&order()))
        .await;

    assert!(answer.is_err());
    assert_eq!(sim.requests()[0].status, None);
    assert_eq!(servers(&sim).await, 0);
}

#[tokio::test]
async fn request_dropped_after_it_was_accepted_is_executed() {
    let (sim, client) = sim("drop-after POST /v1/servers").await;

    let answer = client
        .try_send(Method::POST, "/servers", Some(&order()))
        .await;

    assert!(answer.is_err());
    assert_eq!(servers(&sim).await, 1);
}

#[tokio::test]
async fn hanging_request_gets_no_response() {
    let (sim, client) = sim("hang-after POST").await;

    let order = order();
    let answer = client.try_send(Method::POST, "/servers", Some(&order));
    let answer = timeout(Duration::from_secs(1), answer).await;

    assert!(answer.is_err());
    assert_eq!(servers(&sim).await, 1);
}

#[tokio::test]
async fn responses_can_be_invalid_json() {
    for (fault, status, body) in [
        ("status=502", StatusCode::BAD_GATEWAY, "<html>"),
        ("html", StatusCode::OK, "<html>"),
        ("malformed", StatusCode::OK, "{]"),
        ("truncate", StatusCode::OK, r#"{"servers":[]"#),
    ] {
        let (_sim, client) = sim(fault).await;

        let answer = client.get("/servers").await;

        assert_eq!(answer.status(), status, "{fault}");
        let text = answer.text().await.unwrap();
        assert!(text.starts_with(body), "{fault}: {text}");
        assert!(
            serde_json::from_str::<serde_json::Value>(&text).is_err(),
            "{fault}: {text}"
        );
    }
}

#[tokio::test]
async fn value_of_a_response_can_be_odd() {
    let (_sim, client) = sim("odd=/locations/0/city GET /v1/locations").await;

    let response: serde_json::Value = client.get("/locations").await.json().await.unwrap();

    assert_eq!(response["locations"][0]["city"], serde_json::json!({}));
    assert!(response["locations"][0]["name"].is_string());
}

#[tokio::test]
async fn any_error_of_the_api_can_be_injected() {
    for (fault, status) in [
        ("error=locked", StatusCode::LOCKED),
        ("error=conflict", StatusCode::CONFLICT),
        ("error=unavailable", StatusCode::SERVICE_UNAVAILABLE),
        ("rate-limit", StatusCode::TOO_MANY_REQUESTS),
    ] {
        let (_sim, client) = sim(&format!("{fault} x1")).await;

        let first = client.get("/servers").await;
        let second = client.get("/servers").await;

        assert_eq!(first.status(), status, "{fault}");
        assert_eq!(second.status(), StatusCode::OK, "{fault}");
    }
}

#[tokio::test]
async fn exceeded_rate_limit_is_in_the_headers() {
    let (_sim, client) = sim("rate-limit").await;

    let answer = client.get("/servers").await;

    assert_eq!(answer.headers()["ratelimit-remaining"], "0");
    assert_eq!(answer.headers()["ratelimit-limit"], "3600");
}

#[tokio::test]
async fn failed_action_does_not_change_the_server() {
    let sim = Sim::builder().servers(1, &[]).start().await.unwrap();
    let client = Client::of(&sim);
    let id = client.json("/servers").await["servers"][0]["id"].clone();
    sim.add_fault("fail-action POST */poweroff".parse().unwrap());

    let path = format!("/servers/{id}/actions/poweroff");
    let started = client.send(Method::POST, &path, None).await;
    assert_eq!(started.status(), StatusCode::CREATED);
    sim.clock().advance(Duration::from_secs(5));

    let actions = client.json(&format!("/servers/{id}/actions")).await;
    assert_eq!(actions["actions"][0]["status"], "error");
    assert_eq!(
        actions["actions"][0]["error"],
        json!({ "code": "action_failed", "message": "Action failed" })
    );
    let server = client.json(&format!("/servers/{id}")).await;
    assert_eq!(server["server"]["status"], "running");
    assert_eq!(server["server"]["locked"], false);
}

#[tokio::test]
async fn action_of_one_command_fails() {
    let (sim, client) = sim("fail-action=start_server POST /v1/servers").await;

    let body = json!({ "name": "web1", "server_type": "cx23", "image": "debian-13" });
    let created = client.send(Method::POST, "/servers", Some(&body)).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    sim.clock().advance(Duration::from_secs(60));

    let actions = client.json("/servers/actions").await;
    assert_eq!(actions["actions"][0]["command"], "create_server");
    assert_eq!(actions["actions"][0]["status"], "success");
    assert_eq!(actions["actions"][1]["command"], "start_server");
    assert_eq!(actions["actions"][1]["status"], "error");
    let servers = client.json("/servers").await;
    assert_eq!(servers["servers"][0]["status"], "off");
}

#[tokio::test]
async fn server_is_listed_until_its_deletion_has_ended() {
    let sim = Sim::builder().servers(1, &[]).start().await.unwrap();
    let client = Client::of(&sim);
    let id = client.json("/servers").await["servers"][0]["id"].clone();
    sim.add_fault("slow-action=1h DELETE".parse().unwrap());
    let body = json!({ "name": "server-1", "server_type": "cx23", "image": "debian-13" });

    let path = format!("/servers/{id}");
    client.send(Method::DELETE, &path, None).await;
    sim.clock().advance(Duration::from_secs(60));
    let server = client.json(&path).await;
    let taken = client.send(Method::POST, "/servers", Some(&body));
    let taken = taken.await.status();
    sim.clock().advance(Duration::from_secs(60 * 60));

    assert_eq!(server["server"]["status"], "deleting");
    assert_eq!(server["server"]["locked"], true);
    assert_eq!(taken, StatusCode::CONFLICT);
    assert_eq!(client.get(&path).await.status(), StatusCode::NOT_FOUND);
    let free = client.send(Method::POST, "/servers", Some(&body)).await;
    assert_eq!(free.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn latency_delays_the_response() {
    let (_sim, client) = sim("latency=50ms").await;
    let asked = Instant::now();

    client.get("/servers").await;

    assert!(asked.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn control_endpoints_match_the_library() {
    let sim = Sim::builder().servers(1, &[]).start().await.unwrap();
    let base = format!("http://{}/sim", sim.address());
    let http = http();
    let client = Client::of(&sim);
    let id = client.json("/servers?name=server-1").await["servers"][0]["id"].clone();

    let before = sim.clock().now();
    http.post(format!("{base}/clock"))
        .body("1h")
        .send()
        .await
        .unwrap();
    let faults = http
        .post(format!("{base}/faults"))
        .body("drop x1\nerror=locked POST");
    faults.send().await.unwrap();
    let refused = http
        .post(format!("{base}/faults"))
        .body("nonsense")
        .send()
        .await
        .unwrap();
    let text = async |path: &str| {
        http.get(format!("{base}{path}"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };

    assert!(sim.clock().now() >= before + Duration::from_secs(3600));
    assert_eq!(text("/faults").await, "drop x1\nerror=locked POST\n");
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        text("/requests").await,
        r#"[{"method":"GET","path":"/v1/servers","query":"name=server-1","status":200}]"#
    );
    assert!(
        text(&format!("/servers/{id}/screen"))
            .await
            .ends_with("server-1 login:")
    );
}
