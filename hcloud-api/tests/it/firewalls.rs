use hcloud_api::{AppliedTo, Firewall, FirewallId, FirewallTargetType, ServerId};
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::api::{body, client, respond};

const FIREWALL: &str = include_str!("../../src/fixtures/firewall.json");
const ACTIONS: &str = include_str!("../../src/fixtures/actions.json");

const WEB: FirewallId = FirewallId::new(38);

async fn api() -> MockServer {
    let api = MockServer::start().await;
    respond(&api, "GET", "/firewalls/38", [body(FIREWALL)]).await;
    for action in ["set_rules", "remove_from_resources"] {
        let path = format!("/firewalls/38/actions/{action}");
        respond(&api, "POST", &path, [body(ACTIONS)]).await;
    }
    api
}

#[tokio::test]
async fn a_firewall_lists_its_servers_and_label_selectors() {
    let api = api().await;

    let firewall: Firewall = client(&api).firewalls().get(WEB).await.unwrap();

    let [server, chosen] = firewall.applied_to.as_slice() else {
        panic!("{:?}", firewall.applied_to);
    };
    assert_eq!(server.server, Some(ServerId::new(42)));
    assert_eq!(chosen.kind, FirewallTargetType::LabelSelector);
    assert_eq!(chosen.label_selector.as_deref(), Some("role=web"));
    assert_eq!(
        chosen.applied_to_resources[0].server,
        Some(ServerId::new(43))
    );
}

#[tokio::test]
async fn a_firewall_can_be_removed_from_all_that_it_is_applied_to() {
    let api = api().await;
    let client = client(&api);

    let firewall = client.firewalls().get(WEB).await.unwrap();
    let everywhere: Vec<_> = firewall
        .applied_to
        .iter()
        .filter_map(AppliedTo::target)
        .collect();
    client
        .firewalls()
        .remove_from(WEB, &everywhere)
        .await
        .unwrap();

    let requests = api.received_requests().await.unwrap();
    let sent: Value = requests[1].body_json().unwrap();
    let server = json!({"type": "server", "server": {"id": 42}});
    let chosen = json!({"type": "label_selector", "label_selector": {"selector": "role=web"}});
    assert_eq!(sent, json!({"remove_from": [server, chosen]}));
}

#[tokio::test]
async fn listed_rules_can_be_set_again() {
    let api = api().await;
    let client = client(&api);

    let firewall = client.firewalls().get(WEB).await.unwrap();
    client
        .firewalls()
        .set_rules(WEB, &firewall.rules[1..])
        .await
        .unwrap();

    let requests = api.received_requests().await.unwrap();
    let sent: Value = requests[1].body_json().unwrap();
    let ping = json!({"direction": "in", "protocol": "icmp", "source_ips": ["198.51.100.0/24"]});
    let replies = json!({
        "direction": "out",
        "protocol": "udp",
        "port": "1024-65535",
        "destination_ips": ["2001:db8::/32"],
        "description": "replies to DNS",
    });
    assert_eq!(sent, json!({"rules": [ping, replies]}));
}

#[tokio::test]
async fn setting_rules_starts_several_actions() {
    let api = api().await;

    let actions = client(&api).firewalls().set_rules(WEB, &[]).await.unwrap();

    assert!(actions.len() > 1);
}
