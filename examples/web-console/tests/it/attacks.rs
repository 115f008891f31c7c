//! What must not work.

use hcc_store::{Patch, StoreExt};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

use crate::site::{Site, answer, client};

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let site = Site::new().await;
    site.add_server("web").await;
    let root = site.admin().await;
    let form = [("verb", "start"), ("csrf", &root.csrf)];
    let bare = || {
        let request = client().post(format!("{}/servers/web", site.origin));
        request
            .header("cookie", root.cookie.as_ref().unwrap())
            .form(&form)
    };

    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("x-nothing", "at-all"),
    ] {
        let answer = answer(bare().header(name, value)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    assert_eq!(site.queued().await, [""; 0]);

    let request = client().post(format!("{}/servers/web", site.origin));
    let request = request.header("cookie", root.cookie.as_ref().unwrap());
    let answer = answer(request.header("origin", &site.origin).form(&form)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn form_without_the_token_of_its_session_is_refused() {
    let site = Site::new().await;
    site.add_server("web").await;
    site.add_user("anna", json!({ "admin": true })).await;
    let (root, anna) = (site.admin().await, site.visitor("anna").await);

    for fields in [
        vec![("verb", "start")],
        vec![("verb", "start"), ("csrf", "")],
        vec![("verb", "start"), ("csrf", &anna.csrf)],
    ] {
        let answer = root.post_raw("/servers/web", &fields).await;
        assert!(answer.status.is_client_error(), "{fields:?}");
    }
    assert_eq!(site.queued().await, [""; 0]);
}

#[tokio::test]
async fn reading_changes_nothing() {
    let site = Site::new().await;
    site.add_server("web").await;
    let root = site.admin().await;
    let before = site.audit().await;

    for path in [
        "/servers/web?verb=start",
        "/servers/web/screen",
        "/new?name=x",
        "/users?name=x",
        "/",
        "/audit",
        "/account",
    ] {
        assert_eq!(root.get(path).await.status, StatusCode::OK, "{path}");
    }
    for path in ["/logout", "/sync", "/commands/1"] {
        assert_eq!(
            root.get(path).await.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{path}"
        );
    }
    assert_eq!(site.audit().await, before);
    assert_eq!(site.queued().await, [""; 0]);
}

#[tokio::test]
async fn page_by_another_name_is_refused() {
    let site = Site::new().await;

    let request = site.stranger().request(Method::GET, "/login");
    let answer = answer(request.header("host", "evil.example")).await;

    assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn files_outside_of_the_folder_are_out_of_reach() {
    let site = Site::new().await;
    let stranger = site.stranger();
    assert_eq!(stranger.get("/screen/l.js").await.status, StatusCode::OK);

    let host = site.origin.trim_start_matches("http://");
    for path in [
        "/screen/../Cargo.toml",
        "/screen/..%2fCargo.toml",
        "/screen/%2e%2e/Cargo.toml",
        "/screen/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "/screen//etc/passwd",
        "/screen/%2fetc%2fpasswd",
        "/screen/..%5c..%5cCargo.toml",
        "/screen/l.js%00.html",
        "/static/../../Cargo.toml",
        "/static/..%2f..%2fCargo.toml",
        "/static/login.html",
    ] {
        let text = raw(host, path).await;
        let status = text.split(' ').nth(1).unwrap_or_default();
        assert!(matches!(status, "404" | "400" | "405"), "{path}: {text}");
        assert!(
            !text.contains("[package]") && !text.contains("root:"),
            "{path}"
        );
    }
}

/// Sends a path as it stands: other clients would tidy it up.
async fn raw(host: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut connection = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn scripts_in_names_and_labels_are_text() {
    const SCRIPT: &str = "\"><script>alert(1)</script>";
    let site = Site::new().await;
    let labels = [("env".to_owned(), SCRIPT.to_owned())];
    for name in [SCRIPT, "web"] {
        let patch = Patch::new().labels(&labels.iter().cloned().collect());
        site.store.set(name, patch).await.unwrap();
    }
    let root = site.admin().await;
    let mut wrong = site.stranger();
    wrong.log_in(SCRIPT, "a wrong one").await;
    let command = hcc_queue::Command::new(SCRIPT, SCRIPT);
    site.queue.push(&command).await.unwrap();

    for path in [
        "/",
        "/servers/web",
        "/audit",
        "/new",
        "/servers/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    ] {
        let page = root.get(path).await;
        assert!(
            !page.text.contains("<script>alert"),
            "{path}: {}",
            page.text
        );
    }
    let login = root
        .post_raw("/login", &[("name", SCRIPT), ("password", "x")])
        .await;
    assert!(!login.text.contains("<script>alert"));
    assert!(
        root.get("/").await.text.contains("&#60;script&#62;alert"),
        "they are shown"
    );
}

#[tokio::test]
async fn answers_say_how_little_a_browser_may_do_with_them() {
    let site = Site::new().await;
    site.add_server("web").await;
    let root = site.admin().await;

    for path in [
        "/",
        "/login",
        "/servers/web",
        "/static/live.js",
        "/screen/l.js",
        "/nothing",
        "/servers.json",
    ] {
        let answer = root.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(
            answer.header("cross-origin-opener-policy"),
            "same-origin",
            "{path}"
        );
        assert!(!answer.header("cache-control").is_empty(), "{path}");
    }
    for path in ["/", "/servers/web", "/login", "/servers.json"] {
        assert_eq!(
            root.get(path).await.header("cache-control"),
            "no-store",
            "{path}"
        );
    }
}

#[tokio::test]
async fn oversized_requests_are_refused() {
    let site = Site::new().await;
    site.add_server("web").await;
    let root = site.admin().await;
    let long = "x".repeat(1 << 20);

    for (path, field) in [
        ("/login", "password"),
        ("/servers/web", "verb"),
        ("/new", "user_data"),
        ("/account", "new"),
    ] {
        let answer = root.post(path, &[(field, long.as_str())]).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
    }
    let password = "x".repeat(2000);
    let answer = root
        .post_raw("/login", &[("name", "root"), ("password", &password)])
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut wide = site.stranger();
    wide.cookie = Some(format!("hcc={}", "0".repeat(6000)));
    assert_eq!(wide.get("/").await.location(), "/login");
}

#[tokio::test]
async fn address_that_a_client_invents_is_not_believed() {
    let site = Site::new().await;
    let mut logins = JoinSet::new();

    for number in 0..40 {
        let login = [
            ("name", format!("user-{number}")),
            ("password", "a wrong one".to_owned()),
        ];
        let request = site.stranger().request(Method::POST, "/login");
        let request = request
            .header("x-forwarded-for", format!("192.0.2.{number}"))
            .form(&login);
        logins.spawn(async move { answer(request).await.status });
    }

    let statuses = logins.join_all().await;
    assert!(
        statuses.contains(&StatusCode::TOO_MANY_REQUESTS),
        "{statuses:?}"
    );
}
