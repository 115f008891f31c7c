use std::sync::{Arc, Mutex};

use hcloud_api::{Client, CreateServer, Error, ExposeSecret, Listed, Server, ServerId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::api::{body, builder, client, respond};

fn servers(change: impl FnOnce(&mut Value)) -> String {
    let mut response =
        serde_json::from_str(include_str!("../../src/fixtures/servers.json")).unwrap();
    change(&mut response);
    response.to_string()
}

fn created(change: impl FnOnce(&mut Value)) -> String {
    let fixture = include_str!("../../src/fixtures/server_created.json");
    let mut response = serde_json::from_str(fixture).unwrap();
    change(&mut response);
    response.to_string()
}

async fn api(at: &str, verb: &str, response: &str) -> MockServer {
    let api = MockServer::start().await;
    respond(&api, verb, at, [body(response)]).await;
    api
}

#[tokio::test]
async fn a_list_leaves_out_only_the_items_without_identity() {
    let response = servers(|response| {
        response["servers"][0]["server_type"]["prices"][0]["price_monthly"]["net"] = json!({});
        response["servers"][1]["name"] = Value::Null;
    });
    let api = api("/servers", "GET", &response).await;

    let list = client(&api).servers().list(&Default::default());
    let listed: Listed<Server> = list.all_with_deviations(|_| {}).await.unwrap();

    assert_eq!(listed.items.len(), 1);
    let shown: Vec<_> = listed.deviations.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "servers[0].server_type.prices[0].price_monthly.net: \
             expected a decimal number, got an object",
            "servers[1]: missing field `name`",
        ]
    );
    let skipped: Vec<_> = listed.skipped().collect();
    assert_eq!(skipped.len(), 1);
    assert!(skipped[0].id.is_some());
}

#[tokio::test]
async fn prices_may_be_numbers() {
    let response = servers(|response| {
        let price = &mut response["servers"][0]["server_type"]["prices"][0];
        price["price_monthly"] = json!({"net": 3.49, "gross": 4});
    });
    let api = api("/servers", "GET", &response).await;

    let servers = client(&api).servers().list(&Default::default());
    let servers = servers.all().await.unwrap();

    let price = &servers[0].server_type.as_ref().unwrap().prices[0];
    assert_eq!(price.price_monthly.net.as_ref().unwrap().as_str(), "3.49");
    assert_eq!(price.price_monthly.gross.as_ref().unwrap().as_str(), "4");
}

#[tokio::test]
async fn a_strict_client_fails_at_the_path_of_the_odd_value() {
    let response = servers(|response| response["servers"][1]["created"] = json!("soon"));
    let api = api("/servers", "GET", &response).await;

    let strict = builder(&api).strict(true).build().unwrap();
    let error = strict.servers().list(&Default::default()).all().await;

    let error = error.unwrap_err();
    assert!(
        matches!(&error, Error::Decode { field, .. } if field == "servers[1].created"),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_observer_sees_what_was_ignored() {
    let response = servers(|response| response["servers"][0]["image"] = json!(17));
    let api = api("/servers", "GET", &response).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let paths = Arc::clone(&seen);

    let client = builder(&api).on_deviation(move |it| paths.lock().unwrap().push(it.path.clone()));
    let client = client.build().unwrap();
    let servers = client.servers().list(&Default::default()).all().await;

    assert!(servers.unwrap()[0].image.is_none());
    assert_eq!(*seen.lock().unwrap(), ["servers[0].image"]);
}

#[tokio::test]
async fn an_observer_sees_fields_that_only_some_items_lack() {
    let response = servers(|response| {
        let servers = response["servers"].as_array_mut().unwrap();
        servers.extend(servers.clone());
        for (id, server) in (1..).zip(&mut *servers) {
            server["id"] = json!(id);
            server.as_object_mut().unwrap().remove("created");
        }
        let mut nameless = servers[0].clone();
        nameless.as_object_mut().unwrap().remove("name");
        servers.push(nameless);
        let price = &mut servers[1]["server_type"]["prices"][0];
        price
            .as_object_mut()
            .unwrap()
            .remove("price_per_tb_traffic");
        servers[2].as_object_mut().unwrap().remove("public_net");
        servers[3].as_object_mut().unwrap().remove("volumes");
    });
    let api = api("/servers", "GET", &response).await;
    let client = builder(&api).on_deviation(|_| {}).build().unwrap();

    let list = client.servers().list(&Default::default());
    let listed = list.all_with_deviations(|_| {}).await.unwrap();

    assert_eq!(listed.items.len(), 4);
    let shown: Vec<_> = listed.deviations.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "servers[4]: missing field `name`",
            "servers[2].public_net: missing, although others have it",
            "servers[1].server_type.prices[0].price_per_tb_traffic: \
             missing, although others have it",
        ],
        "all lack `created`, and `volumes` is optional"
    );
}

