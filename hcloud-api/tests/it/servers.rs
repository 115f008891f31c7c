use futures_util::future::try_join_all;
use std::net::Ipv4Addr;

use hcloud_api::{
    ActionId, CreateServer, IdOrName, RebuildServer, Server, ServerCreated, ServerId, ServerMetric,
    ServerMetricsQuery, ServerStatus,
};
use serde_json::Value;
use wiremock::{MockServer, ResponseTemplate};

use crate::api::{body, client, refusal, requests, respond};

const SERVERS: &str = include_str!("../../src/fixtures/servers.json");
const CREATED: &str = include_str!("../../src/fixtures/server_created.json");
const ROOT_PASSWORD: &str = include_str!("../../src/fixtures/root_password.json");
const CONSOLE: &str = include_str!("../../src/fixtures/console.json");
const ACTION: &str = include_str!("../../src/fixtures/action.json");

const SERVER: ServerId = ServerId::new(42);

async fn created() -> ServerCreated {
    let api = MockServer::start().await;
    respond(&api, "POST", "/servers", [body(CREATED)]).await;
    let server = CreateServer::new("web-1", "cx23", "debian-13");
    client(&api).servers().create(&server).await.unwrap()
}

#[tokio::test]
async fn a_server_may_have_neither_address_nor_image() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/servers", [body(SERVERS)]).await;

    let servers = client(&api).servers().list(&Default::default()).all().await;

    let [full, bare]: [Server; 2] = servers.unwrap().try_into().unwrap();
    assert_eq!(full.status, ServerStatus::Running);
    let ipv4 = full.public_net.ipv4.unwrap().ip;
    assert_eq!(ipv4, Some(Ipv4Addr::new(203, 0, 113, 7)));
    assert_eq!(full.public_net.ipv6.unwrap().ip, "2001:db8:7::/64");
    assert_eq!(full.labels.get("env"), Some("prod"));
    assert!(bare.public_net.ipv4.is_none());
    assert!(bare.public_net.ipv6.is_none());
    assert!(bare.image.is_none());
    assert!(bare.private_net[0].ip.is_none());
}

#[tokio::test]
async fn a_new_server_is_ready_after_its_next_actions_too() {
    let created = created().await;

    let ids: Vec<_> = created.actions().map(|action| action.id).collect();
    assert_eq!(ids, [1001, 1002, 1003].map(ActionId::new));
}

#[tokio::test]
async fn passwords_and_consoles_are_decoded_but_never_shown() {
    let api = MockServer::start().await;
    let act = |action: &str| format!("/servers/42/actions/{action}");
    respond(&api, "POST", &act("request_console"), [body(CONSOLE)]).await;
    respond(&api, "POST", &act("reset_password"), [body(ROOT_PASSWORD)]).await;
    let client = client(&api);

    let created = created().await;
    let console = client.servers().request_console(SERVER).await.unwrap();
    let access = client.servers().reset_password(SERVER).await.unwrap();

    let shown = format!("{created:?} {console:?} {access:#?}");
    for (response, field) in [
        (CREATED, "root_password"),
        (CONSOLE, "wss_url"),
        (CONSOLE, "password"),
        (ROOT_PASSWORD, "root_password"),
    ] {
        let response: Value = serde_json::from_str(response).unwrap();
        assert!(
            !shown.contains(response[field].as_str().unwrap()),
            "{field}"
        );
    }
    let encoded = serde_json::to_value(&console).unwrap();
    assert_eq!(
        encoded,
        serde_json::from_str::<Value>(CONSOLE).map(at_utc).unwrap()
    );
}

/// Times end with `Z`.
fn at_utc(mut console: Value) -> Value {
    console["action"]["started"] = "2026-11-22T19:05:04Z".into();
    console
}

#[test]
fn user_data_is_never_shown() {
    let secret = "#cloud-config with a password";
    let create = CreateServer {
        user_data: Some(secret.into()),
        ..CreateServer::new("web-1", "cx23", "debian-13")
    };
    let rebuild = RebuildServer {
        user_data: Some(secret.into()),
        ..RebuildServer::new("debian-13")
    };

    let shown = format!("{create:?} {rebuild:#?}");

    assert!(!shown.contains("password"), "{shown}");
}

