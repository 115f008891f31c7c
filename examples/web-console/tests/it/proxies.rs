//! What reverse proxies say about clients.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

use hcc_store::AuditQuery;
use reqwest::{Method, StatusCode};
use serde_json::json;
use test_services::Program;

use crate::installation::{WEB_CONSOLE, add_admin};
use crate::site::{Site, send};

async fn behind_proxy() -> Site {
    let site = Site::with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1".parse().unwrap(), "10.0.0.9".parse().unwrap()];
        settings.user_header = Some("x-user".parse().unwrap());
    });
    let site = site.await;
    site.add_user("anna", json!(null)).await;
    site
}

/// Logs in with these headers, and returns the status and the address in the audit trail.
async fn log_in(site: &Site, headers: &[(&str, &[u8])]) -> (StatusCode, Option<String>) {
    let mut request = site.anonymous().request(Method::GET, "/login");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = send(request).await;
    let query = AuditQuery {
        limit: 1,
        ..AuditQuery::default()
    };
    let page = site.accounts.audit(&query).await.unwrap();
    let ip = page.entries.first().and_then(|entry| entry.ip);
    (response.status, ip.map(|ip| ip.to_string()))
}

#[tokio::test]
async fn address_of_the_client_is_what_the_last_untrusted_hop_sent() {
    for (headers, address) in [
        (&[("x-forwarded-for", &b"192.0.2.1"[..])][..], "192.0.2.1"),
        (&[("x-forwarded-for", b"192.0.2.1:4711")], "192.0.2.1"),
        (&[("x-forwarded-for", b"[2001:db8::1]:4711")], "2001:db8::1"),
        (
            &[("x-forwarded-for", b"evil\xff, 192.0.2.1, 10.0.0.9")],
            "192.0.2.1",
        ),
        (
            &[
                ("x-forwarded-for", b"203.0.113.1"),
                ("x-forwarded-for", b"192.0.2.1"),
            ],
            "192.0.2.1",
        ),
        (
            &[(
                "forwarded",
                b"for=203.0.113.1, for=\"[2001:db8::1]:80\";proto=https",
            )],
            "2001:db8::1",
        ),
        (&[], "127.0.0.1"),
    ] {
        let site = behind_proxy().await;
        let headers = [headers, &[("x-user", b"anna")]].concat();

        let (status, ip) = log_in(&site, &headers).await;

        assert_eq!(
            (status, ip.as_deref()),
            (StatusCode::SEE_OTHER, Some(address))
        );
    }
}

#[tokio::test]
async fn ambiguous_headers_of_proxies_are_refused() {
    for headers in [
        &[("x-forwarded-for", &b"192.0.2.1, "[..])][..],
        &[("x-forwarded-for", b"192.0.2.1, unknown")],
        &[("x-forwarded-for", b"192.0.2.1\xff")],
        &[("forwarded", b"for=_hidden")],
        &[("forwarded", b"proto=https")],
        &[
            ("x-forwarded-for", b"192.0.2.1"),
            ("forwarded", b"for=192.0.2.2"),
        ],
        &[("x-user", b"mallory")],
    ] {
        let site = behind_proxy().await;
        let headers = [headers, &[("x-user", b"anna")]].concat();

        let (status, ip) = log_in(&site, &headers).await;

        assert_eq!((status, ip), (StatusCode::BAD_REQUEST, None), "{headers:?}");
    }
}

#[tokio::test]
async fn proxy_on_a_unix_socket_is_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}/hcc.db", directory.path().display());
    add_admin(&store);
    let socket = directory.path().join("web.sock");
    let listen = format!("unix:{}", socket.display());
    let start = || {
        let mut command = Command::new(WEB_CONSOLE);
        command.args([
            "--listen",
            &listen,
            "--user-header",
            "x-user",
            "--store",
            &store,
        ]);
        command.args(["--origin", "https://console.example"]);
        let program = Program::start(&mut command);
        program.wait_for_line(|line| line.starts_with("https://").then_some(()));
        program
    };

    // A file that a killed process has left is replaced.
    drop(start());
    let mut program = start();
    let mut connection = UnixStream::connect(&socket).unwrap();
    let request = "GET /login HTTP/1.1\r\nHost: console.example\r\nX-User: root\r\n\
                   X-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    program.stop();

    assert!(response.starts_with("HTTP/1.1 303"), "{response}");
    assert!(
        response.contains("strict-transport-security: max-age=31536000"),
        "{response}"
    );
}
