//! Metrics and health of the program.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn metrics_and_health_are_served_on_an_address_of_their_own() {
    let directory = TempDir::new().unwrap();
    let store = directory.path().join("hcc.db");
    let mut program = Command::new(env!("CARGO_BIN_EXE_web-console"))
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
