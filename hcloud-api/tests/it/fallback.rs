//! Creating a server of another type or in another location.

use hcloud_api::{
    Client, CreateServer, Error, IdOrName, LocationId, Result, ServerCreated, ServerTypeId,
};
use hcloud_sim::Sim;

use crate::simulator::{requests, start};

fn types<const N: usize>(names: [&str; N]) -> [IdOrName<ServerTypeId>; N] {
    names.map(IdOrName::from)
}

fn locations<const N: usize>(names: [&str; N]) -> [IdOrName<LocationId>; N] {
    names.map(IdOrName::from)
}

fn server() -> CreateServer {
    CreateServer::new("web-1", "cx23", "debian-13")
}

async fn create<const N: usize, const M: usize>(
    client: &Client,
    type_names: [&str; N],
    location_names: [&str; M],
) -> Result<ServerCreated> {
    let (types, locations) = (types(type_names), locations(location_names));
    let servers = client.servers();
    servers
        .create_with_fallback(&server(), &types, &locations)
        .await
}

#[tokio::test]
async fn all_locations_are_tried_with_a_type_before_the_next_type() {
    let (sim, client) = start(Sim::builder()).await;
    for fault in [
        "error=resource_unavailable POST /v1/servers x2",
        "error=placement_error POST /v1/servers x1",
    ] {
        sim.add_fault(fault.parse().unwrap());
    }

    let created = create(&client, ["cx23", "cx33"], ["fsn1", "nbg1"])
        .await
        .unwrap();

    let server = created.server;
    assert_eq!(server.server_type.unwrap().name, "cx33");
    assert_eq!(server.location.unwrap().name, "nbg1");
    assert_eq!(requests(&sim), ["POST /v1/servers"; 4]);
    assert_eq!(client.servers().all().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_type_that_is_not_offered_in_a_location_is_passed_over() {
    let (_sim, client) = start(Sim::builder()).await;

    let created = create(&client, ["cax11", "cx23"], ["ash", "fsn1"])
        .await
        .unwrap();

    assert_eq!(created.server.server_type.unwrap().name, "cax11");
    assert_eq!(created.server.location.unwrap().name, "fsn1");
}

#[tokio::test]
async fn lack_of_capacity_is_the_error_rather_than_an_impossible_combination() {
    let (sim, client) = start(Sim::builder()).await;
    let fault = "error=resource_unavailable POST /v1/servers x1";
    sim.add_fault(fault.parse().unwrap());

    let error = create(&client, ["cax11"], ["fsn1", "ash"])
        .await
        .unwrap_err();

    assert!(error.is_out_of_capacity(), "{error:#}");
    assert_eq!(requests(&sim).len(), 2);
}

#[tokio::test]
async fn empty_lists_stand_for_what_the_request_has() {
    let (sim, client) = start(Sim::builder()).await;
    let server = CreateServer {
        location: Some("hel1".into()),
        ..server()
    };

    let created = client.servers().create_with_fallback(&server, &[], &[]);
    let created = created.await.unwrap();

    assert_eq!(created.server.location.unwrap().name, "hel1");
    assert_eq!(requests(&sim).len(), 1);
}

#[tokio::test]
async fn a_typing_error_is_no_reason_for_another_type() {
    let (sim, client) = start(Sim::builder()).await;

    let created = create(&client, ["cx32x", "cx23"], ["fsn1"]);

    let error = created.await.unwrap_err();
    assert!(!error.may_succeed_elsewhere(), "{error:#}");
    assert_eq!(requests(&sim).len(), 1);
}

#[tokio::test]
async fn an_unknown_outcome_never_makes_a_second_server() {
    for fault in [
        "drop-after POST /v1/servers x1",
        "truncate POST /v1/servers x1",
        "status=503 POST /v1/servers x1",
        r#"status=503 POST /v1/servers x1 {"error": {"code": "resource_unavailable", "message": ""}}"#,
    ] {
        let (sim, client) = start(Sim::builder()).await;
        sim.add_fault(fault.parse().unwrap());

        let created = create(&client, ["cx23", "cx33"], ["fsn1", "nbg1"]);

        let error = created.await.unwrap_err();
        assert!(error.may_have_taken_effect(), "{fault}: {error:#}");
        assert_eq!(requests(&sim), ["POST /v1/servers"], "{fault}");
    }
}

#[tokio::test]
async fn a_dry_run_tries_one_combination() {
    let (sim, _) = start(Sim::builder()).await;
    let client = crate::simulator::client(&sim).dry_run(true).build();

    let client = client.unwrap();
    let created = create(&client, ["cx23", "cx33"], ["fsn1"]);

    assert!(matches!(created.await, Err(Error::DryRun { .. })));
    assert!(sim.requests().is_empty());
}
