//! The example programs of `hcloud-api`.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use reqwest::Method;
use serde_json::json;

use crate::client::Client;
use crate::simulator::Simulator;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlH8pQn2uHsqCVXBrtMgLhOa9nMm6vOPoIHpyrsSoN0 test";
const LABEL: [&str; 2] = ["--label", "env=test"];

impl Simulator {
    /// Runs an example, which must succeed, and returns its output.
    fn example(&self, name: &str, args: &[&str]) -> String {
        self.example_with_input(name, args, "")
    }

    /// Runs an example with standard input.
    fn example_with_input(&self, name: &str, args: &[&str], input: &str) -> String {
        let programs = Path::new(env!("CARGO_BIN_EXE_hcloud-sim")).parent();
        let program = programs.unwrap().join("examples").join(name);
        let mut process = self
            .command(program.to_str().unwrap())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("built examples of hcloud-api");
        let mut stdin = process.stdin.take().unwrap();
        // The example may have ended without reading its input.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = process.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
#[ignore = "needs the examples of hcloud-api"]
fn cheapest_types_are_listed() {
    let simulator = Simulator::start(&[]);

    let types = simulator.example("cheapest_types", &[]);

    assert!(types.contains("cx23"), "{types}");
}

#[tokio::test]
#[ignore = "needs the examples of hcloud-api"]
async fn server_is_created_and_its_console_requested() {
    let simulator = Simulator::start(&["--servers", "0"]);
    let key = json!({ "name": "laptop", "public_key": KEY });
    Client::to(&simulator)
        .send(Method::POST, "/ssh_keys", Some(&key))
        .await;

    let created = simulator.example("create_server", &["web1", "laptop"]);
    assert!(created.starts_with("ssh root@"), "{created}");

    let console = simulator.example("console", &["web1"]);
    assert!(console.contains("ws://127.0.0.1:"), "{console}");
}

#[test]
#[ignore = "needs the examples of hcloud-api"]
fn oldest_snapshot_is_replaced_by_a_new_one() {
    let simulator = Simulator::start(&["--servers", "1"]);

    let first = simulator.example("snapshot_rotate", &["server-1", "1"]);
    assert!(!first.contains("deleted"), "{first}");

    let second = simulator.example("snapshot_rotate", &["server-1", "1"]);
    assert!(second.contains("deleted snapshot"), "{second}");
}

#[test]
#[ignore = "needs the examples of hcloud-api"]
fn firewall_is_created_and_its_rules_are_replaced() {
    let simulator = Simulator::start(&LABEL);
    let firewall = ["around", "env=test"];

    simulator.example_with_input("firewall", &firewall, "tcp 22 0.0.0.0/0\nicmp - ::/0\n");
    simulator.example_with_input("firewall", &firewall, "tcp 443 0.0.0.0/0 ::/0\n");
}

#[test]
#[ignore = "needs the examples of hcloud-api"]
fn load_balancer_waits_until_its_targets_are_healthy() {
    let simulator = Simulator::start(&LABEL);

    let health = simulator.example("load_balancer", &["front", "env=test"]);

    assert_eq!(health.matches(": healthy").count(), 3, "{health}");
}

#[test]
#[ignore = "needs the examples of hcloud-api"]
fn price_of_the_project_is_printed() {
    let simulator = Simulator::start(&LABEL);
    simulator.example("load_balancer", &["front", "env=test"]);

    let price = simulator.example("project_price", &[]);

    let row = |name: &str| {
        let mut rows = price.lines().filter_map(|row| row.strip_prefix(name));
        rows.next().unwrap().trim().to_owned()
    };
    assert_eq!(row("servers"), "10.47 EUR", "{price}");
    assert_eq!(row("load balancers"), "5.39 EUR", "{price}");
}

#[tokio::test]
#[ignore = "needs the examples of hcloud-api"]
async fn dns_record_is_set() {
    let simulator = Simulator::start(&[]);
    let zone = json!({ "name": "example.com", "mode": "primary" });
    Client::to(&simulator)
        .send(Method::POST, "/zones", Some(&zone))
        .await;
    let update = |address| simulator.example("dns_update", &["example.com", "home", address]);

    assert_eq!(update("192.0.2.1"), "home/A is now 192.0.2.1\n");
    assert_eq!(update("192.0.2.2"), "home/A is now 192.0.2.2\n");
    assert_eq!(update("192.0.2.2"), "home/A is already 192.0.2.2\n");
}

#[test]
#[ignore = "needs the examples of hcloud-api"]
fn actions_are_watched_until_they_end() {
    let simulator = Simulator::start(&["--servers", "1"]);

    simulator.example("watch_actions", &[]);
}

#[test]
#[ignore = "needs the examples of hcloud-api"]
fn labeled_resources_are_deleted() {
    let simulator = Simulator::start(&LABEL);

    let found = simulator.example("clean_up", &["env=test"]);
    assert_eq!(found.lines().count(), 4, "{found}");

    simulator.example("clean_up", &["env=test", "--yes"]);
    let found = simulator.example("clean_up", &["env=test"]);
    assert_eq!(found, "dry run; pass --yes to delete\n");
}
