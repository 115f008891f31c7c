//! Requests as values: compared, read from files, and extended in minor versions.

use std::fmt::Debug;
use std::fs;
use std::path::Path;

use hcloud_api::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A request is read back from what is sent, and equal.
fn check<T>(request: T, sent: Value)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    assert_eq!(serde_json::to_value(&request).unwrap(), sent);
    let read: T = serde_json::from_value(sent).unwrap();
    assert_eq!(read, request);
}

#[test]
fn requests_are_read_as_they_are_sent() {
    check(
        CreateServer {
            location: Some(LocationId::new(3).into()),
            firewalls: vec![FirewallId::new(38)],
            user_data: Some("#cloud-config".into()),
            labels: Labels::new().with("env", "prod").unwrap(),
            public_net: Some(CreatePublicNet {
                enable_ipv4: false,
                ipv4: Patch::Null,
                ipv6: PrimaryIpId::new(7).into(),
                ..CreatePublicNet::default()
            }),
            ..CreateServer::new("web-1", "cx23", "debian-13")
        },
        json!({
            "name": "web-1", "server_type": "cx23", "image": "debian-13", "location": 3,
            "firewalls": [{"firewall": 38}], "user_data": "#cloud-config",
            "labels": {"env": "prod"},
            "public_net": {"enable_ipv4": false, "enable_ipv6": true, "ipv4": null, "ipv6": 7},
        }),
    );
    check(
        ListServers {
            status: vec![ServerStatus::Off],
            label_selector: Some("env=prod,!old".parse().unwrap()),
            sort: vec![
                Sort::Descending(ServerSort::Created),
                Sort::Ascending(ServerSort::Id),
            ],
            ..ListServers::default()
        },
        json!({
            "status": ["off"], "label_selector": "env=prod,!old",
            "sort": ["created:desc", "id:asc"],
        }),
    );
    check(
        CreateLoadBalancer {
            targets: vec![
                AddTarget::privately(ServerId::new(42)),
                AddTarget::publicly("env=prod".parse::<LabelSelector>().unwrap()),
            ],
            ..CreateLoadBalancer::in_location("front", "lb11", "fsn1")
        },
        json!({
            "name": "front", "load_balancer_type": "lb11", "location": "fsn1",
            "targets": [
                {"type": "server", "server": {"id": 42}, "use_private_ip": true},
                {"type": "label_selector", "label_selector": {"selector": "env=prod"}},
            ],
        }),
    );
    check(
        CreateCertificate::uploaded("own", "chain", "key"),
        json!({"name": "own", "type": "uploaded", "certificate": "chain", "private_key": "key"}),
    );
    check(
        CreateFirewall {
            rules: vec![FirewallRule::incoming(FirewallProtocol::Tcp, ANYWHERE).port(22)],
            apply_to: vec![ServerId::new(42).into()],
            ..CreateFirewall::new("ssh")
        },
        json!({
            "name": "ssh",
            "rules": [{"direction": "in", "protocol": "tcp", "port": "22", "source_ips": ANYWHERE}],
            "apply_to": [{"type": "server", "server": {"id": 42}}],
        }),
    );
    let primary = PrimaryNameserver::new("192.0.2.53");
    check(
        CreateZone::secondary(
            "example.com",
            [primary.signed(TsigAlgorithm::HmacSha256, "key")],
        ),
        json!({
            "name": "example.com", "mode": "secondary",
            "primary_nameservers": [
                {"address": "192.0.2.53", "tsig_algorithm": "hmac-sha256", "tsig_key": "key"},
            ],
        }),
    );
    check(
        CreateStorageBox::new("backup", "bx11", "fsn1", "secret"),
        json!({
            "name": "backup", "storage_box_type": "bx11", "location": "fsn1",
            "password": "secret",
        }),
    );
    check(UpdateServer::default(), json!({}));
}

