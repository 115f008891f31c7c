//! `web-console --demo`.

use std::fs;
use std::process::Command;
use std::time::Instant;

use reqwest::StatusCode;
use tempfile::TempDir;
use test_browser::Chromium;
use test_services::{Program, wait_until};

use crate::browser::user::log_in_as;
use crate::installation::WEB_CONSOLE;
use crate::site::TestClient;

/// A running demo, and what it has printed.
struct Demo {
    program: Program,
    origin: String,
    password: String,
    directory: TempDir,
}

impl Demo {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = Program::start(
            Command::new(WEB_CONSOLE)
                .arg("--demo")
                .env("TMPDIR", directory.path()),
        );
        let value = |key: &'static str| {
            move |line: &str| Some(line.trim().strip_prefix(key)?.trim().to_owned())
        };
        let host = program.wait_for_line(value("http://"));
        Self {
            origin: format!("http://{host}"),
            password: program.wait_for_line(value("password")),
            program,
            directory,
        }
    }

    /// The number of its files.
    fn files(&self) -> usize {
        fs::read_dir(&self.directory).unwrap().count()
    }
}

#[tokio::test]
#[ignore = "needs noVNC"]
async fn demo_works_and_removes_its_files() {
    let mut demo = Demo::start();

    let mut client = TestClient::of(&demo.origin);
    assert_eq!(
        client.log_in("demo", &demo.password).await.status(),
        StatusCode::SEE_OTHER
    );
    client
        .post("/servers/web-1", &[("verb", "off"), ("sure", "yes")])
        .await;
    let is_off = async || {
        client
            .get("/servers/web-1")
            .await
            .text
            .contains("Cut power: done")
    };
    wait_until(is_off, true).await;
    let screen = client.post("/screen/l.html", &[("server", "web-2")]).await;
    assert!(
        screen
            .text
            .contains("<meta name=\"link\" content=\"ws://127.0.0.1:"),
        "{}",
        screen.text
    );
    assert_ne!(demo.files(), 0);

    demo.program.stop();

    assert_eq!(demo.files(), 0);
}

#[test]
#[ignore = "needs noVNC"]
fn demo_ends_at_ctrl_c_and_removes_its_files() {
    for _ in 0..5 {
        let mut demo = Demo::start();
        assert_ne!(demo.files(), 0);

        demo.program.interrupt();

        assert_eq!(demo.files(), 0);
    }
}

#[test]
fn demo_with_a_directory_without_console_page_reports_it_in_one_line() {
    let directory = tempfile::tempdir().unwrap();

    let demo = Command::new(WEB_CONSOLE)
        .args(["--demo", "--www"])
        .arg(directory.path().join("www"))
        .env("PATH", "")
        .output()
        .unwrap();

    let message = String::from_utf8(demo.stderr).unwrap();
    assert_eq!(demo.status.code(), Some(1));
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.contains("no console page in"), "{message}");
}

/// Prints the time from the start of the demo to the first image of a screen.
#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn demo_shows_a_screen() {
    let browser = Chromium::start().await;

    let begun = Instant::now();
    let demo = Demo::start();
    log_in_as(&browser, &demo.origin, "demo", &demo.password).await;
    let screen = format!("{}/servers/web-1/screen", demo.origin);
    browser.wait_for_text("h1", "Servers").await;
    browser.save_screenshots("demo-servers").await;
    browser.goto(&screen).await.unwrap();
    browser.wait_for_state("connected").await;
    let shows_something = async || {
        let pixels = browser.pixels().await;
        pixels.iter().any(|it| *it != pixels[0])
    };
    wait_until(shows_something, true).await;

    println!("first image after {:.1?}", begun.elapsed());
    browser.save_screenshots("demo").await;
}