#[tokio::test]
async fn a_server_that_cannot_be_decoded_is_not_reported_as_absent() {
    let response = servers(|response| response["servers"][0]["name"] = json!(["odd"]));
    let api = api("/servers", "GET", &response).await;

    let error = client(&api).servers().find("web-1").await.unwrap_err();

    assert!(
        matches!(&error, Error::Decode { field, .. } if field == "servers[0].name"),
        "{error:?}"
    );
}

#[tokio::test]
async fn odd_page_numbers_are_an_error() {
    let response = servers(|response| response["meta"]["pagination"]["next_page"] = json!("more"));
    let api = api("/servers", "GET", &response).await;

    let error = client(&api).servers().list(&Default::default()).all().await;

    let error = error.unwrap_err();
    assert!(
        matches!(&error, Error::Decode { field, .. } if field == "meta.pagination.next_page"),
        "{error:?}"
    );
}

#[tokio::test]
async fn passwords_and_ids_of_a_creation_are_salvaged() {
    let response = created(|response| {
        response["server"]["id"] = json!(42);
        response["server"]["name"] = json!([]);
        response["root_password"] = json!("CanaryPassword");
    });
    let api = api("/servers", "POST", &response).await;

    let new = CreateServer::new("web-1", "cx23", "debian-13");
    let error = client(&api).servers().create(&new).await.unwrap_err();

    assert!(!format!("{error:?} {error}").contains("CanaryPassword"));
    assert!(error.may_have_taken_effect());
    let salvage = error.salvage().unwrap();
    assert_eq!(salvage.id.map(ServerId::new), Some(ServerId::new(42)));
    let password = salvage.root_password.as_ref().unwrap();
    assert_eq!(password.expose_secret(), "CanaryPassword");
    assert!(!salvage.actions.is_empty());
}

#[tokio::test]
async fn a_root_password_of_digits_may_be_a_number() {
    for odd_name in [false, true] {
        let response = created(|response| {
            response["root_password"] = json!(12_345_678_901_u64);
            if odd_name {
                response["server"]["id"] = json!("42");
                response["server"]["name"] = json!([]);
            }
        });
        let api = api("/servers", "POST", &response).await;

        let new = CreateServer::new("web-1", "cx23", "debian-13");
        let password = match client(&api).servers().create(&new).await {
            Ok(created) => created.root_password,
            Err(error) => {
                let salvage = error.salvage().unwrap();
                assert_eq!(salvage.id, Some(42));
                salvage.root_password.clone()
            }
        };

        assert_eq!(password.unwrap().expose_secret(), "12345678901");
    }
}

/// Responds to a creation, and returns what is known of the root password.
async fn root_password_of(status: u16, response: &[u8]) -> Option<String> {
    let api = MockServer::start().await;
    let response = ResponseTemplate::new(status).set_body_bytes(response);
    let create = Mock::given(path("/servers")).respond_with(response);
    create.mount(&api).await;

    let new = CreateServer::new("web-1", "cx23", "debian-13");
    let password = match client(&api).servers().create(&new).await {
        Ok(created) => created.root_password,
        Err(error) => {
            assert!(error.may_have_taken_effect(), "{error:?}");
            assert!(!format!("{error:?} {error}").contains("Canary"));
            error.salvage().and_then(|it| it.root_password.clone())
        }
    };
    password.map(|password| password.expose_secret().to_owned())
}

