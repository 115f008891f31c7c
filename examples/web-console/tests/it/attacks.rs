//! Attacks that must fail.

use hcc_store::{Patch, Schedules, StoreExt};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::site::{Site, client, send};

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
        let response = send(bare().header(name, value)).await;
        assert_eq!(response.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    assert_eq!(site.queued().await, [""; 0]);

    let request = client().post(format!("{}/servers/web", site.origin));
    let request = request.header("cookie", root.cookie.as_ref().unwrap());
    let response = send(request.header("origin", &site.origin).form(&form)).await;
    assert_eq!(response.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn form_without_the_csrf_token_of_its_session_is_refused() {
    let site = Site::new().await;
    site.add_server("web").await;
    site.add_user("anna", json!({ "admin": true })).await;
    let (root, anna) = (site.admin().await, site.log_in("anna").await);

    for path in ["/servers/web", "/servers/web/schedules"] {
        for token in [None, Some(""), Some(&*anna.csrf)] {
            let mut fields = vec![("verb", "start"), ("at", "20:00")];
            fields.extend(token.map(|token| ("csrf", token)));
            let response = root.post_raw(path, &fields).await;
            assert!(response.status.is_client_error(), "{fields:?}");
        }
    }
    assert_eq!(site.queued().await, [""; 0]);
    assert_eq!(site.store.schedules(Schedules::All).await.unwrap(), []);
}

#[tokio::test]
async fn get_requests_change_nothing() {
    let site = Site::new().await;
    site.add_server("web").await;
    let root = site.admin().await;
    let before = site.audit().await;

    for path in [
        "/servers/web?verb=start",
        "/servers/web/schedules?verb=start&at=20:00",
        "/servers/web/screen",
        "/new?name=x",
        "/users?name=x",
        "/",
        "/audit",
        "/account",
    ] {
        assert_eq!(root.get(path).await.status, StatusCode::OK, "{path}");
    }
    for path in [
        "/logout",
        "/sync",
        "/commands/1",
        "/servers/web/schedules/1",
    ] {
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
async fn request_for_another_host_is_refused() {
    let site = Site::new().await;

    let request = site.anonymous().request(Method::GET, "/login");
    let response = send(request.header("host", "evil.example")).await;

    assert_eq!(response.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn files_outside_of_the_page_are_not_served() {
    let site = Site::new().await;
    let anonymous = site.anonymous();
    assert_eq!(anonymous.get("/screen/l.js").await.status, StatusCode::OK);

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

/// Sends a path verbatim: other clients normalize it.
async fn raw(host: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut connection = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn scripts_in_names_and_labels_are_escaped() {
    const SCRIPT: &str = "\"><script>alert(1)</script>";
    let site = Site::new().await;
    let labels = [("env".to_owned(), SCRIPT.to_owned())];
    for name in [SCRIPT, "web"] {
        let patch = Patch::new().labels(&labels.iter().cloned().collect());
        site.store.set(name, patch).await.unwrap();
    }
    let root = site.admin().await;
    let mut wrong = site.anonymous();
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
        "they are shown escaped"
    );
}

#[tokio::test]
async fn responses_carry_security_headers() {
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
        let response = root.get(path).await;
        let policy = response.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(
            response.header("x-content-type-options"),
            "nosniff",
            "{path}"
        );
        assert_eq!(response.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(
            response.header("cross-origin-opener-policy"),
            "same-origin",
            "{path}"
        );
        assert!(!response.header("cache-control").is_empty(), "{path}");
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
        let response = root.post(path, &[(field, long.as_str())]).await;
        assert!(
            response.status.is_client_error(),
            "{path}: {}",
            response.status
        );
    }
    let password = "x".repeat(2000);
    let response = root
        .post_raw("/login", &[("name", "root"), ("password", &password)])
        .await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut wide = site.anonymous();
    wide.cookie = Some(format!("hcc={}", "0".repeat(6000)));
    assert_eq!(wide.get("/").await.location(), "/login");
}

#[tokio::test]
async fn forwarded_address_of_an_untrusted_client_is_ignored() {
    let site = Site::new().await;

    let statuses = site.start_wrong_logins(40).join_all().await;
    assert!(
        statuses.contains(&StatusCode::TOO_MANY_REQUESTS),
        "{statuses:?}"
    );
}
