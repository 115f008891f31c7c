//! What responses have beyond this version.

use std::sync::{Arc, Mutex};

use hcloud_api::{Client, Deviation, DeviationKind, IsoId, Method, Resource, ServerId};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::api::{builder, respond};

const SERVER: &str = include_str!("../../src/fixtures/server.json");

type Found = Arc<Mutex<Vec<Deviation>>>;

async fn respond_with(path: &str, response: Value) -> (MockServer, Client, Found) {
    let api = MockServer::start().await;
    let response = ResponseTemplate::new(200).set_body_json(response);
    respond(&api, "GET", path, [response]).await;
    let found = Found::default();
    let found_by_hook = Arc::clone(&found);
    let client = builder(&api)
        .report_unknown(true)
        .on_deviation(move |deviation| {
            found_by_hook.lock().unwrap().push(deviation.clone());
        });
    let client = client.build().unwrap();
    (api, client, found)
}

fn shown(found: &Found) -> Vec<String> {
    let mut shown: Vec<_> = found
        .lock()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    shown.sort();
    shown
}

#[tokio::test]
async fn a_documented_response_has_nothing_to_report() {
    let server = serde_json::from_str(SERVER).unwrap();
    let (_api, client, found) = respond_with("/servers/42", server).await;

    client.servers().get(ServerId::new(42)).await.unwrap();

    assert_eq!(shown(&found), Vec::<String>::new());
}

#[tokio::test]
async fn unknown_fields_and_values_and_missing_fields_are_reported_without_values() {
    const CANARY: &str = "CanaryValue";
    let mut server: Value = serde_json::from_str(SERVER).unwrap();
    server["next"] = json!(CANARY);
    let one = &mut server["server"];
    one["status"] = json!(CANARY);
    one["hibernated"] = json!(CANARY);
    one["server_type"]["gpu"] = json!({"cores": CANARY});
    one["public_net"]["ipv4"]["provider"] = json!(null);
    one.as_object_mut().unwrap().remove("locked");
    let (_api, client, found) = respond_with("/servers/42", server).await;

    let server = client.servers().get(ServerId::new(42)).await.unwrap();

    assert_eq!(server.status.as_str(), CANARY);
    assert_eq!(
        shown(&found),
        [
            "next: unknown field",
            "server.hibernated: unknown field",
            "server.locked: missing",
            "server.public_net.ipv4.provider: unknown field",
            "server.server_type.gpu: unknown field",
            "server.status: unknown value",
        ]
    );
    let kinds: Vec<_> = found.lock().unwrap().iter().map(|it| it.kind).collect();
    for kind in [
        DeviationKind::MissingField,
        DeviationKind::UnknownField,
        DeviationKind::UnknownValue,
    ] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
    assert!(!format!("{:?}", found.lock().unwrap()).contains(CANARY));
}

#[tokio::test]
async fn items_of_lists_and_custom_requests_are_compared_too() {
    let mut isos: Value =
        serde_json::from_str(include_str!("../../src/fixtures/isos.json")).unwrap();
    isos["isos"][0]["size"] = json!(1);
    let (_api, client, found) = respond_with("/isos", isos.clone()).await;

    client.isos().all().await.unwrap();
    let custom = client.request(Method::GET, "/isos");
    custom.list::<hcloud_api::Iso>().all().await.unwrap();
    assert_eq!(shown(&found), ["isos[0].size: unknown field"; 2]);

    let one = json!({ "iso": isos["isos"][0] });
    let (_api, client, found) = respond_with("/isos/4711", one).await;
    let custom = client.request(Method::GET, "/isos/4711");
    let iso: hcloud_api::Iso = custom.one().await.unwrap();
    assert_eq!(iso.id(), IsoId::new(4711));
    assert_eq!(shown(&found), ["iso.size: unknown field"]);
}

#[tokio::test]
async fn what_does_not_fit_is_reported_once() {
    let mut server: Value = serde_json::from_str(SERVER).unwrap();
    server["server"]["locked"] = json!("maybe");
    let (_api, client, found) = respond_with("/servers/42", server).await;

    client.servers().get(ServerId::new(42)).await.unwrap();

    let found = found.lock().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, DeviationKind::Mismatch);
    assert_eq!(found[0].path, "server.locked");
}
