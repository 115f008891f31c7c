//! Finding resources by name or id.

use hcloud_api::{Architecture, Error, IdOrName, ImageId, ServerId};
use serde_json::json;
use wiremock::matchers::{any, method, path, query_param};
use wiremock::{Mock, MockServer};

use crate::api::{body, builder, client, refusal, respond};

const SERVER: &str = include_str!("../../src/fixtures/server.json");
const SERVERS: &str = include_str!("../../src/fixtures/servers.json");
const IMAGES: &str = include_str!("../../src/fixtures/images.json");

/// Returns the requested paths with the requested names, such as `/servers name=web-1`.
async fn requested(api: &MockServer) -> Vec<String> {
    let requests = api.received_requests().await.unwrap();
    let requested = requests.iter().map(|request| {
        let mut query = request.url.query_pairs();
        let name = query.find(|(parameter, _)| parameter == "name");
        let name = name.map_or_else(String::new, |(_, name)| format!(" name={name}"));
        format!("{}{name}", request.url.path())
    });
    requested.collect()
}

#[tokio::test]
async fn a_server_is_found_by_its_exact_name() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/servers", [body(SERVERS)]).await;

    let server = client(&api).servers().find("web-1").await.unwrap().unwrap();

    assert_eq!(server.id, ServerId::new(42));
    assert_eq!(requested(&api).await, ["/servers name=web-1"]);
}

#[tokio::test]
async fn not_found_is_none() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/servers", [body(r#"{"servers": []}"#)]).await;

    let server = client(&api).servers().find("unknown").await.unwrap();

    assert!(server.is_none());
}

#[tokio::test]
async fn an_id_is_requested_directly() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/servers/42", [body(SERVER)]).await;
    let key: IdOrName<ServerId> = "42".parse().unwrap();

    let server = client(&api).servers().resolve(&key).await.unwrap().unwrap();

    assert_eq!(server.name, "web-1");
    assert_eq!(requested(&api).await, ["/servers/42"]);
}

#[tokio::test]
async fn digits_without_a_resource_are_tried_as_a_name() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/servers/2026", [refusal(404, "not_found")]).await;
    respond(&api, "GET", "/servers", [body(SERVERS)]).await;
    let key: IdOrName<ServerId> = "2026".parse().unwrap();

    let server = client(&api).servers().resolve(&key).await.unwrap();

    assert!(server.is_some());
    assert_eq!(
        requested(&api).await,
        ["/servers/2026", "/servers name=2026"]
    );
}

#[tokio::test]
async fn a_name_of_digits_is_never_treated_as_an_id() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/servers", [body(SERVERS)]).await;

    let server = client(&api)
        .servers()
        .resolve(&"2026".into())
        .await
        .unwrap();

    assert!(server.is_some());
    assert_eq!(requested(&api).await, ["/servers name=2026"]);
}

#[tokio::test]
async fn an_error_other_than_not_found_is_returned() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/servers/42", [refusal(403, "forbidden")]).await;

    let found = client(&api)
        .servers()
        .resolve(&ServerId::new(42).into())
        .await;

    assert_eq!(found.unwrap_err().status().unwrap(), 403);
}

#[tokio::test]
async fn every_named_kind_is_found_by_name() {
    macro_rules! find_all {
        ($($resources:ident),+ $(,)?) => {{
            let api = MockServer::start().await;
            let empty = json!({$(stringify!($resources): []),+});
            let empty = body(&empty.to_string());
            Mock::given(any()).respond_with(empty).mount(&api).await;
            let client = builder(&api).storage_box_endpoint(api.uri()).build().unwrap();
            $(
                client.$resources().find("x").await.unwrap();
                // It would match all.
                assert!(client.$resources().find("").await.unwrap().is_none());
                client.$resources().resolve(&"x".into()).await.unwrap();
            )+
            let expected = [$(concat!("/", stringify!($resources), " name=x")),+];
            (requested(&api).await, expected.map(|path| [path; 2]).concat())
        }};
    }

    let (requested, expected) = find_all!(
        certificates,
        firewalls,
        floating_ips,
        isos,
        load_balancer_types,
        load_balancers,
        locations,
        networks,
        placement_groups,
        primary_ips,
        server_types,
        servers,
        ssh_keys,
        storage_box_types,
        storage_boxes,
        volumes,
        zones,
    );

    assert_eq!(requested, expected);
}

#[tokio::test]
async fn an_image_is_found_by_name_and_architecture() {
    let api = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/images"))
        .and(query_param("name", "debian-11"))
        .and(query_param("architecture", "arm"))
        .and(query_param("include_deprecated", "true"))
        .respond_with(body(IMAGES))
        .expect(2)
        .mount(&api)
        .await;
    let client = client(&api);
    let images = client.images();

    let found = images.find("debian-11", Architecture::Arm).await;
    let key: IdOrName<ImageId> = "debian-11".into();
    let resolved = images.resolve(&key, Architecture::Arm).await;

    assert!(found.unwrap().is_some());
    assert!(resolved.unwrap().is_some());
    assert!(images.find("", Architecture::Arm).await.unwrap().is_none());
}

#[tokio::test]
async fn name_that_is_too_long_for_a_url_is_not_a_lost_connection() {
    let api = MockServer::start().await;

    let found = client(&api).networks().find(&"x".repeat(70_000)).await;

    let error = found.unwrap_err();
    assert!(matches!(error, Error::Unsendable { .. }), "{error:?}");
    assert!(!error.is_retryable() && !error.may_have_taken_effect());
    assert_eq!(error.to_string(), "GET /networks is not a valid request");
    assert_eq!(requested(&api).await, [""; 0]);
}
