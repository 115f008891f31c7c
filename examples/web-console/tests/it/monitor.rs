//! Metrics and health of the program.

use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::installation::{WEB_CONSOLE, add_admin};
use crate::site::{PASSWORD, TestClient};

#[tokio::test]
async fn metrics_and_health_are_served_on_an_address_of_their_own() {
    let directory = TempDir::new().unwrap();
    let store = directory.path().join("hcc.db");
    let mut program = Command::new(WEB_CONSOLE)
        .args(["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
        .env("HCC_STORE", format!("sqlite:{}", store.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let site = lines.next_line().await.unwrap().unwrap();
    let metrics = lines.next_line().await.unwrap().unwrap();
    let monitor = metrics.strip_suffix("/metrics").unwrap();
    let get = async |url: String| {
        let response = reqwest::get(url).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };

    let (login, _) = get(format!("{site}/login")).await;
    let health = get(format!("{monitor}/healthz")).await;
    let ready = get(format!("{monitor}/readyz")).await;
    let (_, text) = get(metrics.clone()).await;
    let (on_site, _) = get(format!("{site}/metrics")).await;

    assert_eq!(login, 200);
    assert_eq!(health, (200, "ok\n".to_owned()));
    assert_eq!(ready, (200, "ready\n".to_owned()));
    let request = r#"web_console_requests_total{method="GET",route="/login",status="200"} 1"#;
    assert!(text.contains(request), "{text}");
    assert!(
        text.contains(r#"hcc_queue_commands{state="waiting"} 0"#),
        "{text}"
    );
    assert_eq!(on_site, 404);
}

#[tokio::test]
async fn requests_are_logged_without_what_is_secret() {
    let directory = TempDir::new().unwrap();
    let store = format!("sqlite:{}/hcc.db", directory.path().display());
    add_admin(&store);
    let mut program = Command::new(WEB_CONSOLE)
        .args(["--listen", "127.0.0.1:0"])
        .env("HCC_STORE", &store)
        .env("HCC_LOG_FORMAT", "json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let site = lines.next_line().await.unwrap().unwrap();
    let mut log = BufReader::new(program.stderr.take().unwrap()).lines();

    let mut root = TestClient::of(&site);
    root.log_in("root", PASSWORD).await;
    let response = root.get("/servers/db-1?canary=1").await;

    let line = loop {
        let line = log.next_line().await.unwrap().unwrap();
        assert!(
            !line.contains(PASSWORD) && !line.contains("canary"),
            "{line}"
        );
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["span"]["route"] == "/servers/{name}" {
            break line;
        }
    };
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "request served");
    assert_eq!(
        (&line["span"]["user"], &line["status"]),
        (&json!("root"), &json!(404))
    );
    assert_eq!(line["span"]["id"], response.header("x-request-id"));
    assert!(line["duration_ms"].is_u64(), "{line}");
}
