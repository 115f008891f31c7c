//! Debian's `hcloud`, a client of 2023.

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::simulator::{READ_ONLY_TOKEN, Simulator};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlH8pQn2uHsqCVXBrtMgLhOa9nMm6vOPoIHpyrsSoN0 test";
const CREATE: &str = "server create --type cx23 --image debian-13 --location nbg1";

impl Simulator {
    /// Runs `hcloud` with these arguments.
    fn hcloud(&self, args: &str) -> Output {
        self.command("hcloud")
            .args(["--poll-interval", "20ms"])
            .args(args.split(' '))
            .output()
            .expect("hcloud-cli is installed")
    }

    /// Runs `hcloud`, which must succeed, and returns its output.
    fn stdout(&self, args: &str) -> String {
        let output = self.hcloud(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "hcloud {args}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, args: &str) -> Value {
        serde_json::from_str(&self.stdout(&format!("{args} -o json"))).unwrap()
    }

    fn status(&self, server: &str) -> String {
        let server = self.json(&format!("server describe {server}"));
        server["status"].as_str().unwrap().to_owned()
    }

    /// Polls until a server has a status that no action reports.
    fn wait_for(&self, server: &str, status: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.status(server) != status {
            assert!(Instant::now() < deadline, "{server} is not {status}");
        }
    }

    /// Polls until there is no server; the client does not wait for the action of a deletion.
    fn wait_for_no_server(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.stdout("server list -o noheader").is_empty() {
            assert!(Instant::now() < deadline, "it is still listed");
        }
    }

    /// Runs `hcloud`, which must fail, and returns its error message.
    fn error(&self, args: &str) -> String {
        let output = self.hcloud(args);
        assert!(!output.status.success(), "hcloud {args}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
#[ignore = "needs Debian's hcloud-cli"]
fn all_pages_are_listed() {
    let simulator = Simulator::start(&["--servers", "130"]);

    let names = simulator.stdout("server list -o noheader -o columns=name");

    assert_eq!(names.lines().count(), 130);
}

#[test]
#[ignore = "needs Debian's hcloud-cli"]
fn catalog_is_listed() {
    let simulator = Simulator::start(&[]);

    let types = simulator.stdout("server-type list -o noheader -o columns=name,cores");
    assert!(
        types
            .lines()
            .any(|line| line.split_whitespace().eq(["cx23", "2"])),
        "{types}"
    );
    let locations = simulator.stdout("location list -o noheader -o columns=name,country");
    assert!(
        locations
            .lines()
            .any(|line| line.split_whitespace().eq(["hel1", "FI"])),
        "{locations}"
    );
    let images = simulator.stdout("image list -o noheader -o columns=name");
    assert!(
        images.lines().any(|line| line.trim() == "debian-13"),
        "{images}"
    );
    assert!(!simulator.json("iso list").as_array().unwrap().is_empty());
}

#[test]
#[ignore = "needs Debian's hcloud-cli"]
fn server_is_created_powered_and_deleted() {
    let simulator = Simulator::start(&["--servers", "0"]);

    let created = simulator.stdout(&format!("{CREATE} --name web1"));
    assert!(created.contains("Root password: "), "{created}");
    assert_eq!(simulator.status("web1"), "running");
    let address = simulator.stdout("server ip web1");
    assert_eq!(address.trim().split('.').count(), 4, "{address}");

    for (verb, status) in [
        ("poweroff", "off"),
        ("poweron", "running"),
        ("reboot", "running"),
        ("reset", "running"),
    ] {
        simulator.stdout(&format!("server {verb} web1"));
        assert_eq!(simulator.status("web1"), status, "{verb}");
    }
    simulator.stdout("server shutdown web1");
    simulator.wait_for("web1", "off");

    simulator.stdout("server delete web1");
    simulator.wait_for_no_server();
}

#[test]
#[ignore = "needs Debian's hcloud-cli"]
fn server_with_a_key_gets_no_root_password() {
    let simulator = Simulator::start(&["--servers", "0"]);
    let add = ["ssh-key", "create", "--name", "laptop", "--public-key", KEY];
    let added = simulator.command("hcloud").args(add).output().unwrap();
    assert!(added.status.success(), "{added:?}");

    let created = simulator.stdout(&format!("{CREATE} --name web1 --ssh-key laptop"));

    assert!(!created.contains("Root password"), "{created}");
}

#[test]
#[ignore = "needs Debian's hcloud-cli"]
fn labels_select_servers() {
    let simulator = Simulator::start(&["--servers", "0"]);
    simulator.stdout(&format!("{CREATE} --name web1 --label env=prod"));
    simulator.stdout(&format!("{CREATE} --name web2"));

    simulator.stdout("server add-label web2 env=test");
    assert_eq!(
        simulator
            .stdout("server list -o noheader -o columns=name -l env=test")
            .trim(),
        "web2"
    );
    assert_eq!(
        simulator
            .stdout("server list -o noheader -o columns=name -l env!=test")
            .trim(),
        "web1"
    );

    simulator.stdout("server remove-label web2 env");
    assert_eq!(
        simulator
            .stdout("server list -o noheader -o columns=name -l !env")
            .trim(),
        "web2"
    );
}

#[test]
#[ignore = "needs Debian's hcloud-cli"]
fn console_rescue_and_rebuild() {
    let simulator = Simulator::start(&["--servers", "0"]);
    simulator.stdout(&format!("{CREATE} --name web1"));

    let console = simulator.json("server request-console web1");
    assert!(
        console["WSSURL"]
            .as_str()
            .unwrap()
            .starts_with("ws://127.0.0.1:"),
        "{console}"
    );
    assert!(console["Password"].as_str().unwrap().len() >= 8);

    let rescue = simulator.stdout("server enable-rescue web1");
    assert!(
        rescue.contains("Rescue enabled") && rescue.contains("password"),
        "{rescue}"
    );
    assert_eq!(
        simulator.json("server describe web1")["rescue_enabled"],
        true
    );

    simulator.stdout("server rebuild web1 --image ubuntu-24.04");
    assert_eq!(
        simulator.json("server describe web1")["image"]["name"],
        "ubuntu-24.04"
    );
}

#[test]
#[ignore = "needs Debian's hcloud-cli"]
fn every_kind_of_resource_is_created_labelled_and_deleted() {
    let simulator = Simulator::start(&["--servers", "0"]);

    for (kind, create) in [
        ("firewall", ""),
        ("floating-ip", " --type ipv4 --home-location fsn1"),
        ("load-balancer", " --type lb11 --location fsn1"),
        ("network", " --ip-range 10.0.0.0/16"),
        ("placement-group", " --type spread"),
        ("volume", " --size 10 --location fsn1"),
    ] {
        simulator.stdout(&format!("{kind} create --name one{create}"));
        simulator.stdout(&format!("{kind} add-label one env=test"));
        let list = format!("{kind} list -o noheader -o columns=name -l env=test");
        assert_eq!(simulator.stdout(&list).trim(), "one", "{kind}");

        simulator.stdout(&format!("{kind} update one --name other"));
        assert_eq!(simulator.stdout(&list).trim(), "other", "{kind}");
        simulator.stdout(&format!("{kind} describe other"));

        simulator.stdout(&format!("{kind} delete other"));
        assert_eq!(simulator.stdout(&list), "", "{kind}");
    }
}

#[test]
#[ignore = "needs Debian's hcloud-cli"]
fn server_has_a_network_a_volume_a_firewall_and_a_load_balancer() {
    let simulator = Simulator::start(&["--servers", "1"]);

    for args in [
        "network create --name inside --ip-range 10.0.0.0/16",
        "network add-subnet inside --type cloud --network-zone eu-central --ip-range 10.0.1.0/24",
        "server attach-to-network server-1 --network inside",
        "volume create --name data --size 10 --server server-1",
        "volume resize data --size 20",
        "firewall create --name around",
        "firewall add-rule around --direction in --protocol tcp --port 22 --source-ips 0.0.0.0/0",
        "firewall apply-to-resource around --type server --server server-1",
        "load-balancer create --name front --type lb11 --location fsn1",
        "load-balancer add-service front --protocol http",
        "load-balancer add-target front --server server-1",
    ] {
        simulator.stdout(args);
    }

    let server = simulator.json("server describe server-1");
    assert_eq!(server["private_net"][0]["ip"], "10.0.1.2");
    assert_eq!(server["volumes"].as_array().unwrap().len(), 1);
    assert_eq!(
        server["public_net"]["firewalls"][0]["status"], "applied",
        "{server}"
    );
    let balancer = simulator.json("load-balancer describe front");
    assert_eq!(balancer["services"][0]["listen_port"], 80, "{balancer}");
}

#[test]
#[ignore = "needs Debian's hcloud-cli"]
fn errors_have_hetzners_messages() {
    let simulator = Simulator::start(&["--servers", "0"]);
    simulator.stdout(&format!("{CREATE} --name web1"));
    simulator.stdout("server enable-protection web1 delete rebuild");

    for (args, code) in [
        ("server delete web1", "(protected)"),
        ("datacenter list", "(deprecated_api_endpoint)"),
        (
            format!("{CREATE} --name web1").as_str(),
            "(uniqueness_error)",
        ),
        (
            format!("{CREATE} --name no_host_name").as_str(),
            "(invalid_input)",
        ),
        ("server list -l =", "(invalid_input)"),
    ] {
        let said = simulator.error(args);
        assert!(said.contains(code), "hcloud {args}: {said}");
    }
    for (token, code) in [
        ("wrong", "(unauthorized)"),
        (READ_ONLY_TOKEN, "(token_readonly)"),
    ] {
        let mut hcloud = simulator.command("hcloud");
        let output = hcloud
            .args(["server", "poweroff", "web1"])
            .env("HCLOUD_TOKEN", token)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(code), "{token}: {said}");
    }
}

#[test]
#[ignore = "needs Debian's hcloud-cli"]
fn requests_beyond_the_limit_are_rejected() {
    let simulator = Simulator::start(&["--rate-limit", "1"]);

    simulator.stdout("server list");

    let said = simulator.error("server list");
    assert!(said.contains("(rate_limit_exceeded)"), "{said}");
}

#[test]
#[ignore = "needs Debian's hcloud-cli"]
fn exceeded_rate_limit_is_reported() {
    let simulator = Simulator::start(&["--rate-limit", "1"]);

    simulator.stdout("server list");

    let said = simulator.error("server list");
    assert!(said.contains("(rate_limit_exceeded)"), "{said}");
}
