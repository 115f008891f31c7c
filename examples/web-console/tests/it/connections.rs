//! The web console connects to its database and to nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use hcloud_sim::Sim;
use reqwest::{Method, StatusCode};
use tempfile::TempDir;
#[cfg(feature = "mongodb")]
use test_services::ReplicaSet;
use test_services::{Program, wait_until};

use crate::installation::{WEB_CONSOLE, add_admin};
use crate::site::{PASSWORD, TestClient};

#[tokio::test]
#[ignore = "needs strace"]
async fn process_with_sqlite_opens_no_connection() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}/hcc.db", directory.path().display());

    assert_eq!(connections(&store, &directory).await, BTreeSet::new());
}

#[tokio::test]
#[cfg(feature = "mongodb")]
#[ignore = "needs strace and MongoDB"]
async fn process_with_mongodb_connects_to_its_database_only() {
    let directory = tempfile::tempdir().unwrap();
    let set = ReplicaSet::start().await;

    let connected = connections(&set.fresh_url(), &directory).await;

    assert_eq!(connected, BTreeSet::from([ReplicaSet::PORT]));
}

/// The ports that the program connects to in use, with a token and an API in its
/// environment.
async fn connections(store: &str, directory: &TempDir) -> BTreeSet<u16> {
    let sim = Sim::builder()
        .server("web-1", &[("managed", "1")])
        .start()
        .await
        .unwrap();
    add_admin(store);
    let trace = directory.path().join("trace");
    let mut program = Program::start(
        Command::new("strace")
            // Runs the tracer as a grandchild, so that signals reach the program.
            .args(["-D", "-f", "-e", "trace=execve,accept4,connect", "-o"])
            .arg(&trace)
            .args([WEB_CONSOLE, "--listen", "127.0.0.1:0", "--store", store])
            .env("HCLOUD_TOKEN", sim.token())
            .env("HCLOUD_ENDPOINT", sim.endpoint()),
    );
    let origin = program.wait_for_line(|line| line.starts_with("http://").then(|| line.to_owned()));

    use_everything(&origin).await;
    program.stop();
    wait_until(async || is_complete(&trace), true).await;

    assert!(sim.requests().is_empty(), "it sent requests to the API");
    let trace = fs::read_to_string(trace).unwrap();
    // If the trace shows incoming connections, it shows outgoing ones too.
    assert!(trace.contains("accept4("), "{trace}");
    ports(&trace)
}

/// Whether a trace, which begins with the start of the program, contains its end.
fn is_complete(trace: &Path) -> bool {
    let trace = fs::read_to_string(trace).unwrap();
    // Short process ids are padded with spaces.
    let mut lines = trace.lines().filter_map(|line| line.split_once(' '));
    let Some((process, _)) = lines.next() else {
        return false;
    };
    lines.any(|(other, what)| other == process && what.trim_start().starts_with("+++"))
}

/// Opens every page and submits every form.
async fn use_everything(origin: &str) {
    let mut root = TestClient::of(origin);
    assert_eq!(
        root.log_in("root", PASSWORD).await.status(),
        StatusCode::SEE_OTHER
    );
    let form = [
        ("name", "web-2"),
        ("type", ""),
        ("image", ""),
        ("location", ""),
        ("ssh_keys", ""),
        ("user_data", ""),
    ];
    assert_eq!(root.post("/new", &form).await.location(), "/");
    assert_eq!(root.post("/sync", &[]).await.location(), "/");
    for path in ["/", "/new", "/users", "/audit", "/account"] {
        assert_eq!(root.get(path).await.status, StatusCode::OK, "{path}");
    }
    let stream = root.request(Method::GET, "/events").send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
}

/// The ports of the internet addresses in a trace.
fn ports(trace: &str) -> BTreeSet<u16> {
    let connects = trace
        .lines()
        .filter(|line| line.contains("connect(") && line.contains("sa_family=AF_INET"));
    let port = |line: &str| {
        let (_, rest) = line.split_once("port=htons(")?;
        rest.split(')').next()?.parse().ok()
    };
    connects
        .map(|line| port(line).unwrap_or_else(|| panic!("{line}")))
        .collect()
}
