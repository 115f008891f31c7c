//! What travels from the web console to a worker and back, through SQLite and through MongoDB.

use hcc_core::{Command, Power, Request};
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::json;
use test_services::wait_until;

use crate::installation::{Installation, Place};
use crate::streams::Stream;

/// Runs a case on SQLite and on MongoDB.
macro_rules! on_each_database {
    ($($case:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            #[ignore = "needs hcc"]
            async fn $case() {
                super::$case(super::Place::sqlite()).await;
            })*
        }

        #[cfg(feature = "mongodb")]
        mod mongodb {
            $(#[tokio::test]
            #[ignore = "needs hcc and MongoDB"]
            async fn $case() {
                super::$case(super::Place::mongodb()).await;
            })*
        }
    };
}

on_each_database! {
    click_is_carried_out_and_seen_on_open_pages
    worker_denies_what_the_web_console_never_allowed
    right_that_is_taken_before_the_worker_comes_is_gone
    link_to_a_screen_reaches_who_asked_and_is_wiped
    link_to_a_screen_stays_for_other_readers_unless_told_otherwise
}

async fn click_is_carried_out_and_seen_on_open_pages(place: Place) {
    let installation = Installation::start(place, &[]).await;
    let root = installation.root().await;
    let mut stream = Stream::of(&root).await;
    stream.hear("web-1", "running").await;

    root.post("/servers/web-1", &[("verb", "stop")]).await;
    stream.hear("web-1", "off").await;
    root.post("/servers/db-1", &[("verb", "kill"), ("sure", "db-1")])
        .await;
    while stream.next().await.expect("it goes on")["gone"] != json!(["db-1"]) {}

    let record = installation.database.store.get("web-1").await.unwrap();
    let last = record.unwrap().last.unwrap();
    assert_eq!(
        (last.cmd.as_str(), last.by.as_deref()),
        ("stop", Some("root"))
    );
    let audit = root.get("/audit?server=db-1").await.text;
    assert!(audit.contains("kill"), "{audit}");
}

async fn worker_denies_what_the_web_console_never_allowed(place: Place) {
    let installation = Installation::start(place, &["--names-required"]).await;
    let root = installation.root().await;
    root.post("/users", &[("name", "anna")]).await;
    let form = [("do", "save"), ("rights", "web-*: console power")];
    root.post("/users/anna", &form).await;
    let queue = &installation.database.queue;

    for (by, why) in [
        (Some("anna"), "denied: anna may not kill web-1"),
        (Some("nobody"), "denied: there is no user &#34;nobody&#34;"),
        (None, "denied: nobody says who wants it"),
    ] {
        let command = hcc_queue::Command {
            by: by.map(Into::into),
            ..hcc_queue::Command::new("kill", "web-1")
        };
        queue.push(&command).await.unwrap();
        let page = async || root.get("/servers/web-1").await.text.contains(why);
        wait_until(page, true).await;
    }

    let requests = installation.sim.requests();
    assert!(requests.iter().all(|request| request.method != "DELETE"));
    let audit = root.get("/audit?by=anna").await.text;
    assert!(audit.contains("denied"), "{audit}");
}

async fn right_that_is_taken_before_the_worker_comes_is_gone(place: Place) {
    let mut installation = Installation::start(place, &[]).await;
    let root = installation.root().await;
    root.post("/users", &[("name", "anna")]).await;
    let stop = Command::Power(Power::Stop);
    let stop = Request::new(stop, "web-1".parse().unwrap()).by("anna");
    let stop = hcc_queue::Command::from(&stop);
    installation.worker.stop();
    installation.database.queue.push(&stop).await.unwrap();
    assert!(
        root.get("/")
            .await
            .text
            .contains("No worker gives a sign of life")
    );
    let form = [("do", "remove"), ("sure", "anna")];
    root.post("/users/anna", &form).await;

    installation.restart_worker();

    let why = "denied: there is no user &#34;anna&#34;";
    let page = async || root.get("/servers/web-1").await.text.contains(why);
    wait_until(page, true).await;
}

async fn link_to_a_screen_reaches_who_asked_and_is_wiped(place: Place) {
    let installation = Installation::start(place, &["--console-life", "1s"]).await;
    let root = installation.root().await;

    let answer = root.post("/screen/l.html", &[("server", "web-1")]).await;

    assert_eq!(answer.status, StatusCode::OK);
    let link = format!("content=\"ws://{}/", installation.sim.address());
    assert!(answer.text.contains(&link), "{}", answer.text);
    let is_wiped = async || {
        let record = installation.database.store.get("web-1").await.unwrap();
        let record = record.unwrap();
        record.url.is_none() && record.auth.is_none() && record.ts.is_some()
    };
    wait_until(is_wiped, true).await;
}

async fn link_to_a_screen_stays_for_other_readers_unless_told_otherwise(place: Place) {
    let installation = Installation::start(place, &[]).await;
    let root = installation.root().await;

    let answer = root.post("/screen/l.html", &[("server", "web-1")]).await;

    let record = installation.database.store.get("web-1").await.unwrap();
    let record = record.unwrap();
    let (url, password) = (record.url.unwrap(), record.auth.unwrap());
    let link = format!("{}#{}", url.expose_secret(), password.expose_secret());
    let link = link.replace('&', "&amp;");
    assert!(answer.text.contains(&link), "{}", answer.text);
}

#[tokio::test]
#[ignore = "needs hcc"]
async fn five_hundred_streams_cost_little_memory() {
    let installation = Installation::start(Place::sqlite(), &[]).await;
    let root = installation.root().await;
    let before = installation.console.memory_kib();
    let mut streams = Vec::new();
    for _ in 0..500 {
        streams.push(Stream::of(&root).await);
    }

    root.post("/servers/web-1", &[("verb", "stop")]).await;
    for stream in &mut streams {
        stream.hear("web-1", "off").await;
    }

    let grown = installation.console.memory_kib().saturating_sub(before);
    println!("500 event streams: {grown} KiB, beside {before} KiB");
    assert!(grown < 64 * 1024, "{grown} KiB");
}
