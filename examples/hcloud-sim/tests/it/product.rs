//! The simulator as a product: projects, state, control endpoints, the program's options.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use hcloud_sim::{Project, Sim};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::client::{Client, http};

async fn names(client: &Client) -> Vec<String> {
    let servers = client.json("/servers").await["servers"].take();
    let servers = servers.as_array().unwrap().iter();
    servers
        .map(|server| server["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn each_project_has_its_own_tokens_and_resources() {
    let staging = Project::new("staging")
        .server("test1", &[])
        .token("staging")
        .read_only_token("reader");
    let sim = Sim::builder()
        .server("web1", &[])
        .project(staging)
        .start()
        .await
        .unwrap();

    let tokens: Vec<_> = sim.project_tokens().collect();
    let staging = Client::with_token(&sim, "staging");
    let reader = Client::with_token(&sim, "reader");

    assert_eq!(tokens, [("default", sim.token()), ("staging", "staging")]);
    assert_eq!(names(&Client::of(&sim)).await, ["web1"]);
    assert_eq!(names(&staging).await, ["test1"]);
    assert_eq!(names(&reader).await, ["test1"]);
    let key = json!({ "name": "x", "public_key": "x" });
    assert_eq!(
        reader
            .send(Method::POST, "/ssh_keys", Some(&key))
            .await
            .status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn exported_state_continues_where_it_was() {
    let sim = Sim::builder().start().await.unwrap();
    let created = Client::of(&sim).create("web1").await;
    let state = sim.export_state();
    drop(sim);

    let sim = Sim::builder().start().await.unwrap();
    sim.import_state(state).unwrap();
    let client = Client::of(&sim);
    let path = format!("/servers/{}", created["server"]["id"]);
    let before = client.json(&path).await["server"]["status"].take();
    sim.clock().advance(Duration::from_secs(60));
    let after = client.json(&path).await["server"]["status"].take();

    assert_eq!((before, after), (json!("initializing"), json!("running")));
    assert!(
        sim.import_state(json!({ "version": 99, "clock_ahead_ms": 0, "projects": [] }))
            .is_err()
    );
    sim.reset();
    assert_eq!(names(&client).await, [""; 0]);
}

#[tokio::test]
async fn state_file_survives_a_restart() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("state.json");
    let start = async || Sim::builder().state_file(&file).start().await.unwrap();
    let sim = start().await;
    let created = Client::of(&sim).create("web1").await;
    drop(sim);

    let sim = start().await;

    assert_eq!(names(&Client::of(&sim)).await, ["web1"]);
    let action = Client::of(&sim)
        .json(&format!("/actions/{}", created["action"]["id"]))
        .await;
    assert_eq!(action["action"]["command"], "create_server");
}

#[tokio::test]
async fn control_endpoints_are_only_for_known_hosts() {
    let sim = Sim::builder()
        .public_url("http://sim.example.com/")
        .start()
        .await
        .unwrap();
    let status = async |path: &str, host: &str| {
        let url = format!("http://{}{path}", sim.address());
        let request = http().get(url).header("host", host);
        request.send().await.unwrap().status().as_u16()
    };

    assert_eq!(sim.endpoint(), "http://sim.example.com/v1");
    for (path, host, expected) in [
        ("/_sim/health", "127.0.0.1", 200),
        ("/_sim/health", "localhost:1", 200),
        ("/_sim/health", "sim.example.com", 200),
        ("/_sim/health", "evil.example", 403),
        ("/_sim/state", "evil.example:80", 403),
        ("/sim/clock", "evil.example", 403),
        ("/console", "evil.example", 403),
        ("/v1/servers", "evil.example", 401),
    ] {
        assert_eq!(status(path, host).await, expected, "{path} {host}");
    }
}

#[tokio::test]
async fn control_endpoints_reset_and_transfer_the_state() {
    let sim = Sim::builder().server("web1", &[]).start().await.unwrap();
    let client = Client::of(&sim);
    let url = |path: &str| format!("http://{}/_sim{path}", sim.address());
    let state: Value = client.control("/_sim/state").await;
    client.create("web2").await;

    let reset = http().post(url("/reset")).send().await.unwrap();
    assert_eq!(
        (reset.status().as_u16(), names(&client).await),
        (204, vec!["web1".into()])
    );
    assert!(sim.requests().iter().all(|request| request.method == "GET"));
    client.create("web3").await;
    let loaded = http().put(url("/state")).json(&state).send().await.unwrap();
    assert_eq!(
        (loaded.status().as_u16(), names(&client).await),
        (204, vec!["web1".into()])
    );
    let invalid = http()
        .put(url("/state"))
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(invalid.status().as_u16(), 400);
}

#[test]
fn blocking_simulator_needs_no_runtime() {
    let sim = Sim::builder().server("web1", &[]).start_blocking().unwrap();

    let url = format!("{}/servers", sim.endpoint());
    let authorization = format!("authorization: Bearer {}", sim.token());
    let shown = Command::new("curl")
        .args(["--silent", "--header", &authorization, &url])
        .output()
        .unwrap();

    assert!(String::from_utf8_lossy(&shown.stdout).contains("web1"));
}

#[test]
fn program_prints_tokens_of_projects_and_a_completion_script() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hcloud-sim"))
            .args(args)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };

    let lines = run(&[
        "--project",
        "my-staging",
        "--public-url",
        "https://sim.example.com",
        "--until-stdin-closes",
    ]);
    let script = run(&["--completion", "bash"]);

    let variables: Vec<_> = lines
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let names: Vec<_> = variables.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "HCLOUD_ENDPOINT",
            "HCLOUD_TOKEN",
            "HCLOUD_READ_ONLY_TOKEN",
            "HCLOUD_TOKEN_MY_STAGING",
            "HCLOUD_READ_ONLY_TOKEN_MY_STAGING",
            "HETZNER_ENDPOINT"
        ]
    );
    let values: BTreeSet<_> = variables.iter().map(|(_, value)| *value).collect();
    assert!(values.contains("https://sim.example.com/v1"), "{lines}");
    assert_eq!(values.len(), 5, "an endpoint and four different tokens");
    assert!(script.contains("--public-url"), "{script}");
}