#[tokio::test]
async fn root_password_is_found_in_damaged_responses() {
    let response = created(|response| response["root_password"] = json!("Canary\"Pass"));
    let value: Value = serde_json::from_str(&response).unwrap();
    let cut = |response: &str| response.rfind('}').map(|end| response[..end].to_owned());
    let mut not_utf8 = response.clone().into_bytes();
    let name = response.find("Debian").unwrap();
    not_utf8[name] = 0xff;
    let moved = created(|response| {
        response["server"]["root_password"] = json!("Canary\"Pass");
        response["root_password"] = Value::Null;
    });
    for damaged in [
        format!("\u{feff}{response}").into_bytes(),
        format!("{{]{response}").into_bytes(),
        format!("<html>{response}</html>").into_bytes(),
        cut(&response).unwrap().into_bytes(),
        not_utf8,
        json!({ "data": value }).to_string().into_bytes(),
        json!([value]).to_string().into_bytes(),
        json!({ "body": response }).to_string().into_bytes(),
        json!(response).to_string().into_bytes(),
        moved.into_bytes(),
    ] {
        for status in [201, 502] {
            let password = root_password_of(status, &damaged).await;
            let shown = String::from_utf8_lossy(&damaged);
            assert_eq!(password.as_deref(), Some("Canary\"Pass"), "{shown}");
        }
    }
}

#[tokio::test]
async fn root_password_that_is_not_complete_is_none() {
    let response = created(|response| response["root_password"] = json!("Canary"));
    let end = response.find("Canary").unwrap() + 3;
    let empty = created(|response| response["root_password"] = json!(""));
    let odd = created(|response| response["root_password"] = json!([1]));

    for response in [&response[..end], &empty, &odd] {
        assert_eq!(root_password_of(201, response.as_bytes()).await, None);
    }
}

#[tokio::test]
async fn root_password_is_found_in_a_response_that_breaks_off() {
    let response = created(|response| response["root_password"] = json!("Canary"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert_ne!(stream.read(&mut request).await.unwrap(), 0);
        let head = "HTTP/1.1 201 Created\r\ncontent-length: 99999\r\n\r\n";
        let response = format!("{head}{response}");
        stream.write_all(response.as_bytes()).await.unwrap();
    };
    let client = Client::builder("token").endpoint(format!("http://{address}"));
    let client = client.build().unwrap();
    let new = CreateServer::new("web-1", "cx23", "debian-13");

    let servers = client.servers();
    let (created, ()) = tokio::join!(servers.create(&new), server);

    let error = created.unwrap_err();
    let salvage = error.salvage().unwrap();
    let password = salvage.root_password.as_ref().unwrap();
    assert_eq!(password.expose_secret(), "Canary");
}

#[tokio::test]
async fn half_a_console_is_salvaged_and_not_shown() {
    for (lost, kept) in [("wss_url", "password"), ("password", "wss_url")] {
        let fixture = include_str!("../../src/fixtures/console.json");
        let mut response: Value = serde_json::from_str(fixture).unwrap();
        response[kept] = json!("CanaryOfTheConsole");
        response[lost] = Value::Null;
        let api = api(
            "/servers/42/actions/request_console",
            "POST",
            &response.to_string(),
        )
        .await;

        let console = client(&api).servers().request_console(42.into()).await;

        let error = console.unwrap_err();
        let salvage = error.salvage().unwrap();
        let secrets = [&salvage.wss_url, &salvage.password];
        let secrets: Vec<_> = secrets.into_iter().flatten().collect();
        assert_eq!(secrets.len(), 1, "{kept}");
        assert_eq!(secrets[0].expose_secret(), "CanaryOfTheConsole");
        assert!(!format!("{error:?} {error}").contains("CanaryOfTheConsole"));
    }
}