#[test]
fn secrets_count_when_requests_are_compared() {
    let create = |user_data: &str| CreateServer {
        user_data: Some(user_data.into()),
        ..CreateServer::new("web-1", "cx23", "debian-13")
    };

    assert_eq!(create("one"), create("one"));
    assert_ne!(create("one"), create("other"));
}

#[test]
fn absent_fields_are_those_of_a_new_request() {
    let server: CreateServer = serde_json::from_value(json!({
        "name": "web-1", "server_type": 104, "image": "114690387",
    }))
    .unwrap();
    let image = IdOrName::Name("114690387".to_owned());
    let new = CreateServer::new("web-1", ServerTypeId::new(104), image);
    assert_eq!(server, new);

    let change: ChangeServerType = serde_json::from_value(json!({"server_type": "cx33"})).unwrap();
    assert_eq!(change, ChangeServerType::new("cx33"));
    let net: CreatePublicNet = serde_json::from_value(json!({"enable_ipv4": false})).unwrap();
    assert!(net.enable_ipv6);
    let list: ListImages = serde_json::from_value(json!({"sort": ["name"]})).unwrap();
    assert_eq!(list.sort, [Sort::Ascending(ImageSort::Name)]);
}

#[test]
fn ids_are_numbers_and_names_are_strings() {
    let read = |key: Value| serde_json::from_value::<IdOrName<ServerId>>(key);

    assert_eq!(read(json!(42)).unwrap(), ServerId::new(42).into());
    assert_eq!(read(json!("42")).unwrap(), "42".into());
    for invalid in [json!(0), json!(-1), json!(null), json!([42])] {
        assert!(read(invalid.clone()).is_err(), "{invalid}");
    }
}

/// The policy for minor versions, which the README states: a struct that is only sent can be built
/// with `..` from a constructor or default; all others are `#[non_exhaustive]`.
#[test]
fn structs_can_have_more_fields_in_a_minor_version() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut requests = 0;
    for file in fs::read_dir(source).unwrap() {
        let path = file.unwrap().path();
        let Ok(code) = fs::read_to_string(&path) else {
            continue;
        };
        for (name, attributes) in structs_with_fields(&code) {
            if attributes.contains("#[non_exhaustive]") || attributes.contains("#[must_use") {
                continue;
            }
            requests += 1;
            let at = format!("{name} in {}", path.display());
            for derived in ["Clone", "Debug", "Deserialize", "Serialize"] {
                assert!(attributes.contains(derived), "{at}: {derived}");
            }
            let is_compared = attributes.contains("PartialEq")
                || include_str!("../../src/secret.rs").contains(&format!("    {name},\n"));
            assert!(is_compared, "{at}: PartialEq");
            let constructor = format!("impl {name} {{\n    /// Creates a");
            let is_plain = [
                "ChangeProtection",
                "ChangeRrsetProtection",
                "RrsetId",
                "UpdateRecord",
            ];
            let has_base = attributes.contains("Default")
                || code.contains(&format!("impl Default for {name} "))
                || code.contains(&constructor)
                || code.contains(&format!(
                    "impl<Metric> {name}<Metric> {{\n    /// Creates a "
                ))
                || is_plain.contains(&name);
            assert!(has_base, "{at}: constructor");
        }
    }
    assert!(requests > 60, "{requests}");
}

/// Returns the name and attributes of each public struct with public fields.
fn structs_with_fields(code: &str) -> impl Iterator<Item = (&str, &str)> {
    code.match_indices("\npub struct ").filter_map(|(at, _)| {
        let (before, after) = code.split_at(at + 1);
        let head = after.strip_prefix("pub struct ")?;
        let name = head.split(|c: char| !c.is_alphanumeric()).next()?;
        let fields = after.lines().next()?.ends_with('{');
        let body = after.split("\n}").next()?;
        let start = before.trim_end().rfind("\n\n").unwrap_or_default();
        (fields && body.contains("\n    pub ")).then(|| (name, &before[start..]))
    })
}
