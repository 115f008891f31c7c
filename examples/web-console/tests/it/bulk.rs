//! One command for several servers.

use hcc_store::{Patch, StoreExt};
use reqwest::StatusCode;
use serde_json::json;

use crate::site::Site;

async fn site() -> Site {
    let site = Site::new().await;
    for (name, status) in [
        ("web-1", "running"),
        ("web-2", "running"),
        ("web-10", "off"),
    ] {
        site.store
            .set(name, Patch::new().status(status))
            .await
            .unwrap();
    }
    site.add_server("db-1").await;
    site
}

const ALL: [(&str, &str); 4] = [
    ("server:web-10", "on"),
    ("server:web-2", "on"),
    ("server:web-1", "on"),
    ("server:db-1", "on"),
];

#[tokio::test]
async fn one_confirmation_submits_the_command_for_all_selected_servers() {
    let site = site().await;
    let root = site.admin().await;

    let mut form = ALL[..3].to_vec();
    form.push(("verb", "stop"));
    let page = root.post("/servers", &form).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Stop 2 servers?"), "{}", page.text);
    assert!(page.text.contains("It is off already."), "{}", page.text);
    assert_eq!(site.queued().await, [""; 0]);

    let confirmed = [
        ("verb", "stop"),
        ("sure", "yes"),
        ("server:web-1", "on"),
        ("server:web-2", "on"),
    ];
    let done = root.post("/servers", &confirmed).await;
    assert_eq!(done.location(), "/");
    assert_eq!(site.queued().await, ["root stop web-1", "root stop web-2"]);
    let audit = site.audit().await;
    assert!(audit.contains(&"root stop web-2 asked".to_owned()));
}

#[tokio::test]
async fn servers_that_are_not_allowed_are_left_out() {
    let site = site().await;
    let grants = json!([
        { "servers": "web-*", "may": ["power"] },
        { "servers": "db-*", "may": ["view"] },
    ]);
    site.add_user("anna", json!({ "grants": grants })).await;
    site.add_server("secret").await;
    let anna = site.log_in("anna").await;

    let mut form = ALL.to_vec();
    form.extend([("server:secret", "on"), ("verb", "stop"), ("sure", "yes")]);
    let page = anna.post("/servers", &form).await;

    assert_eq!(site.queued().await, ["anna stop web-1", "anna stop web-2"]);
    assert!(page.text.contains("Stop: 2 submitted"), "{}", page.text);
    for (name, reason) in [
        ("db-1", "You are not allowed to do this."),
        ("secret", "Not found."),
        ("web-10", "It is off already."),
    ] {
        let line = format!("<strong>{name}</strong> <span class=\"faint\">{reason}</span>");
        assert!(page.text.contains(&line), "{line}: {}", page.text);
    }
}

#[tokio::test]
async fn deletion_of_several_servers_needs_their_number() {
    let site = site().await;
    let root = site.admin().await;

    for (sure, queued) in [("yes", 0), ("3", 0), ("4", 4)] {
        let mut form = ALL.to_vec();
        form.extend([("verb", "kill"), ("sure", sure)]);
        root.post("/servers", &form).await;
        assert_eq!(site.queued().await.len(), queued, "{sure}");
    }
}

#[tokio::test]
async fn request_without_servers_or_with_an_unknown_command_is_refused() {
    let site = site().await;
    let root = site.admin().await;

    for (form, status) in [
        (vec![("verb", "stop")], StatusCode::UNPROCESSABLE_ENTITY),
        (
            vec![("verb", "fly"), ("server:web-1", "on")],
            StatusCode::NOT_FOUND,
        ),
        (
            vec![("server:web-1", "on")],
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        assert_eq!(
            root.post("/servers", &form).await.status,
            status,
            "{form:?}"
        );
    }
}

#[tokio::test]
async fn hundred_servers_are_within_the_limits() {
    let site = Site::new().await;
    let names: Vec<_> = (0..100)
        .map(|number| format!("server:web-{number}"))
        .collect();
    for name in &names {
        site.add_server(name.strip_prefix("server:").unwrap()).await;
    }
    let root = site.admin().await;
    let mut form: Vec<_> = names.iter().map(|name| (&**name, "on")).collect();
    form.extend([("verb", "start"), ("sure", "yes")]);

    assert_eq!(root.post("/servers", &form).await.location(), "/");
    assert_eq!(site.queued().await.len(), 100);
}
