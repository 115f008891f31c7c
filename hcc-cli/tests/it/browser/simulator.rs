//! The screen of a simulated server, opened by `hcc console`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hcloud_sim::Sim;
use test_browser::Chromium;
use test_services::wait_until;

use super::page::{Page, WWW};
use crate::text_screen::shows;
use crate::user::{Run, User, set_mode};

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn created_server_shows_its_screen_and_accepts_typed_text() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["create", "web1", "--wait"]).await;
    let id = user.id("web1").await;
    let screen = || user.sim.screen(id).expect("the server exists");
    let browser = Chromium::start().await;

    let console = Console::open(&user, "web1").await;
    browser.goto(&console.address).await.unwrap();
    browser.wait_for_state("connected").await;
    assert_eq!(browser.text("#status").await, "Connected to web1");

    wait_until(async || screen().contains("web1 login:"), true).await;
    wait_until(async || shows(&browser.pixels().await, &screen()), true).await;
    browser.save_screenshot("simulator-login").await;

    browser.type_into_screen("Alice|42\n").await;
    wait_until(
        async || screen().contains("web1 login: Alice|42\nPassword:"),
        true,
    )
    .await;
    wait_until(async || shows(&browser.pixels().await, &screen()), true).await;
    browser.save_screenshot("simulator-typed").await;
    assert_eq!(browser.console_errors().await, [""; 0]);

    user.ok(&["force", "web1", "--wait"]).await;
    browser.wait_for_state("lost").await;
    console.ended().await;
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn opened_console_leaves_no_secret_in_the_profile() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["create", "web1", "--wait"]).await;
    let browser = Chromium::start().await;

    let console = Console::open(&user, "web1").await;
    assert!(!console.address.contains("token"), "{}", console.address);
    browser.goto(&console.address).await.unwrap();
    browser.wait_for_state("connected").await;
    browser.goto(&console.address).await.unwrap();
    assert_eq!(browser.text("body").await, "This address has been used.");
    let address = console.address.clone();
    console.ended().await;

    let profile = browser.close();
    assert_ne!(
        files_with(profile.path(), &address),
        [""; 0],
        "the search finds nothing"
    );
    let secret = format!("{}/console", user.sim.address());
    assert_eq!(files_with(profile.path(), &secret), [""; 0]);
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn expired_link_is_reported() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["create", "web1", "--wait"]).await;
    let page = Page::start().await;
    let link = user.ok(&["console", "web1"]).await;

    user.sim.clock().advance(Duration::from_secs(61));
    page.open(link.trim_end()).await;

    page.wait_for_state("refused").await;
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn pasted_text_arrives_unchanged_at_a_simulated_server() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["create", "web1", "--wait"]).await;
    let id = user.id("web1").await;
    let screen = || user.sim.screen(id).expect("the server exists");
    let page = Page::start().await;
    let link = user.ok(&["console", "web1"]).await;
    page.open(link.trim_end()).await;
    page.wait_for_state("connected").await;
    wait_until(async || screen().contains("login:"), true).await;
    let text = r#"Hello_World-42 (a>b) & {x|y} #~$ "q" '[\]' `^` <%>"#;

    page.click("[popovertarget=typing]").await;
    page.fill("#text", text).await;
    page.click("#type").await;

    wait_until(async || screen().contains(text), true).await;
}

/// `hcc console NAME --open`, and the address that the browser opens.
struct Console {
    hcc: tokio::process::Child,
    address: String,
}

impl Console {
    async fn open(user: &User, name: &str) -> Self {
        let opened = user.path("address");
        let script = format!(
            "#!/bin/sh\nprintf %s \"$1\" > {0}.part && mv {0}.part {0}\n",
            opened.display()
        );
        let browser = user.write("browser", &script);
        set_mode(&browser, 0o700);
        let hcc = user
            .command(&["console", name, "--open", "--www", WWW])
            .env("BROWSER", browser)
            .spawn()
            .unwrap();
        wait_until(async || opened.exists(), true).await;
        Self {
            hcc,
            address: fs::read_to_string(opened).unwrap(),
        }
    }

    /// Waits until `hcc` exits.
    async fn ended(self) {
        let run = Run::from(self.hcc.wait_with_output().await.unwrap());
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    }
}

/// Returns the files below a directory that contain the text.
fn files_with(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if path.is_file() && contains(&fs::read(&path).unwrap(), text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
