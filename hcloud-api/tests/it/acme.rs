//! Zones of host names, and records next to others.

use hcloud_api::{Client, CreateZone, Error, Record, RrsetId, RrsetType};
use hcloud_sim::Sim;
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::api::{body, respond};
use crate::simulator::{requests, start};

const VALUE: &str = "gfj9Xq-Rg85nM_abc";
const OTHER: &str = "LoqXcYV8-q5ONbJQx";

async fn with_zones(names: &[&str]) -> (Sim, Client) {
    let (sim, client) = start(Sim::builder()).await;
    for name in names {
        let zone = CreateZone::primary(*name);
        let created = client.zones().create(&zone).await.unwrap();
        client.wait(created.action).await.unwrap();
    }
    sim.clear_requests();
    (sim, client)
}

/// Returns the texts of the records that an ACME server reads.
async fn texts(client: &Client, name: &str) -> Vec<String> {
    let rrsets = client.zones().rrsets("example.com");
    let rrset = rrsets.find(&RrsetId::new(name, RrsetType::Txt)).await;
    let records = rrset.unwrap().map(|rrset| rrset.records);
    let texts = records
        .iter()
        .flatten()
        .map(|record| record.text().unwrap());
    texts.collect()
}

#[tokio::test]
async fn the_longest_zone_contains_a_host_name() {
    let (_sim, client) = with_zones(&["example.com", "shop.example.com"]).await;
    let zones = client.zones();

    for (host, found) in [
        ("www.shop.example.com", Some(("www", "shop.example.com"))),
        ("shop.example.com.", Some(("@", "shop.example.com"))),
        ("A.B.Example.COM", Some(("a.b", "example.com"))),
        ("*.example.com", Some(("*", "example.com"))),
        ("notexample.com", None),
        ("localhost", None),
    ] {
        let host_in_zone = zones.of_host(host).await.unwrap();
        let shown = host_in_zone.map(|found| (found.name, found.zone.name));
        let shown = shown.as_ref().map(|(name, zone)| (&**name, &**zone));
        assert_eq!(shown, found, "{host}");
    }
}

#[tokio::test]
async fn challenges_are_added_and_removed_next_to_others() {
    let (_sim, client) = with_zones(&["example.com"]).await;
    let zones = client.zones();

    for (host, value) in [("example.com", VALUE), ("*.example.com", OTHER)] {
        let action = zones.add_acme_challenge(host, value).await.unwrap();
        client.wait(action).await.unwrap();
    }
    assert_eq!(texts(&client, "_acme-challenge").await, [VALUE, OTHER]);
    let again = zones.add_acme_challenge("example.com", VALUE).await;
    assert_eq!(again.unwrap(), None);

    let removed = zones.remove_acme_challenge("example.com", VALUE).await;
    client.wait(removed.unwrap()).await.unwrap();
    assert_eq!(texts(&client, "_acme-challenge").await, [OTHER]);
    let again = zones.remove_acme_challenge("example.com", VALUE).await;
    assert_eq!(again.unwrap(), None);
}

#[tokio::test]
async fn a_challenge_of_a_subdomain_has_a_name_and_ttl_of_its_own() {
    let (_sim, client) = with_zones(&["example.com"]).await;

    let added = client.zones().add_acme_challenge("www.example.com", VALUE);
    client.wait(added.await.unwrap()).await.unwrap();

    let id = RrsetId::new("_acme-challenge.www", RrsetType::Txt);
    let rrset = client.zones().rrsets("example.com").get(&id).await.unwrap();
    assert_eq!(rrset.ttl, Some(60));
}

#[tokio::test]
async fn an_existing_record_set_keeps_its_ttl() {
    let (_sim, client) = with_zones(&["example.com"]).await;
    let rrsets = client.zones().rrsets("example.com");
    let id = RrsetId::new("www", RrsetType::A);
    let record = |address: &str| Record::new(address);

    for (address, ttl) in [("192.0.2.1", 300), ("192.0.2.2", 7200)] {
        let action = rrsets.ensure_record(&id, &record(address), Some(ttl)).await;
        client.wait(action.unwrap()).await.unwrap();
    }

    let rrset = rrsets.get(&id).await.unwrap();
    assert_eq!((rrset.ttl, rrset.records.len()), (Some(300), 2));
}

#[tokio::test]
async fn a_host_name_without_a_zone_is_an_error() {
    let (sim, client) = with_zones(&[]).await;

    let added = client.zones().add_acme_challenge("*.example.org", VALUE);

    let error = added.await.unwrap_err();
    assert!(matches!(&error, Error::NoZone { host } if host == "*.example.org"));
    assert_eq!(
        error.to_string(),
        "no DNS zone of the project contains \"*.example.org\""
    );
    assert_eq!(requests(&sim), ["GET /v1/zones"]);
}

/// Another program adds or removes the record between two requests.
#[tokio::test]
async fn concurrent_changes_to_the_same_end_are_no_errors() {
    let api = MockServer::start().await;
    let empty = body(r#"{"rrsets": []}"#);
    let rrset = json!({"id": "www/A", "name": "www", "zone": 1, "type": "A",
        "records": [{"value": "192.0.2.1"}]});
    let full = ResponseTemplate::new(200).set_body_json(json!({ "rrsets": [rrset] }));
    respond(&api, "GET", "/zones/example.com/rrsets", [empty, full]).await;
    for (command, status, code) in [
        ("add_records", 422, "invalid_input"),
        ("remove_records", 404, "not_found"),
    ] {
        let refused = crate::api::refusal(status, code);
        let command = format!("/zones/example.com/rrsets/www/A/actions/{command}");
        Mock::given(method("POST"))
            .and(path(command))
            .respond_with(refused)
            .expect(1)
            .mount(&api)
            .await;
    }
    let client = crate::api::client(&api);
    let rrsets = client.zones().rrsets("example.com");
    let (id, record) = (RrsetId::new("www", RrsetType::A), Record::new("192.0.2.1"));

    let added = rrsets.ensure_record(&id, &record, None).await;
    let removed = rrsets.ensure_no_record(&id, &record).await;

    assert_eq!((added.unwrap(), removed.unwrap()), (None, None));
}
