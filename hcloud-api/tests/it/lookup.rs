//! Finding things by what people call them.

use hcloud_api::{Architecture, IdOrName, ImageId, ServerId};
use serde_json::json;
use wiremock::matchers::{any, method, path, query_param};
use wiremock::{Mock, MockServer};

use crate::api::{answers, body, builder, client, refusal};

const SERVER: &str = include_str!("fixtures/server.json");
const SERVERS: &str = include_str!("fixtures/servers.json");
const IMAGES: &str = include_str!("fixtures/images.json");

/// The paths that were asked for, `/servers name=web-1` with the name that was asked for.
async fn asked(api: &MockServer) -> Vec<String> {
    let requests = api.received_requests().await.unwrap();
    let asked = requests.iter().map(|request| {
        let mut query = request.url.query_pairs();
        let name = query.find(|(parameter, _)| parameter == "name");
        let name = name.map_or_else(String::new, |(_, name)| format!(" name={name}"));
        format!("{}{name}", request.url.path())
    });
    asked.collect()
}

#[tokio::test]
async fn a_server_is_found_by_its_exact_name() {
    let api = MockServer::start().await;
    answers(&api, "GET", "/servers", [body(SERVERS)]).await;

    let server = client(&api).servers().find("web-1").await.unwrap().unwrap();

    assert_eq!(server.id, ServerId::new(42));
    assert_eq!(asked(&api).await, ["/servers name=web-1"]);
}

#[tokio::test]
async fn nothing_found_is_no_error() {
    let api = MockServer::start().await;
    answers(&api, "GET", "/servers", [body(r#"{"servers": []}"#)]).await;

    let server = client(&api).servers().find("nobody").await.unwrap();

    assert!(server.is_none());
}

#[tokio::test]
async fn an_id_is_asked_for_directly() {
    let api = MockServer::start().await;
    answers(&api, "GET", "/servers/42", [body(SERVER)]).await;
    let key: IdOrName<ServerId> = "42".parse().unwrap();

    let server = client(&api).servers().resolve(&key).await.unwrap().unwrap();

    assert_eq!(server.name, "web-1");
    assert_eq!(asked(&api).await, ["/servers/42"]);
}

#[tokio::test]
async fn digits_that_are_no_id_are_tried_as_a_name() {
    let api = MockServer::start().await;
    answers(&api, "GET", "/servers/2026", [refusal(404, "not_found")]).await;
    answers(&api, "GET", "/servers", [body(SERVERS)]).await;
    let key: IdOrName<ServerId> = "2026".parse().unwrap();

    let server = client(&api).servers().resolve(&key).await.unwrap();

    assert!(server.is_some());
    assert_eq!(asked(&api).await, ["/servers/2026", "/servers name=2026"]);
}

#[tokio::test]
async fn a_name_of_digits_is_never_taken_for_an_id() {
    let api = MockServer::start().await;
    answers(&api, "GET", "/servers", [body(SERVERS)]).await;

    let server = client(&api)
        .servers()
        .resolve(&"2026".into())
        .await
        .unwrap();

    assert!(server.is_some());
    assert_eq!(asked(&api).await, ["/servers name=2026"]);
}

#[tokio::test]
async fn a_refusal_other_than_not_found_is_an_error() {
    let api = MockServer::start().await;
    answers(&api, "GET", "/servers/42", [refusal(403, "forbidden")]).await;

    let found = client(&api)
        .servers()
        .resolve(&ServerId::new(42).into())
        .await;

    assert_eq!(found.unwrap_err().status().unwrap(), 403);
}

#[tokio::test]
async fn whatever_has_a_name_is_asked_for_by_it() {
    macro_rules! ask_for {
        ($($things:ident),+ $(,)?) => {{
            let api = MockServer::start().await;
            let nothing = json!({$(stringify!($things): []),+});
            let nothing = body(&nothing.to_string());
            Mock::given(any()).respond_with(nothing).mount(&api).await;
            let client = builder(&api).storage_box_endpoint(api.uri()).build().unwrap();
            $(
                client.$things().find("x").await.unwrap();
                client.$things().resolve(&"x".into()).await.unwrap();
            )+
            let expected = [$(concat!("/", stringify!($things), " name=x")),+];
            (asked(&api).await, expected.map(|path| [path; 2]).concat())
        }};
    }

    let (asked, expected) = ask_for!(
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

    assert_eq!(asked, expected);
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
}
