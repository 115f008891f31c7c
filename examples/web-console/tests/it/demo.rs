//! `web-console --demo`, as a newcomer starts it.

use std::fs;
use std::process::Command;
use std::time::Instant;

use reqwest::StatusCode;
use tempfile::TempDir;
use test_browser::Chromium;
use test_services::{Program, wait_until};

use crate::browser::person::log_in_as;
use crate::installation::WEB_CONSOLE;
use crate::site::Visitor;

/// A running demo, and what it says of itself.
struct Demo {
    program: Program,
    origin: String,
    password: String,
    folder: TempDir,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::start(
            Command::new(WEB_CONSOLE)
                .arg("--demo")
                .env("TMPDIR", folder.path()),
        );
        let value = |key: &'static str| {
            move |line: &str| Some(line.trim().strip_prefix(key)?.trim().to_owned())
        };
        let host = program.wait_for_line(value("http://"));
        Self {
            origin: format!("http://{host}"),
            password: program.wait_for_line(value("password")),
            program,
            folder,
        }
    }

    /// How many files it has.
    fn files(&self) -> usize {
        fs::read_dir(&self.folder).unwrap().count()
    }
}

#[tokio::test]
#[ignore = "needs noVNC"]
async fn demo_works_and_leaves_nothing_behind() {
    let mut demo = Demo::start();

    let mut visitor = Visitor::of(&demo.origin);
    assert_eq!(
        visitor.log_in("demo", &demo.password).await.status(),
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
    wait_until(is_off, true).await;
    let screen = visitor.post("/screen/l.html", &[("server", "web-2")]).await;
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
fn demo_ends_at_ctrl_c_and_leaves_nothing_behind() {
    for _ in 0..5 {
        let mut demo = Demo::start();
        assert_ne!(demo.files(), 0);

        demo.program.interrupt();

        assert_eq!(demo.files(), 0);
    }
}

#[test]
fn demo_without_novnc_and_npm_says_in_one_line_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();

    let demo = Command::new(WEB_CONSOLE)
        .args(["--demo", "--www"])
        .arg(folder.path().join("www"))
        .env("PATH", "")
        .output()
        .unwrap();

    let said = String::from_utf8(demo.stderr).unwrap();
    assert_eq!(demo.status.code(), Some(1));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("install npm"), "{said}");
}

/// Prints how long it takes from the start of the demo to the first picture of a screen.
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

    println!("first picture after {:.1?}", begun.elapsed());
    browser.save_screenshots("demo").await;
}
