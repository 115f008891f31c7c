//! Load balancers, and the health of their targets.

use std::net::IpAddr;

use hcloud_api::{
    AddTarget, CreateLoadBalancer, LoadBalancer, LoadBalancerId, LoadBalancerMetric,
    LoadBalancerMetricsQuery, ServerId, Target, TargetHealthDetail, TargetHealthStatus, TargetType,
};
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::api::{body, client, respond};

async fn load_balancers() -> [LoadBalancer; 2] {
    let api = MockServer::start().await;
    let response = include_str!("../../src/fixtures/load_balancers.json");
    respond(&api, "GET", "/load_balancers", [body(response)]).await;
    let list = client(&api).load_balancers().list(&Default::default());
    list.all().await.unwrap().try_into().unwrap()
}

#[tokio::test]
async fn the_health_of_labelled_servers_is_included() {
    let [front, _] = load_balancers().await;
    let by_label = &front.targets[1];

    let health: Vec<_> = by_label
        .health()
        .map(|health| (&health.status, &health.detail, health.http_status_code))
        .collect();

    assert_eq!(by_label.label_selector.as_deref(), Some("role=web"));
    let server = by_label.targets[0].server.as_ref().unwrap();
    assert_eq!(server.id, ServerId::new(43));
    assert_eq!(server.ip, Some(IpAddr::from([10, 0, 1, 3])));
    let status = TargetHealthDetail::UnexpectedHttpStatus;
    assert_eq!(
        health,
        [
            (&TargetHealthStatus::Unhealthy, &Some(status), Some(503)),
            (&TargetHealthStatus::Unchecked, &None, None),
        ]
    );
}

#[tokio::test]
async fn one_bad_target_makes_a_load_balancer_unhealthy() {
    let [mut front, bare] = load_balancers().await;

    assert!(!front.is_healthy());
    front.targets.retain(|target| target.kind == TargetType::Ip);
    assert!(front.is_healthy());
    assert!(!bare.is_healthy(), "it has no targets");
}

#[tokio::test]
async fn a_load_balancer_may_have_no_address() {
    let [front, bare] = load_balancers().await;

    assert_eq!(front.public_net.ipv4.ip.unwrap().to_string(), "203.0.113.9");
    assert_eq!(front.public_net.ipv4.id.unwrap().number(), 73);
    assert!(!bare.public_net.enabled);
    assert!(bare.public_net.ipv6.ip.is_none());
}

#[tokio::test]
async fn listed_targets_can_be_removed() {
    let [front, _] = load_balancers().await;

    let targets: Vec<_> = front.targets.iter().map(|t| t.target().unwrap()).collect();

    let bodies = serde_json::to_value(&targets).unwrap();
    assert_eq!(
        bodies,
        json!([
            {"type": "server", "server": {"id": 42}},
            {"type": "label_selector", "label_selector": {"selector": "role=web"}},
            {"type": "ip", "ip": {"ip": "198.51.100.7"}},
        ])
    );
}

#[test]
fn a_target_of_unknown_kind_is_none() {
    let other = json!({"type": "moon", "moon": {"phase": "full"}});

    let target: hcloud_api::LoadBalancerTarget = serde_json::from_value(other).unwrap();

    assert_eq!(target.kind, TargetType::Unknown("moon".to_owned()));
    assert_eq!(target.target(), None);
}

#[tokio::test]
async fn services_can_be_copied_to_another_load_balancer() {
    let [front, _] = load_balancers().await;

    let copy = CreateLoadBalancer {
        services: front.services.clone(),
        targets: vec![AddTarget::privately(Target::from(ServerId::new(42)))],
        ..CreateLoadBalancer::in_location("copy", "lb11", "hel1")
    };

    let response: Value =
        serde_json::from_str(include_str!("../../src/fixtures/load_balancers.json")).unwrap();
    let sent = serde_json::to_value(&copy).unwrap();
    assert_eq!(sent["services"], response["load_balancers"][0]["services"]);
}

#[tokio::test]
async fn a_delete_may_return_an_action() {
    let api = MockServer::start().await;
    let started = ResponseTemplate::new(201).set_body_raw(
        include_str!("../../src/fixtures/action.json"),
        "application/json",
    );
    let replies = [started, ResponseTemplate::new(204)];
    respond(&api, "DELETE", "/load_balancers/4711", replies).await;
    let client = client(&api);
    let id = LoadBalancerId::new(4711);

    let first = client.load_balancers().delete(id).await.unwrap();
    let second = client.load_balancers().delete(id).await.unwrap();

    assert!(first.is_some());
    assert!(second.is_none());
}

#[tokio::test]
async fn a_type_is_deprecated_once_that_is_announced() {
    let response = include_str!("../../src/fixtures/load_balancer_types.json");
    let api = MockServer::start().await;
    respond(&api, "GET", "/load_balancer_types", [body(response)]).await;

    let types = client(&api).load_balancer_types().list(&Default::default());
    let types = types.all().await.unwrap();

    let deprecated: Vec<_> = types.iter().map(|offer| offer.is_deprecated()).collect();
    assert_eq!(deprecated, [false, true]);
    let price = types[0].price("ash").unwrap();
    let net = price.price_monthly.net.as_ref().unwrap();
    assert_eq!(net.as_str(), "5.9900000000");
}

#[tokio::test]
async fn a_load_balancer_has_metrics() {
    let api = MockServer::start().await;
    let response = include_str!("../../src/fixtures/load_balancer_metrics.json");
    let mock = Mock::given(method("GET")).respond_with(body(response));
    mock.mount(&api).await;
    let query = LoadBalancerMetricsQuery::new(
        LoadBalancerMetric::KNOWN,
        "2026-11-22T18:00:00Z".parse().unwrap(),
        "2026-11-22T19:00:00Z".parse().unwrap(),
    );

    let metrics = client(&api)
        .load_balancers()
        .metrics(LoadBalancerId::new(4711), &query)
        .await
        .unwrap();

    let open: Vec<_> = metrics.samples("open_connections").iter().collect();
    assert_eq!(open[1].number(), Some(5.0));
    assert_eq!(metrics.samples("bandwidth.in")[0].value, "1032.5");
    assert!(metrics.samples("bandwidth.out").is_empty());
}
