//! The example programs of `hcloud-api`.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use axum::Router;
use axum::routing::get;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

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

#[tokio::test]
#[ignore = "needs the examples of hcloud-api"]
async fn acme_records_are_set_and_removed_next_to_others() {
    let simulator = Simulator::start(&["--servers", "0"]);
    let client = Client::to(&simulator);
    let zone = json!({ "name": "example.com", "mode": "primary" });
    client.send(Method::POST, "/zones", Some(&zone)).await;
    let acme = |arguments: &[&str]| simulator.example("acme_dns", arguments);

    acme(&["add", "example.com", "one"]);
    acme(&["add", "*.example.com", "other"]);
    let again = acme(&["add", "example.com", "one"]);
    assert_eq!(again, "nothing to do for example.com\n");
    acme(&["remove", "example.com", "one"]);

    let path = "/zones/example.com/rrsets/_acme-challenge/TXT";
    let rrset: Value = client
        .send(Method::GET, path, None)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(rrset["rrset"]["records"][0]["value"], "\"other\"");
    assert_eq!(rrset["rrset"]["records"].as_array().unwrap().len(), 1);
}

#[test]
#[ignore = "needs the examples of hcloud-api"]
fn server_is_resized_and_runs_again() {
    let simulator = Simulator::start(&["--servers", "1"]);

    let resized = simulator.example("resize_server", &["server-1", "cx33"]);

    assert_eq!(resized, "server-1 is running as cx33\n");
}

#[test]
#[ignore = "needs the examples of hcloud-api"]
fn volume_is_created_and_enlarged() {
    let simulator = Simulator::start(&["--servers", "1"]);
    let volume = |size| simulator.example("volume", &["data", "server-1", size]);

    let created = volume("10");
    assert!(
        created.starts_with("created data\n/dev/disk/by-id/"),
        "{created}"
    );
    let enlarged = volume("20");
    assert!(enlarged.starts_with("enlarged data;"), "{enlarged}");
    assert!(volume("20").starts_with("/dev/disk/by-id/"));
}

#[tokio::test]
#[ignore = "needs the examples of hcloud-api"]
async fn unused_resources_are_listed_with_their_prices() {
    let simulator = Simulator::start(&["--servers", "1"]);
    let client = Client::to(&simulator);
    assert_eq!(
        simulator.example("orphans", &[]),
        "0.00 EUR a month without VAT\n"
    );
    let volume = json!({ "name": "forgotten", "size": 100, "location": "fsn1" });
    client.send(Method::POST, "/volumes", Some(&volume)).await;

    let orphans = simulator.example("orphans", &[]);

    assert!(orphans.starts_with("volume         forgotten"), "{orphans}");
    assert_eq!(orphans.lines().count(), 2, "{orphans}");
    assert!(!orphans.contains(" 0.00 "), "{orphans}");
}

#[tokio::test]
#[ignore = "needs the examples of hcloud-api"]
async fn server_boots_into_the_rescue_system() {
    let simulator = Simulator::start(&["--servers", "1"]);
    let client = Client::to(&simulator);
    let key = json!({ "name": "laptop", "public_key": KEY });
    client.send(Method::POST, "/ssh_keys", Some(&key)).await;

    let rescue = simulator.example("rescue", &["server-1", "laptop"]);

    assert!(rescue.starts_with("ssh root@"), "{rescue}");
    let actions = client
        .send(Method::GET, "/servers/actions?sort=id:asc", None)
        .await;
    let actions: Value = actions.json().await.unwrap();
    let actions = actions["actions"].as_array().unwrap();
    let commands: Vec<_> = actions.iter().map(|action| &action["command"]).collect();
    assert!(
        commands.ends_with(&[&json!("enable_rescue"), &json!("reset_server")]),
        "{commands:?}"
    );
}

/// The simulator has no metadata service, which is no part of the API.
#[tokio::test]
#[ignore = "needs the examples of hcloud-api"]
async fn metadata_is_printed_without_user_data() {
    let documents = [
        ("/v1/metadata/instance-id", "42"),
        ("/v1/metadata/hostname", "web1"),
        ("/v1/metadata/availability-zone", "hel1-dc2"),
        ("/v1/metadata/region", "eu-central"),
        ("/v1/metadata/public-ipv4", "203.0.113.7"),
        (
            "/v1/metadata/private-networks",
            "- ip: 10.0.0.2\n  network_name: inner\n",
        ),
        ("/v1/userdata", "#cloud-config\npassword: CanaryPassword\n"),
    ];
    let router = documents
        .iter()
        .fold(Router::new(), |router, (path, document)| {
            router.route(path, get(move || async move { *document }))
        });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/metadata", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let simulator = Simulator::start(&["--servers", "0"]);

    let run = move || simulator.example("metadata", &[&endpoint]);
    let printed = tokio::task::spawn_blocking(run).await.unwrap();

    assert_eq!(
        printed,
        "server 42: web1\nzone hel1-dc2, eu-central\npublic address 203.0.113.7\n\
         address 10.0.0.2 in network inner\nuser data: yes\n"
    );
}

#[test]
#[ignore = "needs the examples of hcloud-api"]
fn live_check_finds_nothing_in_a_simulated_project() {
    let simulator = Simulator::start(&["--servers", "2"]);

    let report = simulator.example("live_check", &[]);

    assert!(report.ends_with("; 0 differences\n"), "{report}");
    assert!(!report.contains("server-1"), "{report}");
}
