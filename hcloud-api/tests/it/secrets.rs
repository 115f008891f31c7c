use std::error::Error as _;
use std::fs;
use std::path::Path;

use hcloud_api::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use crate::api::{TOKEN, builder, client, refusal, respond};
use crate::traces;

const CANARY: &str = "CanaryThatNobodyMaySee";

/// All secret fields, and how often each is declared.
const SECRETS: &[(&str, &str)] = &[
    ("certificates.rs", "private_key"),
    ("client.rs", "token"),
    ("error.rs", "body"),
    ("salvage.rs", "password"),
    ("salvage.rs", "root_password"),
    ("salvage.rs", "wss_url"),
    ("servers.rs", "password"),
    ("servers.rs", "root_password"),
    ("servers.rs", "root_password"),
    ("servers.rs", "user_data"),
    ("servers.rs", "user_data"),
    ("servers.rs", "wss_url"),
    ("storage_box_subaccounts.rs", "password"),
    ("storage_boxes.rs", "password"),
    ("storage_boxes.rs", "password"),
    ("zones.rs", "tsig_key"),
];

/// Returns all output of an error and its sources.
fn all_output(error: Error) -> String {
    let mut output = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        output += &format!("{error} {error:?}");
        source = error.source();
    }
    output
}

#[tokio::test]
async fn the_token_is_sent_in_its_header() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/locations/1", [crate::api::location()]).await;

    client(&api)
        .locations()
        .get(LocationId::new(1))
        .await
        .unwrap();

    let requests = api.received_requests().await.unwrap();
    assert_eq!(
        requests[0].headers["authorization"],
        format!("Bearer {TOKEN}")
    );
}

#[tokio::test]
async fn the_token_is_in_no_debug_output_and_in_no_error() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/locations/1", [refusal(401, "unauthorized")]).await;
    let client = client(&api);
    let away = Client::builder(TOKEN)
        .endpoint("http://127.0.0.1:1")
        .retry(RetryPolicy::never())
        .build()
        .unwrap();

    let outputs = [
        format!("{:?}", builder(&api)),
        format!("{:?}", Client::new(format!("{TOKEN}\n"))),
        format!("{client:?} {:#?} {:?}", client, client.locations()),
        format!("{:?}", client.locations().list(&Default::default())),
        all_output(
            client
                .locations()
                .get(LocationId::new(1))
                .await
                .unwrap_err(),
        ),
        all_output(away.locations().get(LocationId::new(1)).await.unwrap_err()),
    ];

    for output in outputs {
        assert!(!output.contains(TOKEN), "{output}");
    }
}

#[tokio::test]
async fn secrets_of_requests_are_sent_and_never_shown() {
    traces::start();
    let api = MockServer::start().await;
    let refused = refusal(503, "unavailable");
    Mock::given(any()).respond_with(refused).mount(&api).await;
    let client = builder(&api).storage_box_endpoint(api.uri());
    let client = client.build().unwrap();
    let (server, storage_box) = (ServerId::new(42), StorageBoxId::new(1337));
    let boxes = client.storage_boxes();

    let mut create = CreateServer::new("web-1", "cx23", "debian-13");
    create.user_data = Some(CANARY.into());
    let mut rebuild = RebuildServer::new("debian-13");
    rebuild.user_data = Some(CANARY.into());
    let upload = CreateCertificate::uploaded("own", "the chain", CANARY);
    let storage = CreateStorageBox::new("backup", "bx11", "fsn1", CANARY);
    let subaccount = CreateStorageBoxSubaccount::new("web", CANARY);
    let primary = PrimaryNameserver::new("203.0.113.53");
    let primary = [primary.signed(TsigAlgorithm::HmacSha256, CANARY)];
    let zone = CreateZone::secondary("example.net", primary.clone());
    let shown = [
        format!("{create:#?} {rebuild:#?} {upload:#?} {storage:#?} {subaccount:#?} {zone:#?}"),
        outcome(client.servers().create(&create).await),
        outcome(client.servers().rebuild(server, &rebuild).await),
        outcome(client.certificates().create(&upload).await),
        outcome(boxes.create(&storage).await),
        outcome(boxes.reset_password(storage_box, CANARY).await),
        outcome(boxes.subaccounts(storage_box).create(&subaccount).await),
        outcome(
            boxes
                .subaccounts(storage_box)
                .reset_password(StorageBoxSubaccountId::new(88), CANARY)
                .await,
        ),
        outcome(client.zones().create(&zone).await),
        outcome(
            client
                .zones()
                .change_primary_nameservers("example.net", &primary)
                .await,
        ),
        traces::traced(),
    ];

    let requests = api.received_requests().await.unwrap();
    let sent = requests
        .iter()
        .filter(|request| String::from_utf8_lossy(&request.body).contains(CANARY));
    assert_eq!(sent.count(), 9);
    for output in shown {
        assert!(!output.contains(CANARY), "{output}");
    }
}