#[tokio::test]
async fn a_rebuilt_server_may_have_no_password() {
    let api = MockServer::start().await;
    let response = ACTION.replacen('{', r#"{"root_password": null,"#, 1);
    respond(
        &api,
        "POST",
        "/servers/42/actions/rebuild",
        [body(&response)],
    )
    .await;

    let rebuild = RebuildServer::new("debian-13");
    let access = client(&api).servers().rebuild(SERVER, &rebuild).await;

    assert!(access.unwrap().root_password.is_none());
}

#[tokio::test]
async fn a_delete_may_return_an_action() {
    let api = MockServer::start().await;
    let nothing = || ResponseTemplate::new(204);
    respond(&api, "DELETE", "/servers/42", [body(ACTION), nothing()]).await;
    let client = client(&api);

    let first = client.servers().delete(SERVER).await.unwrap();
    let second = client.servers().delete(SERVER).await.unwrap();

    assert_eq!(first.unwrap().id, ActionId::new(1004));
    assert!(second.is_none());
}

#[tokio::test]
async fn many_servers_are_handled_concurrently() {
    let api = MockServer::start().await;
    for id in [42, 43] {
        let at = format!("/servers/{id}/actions/poweron");
        respond(&api, "POST", &at, [body(ACTION)]).await;
    }
    let client = client(&api);

    let ids = [42, 43].map(ServerId::new);
    let started = try_join_all(ids.map(|id| client.servers().power_on(id))).await;

    assert_eq!(started.unwrap().len(), 2);
}

#[tokio::test]
async fn a_missing_series_is_empty() {
    let api = MockServer::start().await;
    let response = include_str!("../../src/fixtures/server_metrics.json");
    respond(&api, "GET", "/servers/42/metrics", [body(response)]).await;
    let at = |text: &str| text.parse().unwrap();
    let query = ServerMetricsQuery::new(
        [ServerMetric::Cpu],
        at("2026-11-22T18:00:00Z"),
        at("2026-11-22T19:00:00Z"),
    );

    let metrics = client(&api)
        .servers()
        .metrics(SERVER, &query)
        .await
        .unwrap();

    let cpu: Vec<_> = metrics.samples("cpu").iter().map(|s| s.number()).collect();
    assert_eq!(cpu, [Some(12.5), Some(0.0)]);
    assert!(metrics.samples("network.0.bandwidth.in").is_empty());
    assert!(metrics.samples("disk.0.iops.read").is_empty());
}

#[tokio::test]
async fn a_server_is_created_in_the_first_location_with_capacity() {
    let api = MockServer::start().await;
    let full = [
        refusal(412, "resource_unavailable"),
        refusal(422, "placement_error"),
    ];
    respond(
        &api,
        "POST",
        "/servers",
        full.into_iter().chain([body(CREATED)]),
    )
    .await;
    let server = CreateServer::new("web-1", "cx23", "debian-13");
    let locations = ["fsn1", "nbg1", "hel1", "ash"].map(IdOrName::from);

    client(&api)
        .servers()
        .create_in_first(&server, &locations)
        .await
        .unwrap();

    let requests = api.received_requests().await.unwrap();
    let tried: Vec<_> = requests
        .iter()
        .map(|request| request.body_json::<Value>().unwrap()["location"].take())
        .collect();
    assert_eq!(tried, ["fsn1", "nbg1", "hel1"]);
}

#[tokio::test]
async fn only_lack_of_capacity_tries_the_next_location() {
    for (code, status, tried) in [
        ("resource_unavailable", 412, 2),
        ("uniqueness_error", 409, 1),
    ] {
        let api = MockServer::start().await;
        respond(&api, "POST", "/servers", [refusal(status, code)]).await;
        let server = CreateServer::new("web-1", "cx23", "debian-13");
        let locations = ["fsn1", "nbg1"].map(IdOrName::from);

        let created = client(&api)
            .servers()
            .create_in_first(&server, &locations)
            .await;

        assert_eq!(created.unwrap_err().code().unwrap().as_str(), code);
        assert_eq!(requests(&api).await, tried);
    }
}
