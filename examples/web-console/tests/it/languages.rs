//! German and English.

use std::collections::BTreeSet;
use std::time::SystemTime;

use hcc_core::operation::Operation;
use hcc_core::testing::{FakeWorker, Reply};
use hcc_store::{Patch, Schedule, ScheduleOutcome, StoreExt};
use reqwest::header::{ACCEPT_LANGUAGE, COOKIE, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::site::{Site, TestClient, send};

/// What is the same in both languages.
const SAME: &[&str] = &[
    "hcc",
    "Server",
    "Status",
    "Name",
    "Link",
    "Labels",
    "Image",
    "Details",
    "Code",
    "IPv4",
    "IPv6",
    "Cloud-init",
    "Snapshots",
    "Deutsch",
    "English",
    "openapi.json",
    "UTC",
    "root",
    "anna",
    "web-1",
    "db-1",
];

/// The texts that a page shows, without those of `<code>`.
fn texts(html: &str) -> Vec<String> {
    let (_, body) = html.split_once("<title>").unwrap();
    let mut texts = Vec::new();
    let mut rest = body;
    while let Some((text, tag)) = rest.split_once('<') {
        texts.push(text.trim().to_owned());
        let (tag, after) = tag.split_once('>').unwrap();
        for name in [
            "aria-label",
            "placeholder",
            "alt",
            "data-label",
            "data-copy",
        ] {
            if let Some((_, value)) = tag.split_once(&format!(" {name}=\"")) {
                texts.push(value.split('"').next().unwrap().to_owned());
            }
        }
        rest = match tag.starts_with("code") {
            true => after.split_once("</code>").unwrap().1,
            false => after,
        };
    }
    texts.retain(|text| text.contains(char::is_alphabetic));
    texts
}

async fn page(client: &TestClient, language: &str, path: &str) -> String {
    let request = client.request(Method::GET, path);
    send(request.header(ACCEPT_LANGUAGE, language)).await.text
}

#[tokio::test]
async fn german_pages_have_no_english_left() {
    let site = Site::new().await;
    let labels = [("env".to_owned(), "7".to_owned())].into();
    for (name, status) in [("web-1", "running"), ("db-1", "off")] {
        let patch = Patch::new().id(42).status(status).labels(&labels);
        site.store.set(name, patch).await.unwrap();
    }
    let worker = FakeWorker::new(site.queue.clone(), site.store.clone());
    let worker = worker
        .on("stop", |_| Reply::failed("locked", "7"))
        .start()
        .await;
    let root = site.admin().await;
    site.add_user("anna", json!({ "grants": [] })).await;
    let anna = site.log_in("anna").await;
    root.post("/servers/web-1", &[("verb", "start")]).await;
    let mut signals = site.queue.events().subscribe().await.unwrap();
    root.post("/servers/web-1", &[("verb", "stop")]).await;
    while !format!("{:?}", signals.next().await.unwrap()).contains("failed") {}
    worker.shut_down().await;
    root.post("/servers/db-1", &[("verb", "start")]).await;
    let form = [("do", "add"), ("name", "zoe"), ("rights", "")];
    root.post("/users/invitations", &form).await;
    let form = [
        ("do", "add"),
        ("name", "7"),
        ("days", "30"),
        ("rights", "web-*: view"),
    ];
    root.post("/account/tokens", &form).await;

    let forms = [
        "resize",
        "rebuild",
        "rescue+enable",
        "rdns+set",
        "iso+attach",
        "label+set",
        "label+remove",
        "snapshot+create",
        "snapshot+delete",
        "backup+disable",
        "passwd",
        "rename",
        "metrics",
    ];
    let forms = forms.map(|value| format!("/servers/web-1/form?verb={value}"));
    let schedules = "/servers/web-1/schedules";
    for days in [
        &[("at", "20:00")][..],
        &[("at", "7:00"), ("day:mon", "on"), ("day:thu", "on")],
    ] {
        let form = [
            &[
                ("verb", "snapshot create"),
                ("keep", "7"),
                ("missed", "once"),
            ][..],
            days,
        ];
        root.post(schedules, &form.concat()).await;
    }
    let mut failed = Schedule::new("a7", "web-1", "stop", "15 * * * *");
    failed.paused = true;
    failed.why = Some("the server does not exist".to_owned());
    failed.last = Some(ScheduleOutcome {
        due: SystemTime::now(),
        at: SystemTime::now(),
        ok: false,
        err: Some("skipped: no worker was running".to_owned()),
        code: None,
    });
    site.store.put_schedule(&failed).await.unwrap();
    let examples: BTreeSet<_> = Operation::VERBS
        .iter()
        .flat_map(|verb| verb.description().forms)
        .flat_map(|form| form.arguments)
        .map(|argument| argument.example)
        .chain(["cpu", "disk", "network"])
        .collect();
    let anonymous = site.anonymous();
    let mut checked = 0;
    let forms = forms.iter().map(|path| (&root, &**path));
    for (client, path) in forms.chain([
        (&root, "/"),
        (&root, "/?q=nothing"),
        (&root, "/servers/web-1"),
        (&root, "/servers/db-1"),
        (&root, schedules),
        (&root, "/servers/web-1/schedules?verb=snapshot+create"),
        (&root, "/servers/web-1/screen"),
        (&root, "/new"),
        (&root, "/failed"),
        (&root, "/users"),
        (&root, "/users/anna"),
        (&root, "/users/root"),
        (&root, "/audit"),
        (&root, "/account"),
        (&root, "/account/second-factor"),
        (&root, "/nothing"),
        (&anna, "/"),
        (&anonymous, "/login"),
        (&anonymous, "/join/nothing"),
    ]) {
        let english: BTreeSet<_> = texts(&page(client, "en", path).await).into_iter().collect();
        let german = texts(&page(client, "de-DE,de;q=0.9,en;q=0.8", path).await);
        checked += german.len();
        for text in german {
            let is_data = SAME.contains(&text.trim_end_matches(" · hcc"))
                || text.starts_with("20")
                || text.contains("env=")
                || text == "zoe"
                || examples.contains(&*text);
            assert!(
                is_data || !english.contains(&text),
                "{path}: {text:?} is English"
            );
        }
    }
    assert!(checked > 300, "{checked}");
    let german = page(&root, "de", "/servers/web-1").await;
    assert!(german.contains("07:00 Mo, Do"), "{german}");
    for (name, value, path) in [
        ("verb", "kill", "/servers/web-1"),
        ("verb", "off", "/servers/web-1"),
        ("do", "remove", "/servers/web-1/schedules/a7"),
    ] {
        let form = [(name, value), ("csrf", &root.csrf)];
        let request = root.request(Method::POST, path).form(&form);
        let german = send(request.header(ACCEPT_LANGUAGE, "de")).await.text;
        assert!(german.contains("<html lang=\"de\""), "{german}");
        assert!(
            german.contains("Abbrechen") && !german.contains("Cancel"),
            "{german}"
        );
    }
}

#[tokio::test]
async fn user_chooses_a_language() {
    let site = Site::new().await;
    let anonymous = site.anonymous();
    assert!(
        page(&anonymous, "de", "/login")
            .await
            .contains(">Anmelden<")
    );
    assert!(page(&anonymous, "fr", "/login").await.contains(">Log in<"));

    let form = [("language", "de"), ("back", "//example.org")];
    let chosen = anonymous.post_raw("/language", &form).await;

    assert_eq!(chosen.location(), "/login");
    let cookie = chosen.headers.get(SET_COOKIE).unwrap().to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let request = anonymous.request(Method::GET, "/login");
    let request = request.header(COOKIE, cookie).header(ACCEPT_LANGUAGE, "en");
    let page = send(request).await.text;
    assert!(
        page.contains("<html lang=\"de\"") && page.contains(">Anmelden<"),
        "{page}"
    );
}

#[tokio::test]
async fn messages_are_in_the_language_of_the_request_but_not_in_the_api() {
    let site = Site::new().await;
    let root = site.admin().await;
    let request = root.request(Method::GET, "/nothing");
    let request = request.header("accept", "text/plain");
    let response = send(request.header(ACCEPT_LANGUAGE, "de")).await;
    assert_eq!(response.text, "Nicht gefunden.");

    let request = root.request(Method::GET, "/api/v1/servers");
    let response = send(request.header(ACCEPT_LANGUAGE, "de")).await;
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert!(
        response.text.contains("The API token is missing"),
        "{}",
        response.text
    );
}
