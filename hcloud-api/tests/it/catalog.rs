//! The catalog: types, images, prices.

use std::time::Duration;

use hcloud_api::{AssigneeType, Image, Pricing, PrimaryIp, ServerType, Timestamp};
use wiremock::MockServer;

use crate::api::{body, client, respond};

async fn server_types() -> [ServerType; 2] {
    let api = MockServer::start().await;
    let response = include_str!("../../src/fixtures/server_types.json");
    respond(&api, "GET", "/server_types", [body(response)]).await;
    let types = client(&api).server_types().list(&Default::default());
    types.all().await.unwrap().try_into().unwrap()
}

#[tokio::test]
async fn a_type_can_be_ordered_where_it_is_available() {
    let [cx23, cx22] = server_types().await;

    let orderable = |server_type: &ServerType| -> Vec<String> {
        let locations = server_type.orderable_in();
        locations.map(|location| location.name.clone()).collect()
    };
    assert_eq!(orderable(&cx23), ["fsn1"]);
    assert_eq!(orderable(&cx22), ["hel1"]);
}

#[tokio::test]
async fn a_type_is_deprecated_per_location() {
    let [cx23, mut cx22] = server_types().await;
    let at = |time: &str| time.parse::<Timestamp>().unwrap();

    let end = cx22.deprecation_in("fsn1").unwrap();
    assert!(!end.is_over(at("2026-04-14T23:59:59Z")));
    assert!(end.is_over(at("2026-04-15T00:00:01Z")));
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(end.time_left(at("2026-04-14T00:00:00Z")), Some(day));
    assert_eq!(
        end.time_left(at("2026-05-01T00:00:00Z")),
        Some(Duration::ZERO)
    );
    assert!(cx22.deprecation_in("hel1").is_none());
    assert!(cx22.deprecation_in("ash").is_none());

    assert!(!cx23.is_deprecated());
    assert!(!cx22.is_deprecated());
    cx22.locations.retain(|location| location.name == "fsn1");
    assert!(cx22.is_deprecated());
}

#[tokio::test]
async fn a_type_has_a_price_in_each_location() {
    let [cx23, _] = server_types().await;

    let monthly = |location: &str| cx23.price(location).unwrap().price_monthly.clone();
    assert_eq!(
        monthly("fsn1").gross.unwrap().as_str(),
        "3.5581000000000000"
    );
    assert_eq!(monthly("hel1").net.unwrap().as_str(), "2.8900000000");
    assert!(cx23.price("ash").is_none());
}

#[tokio::test]
async fn an_image_is_deprecated_once_that_is_announced() {
    let api = MockServer::start().await;
    let response = include_str!("../../src/fixtures/images.json");
    respond(&api, "GET", "/images", [body(response)]).await;

    let images = client(&api).images().list(&Default::default()).all().await;

    let deprecated: Vec<_> = images.unwrap().iter().map(Image::is_deprecated).collect();
    assert_eq!(deprecated, [false, true, false, false]);
}

#[tokio::test]
async fn snapshots_have_no_name() {
    let api = MockServer::start().await;
    let response = include_str!("../../src/fixtures/images.json");
    respond(&api, "GET", "/images", [body(response)]).await;

    let images = client(&api)
        .images()
        .list(&Default::default())
        .all()
        .await
        .unwrap();

    let names: Vec<_> = images.iter().map(|image| image.name.as_deref()).collect();
    assert_eq!(names, [Some("debian-13"), Some("debian-11"), None, None]);
}

#[tokio::test]
async fn an_address_may_be_unassigned() {
    let api = MockServer::start().await;
    let response = include_str!("../../src/fixtures/primary_ips.json");
    respond(&api, "GET", "/primary_ips", [body(response)]).await;

    let ips = client(&api)
        .primary_ips()
        .list(&Default::default())
        .all()
        .await
        .unwrap();

    let [assigned, spare]: [PrimaryIp; 2] = ips.try_into().unwrap();
    assert_eq!(assigned.assignee_type, AssigneeType::Server);
    assert_eq!(spare.assignee_type, AssigneeType::Unassigned);
    assert!(spare.assignee_id.is_none());
}

#[tokio::test]
async fn prices_are_decoded_with_every_digit() {
    let api = MockServer::start().await;
    respond(
        &api,
        "GET",
        "/pricing",
        [body(include_str!("../../src/fixtures/pricing.json"))],
    )
    .await;

    let pricing: Pricing = client(&api).pricing().await.unwrap();

    assert_eq!(pricing.currency, "EUR");
    let percentage = pricing.server_backup.percentage.unwrap();
    assert_eq!(percentage.as_str(), "20.0000000000");
    let ipv4 = &pricing.primary_ips[0].prices[0];
    let net = ipv4.price_monthly.net.as_ref().unwrap();
    assert_eq!(net.as_str(), "0.5000000000");
    assert!(pricing.floating_ips[0].prices[0].price_hourly.is_none());
}
