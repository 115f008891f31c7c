//! Commands and events between a web console and a worker, with SQLite and with MongoDB.

use hcc_core::{Command, Power, Request};
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::json;
use test_services::wait_until;

use crate::installation::{DatabaseUrls, Installation};
use crate::streams::EventStream;

/// Runs a case on SQLite and on MongoDB.
macro_rules! on_each_database {
    ($($case:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            #[ignore = "needs hcc"]
            async fn $case() {
                super::$case(super::DatabaseUrls::sqlite()).await;
            })*
        }

        #[cfg(feature = "mongodb")]
        mod mongodb {
            $(#[tokio::test]
            #[ignore = "needs hcc and MongoDB"]
            async fn $case() {
                super::$case(super::DatabaseUrls::mongodb()).await;
            })*
        }
    };
}

on_each_database! {
    command_is_executed_and_shown_on_open_pages
    worker_denies_commands_that_bypass_the_web_console
    permission_revoked_before_the_worker_runs_does_not_count
    console_link_is_in_the_response_and_expires_from_the_record
    console_link_stays_in_the_record_by_default
}

async fn command_is_executed_and_shown_on_open_pages(urls: DatabaseUrls) {
    let installation = Installation::start(urls, &[]).await;
    let root = installation.root().await;
    let mut stream = EventStream::open(&root).await;
    stream.wait_for("web-1", "running").await;

    root.post("/servers/web-1", &[("verb", "stop")]).await;
    stream.wait_for("web-1", "off").await;
    root.post("/servers/db-1", &[("verb", "kill"), ("sure", "db-1")])
        .await;
    while stream.next().await.expect("the stream continues")["gone"] != json!(["db-1"]) {}

    let record = installation.database.store.get("web-1").await.unwrap();
    let last = record.unwrap().last.unwrap();
    assert_eq!(
        (last.cmd.as_str(), last.by.as_deref()),
        ("stop", Some("root"))
    );
    let audit = root.get("/audit?server=db-1").await.text;
    assert!(audit.contains(">Delete<"), "{audit}");
}

async fn worker_denies_commands_that_bypass_the_web_console(urls: DatabaseUrls) {
    let installation = Installation::start(urls, &["--names-required"]).await;
    let root = installation.root().await;
    root.post("/users", &[("name", "anna")]).await;
    let form = [("do", "save"), ("rights", "web-*: console power")];
    root.post("/users/anna", &form).await;
    let queue = &installation.database.queue;

    for (by, why) in [
        (Some("anna"), "denied: anna may not kill web-1"),
        (Some("ghost"), "denied: user &#34;ghost&#34; not found"),
        (None, "denied: the command names no user"),
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
    assert!(audit.contains(">not permitted<"), "{audit}");
}

async fn permission_revoked_before_the_worker_runs_does_not_count(urls: DatabaseUrls) {
    let mut installation = Installation::start(urls, &[]).await;
    let root = installation.root().await;
    root.post("/users", &[("name", "anna")]).await;
    let stop = Command::Power(Power::Stop);
    let stop = Request::new(stop, "web-1".parse().unwrap()).by("anna");
    let stop = hcc_queue::Command::from(&stop);
    installation.worker.stop();
    installation.database.queue.push(&stop).await.unwrap();
    assert!(root.get("/").await.text.contains("No worker is running"));
    let form = [("do", "remove"), ("sure", "anna")];
    root.post("/users/anna", &form).await;

    installation.restart_worker().await;

    let why = "denied: user &#34;anna&#34; not found";
    let page = async || root.get("/servers/web-1").await.text.contains(why);
    wait_until(page, true).await;
}

async fn console_link_is_in_the_response_and_expires_from_the_record(urls: DatabaseUrls) {
    let installation = Installation::start(urls, &["--console-life", "1s"]).await;
    let root = installation.root().await;

    let response = root.post("/screen/l.html", &[("server", "web-1")]).await;

    assert_eq!(response.status, StatusCode::OK);
    let link = format!("content=\"ws://{}/", installation.sim.address());
    assert!(response.text.contains(&link), "{}", response.text);
    let is_wiped = async || {
        let record = installation.database.store.get("web-1").await.unwrap();
        let record = record.unwrap();
        record.url.is_none() && record.auth.is_none() && record.ts.is_some()
    };
    wait_until(is_wiped, true).await;
}

async fn console_link_stays_in_the_record_by_default(urls: DatabaseUrls) {
    let installation = Installation::start(urls, &[]).await;
    let root = installation.root().await;

    let response = root.post("/screen/l.html", &[("server", "web-1")]).await;

    let record = installation.database.store.get("web-1").await.unwrap();
    let record = record.unwrap();
    let (url, password) = (record.url.unwrap(), record.auth.unwrap());
    let link = format!("{}#{}", url.expose_secret(), password.expose_secret());
    let link = link.replace('&', "&amp;");
    assert!(response.text.contains(&link), "{}", response.text);
}

#[tokio::test]
#[ignore = "needs hcc"]
async fn five_hundred_streams_need_little_memory() {
    let installation = Installation::start(DatabaseUrls::sqlite(), &[]).await;
    let root = installation.root().await;
    let before = installation.console.memory_kib();
    let mut streams = Vec::new();
    for _ in 0..500 {
        streams.push(EventStream::open(&root).await);
    }

    root.post("/servers/web-1", &[("verb", "stop")]).await;
    for stream in &mut streams {
        stream.wait_for("web-1", "off").await;
    }

    let grown = installation.console.memory_kib().saturating_sub(before);
    println!("500 event streams: {grown} KiB more than {before} KiB");
    assert!(grown < 64 * 1024, "{grown} KiB");
}
