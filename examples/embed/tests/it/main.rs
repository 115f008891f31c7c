//! The service over HTTP.

mod routes;

use std::process::Command;
use std::time::Duration;

use hcc_core::hcloud_api::Client;
use hcc_core::{Frontend, Power, Project, Request, Scope, Settings, Worker};
use hcloud_sim::Sim;
use reqwest::StatusCode;
use test_services::Program;

#[tokio::test]
async fn service_lists_servers_and_starts_one_with_a_running_worker() {
    let directory = tempfile::tempdir().unwrap();
    let url = |file| format!("sqlite:{}/{file}", directory.path().display());
    let store = hcc_core::store::open(&url("hcc.db").parse().unwrap())
        .await
        .unwrap();
    let queue = hcc_core::queue::open(&url("queue.db").parse().unwrap())
        .await
        .unwrap();
    let sim = Sim::builder()
        .server("web1", &[("managed", "1")])
        .speed(1000.0);
    let sim = sim.start().await.unwrap();
    let api = Client::builder(sim.token()).endpoint(sim.endpoint());
    let project = Project::new(api.build().unwrap(), store.clone(), Settings::default());
    project.sync(&Scope::All, false).await.unwrap();
    let worker = Worker::new(project, queue.clone());
    let worker = tokio::spawn(worker.run(std::future::pending()));
    let stop = Request::new(
        hcc_core::Command::Power(Power::Stop),
        "web1".parse().unwrap(),
    );
    let frontend = Frontend::new(store, queue);
    let minute = Duration::from_secs(60);
    frontend.submit_and_wait(&stop, minute).await.unwrap();

    let service = Program::start(
        Command::new(env!("CARGO_BIN_EXE_embed"))
            .env_clear()
            .env("HCC_STORE", url("hcc.db"))
            .env("HCC_QUEUE", url("queue.db")),
    );
    let origin = service.wait_for_line(|line| line.starts_with("http://").then(|| line.to_owned()));
    let servers = format!("{origin}/servers");

    let client = client();
    let text = async |url: &str| client.get(url).send().await.unwrap().text().await.unwrap();
    assert_eq!(text(&origin).await, "The existing service.");
    assert_eq!(text(&servers).await, r#"{"web1":"off"}"#);
    let start = |server: &str| client.post(format!("{servers}/{server}/start")).send();
    assert_eq!(start("web1").await.unwrap().status(), StatusCode::OK);
    assert_eq!(text(&servers).await, r#"{"web1":"running"}"#);
    let response = start("elsewhere").await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.text().await.unwrap(), "server elsewhere not found");
    worker.abort();
}

#[test]
fn readme_of_hcc_core_contains_the_module() {
    let readme = include_str!("../../../../hcc-core/README.md");

    assert!(readme.contains(include_str!("../../src/servers.rs")));
}

fn client() -> reqwest::Client {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
