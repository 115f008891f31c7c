//! Limits of guesses, refusals, connections and streams.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use hcc_store::AuditEntry;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::site::{Database, PASSWORD, Site, send};

const DEADLINE: Duration = Duration::from_secs(30);

/// A site behind a proxy on this machine.
async fn behind_proxy() -> Site {
    Site::with(|settings| settings.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]).await
}

/// Logs in from an address, with the cookies of a browser.
async fn log_in(site: &Site, from: &str, password: &str, cookies: &str) -> reqwest::Response {
    let form = [("name", "anna"), ("password", password)];
    let request = site.anonymous().request(Method::POST, "/login");
    let request = request.header("x-forwarded-for", from).form(&form);
    request.header(COOKIE, cookies).send().await.unwrap()
}

#[tokio::test]
async fn guesses_from_one_address_do_not_lock_the_owner_out() {
    let site = behind_proxy().await;
    site.add_user("anna", json!(null)).await;

    let mut last = StatusCode::OK;
    for _ in 0..11 {
        last = log_in(&site, "192.0.2.1", "a wrong one", "").await.status();
    }

    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let owner = log_in(&site, "192.0.2.2", PASSWORD, "").await;
    assert_eq!(owner.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn guesses_from_everywhere_do_not_lock_out_browsers_of_the_owner() {
    let site = behind_proxy().await;
    site.add_user("anna", json!(null)).await;
    let first = log_in(&site, "192.0.2.2", PASSWORD, "").await;
    let cookies = first.headers().get_all(SET_COOKIE).iter();
    let cookies: Vec<_> = cookies.map(|cookie| cookie.to_str().unwrap()).collect();
    let device = cookies
        .iter()
        .find(|cookie| cookie.starts_with("hcc-device="));
    let device = device.unwrap();
    assert!(device.contains("HttpOnly") && device.contains("SameSite=Lax"));
    let device = device.split(';').next().unwrap();

    let mut guesses = tokio::task::JoinSet::new();
    let site = std::sync::Arc::new(site);
    for network in 0..102 {
        let site = site.clone();
        let from = format!("198.51.100.{network}");
        guesses.spawn(async move { log_in(&site, &from, "a wrong one", "").await.status() });
    }
    let statuses = guesses.join_all().await;

    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS));
    let elsewhere = log_in(&site, "192.0.2.2", PASSWORD, "").await;
    assert_eq!(elsewhere.status(), StatusCode::TOO_MANY_REQUESTS);
    let here = log_in(&site, "192.0.2.2", PASSWORD, device).await;
    assert_eq!(here.status(), StatusCode::SEE_OTHER);
    let mut wrong = StatusCode::OK;
    for _ in 0..11 {
        wrong = log_in(&site, "192.0.2.2", "a wrong one", device)
            .await
            .status();
    }
    assert_eq!(
        wrong,
        StatusCode::TOO_MANY_REQUESTS,
        "the cookie allows no guessing"
    );
}

