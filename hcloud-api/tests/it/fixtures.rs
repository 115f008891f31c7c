//! Tests of a program that uses this crate.

use hcloud_api::{
    ActionStatus, Client, Error, ErrorCode, Result, Server, ServerStatus, StatusCode, fixtures,
};
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The code under test: checks a quota.
fn over_quota(server: &Server) -> bool {
    server
        .outgoing_traffic
        .zip(server.included_traffic)
        .is_some_and(|(used, included)| used > included)
}

/// The code under test: switches on a server that is off.
async fn ensure_running(client: &Client, name: &str) -> Result<bool> {
    match client.servers().find(name).await? {
        Some(server) if server.status == ServerStatus::Off => {
            let action = client.servers().power_on(server.id).await?;
            client.wait([action]).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// The code under test: decides whether to try another location.
fn try_elsewhere(error: &Error) -> bool {
    error.is_out_of_capacity()
}

#[test]
fn a_function_is_tested_with_a_sample_server() {
    let mut server = fixtures::server();
    server.included_traffic = Some(1_000);
    server.outgoing_traffic = Some(1_001);
    assert!(over_quota(&server));

    server.outgoing_traffic = Some(999);
    assert!(!over_quota(&server));
}

#[test]
fn error_handling_is_tested_with_a_sample_error() {
    let source = fixtures::api_error(
        StatusCode::PRECONDITION_FAILED,
        ErrorCode::ResourceUnavailable,
        "server location disabled",
    );
    let error = Error::Api {
        method: hcloud_api::Method::POST,
        path: "/servers".to_owned(),
        source: Box::new(source),
    };

    assert!(try_elsewhere(&error));
}

#[tokio::test]
async fn requests_are_tested_against_a_mocked_api() {
    let api = MockServer::start().await;
    let mut server = fixtures::server();
    server.name = "web-1".to_owned();
    server.status = ServerStatus::Off;
    let mut action = fixtures::action();
    action.status = ActionStatus::Success;
    Mock::given(method("GET"))
        .and(path("/servers"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"servers": [server]})))
        .mount(&api)
        .await;
    Mock::given(method("POST"))
        .and(path(format!("/servers/{}/actions/poweron", server.id)))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"action": action})))
        .expect(1)
        .mount(&api)
        .await;
    let client = Client::builder("token")
        .endpoint(api.uri())
        .build()
        .unwrap();

    assert!(ensure_running(&client, "web-1").await.unwrap());
}

#[test]
fn all_fixtures_can_be_decoded() {
    fixtures::action();
    fixtures::certificate();
    fixtures::certificate_created();
    fixtures::console();
    fixtures::firewall();
    fixtures::firewall_created();
    fixtures::floating_ip();
    fixtures::floating_ip_created();
    fixtures::image();
    fixtures::image_created();
    fixtures::iso();
    fixtures::load_balancer();
    fixtures::load_balancer_created();
    fixtures::load_balancer_metrics();
    fixtures::load_balancer_type();
    fixtures::location();
    fixtures::network();
    fixtures::network_member();
    fixtures::placement_group();
    fixtures::placement_group_created();
    fixtures::pricing();
    fixtures::primary_ip();
    fixtures::primary_ip_created();
    fixtures::root_access();
    fixtures::rrset();
    fixtures::rrset_created();
    fixtures::server();
    fixtures::server_created();
    fixtures::server_metrics();
    fixtures::server_type();
    fixtures::ssh_key();
    fixtures::storage_box();
    fixtures::storage_box_created();
    fixtures::storage_box_snapshot();
    fixtures::storage_box_snapshot_created();
    fixtures::storage_box_subaccount();
    fixtures::storage_box_subaccount_created();
    fixtures::storage_box_type();
    fixtures::volume();
    fixtures::volume_created();
    fixtures::zone();
    fixtures::zone_created();
}
