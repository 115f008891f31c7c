//! `web-console --demo`, as a newcomer starts it.

use std::fs;
use std::process::Command;

use reqwest::StatusCode;
use test_services::{Program, eventually};

use crate::site::Visitor;

#[tokio::test]
#[ignore = "needs noVNC"]
async fn demo_works_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Program::start(
        Command::new(env!("CARGO_BIN_EXE_web-console"))
            .arg("--demo")
            .env("TMPDIR", folder.path()),
    );
    let value = |key: &'static str| {
        move |line: &str| Some(line.trim().strip_prefix(key)?.trim().to_owned())
    };
    let host = demo.hear(value("http://"));
    let password = demo.hear(value("password"));

    let mut visitor = Visitor::of(&format!("http://{host}"));
    assert_eq!(
        visitor.log_in("demo", &password).await.status(),
        StatusCode::SEE_OTHER
    );
    visitor
        .post("/servers/web-1", &[("verb", "off"), ("sure", "yes")])
        .await;
    let is_off = async || {
        visitor
            .get("/servers/web-1")
            .await
            .text
            .contains("Cut power: done")
    };
    eventually(is_off, true).await;
    let screen = visitor.post("/screen/l.html", &[("server", "web-2")]).await;
    assert!(
        screen
            .text
            .contains("<meta name=\"link\" content=\"ws://127.0.0.1:"),
        "{}",
        screen.text
    );
    assert_ne!(fs::read_dir(&folder).unwrap().count(), 0);

    demo.end();

    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
