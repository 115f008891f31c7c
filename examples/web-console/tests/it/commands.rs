//! What users may see and submit.

use futures_util::future::join_all;
use hcc_store::{Patch, StoreExt};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::site::{Site, TestClient};

fn grant(servers: &str, may: &[&str]) -> Value {
    json!({ "grants": [{ "servers": servers, "may": may }] })
}

async fn submit(client: &TestClient, server: &str, verb: &str, sure: &str) -> StatusCode {
    let form = [("verb", verb), ("sure", sure)];
    client
        .post(&format!("/servers/{server}"), &form)
        .await
        .status
}

#[tokio::test]
async fn each_permission_allows_its_commands_and_no_others() {
    let site = Site::new().await;
    site.add_server("web").await;
    for (permission, allowed) in [
        ("view", vec!["sync"]),
        ("power", vec!["start", "stop", "reboot", "sync"]),
        ("reset", vec!["reset", "off", "sync"]),
        ("kill", vec!["sync", "kill"]),
    ] {
        site.add_user(permission, grant("web", &[permission])).await;
        let client = site.log_in(permission).await;
        for verb in ["start", "stop", "reboot", "reset", "off", "sync", "kill"] {
            let sure = if verb == "kill" { "web" } else { "yes" };
            let expected = if allowed.contains(&verb) {
                StatusCode::SEE_OTHER
            } else {
                StatusCode::FORBIDDEN
            };
            assert_eq!(
                submit(&client, "web", verb, sure).await,
                expected,
                "{permission} {verb}"
            );
        }
    }
    assert_eq!(site.queued().await.len(), 1 + 4 + 3 + 2);
}

