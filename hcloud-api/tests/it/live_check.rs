//! The example `live_check`, against a simulated project with all kinds of resources.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use hcloud_api::{
    AddTarget, AttachToNetwork, Client, CreateCertificate, CreateFirewall, CreateFloatingIp,
    CreateImage, CreateLoadBalancer, CreateNetwork, CreatePlacementGroup, CreateSshKey,
    CreateStorageBox, CreateStorageBoxSnapshot, CreateStorageBoxSubaccount, CreateSubnet,
    CreateVolume, CreateZone, FirewallProtocol, FirewallRule, IpType, LoadBalancerService, Record,
    RrsetId, RrsetType, UpdatePrimaryIp,
};
use hcloud_sim::Sim;
use serde_json::{Value, json};

use crate::simulator::{self, start};

#[path = "../../examples/live_check.rs"]
#[expect(dead_code, reason = "the example's main function")]
mod example;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlH8pQn2uHsqCVXBrtMgLhOa9nMm6vOPoIHpyrsSoN0";

/// Creates resources of all kinds, each with an action if it has any.
async fn fill(client: &Client) -> hcloud_api::Result<()> {
    let server = client.servers().find("CanaryServer").await?.unwrap().id;
    client
        .ssh_keys()
        .create(&CreateSshKey::new("CanaryKey", KEY))
        .await?;
    let group = CreatePlacementGroup::spread("CanaryGroup");
    client.placement_groups().create(&group).await?;
    let image = client
        .servers()
        .create_image(server, &CreateImage::default())
        .await?;
    client.wait(&image.action).await?;
    let protect = hcloud_api::ChangeProtection { delete: true };
    let protected = client
        .images()
        .change_protection(image.image.id, &protect)
        .await?;
    client.wait([protected]).await?;
    let volume = client
        .volumes()
        .create(&CreateVolume::for_server("CanaryVolume", 10, server))
        .await?;
    client.wait(volume.actions()).await?;
    let floating_ip = client
        .floating_ips()
        .create(&CreateFloatingIp::for_server(IpType::Ipv4, server))
        .await?;
    client.wait(floating_ip.action).await?;
    let primary_ip = client.primary_ips().all().await?[0].id;
    let keep = UpdatePrimaryIp {
        auto_delete: Some(false),
        ..UpdatePrimaryIp::default()
    };
    client.primary_ips().update(primary_ip, &keep).await?;
    let protected = client
        .primary_ips()
        .change_protection(primary_ip, &protect)
        .await?;
    client.wait([protected]).await?;
    let firewall = CreateFirewall {
        rules: vec![FirewallRule::incoming(FirewallProtocol::Tcp, ["0.0.0.0/0"]).port(22)],
        apply_to: vec![server.into()],
        ..CreateFirewall::new("CanaryFirewall")
    };
    client
        .wait(client.firewalls().create(&firewall).await?.actions)
        .await?;
    let network = CreateNetwork {
        subnets: vec![CreateSubnet::cloud("eu-central")],
        ..CreateNetwork::new("CanaryNetwork", "10.0.0.0/16")
    };
    let network = client.networks().create(&network).await?.id;
    let attached = client
        .servers()
        .attach_to_network(server, &AttachToNetwork::new(network))
        .await?;
    client.wait([attached]).await?;
    let zone = client
        .zones()
        .create(&CreateZone::primary("canary-zone.com"))
        .await?;
    client.wait(zone.action).await?;
    let www = RrsetId::new("canary-www", RrsetType::A);
    let added = client
        .zones()
        .rrsets("canary-zone.com")
        .ensure_record(&www, &Record::new("192.0.2.1"), None)
        .await?;
    client.wait(added).await?;
    let certificate = CreateCertificate::managed("CanaryCertificate", ["canary-zone.com"]);
    client
        .wait(client.certificates().create(&certificate).await?.action)
        .await?;
    let balancer = CreateLoadBalancer {
        services: vec![LoadBalancerService::http(80, 80)],
        targets: vec![AddTarget::publicly(server)],
        ..CreateLoadBalancer::in_location("CanaryBalancer", "lb11", "fsn1")
    };
    client
        .wait(client.load_balancers().create(&balancer).await?.action)
        .await?;
    let storage_box = CreateStorageBox::new("CanaryBox", "bx11", "fsn1", "CanaryPassword-12");
    let storage_box = client.storage_boxes().create(&storage_box).await?;
    client.wait(storage_box.action).await?;
    let id = storage_box.storage_box.id;
    let snapshot = CreateStorageBoxSnapshot::default();
    client
        .wait(
            client
                .storage_boxes()
                .snapshots(id)
                .create(&snapshot)
                .await?
                .action,
        )
        .await?;
    let subaccount = CreateStorageBoxSubaccount::new("canary", "CanaryPassword-12");
    client
        .wait(
            client
                .storage_boxes()
                .subaccounts(id)
                .create(&subaccount)
                .await?
                .action,
        )
        .await?;
    Ok(())
}

