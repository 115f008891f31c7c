use std::error::Error as _;

use hcloud_api::{Client, LocationId, RetryPolicy};
use wiremock::MockServer;

use crate::api::{TOKEN, answers, builder, client, refusal};

/// Everything an error says, to people and in a debugger.
fn everything(error: hcloud_api::Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!("{error} {error:?}");
        source = error.source();
    }
    text
}

#[tokio::test]
async fn the_token_travels_in_its_header() {
    let api = MockServer::start().await;
    answers(&api, "GET", "/locations/1", [crate::api::location()]).await;

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
    answers(&api, "GET", "/locations/1", [refusal(401, "unauthorized")]).await;
    let client = client(&api);
    let away = Client::builder(TOKEN)
        .endpoint("http://127.0.0.1:1")
        .retry(RetryPolicy::never())
        .build()
        .unwrap();

    let said = [
        format!("{:?}", builder(&api)),
        format!("{:?}", Client::new(format!("{TOKEN}\n"))),
        format!("{client:?} {:#?} {:?}", client, client.locations()),
        format!("{:?}", client.locations().list(&Default::default())),
        everything(
            client
                .locations()
                .get(LocationId::new(1))
                .await
                .unwrap_err(),
        ),
        everything(away.locations().get(LocationId::new(1)).await.unwrap_err()),
    ];

    for text in said {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn programs_name_themselves_before_the_library() {
    let api = MockServer::start().await;
    answers(&api, "GET", "/locations/1", [crate::api::location()]).await;
    let client = builder(&api).user_agent("hcc", "1.2.3").build().unwrap();

    client.locations().get(LocationId::new(1)).await.unwrap();

    let requests = api.received_requests().await.unwrap();
    let agent = requests[0].headers["user-agent"].to_str().unwrap();
    assert!(agent.starts_with("hcc/1.2.3 hcloud-api/"), "{agent}");
}
