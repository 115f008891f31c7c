//! Managing users.

use std::io::Write;
use std::process::{Command, Stdio};

use hcc_store::SecondFactor;
use reqwest::StatusCode;
use serde_json::json;

use crate::installation::WEB_CONSOLE;
use crate::site::{Database, PASSWORD, Site};

#[tokio::test]
async fn new_user_gets_a_password_that_is_shown_once() {
    let site = Site::new().await;
    let root = site.admin().await;

    let page = root.post("/users", &[("name", "anna")]).await;

    let (_, rest) = page
        .text
        .split_once("The password is <strong class=\"number\">")
        .unwrap();
    let password = rest.split('<').next().unwrap();
    let response = site.anonymous().log_in("anna", password).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert!(!root.get("/users/anna").await.text.contains(password));
    assert!(
        site.audit()
            .await
            .contains(&"root add user anna asked".to_owned())
    );
}

#[tokio::test]
async fn user_names_are_unique_and_valid() {
    let site = Site::new().await;
    let root = site.admin().await;

    root.post("/users", &[("name", "anna")]).await;

    let long = "a".repeat(65);
    for name in ["anna", "", "a b", "<script>", ".", "..", &long] {
        let response = root.post("/users", &[("name", name)]).await;
        assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
}

#[tokio::test]
async fn permissions_that_an_admin_saves_take_effect() {
    let site = Site::new().await;
    site.add_server("web-1").await;
    site.add_server("db-1").await;
    site.add_user("anna", json!(null)).await;
    let root = site.admin().await;
    let anna = site.log_in("anna").await;
    assert_eq!(
        anna.get("/servers/web-1").await.status,
        StatusCode::NOT_FOUND
    );

    let form = [("do", "save"), ("rights", "web-*: power"), ("waiting", "5")];
    assert_eq!(root.post("/users/anna", &form).await.location(), "/users");

    assert_eq!(anna.get("/servers/web-1").await.status, StatusCode::OK);
    assert_eq!(
        anna.get("/servers/db-1").await.status,
        StatusCode::NOT_FOUND
    );
    let page = root.get("/users/anna").await.text;
    assert!(
        page.contains("web-*: power") && page.contains("value=\"5\""),
        "{page}"
    );
}

#[tokio::test]
async fn invalid_permissions_change_nothing() {
    let site = Site::new().await;
    site.add_user("anna", json!({ "admin": true })).await;
    let root = site.admin().await;

    for (grants, waiting) in [("web-*", ""), ("web-*: fly", ""), ("web-*: view", "many")] {
        let form = [("do", "save"), ("rights", grants), ("waiting", waiting)];
        let response = root.post("/users/anna", &form).await;
        assert_eq!(
            response.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{grants}"
        );
    }

    let anna = site.accounts.user("anna").await.unwrap().unwrap();
    assert_eq!(anna.rights, json!({ "admin": true }));
}

#[tokio::test]
async fn malformed_permissions_grant_nothing() {
    let site = Site::new().await;
    site.add_server("web").await;
    site.add_user("anna", json!({ "root": true })).await;
    let anna = site.log_in("anna").await;

    assert!(!anna.get("/").await.text.contains("web"));
    assert_eq!(anna.get("/servers/web").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn removed_user_loses_the_session_at_once() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    let root = site.admin().await;
    let anna = site.log_in("anna").await;

    let unconfirmed = root
        .post("/users/anna", &[("do", "remove"), ("sure", "")])
        .await;
    assert_eq!(unconfirmed.status, StatusCode::UNPROCESSABLE_ENTITY);
    let removed = root
        .post("/users/anna", &[("do", "remove"), ("sure", "anna")])
        .await;

    assert_eq!(removed.location(), "/users");
    assert_eq!(anna.get("/").await.location(), "/login");
}

#[tokio::test]
async fn password_reset_ends_all_sessions_of_the_user() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    let root = site.admin().await;
    let anna = site.log_in("anna").await;

    root.post("/users/anna", &[("do", "password")]).await;

    assert_eq!(anna.get("/").await.location(), "/login");
    let response = site.anonymous().log_in("anna", PASSWORD).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn admins_cannot_change_their_own_account() {
    let site = Site::new().await;
    let root = site.admin().await;

    for form in [
        [("do", "save"), ("sure", "")],
        [("do", "remove"), ("sure", "root")],
    ] {
        let response = root.post("/users/root", &form).await;
        assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(root.get("/users").await.status, StatusCode::OK);
}

#[tokio::test]
async fn audit_trail_is_filtered_by_user_and_server_and_paged() {
    let site = Site::new().await;
    site.add_server("web").await;
    site.add_user("anna", json!({ "admin": true })).await;
    let (root, anna) = (site.admin().await, site.log_in("anna").await);
    anna.post("/servers/web", &[("verb", "start")]).await;
    for _ in 0..100 {
        let mut anonymous = site.anonymous();
        anonymous.log_in("anna", PASSWORD).await;
    }

    let rows = |page: String| page.matches("<tr>").count() - 1;
    assert_eq!(rows(root.get("/audit").await.text), 100);
    assert_eq!(rows(root.get("/audit?server=web").await.text), 1);
    assert_eq!(rows(root.get("/audit?by=root").await.text), 1);
    let page = root.get("/audit?by=anna").await.text;
    let (_, link) = page.split_once("href=\"/audit?").unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    assert_eq!(rows(root.get(&format!("/audit?{link}")).await.text), 2);
}

/// Runs `web-console user` with a password on standard input.
fn user(store: &str, args: &[&str], password: &str) -> (bool, String) {
    let mut run = Command::new(WEB_CONSOLE)
        .arg("user")
        .args(args)
        .args(["--store", store])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = run.stdin.take().unwrap();
    // Verbs without a password do not read it.
    let _ = writeln!(stdin, "{password}");
    drop(stdin);
    let run = run.wait_with_output().unwrap();
    let text = [run.stdout, run.stderr].concat();
    (run.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn users_are_managed_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let url = |file| format!("sqlite:{}/{file}", directory.path().display());
    let store = url("hcc.db");
    let run = |args: &[&str]| {
        let (success, text) = user(&store, args, PASSWORD);
        assert!(success, "{args:?}: {text}");
        text
    };

    run(&["add", "anna"]);
    run(&["add", "root", "--admin"]);
    run(&[
        "grant",
        "anna",
        "web-*: console power",
        "label env=test: view",
    ]);
    let list = run(&["list"]);
    assert_eq!(
        list,
        "anna  web-*: console power; label env=test: view\nroot  admin\n"
    );

    let database = Database::open(&store, &url("queue.db")).await;
    let site = Site::of(database, |_| {}).await;
    site.add_server("web-1").await;
    let anna = site.log_in("anna").await;
    assert_eq!(anna.get("/servers/web-1").await.status, StatusCode::OK);
    assert!(run(&["sessions", "anna"]).starts_with("since 20"));
    run(&["sessions", "anna", "--end"]);
    assert_eq!(run(&["sessions", "anna"]), "");
    assert_eq!(anna.get("/").await.location(), "/login");
    run(&["passwd", "anna"]);
    run(&["disable", "anna"]);
    let refused = site.anonymous().log_in("anna", PASSWORD).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    run(&["enable", "anna"]);
    let anna = site.log_in("anna").await;
    let mut user = site.accounts.user("anna").await.unwrap().unwrap();
    user.second_factor = Some(SecondFactor {
        secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into(),
        recovery: Vec::new(),
    });
    assert!(site.accounts.put_user(&user).await.unwrap());
    let form = [("name", "anna"), ("password", PASSWORD)];
    let asked = site.anonymous().post_raw("/login", &form).await;
    assert_eq!(asked.location(), "/login/code");
    run(&["reset-second-factor", "anna"]);
    assert_eq!(anna.get("/").await.location(), "/login");
    site.log_in("anna").await;
    let audit = site.audit().await;
    let entry = " reset second factor of anna on the command line".to_owned();
    assert!(audit.contains(&entry), "{audit:?}");
    run(&["remove", "anna"]);
    assert_eq!(run(&["list"]), "root  admin\n");
}

#[test]
fn invalid_users_are_refused_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}/hcc.db", directory.path().display());

    for (args, password, reason) in [
        (&["add", ".."][..], PASSWORD, "Names have 1 to 64"),
        (&["add", "an na"], PASSWORD, "Names have 1 to 64"),
        (&["add", "anna"], "short", "Passwords have 10 to 1024"),
        (
            &["grant", "anna", "web: view"],
            "",
            "user \"anna\" not found",
        ),
        (&["passwd", "anna"], PASSWORD, "user \"anna\" not found"),
        (&["remove", "anna"], "", "user \"anna\" not found"),
        (&["sessions", "anna"], "", "user \"anna\" not found"),
    ] {
        let (success, text) = user(&store, args, password);
        assert!(!success && text.contains(reason), "{args:?}: {text}");
    }
}