async fn project() -> Sim {
    let sim = Sim::builder()
        .rate_limit(None)
        .server("CanaryServer", &[("env", "canary-label")]);
    let (sim, client) = start(sim).await;
    fill(&client).await.unwrap();
    sim.clear_requests();
    sim
}

async fn check(sim: &Sim) -> (bool, String) {
    let mut report = Vec::new();
    let client = simulator::client(sim);
    let is_as_expected = example::check(client, &mut report).await.unwrap();
    (is_as_expected, String::from_utf8(report).unwrap())
}

#[tokio::test]
async fn every_list_and_all_details_are_read() {
    let sim = project().await;
    let routes = Arc::new(Mutex::new(BTreeSet::new()));
    let read = Arc::clone(&routes);
    let client = simulator::client(&sim).on_attempt(move |attempt| {
        let route = format!("{} {}", attempt.method, attempt.route());
        read.lock().unwrap().insert(route);
    });
    let mut report = Vec::new();

    let is_as_expected = example::check(client, &mut report).await.unwrap();

    let report = String::from_utf8(report).unwrap();
    assert!(is_as_expected, "{report}");
    assert!(
        report.ends_with(" 0 failed, 0 without anything to read; 0 differences\n"),
        "{report}"
    );
    let described = include_str!("fixtures/operations.txt").lines();
    let described: BTreeSet<_> = described
        .filter(|operation| operation.starts_with("GET "))
        .map(str::to_owned)
        .collect();
    assert_eq!(*routes.lock().unwrap(), described);
    let named: BTreeSet<_> = report
        .lines()
        .filter(|line| line.starts_with("GET "))
        .filter_map(|line| Some(line.split_once(": ")?.0.to_owned()))
        .collect();
    assert_eq!(named, described);
    assert!(!report.to_lowercase().contains("canary"), "{report}");
}

#[tokio::test]
async fn differences_and_failures_are_reported_without_values() {
    let sim = project().await;
    let keys = json!({
        "ssh_keys": [
            {
                "id": 1, "name": "CanaryKey", "fingerprint": "canary", "public_key": KEY,
                "labels": {"canary": 4711}, "created": "2026-01-01T00:00:00Z",
                "owner": {"email": "canary@example.com"},
            },
            {
                "id": 2, "name": "CanaryKey2", "fingerprint": 471_147, "public_key": KEY,
                "labels": {}, "owner": null,
            },
        ],
        "meta": {"pagination": {"page": 1, "next_page": null, "total_entries": 2}},
    });
    let server: Value = json!({"server": {"id": 4711, "name": "CanaryServer", "status": "canary"}});
    for fault in [
        format!("status=200 GET /v1/ssh_keys {keys}"),
        format!("status=200 GET /v1/servers/* x1 {server}"),
        "error=forbidden GET /v1/volumes".to_owned(),
        "html GET /v1/isos".to_owned(),
        r#"status=200 GET /v1/networks {"networks": "canary"}"#.to_owned(),
    ] {
        sim.add_fault(fault.parse().unwrap());
    }

    let (is_as_expected, report) = check(&sim).await;

    assert!(!is_as_expected);
    for expected in [
        "GET /ssh_keys: read\n",
        "    ssh_keys[].owner: unknown field (2 times)\n",
        "    ssh_keys[].created: missing field (1 times)\n",
        "    ssh_keys[].labels: ",
        "    ssh_keys[].fingerprint: expected a string (1 times)\n",
        "    server.status: unknown value (1 times)\n",
        "    server.image: missing field (1 times)\n",
        "GET /volumes: failed: 403 forbidden\n",
        "GET /isos: failed: not decoded at \"\"\n",
        "GET /isos/{id}: nothing to read\n",
        "GET /networks: failed: not decoded at \"networks\"\n",
    ] {
        assert!(report.contains(expected), "{expected}{report}");
    }
    for value in ["canary", "471", "example.com", "AAAA"] {
        assert!(
            !report.to_lowercase().contains(&value.to_lowercase()),
            "{value}: {report}"
        );
    }
}

#[tokio::test]
async fn nothing_is_changed() {
    let sim = project().await;

    check(&sim).await;

    let requests = sim.requests();
    assert!(requests.len() > 90, "{}", requests.len());
    assert!(requests.iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn an_empty_project_has_little_to_read() {
    let (sim, _) = start(Sim::builder()).await;

    let (is_as_expected, report) = check(&sim).await;

    assert!(is_as_expected, "{report}");
    assert!(
        report.contains("GET /servers/{id}/actions/{id}: nothing to read\n"),
        "{report}"
    );
}