#[tokio::test]
async fn server_without_permission_does_not_exist_for_the_user() {
    let site = Site::new().await;
    site.add_server("web").await;
    site.add_server("secret").await;
    site.add_user("anna", grant("web", &["power", "console", "kill"]))
        .await;
    let anna = site.log_in("anna").await;

    for path in [
        "/servers/secret",
        "/servers/secret/screen",
        "/servers/nowhere",
    ] {
        assert_eq!(anna.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(
        submit(&anna, "secret", "start", "").await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        submit(&anna, "nowhere", "start", "").await,
        StatusCode::NOT_FOUND
    );
    let screen = anna.post("/screen/l.html", &[("server", "secret")]).await;
    assert_eq!(screen.status, StatusCode::NOT_FOUND);
    for path in ["/", "/servers/web"] {
        assert!(!anna.get(path).await.text.contains("secret"), "{path}");
    }
    assert_eq!(site.queued().await, [""; 0]);
}

#[tokio::test]
async fn command_carries_the_name_of_the_user_and_is_audited() {
    let site = Site::new().await;
    site.add_server("web").await;
    site.add_user("anna", grant("web", &["power"])).await;
    let anna = site.log_in("anna").await;

    let form = [("verb", "start"), ("by", "root"), ("for", "secret")];
    let response = anna.post("/servers/web", &form).await;
    assert_eq!(response.location(), "/servers/web");
    submit(&anna, "web", "kill", "web").await;

    assert_eq!(site.queued().await, ["anna start web"]);
    assert_eq!(
        site.audit().await,
        [
            "anna login ok",
            "anna start web asked",
            "anna kill web not_permitted"
        ]
    );
    let page = anna.get("/servers/web").await.text;
    assert!(page.contains("Start: waiting"), "{page}");
}

#[tokio::test]
async fn irreversible_commands_need_a_confirmation() {
    let site = Site::new().await;
    site.add_server("web").await;
    let root = site.admin().await;

    for (verb, sure) in [
        ("reset", ""),
        ("reset", "web"),
        ("off", "no"),
        ("kill", ""),
        ("kill", "yes"),
        ("kill", "web2"),
    ] {
        assert_eq!(
            submit(&root, "web", verb, sure).await,
            StatusCode::OK,
            "{verb} {sure}"
        );
    }
    assert_eq!(site.queued().await, [""; 0]);

    assert_eq!(
        submit(&root, "web", "kill", "web").await,
        StatusCode::SEE_OTHER
    );
    assert_eq!(site.queued().await, ["root kill web"]);
}

#[tokio::test]
async fn servers_are_created_only_if_a_pattern_matches_the_name() {
    let site = Site::new().await;
    site.add_user("anna", grant("web-*", &["create"])).await;
    site.add_user("berta", grant("*", &["power"])).await;
    let form = |name| {
        [
            ("name", name),
            ("type", "cx23"),
            ("image", ""),
            ("location", ""),
            ("ssh_keys", "a, b"),
            ("user_data", ""),
        ]
    };
    let (anna, berta) = (site.log_in("anna").await, site.log_in("berta").await);

    assert_eq!(anna.get("/new").await.status, StatusCode::OK);
    assert_eq!(berta.get("/new").await.status, StatusCode::NOT_FOUND);
    assert_eq!(anna.post("/new", &form("web-1")).await.location(), "/");
    assert_eq!(
        anna.post("/new", &form("db-1")).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        anna.post("/new", &form("web_1")).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        berta.post("/new", &form("web-2")).await.status,
        StatusCode::FORBIDDEN
    );

    let entries = site.queue.list_all().await.unwrap();
    let [entry] = entries.as_slice() else {
        panic!("{entries:?}")
    };
    assert_eq!(
        entry.command.args,
        json!({ "type": "cx23", "ssh_keys": ["a", "b"] })
    );
    assert!(
        anna.get("/").await.text.contains("web-1"),
        "the command is listed"
    );
    assert!(
        !berta.get("/").await.text.contains("web-1"),
        "it is hidden from others"
    );
}

#[tokio::test]
async fn failed_command_is_retried_or_removed_by_its_user_only() {
    let site = Site::new().await;
    site.add_server("web").await;
    site.add_user("anna", grant("web", &["power"])).await;
    site.add_user("berta", grant("web", &["power"])).await;
    let (anna, berta) = (site.log_in("anna").await, site.log_in("berta").await);
    submit(&anna, "web", "start", "").await;
    let lease = site.queue.lease().await.unwrap().unwrap();
    let path = format!("/commands/{}", lease.command.id);
    site.queue
        .commands()
        .bury(lease, &"it is <locked>".into())
        .await
        .unwrap();

    let page = anna.get("/servers/web").await.text;
    assert!(page.contains("it is &#60;locked&#62;"), "{page}");
    assert_eq!(
        berta.post(&path, &[("do", "retry")]).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        anna.post(&path, &[("do", "retry")]).await.location(),
        "/servers/web"
    );
    assert_eq!(site.queued().await, ["anna start web"]);
    assert_eq!(
        berta.post(&path, &[("do", "drop")]).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        anna.post(&path, &[("do", "drop")]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(site.queued().await, [""; 0]);
    assert_eq!(
        anna.post(&path, &[("do", "drop")]).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn waiting_commands_of_a_user_are_limited() {
    let site = Site::new().await;
    let mut permissions = grant("*", &["power"]);
    permissions["waiting"] = json!(2);
    site.add_user("anna", permissions).await;
    let anna = site.log_in("anna").await;
    let mut statuses = Vec::new();

    for server in ["web-1", "web-2", "web-3"] {
        site.add_server(server).await;
        statuses.push(submit(&anna, server, "start", "").await);
    }

    let done = StatusCode::SEE_OTHER;
    assert_eq!(statuses, [done, done, StatusCode::TOO_MANY_REQUESTS]);
}

#[tokio::test]
async fn waiting_commands_are_limited_if_submitted_at_once_or_retried() {
    let site = Site::new().await;
    let mut permissions = grant("*", &["power"]);
    permissions["waiting"] = json!(2);
    site.add_user("anna", permissions).await;
    let anna = site.log_in("anna").await;
    let servers: Vec<_> = (1..=8).map(|number| format!("web-{number}")).collect();
    for server in &servers {
        site.add_server(server).await;
    }

    let submitted = servers
        .iter()
        .map(|server| submit(&anna, server, "start", ""));
    let statuses = join_all(submitted).await;

    let accepted = statuses.iter().filter(|it| **it == StatusCode::SEE_OTHER);
    assert_eq!(accepted.count(), 2, "{statuses:?}");
    assert_eq!(site.queued().await.len(), 2);
    let lease = site.queue.lease().await.unwrap().unwrap();
    let path = format!("/commands/{}", lease.command.id);
    let commands = site.queue.commands();
    commands.bury(lease, &"it is locked".into()).await.unwrap();
    site.add_server("web-9").await;
    assert_eq!(
        submit(&anna, "web-9", "start", "").await,
        StatusCode::SEE_OTHER
    );

    let retried = anna.post(&path, &[("do", "retry")]).await;

    assert_eq!(retried.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn commands_are_rate_limited() {
    let site = Site::new().await;
    site.add_server("web").await;
    let root = site.admin().await;
    let mut last = StatusCode::SEE_OTHER;
    let mut count = 0;

    while last == StatusCode::SEE_OTHER && count < 1000 {
        last = submit(&root, "web", "sync", "").await;
        count += 1;
    }

    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn pages_of_admins_do_not_exist_for_others() {
    let site = Site::new().await;
    site.add_server("web").await;
    site.add_user(
        "anna",
        grant(
            "*",
            &["view", "console", "power", "reset", "create", "kill"],
        ),
    )
    .await;
    let (root, anna) = (site.admin().await, site.log_in("anna").await);

    for path in ["/users", "/users/anna", "/audit"] {
        assert_eq!(root.get(path).await.status, StatusCode::OK, "{path}");
        assert_eq!(anna.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/users", "/users/anna", "/sync"] {
        let form = [("name", "eve"), ("do", "save"), ("admin", "yes")];
        assert_eq!(
            anna.post(path, &form).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(root.post("/sync", &[]).await.location(), "/");
    assert_eq!(site.queued().await, ["root sync *"]);
}

#[tokio::test]
async fn buttons_without_effect_are_disabled() {
    let site = Site::new().await;
    let running = Patch::new().status("running");
    site.store.set("web", running).await.unwrap();
    let root = site.admin().await;

    let page = root.get("/servers/web").await.text;

    let button = |verb: &str| {
        let (_, rest) = page.split_once(&format!("value=\"{verb}\"")).unwrap();
        rest.split('>').next().unwrap().to_owned()
    };
    assert!(button("start").contains("disabled"));
    assert!(!button("stop").contains("disabled"));
}
