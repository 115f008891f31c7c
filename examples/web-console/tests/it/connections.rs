//! Whom the process speaks to: its database, and nobody else.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use hcloud_sim::Sim;
use reqwest::{Method, StatusCode};
use tempfile::TempDir;

use crate::program::Program;
use crate::site::{PASSWORD, Visitor};

const WEB_CONSOLE: &str = env!("CARGO_BIN_EXE_web-console");

#[tokio::test]
#[ignore = "needs strace"]
async fn process_with_sqlite_connects_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}/hcc.db", folder.path().display());

    assert_eq!(connections(&store, &folder).await, BTreeSet::new());
}

/// The ports that the program connects to while people use it, with a token
/// and a Hetzner within its reach.
async fn connections(store: &str, folder: &TempDir) -> BTreeSet<u16> {
    let sim = Sim::builder()
        .server("web-1", &[("managed", "1")])
        .start()
        .await
        .unwrap();
    add_admin(store);
    let trace = folder.path().join("trace");
    let mut program = Program::start(
        Command::new("strace")
            .args(["-f", "-e", "trace=connect", "-o"])
            .arg(&trace)
            .args([WEB_CONSOLE, "--listen", "127.0.0.1:0", "--store", store])
            .env("HCLOUD_TOKEN", sim.token())
            .env("HCLOUD_ENDPOINT", sim.endpoint()),
    );
    let origin = program.hear(|line| line.starts_with("http://").then(|| line.to_owned()));

    use_it(&origin).await;
    program.end();

    assert!(sim.requests().is_empty(), "it asked Hetzner");
    ports(&trace)
}

fn add_admin(store: &str) {
    let mut add = Command::new(WEB_CONSOLE)
        .args(["user", "add", "root", "--admin", "--store", store])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = add.stdin.take().expect("it is piped");
    writeln!(stdin, "{PASSWORD}").unwrap();
    drop(stdin);
    assert!(add.wait().unwrap().success());
}

/// Goes everywhere and asks for everything.
async fn use_it(origin: &str) {
    let mut root = Visitor::of(origin);
    assert_eq!(
        root.log_in("root", PASSWORD).await.status(),
        StatusCode::SEE_OTHER
    );
    let order = [
        ("name", "web-2"),
        ("type", ""),
        ("image", ""),
        ("location", ""),
        ("ssh_keys", ""),
        ("user_data", ""),
    ];
    assert_eq!(root.post("/new", &order).await.location(), "/");
    assert_eq!(root.post("/sync", &[]).await.location(), "/");
    for path in ["/", "/new", "/users", "/audit", "/account"] {
        assert_eq!(root.get(path).await.status, StatusCode::OK, "{path}");
    }
    let stream = root.request(Method::GET, "/events").send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
}

/// The ports of the internet addresses that a trace tells of.
fn ports(trace: &Path) -> BTreeSet<u16> {
    let trace = fs::read_to_string(trace).unwrap();
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