#[tokio::test]
async fn guesses_do_not_keep_a_user_from_changing_the_password() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    let anna = site.log_in("anna").await;
    for _ in 0..11 {
        site.anonymous().log_in("anna", "a wrong one").await;
    }

    let form = [("old", PASSWORD), ("new", "another good one")];
    let changed = anna.post("/account", &form).await;

    assert_eq!(changed.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn limits_hold_over_all_processes_with_one_database() {
    let directory = tempfile::tempdir().unwrap();
    let url = |file| format!("sqlite:{}/{file}", directory.path().display());
    let site = async || {
        let database = Database::open(&url("hcc.db"), &url("queue.db")).await;
        Site::of(database, |_| {}).await
    };
    let (one, other) = (site().await, site().await);
    one.add_user("anna", json!(null)).await;

    let mut last = StatusCode::OK;
    for number in 0..11 {
        let site = if number % 2 == 0 { &one } else { &other };
        last = site
            .anonymous()
            .log_in("anna", "a wrong one")
            .await
            .status();
    }

    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn refusals_do_not_flood_the_audit_trail() {
    let site = Site::new().await;
    site.add_server("web").await;
    let view = json!({ "grants": [{ "servers": "web", "may": ["view"] }] });
    site.add_user("anna", view).await;
    let anna = site.log_in("anna").await;

    for _ in 0..30 {
        let refused = anna.post("/servers/web", &[("verb", "stop")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }

    let audit = site.audit().await;
    let refusals = audit.iter().filter(|entry| entry.contains("not_permitted"));
    assert_eq!(refusals.count(), 20);
}

#[tokio::test]
async fn administrators_set_how_long_the_audit_trail_is_kept() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    let old = AuditEntry {
        at: SystemTime::now() - Duration::from_hours(24 * 40),
        by: None,
        ip: None,
        what: "old".to_owned(),
        server: None,
        project: None,
        outcome: "ok".to_owned(),
    };
    site.accounts.append(&old).await.unwrap();
    let (root, anna) = (site.admin().await, site.log_in("anna").await);

    let refused = anna.post("/audit", &[("days", "1")]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    for days in ["0", "-1", "x", "36501", "1.5"] {
        let invalid = root.post("/audit", &[("days", days)]).await;
        assert_eq!(invalid.status, StatusCode::UNPROCESSABLE_ENTITY, "{days}");
    }
    assert!(site.audit().await.contains(&" old ok".to_owned()));
    let set = root.post("/audit", &[("days", "30")]).await;
    assert_eq!(set.location(), "/audit");

    let audit = site.audit().await;
    assert!(!audit.contains(&" old ok".to_owned()), "{audit:?}");
    assert!(
        audit.contains(&"root keep the audit trail 30 days asked".to_owned()),
        "{audit:?}"
    );
    assert!(root.get("/audit").await.text.contains("value=\"30\""));
}

#[tokio::test]
async fn half_sent_requests_do_not_make_the_site_unreachable() {
    let site = Site::with(|settings| {
        settings.max_connections = 400;
        settings.head_timeout = Duration::from_secs(2);
    })
    .await;
    let address: SocketAddr = site
        .origin
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let mut slow = Vec::new();
    for _ in 0..500 {
        let mut connection = TcpStream::connect(address).await.unwrap();
        // The server may have closed it already.
        let _ = connection.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await;
        slow.push(connection);
    }

    let served = async {
        while let Err(error) = reqwest::get(format!("{}/login", site.origin)).await {
            assert!(error.is_connect() || error.is_request(), "{error}");
        }
    };
    timeout(DEADLINE, served).await.unwrap();
    for mut connection in slow {
        // Each was closed at once or after the time limit.
        let mut response = Vec::new();
        let closed = timeout(DEADLINE, connection.read_to_end(&mut response));
        let _ = closed.await.unwrap();
    }
}

#[tokio::test]
async fn http2_without_tls_is_refused() {
    let site = Site::new().await;
    let address = site.origin.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();

    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    connection.write_all(preface).await.unwrap();
    let mut response = Vec::new();
    let closed = timeout(DEADLINE, connection.read_to_end(&mut response));

    let _ = closed.await.unwrap();
    let response = String::from_utf8_lossy(&response);
    assert!(
        response.is_empty() || response.starts_with("HTTP/1.1 4"),
        "{response}"
    );
}

#[tokio::test]
async fn one_user_cannot_take_all_streams() {
    let site = Site::with(|settings| settings.max_streams_of_user = 2).await;
    site.add_user("anna", json!(null)).await;
    let (root, anna) = (site.admin().await, site.log_in("anna").await);
    let open = async |client: &crate::site::TestClient| {
        client.request(Method::GET, "/events").send().await.unwrap()
    };

    let held = [open(&anna).await, open(&anna).await];
    let refused = open(&anna).await;

    assert_eq!(held.map(|it| it.status()), [StatusCode::OK; 2]);
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(open(&root).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn names_that_no_file_has_are_not_found() {
    let site = Site::new().await;
    for path in [
        format!("/screen/{}", "x".repeat(300)),
        "/screen/%00".to_owned(),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let response = send(site.anonymous().request(method, &path)).await;
            assert_eq!(response.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