fn outcome<T>(result: Result<T>) -> String {
    all_output(result.err().unwrap())
}

#[test]
fn secrets_of_responses_are_decoded_and_never_shown() {
    fn check<T: DeserializeOwned + Serialize + std::fmt::Debug>(response: &str, at: &str) {
        let mut response: Value = serde_json::from_str(response).unwrap();
        *response.pointer_mut(at).unwrap() = CANARY.into();

        let read: T = serde_json::from_value(response.clone()).unwrap();
        assert!(serde_json::to_string(&read).unwrap().contains(CANARY));
        let shown = format!("{read:?} {read:#?}");
        assert!(!shown.contains(CANARY), "{shown}");

        *response.pointer_mut(at).unwrap() = json!([CANARY]);
        let error = serde_json::from_value::<T>(response.clone()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
        *response.pointer_mut(at).unwrap() = json!(-471_147);
        let error = serde_json::from_value::<T>(response).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("471147"), "{error}");
    }

    let created = include_str!("../../src/fixtures/server_created.json");
    check::<ServerCreated>(created, "/root_password");
    let access = include_str!("../../src/fixtures/root_password.json");
    check::<RootAccess>(access, "/root_password");
    let console = include_str!("../../src/fixtures/console.json");
    check::<Console>(console, "/password");
    check::<Console>(console, "/wss_url");
    let zones: Value = serde_json::from_str(include_str!("../../src/fixtures/zone.json")).unwrap();
    let zone = zones["zone"].to_string();
    check::<Zone>(&zone, "/primary_nameservers/0/tsig_key");
}

/// A new secret field must be added to the tests above, and then to the list.
#[test]
fn no_secret_field_is_forgotten() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for file in fs::read_dir(source).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            let name = file.file_name().into_string().unwrap();
            let code = fs::read_to_string(file.path()).unwrap();
            found.extend(secret_fields(&code).map(|field| (name.clone(), field)));
        }
    }
    found.sort();

    let listed: Vec<_> = SECRETS
        .iter()
        .map(|(file, field)| ((*file).to_owned(), (*field).to_owned()))
        .collect();
    assert_eq!(found, listed);
}

fn secret_fields(source: &str) -> impl Iterator<Item = String> {
    source.lines().filter_map(|line| {
        let (field, kind) = line.trim().strip_suffix(',')?.split_once(": ")?;
        ["SecretString", "Option<SecretString>"]
            .contains(&kind)
            .then(|| field.rsplit(' ').next().unwrap_or(field).to_owned())
    })
}

#[tokio::test]
async fn the_user_agent_begins_with_the_program() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/locations/1", [crate::api::location()]).await;
    let client = builder(&api).user_agent("hcc", "1.2.3").build().unwrap();

    client.locations().get(LocationId::new(1)).await.unwrap();

    let requests = api.received_requests().await.unwrap();
    let agent = requests[0].headers["user-agent"].to_str().unwrap();
    assert!(agent.starts_with("hcc/1.2.3 hcloud-api/"), "{agent}");
}

#[tokio::test]
async fn secrets_that_an_error_quotes_are_in_no_output() {
    let user_data = format!("#cloud-config\npassword: {CANARY}\n# the end\n");
    let quote = json!({"error": {
        "code": "invalid_input",
        "message": format!("invalid input in field 'user_data': {user_data:?}"),
        "details": {
            "fields": [{"name": "user_data", "messages": [format!("{CANARY} is not allowed")]}],
            "value": user_data,
        },
    }});
    let api = MockServer::start().await;
    let refused = wiremock::ResponseTemplate::new(422).set_body_json(quote);
    respond(&api, "POST", "/servers", [refused]).await;
    let request = CreateServer {
        user_data: Some(user_data.into()),
        ..CreateServer::new("web1", "cx23", "debian-13")
    };

    let error = client(&api).servers().create(&request).await.unwrap_err();

    let text = error.source().unwrap().to_string();
    assert!(text.contains("[redacted] is not allowed"), "{text}");
    assert!(!all_output(error).contains(CANARY));
}
