//! DNS zones and their records.

use hcloud_api::{
    CreateZone, PrimaryNameserver, Record, Rrset, RrsetId, RrsetType, TsigAlgorithm, Zone, ZoneMode,
};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use crate::api::{body, client, refusal, respond};

const ZONE: &str = include_str!("../../src/fixtures/zone.json");
const RRSET: &str = include_str!("../../src/fixtures/rrset.json");
const RRSETS: &str = include_str!("../../src/fixtures/rrsets.json");

/// Returns the path of the request for a record set of a zone.
async fn path(zone: &str, id: &RrsetId) -> String {
    let api = MockServer::start().await;
    let mock = Mock::given(any()).respond_with(body(RRSET));
    mock.mount(&api).await;

    client(&api).zones().rrsets(zone).get(id).await.unwrap();

    let requests = api.received_requests().await.unwrap();
    requests[0].url.path().to_owned()
}

#[tokio::test]
async fn names_of_records_are_escaped_in_paths() {
    for (name, kind, part) in [
        ("@", RrsetType::Mx, "@/MX"),
        ("*", RrsetType::A, "%2A/A"),
        ("*.dev", RrsetType::A, "%2A.dev/A"),
        ("_acme-challenge", RrsetType::Txt, "_acme-challenge/TXT"),
        ("0/25", RrsetType::Ptr, "0%2F25/PTR"),
        ("a?b#c d%41", RrsetType::A, "a%3Fb%23c%20d%2541/A"),
        ("ä", RrsetType::A, "%C3%A4/A"),
    ] {
        let path = path("example.com", &RrsetId::new(name, kind)).await;

        assert_eq!(path, format!("/zones/example.com/rrsets/{part}"));
    }
}

#[tokio::test]
async fn no_name_escapes_its_zone() {
    for name in [".", "..", "../..", "%2e%2e"] {
        let id = RrsetId::new(name, RrsetType::Unknown(name.to_owned()));

        let path = path(name, &id).await;

        let parts: Vec<_> = path.split('/').collect();
        assert_eq!(parts.len(), 6, "{path}");
        assert_eq!((parts[1], parts[3]), ("zones", "rrsets"), "{path}");
    }
}

#[tokio::test]
async fn records_are_listed_in_pages_of_a_hundred() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/zones/9001/rrsets", [body(RRSETS)]).await;
    let client = client(&api);
    let rrsets = client.zones().rrsets(hcloud_api::ZoneId::new(9001));

    let all: Vec<Rrset> = rrsets.list(&Default::default()).all().await.unwrap();

    let requests = api.received_requests().await.unwrap();
    assert!(requests[0].url.query().unwrap().contains("per_page=100"));
    let names: Vec<_> = all.iter().map(|rrset| rrset.id.to_string()).collect();
    let wild = "*.dev/CNAME";
    let (acme, dkim) = ("_acme-challenge/TXT", "mail._domainkey/TXT");
    assert_eq!(names, ["@/MX", "www/A", wild, acme, dkim]);
    assert_eq!(all[0].id, RrsetId::apex(RrsetType::Mx));
    assert_eq!(all[0].ttl, None);
    let key = all[4].records[0].text();
    assert_eq!(key.as_deref(), Some("v=DKIM1; k=rsa; p=MIIBIjANBg"));
    assert_eq!(all[1].records[0].text(), None, "an address is not text");
}

#[test]
fn the_id_of_a_record_set_ends_with_its_type() {
    let id: RrsetId = "0/25/PTR".parse().unwrap();

    assert_eq!((id.name.as_str(), &id.kind), ("0/25", &RrsetType::Ptr));
    assert_eq!(id.to_string(), "0/25/PTR");
    assert!("www".parse::<RrsetId>().is_err());
}

#[tokio::test]
async fn a_missing_record_set_is_none() {
    let api = MockServer::start().await;
    let at = "/zones/example.com/rrsets";
    respond(&api, "GET", at, [body(r#"{"rrsets": []}"#)]).await;
    let client = client(&api);

    let rrsets = client.zones().rrsets("example.com");
    let found = rrsets.find(&RrsetId::new("old", RrsetType::A)).await;

    assert!(found.unwrap().is_none());
    let requests = api.received_requests().await.unwrap();
    let query = requests[0].url.query().unwrap();
    assert_eq!(query, "name=old&type=A&page=1&per_page=1");
}

#[tokio::test]
async fn records_of_a_secondary_zone_are_refused() {
    let api = MockServer::start().await;
    let refused = refusal(422, "incorrect_zone_mode");
    respond(&api, "GET", "/zones/example.net/zonefile", [refused]).await;

    let exported = client(&api).zones().export_zonefile("example.net").await;

    let code = exported.unwrap_err().code().cloned();
    assert_eq!(code, Some(hcloud_api::ErrorCode::IncorrectZoneMode));
}

#[tokio::test]
async fn a_zone_file_keeps_its_lines() {
    let api = MockServer::start().await;
    let response = include_str!("../../src/fixtures/zonefile.json");
    respond(&api, "GET", "/zones/example.com/zonefile", [body(response)]).await;

    let zonefile = client(&api).zones().export_zonefile("example.com").await;

    let zonefile = zonefile.unwrap();
    assert!(zonefile.starts_with("$ORIGIN\texample.com.\n"));
    assert!(zonefile.ends_with("; the shop\n"));
}

#[tokio::test]
async fn keys_of_zone_transfers_are_never_shown() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/zones/example.net", [body(ZONE)]).await;
    let key = "CanaryTsigKey==";
    let signed = PrimaryNameserver::new("203.0.113.53").signed(TsigAlgorithm::HmacSha256, key);

    let zone: Zone = client(&api).zones().get("example.net").await.unwrap();
    let create = CreateZone::secondary("example.net", [signed.clone()]);

    assert_eq!(zone.mode, ZoneMode::Secondary);
    assert!(serde_json::to_string(&zone).unwrap().contains(key));
    assert!(serde_json::to_string(&create).unwrap().contains(key));
    let shown = format!("{zone:?} {zone:#?} {create:?} {signed:#?}");
    assert!(!shown.contains("Canary"), "{shown}");
}

#[test]
fn a_long_text_is_one_record() {
    let key = "p".repeat(400);

    let record = Record::txt(&key).comment("DKIM");

    assert_eq!(record.value.len(), 400 + 2 * 2 + 1);
    assert_eq!(record.text(), Some(key));
}
