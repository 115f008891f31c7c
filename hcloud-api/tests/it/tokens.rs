use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use futures_util::future::join_all;
use hcloud_api::{Client, ErrorCode, LocationId, ServerId};
use wiremock::matchers::{any, header};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::api::{TOKEN, body, builder, client, location, refusal, requests};

const ROTATED: &str = "RotatedTokenThatMustNotLeak";

/// An API that accepts the rotated token only.
async fn rotated(refused: ResponseTemplate, accepted: ResponseTemplate) -> MockServer {
    let api = MockServer::start().await;
    for (token, response) in [(TOKEN, refused), (ROTATED, accepted)] {
        Mock::given(header("authorization", format!("Bearer {token}")))
            .respond_with(response)
            .mount(&api)
            .await;
    }
    api
}

/// A client that reads this token again, and how often it did so.
fn reader(api: &MockServer, token: &'static str) -> (Client, Arc<AtomicUsize>) {
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = reads.clone();
    let client = builder(api).token_source(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok(token.into()) }
    });
    (client.build().unwrap(), reads)
}

#[tokio::test]
async fn rejected_token_is_read_again_and_the_request_is_sent_once_more() {
    for refused in [refusal(401, "unauthorized"), refusal(403, "token_readonly")] {
        let action = body(include_str!("../../src/fixtures/action.json"));
        let api = rotated(refused, action).await;
        let (client, reads) = reader(&api, ROTATED);

        client.servers().power_on(ServerId::new(42)).await.unwrap();
        client.servers().power_on(ServerId::new(42)).await.unwrap();

        assert_eq!(reads.load(Ordering::Relaxed), 1);
        assert_eq!(requests(&api).await, 3);
        assert!(client.token_rejected().now_or_never().is_none());
    }
}

#[tokio::test]
async fn concurrent_requests_read_a_rejected_token_once() {
    let api = rotated(refusal(401, "unauthorized"), location()).await;
    let (client, reads) = reader(&api, ROTATED);
    let locations = client.locations();

    let found = join_all((0..20).map(|_| locations.get(LocationId::new(1)))).await;

    assert!(found.iter().all(Result::is_ok), "{found:?}");
    assert_eq!(reads.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn token_without_a_replacement_is_reported_as_rejected() {
    let api = rotated(refusal(401, "unauthorized"), location()).await;
    let (same, reads) = reader(&api, TOKEN);
    let broken = builder(&api).token_source(|| async { Err("no such file".into()) });
    let broken = broken.build().unwrap();

    for client in [same, broken, client(&api)] {
        let error = client.locations().get(LocationId::new(1)).await;

        let error = error.unwrap_err();
        assert_eq!(error.code(), Some(&ErrorCode::Unauthorized));
        assert!(client.token_rejected().now_or_never().is_some());
    }
    assert_eq!(reads.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn replaced_token_is_used_by_all_clones() {
    let api = rotated(refusal(401, "unauthorized"), location()).await;
    let client = client(&api);
    let clone = client.clone();

    assert!(client.set_token(ROTATED).unwrap());
    assert!(!client.set_token(ROTATED).unwrap());
    client.set_token("").unwrap_err();

    clone.locations().get(LocationId::new(1)).await.unwrap();
}

#[tokio::test]
async fn token_of_another_kind_of_refusal_is_kept() {
    let api = MockServer::start().await;
    let refused = Mock::given(any()).respond_with(refusal(403, "forbidden"));
    refused.mount(&api).await;
    let (client, reads) = reader(&api, ROTATED);

    let refused = client.locations().get(LocationId::new(1)).await;

    assert_eq!(refused.unwrap_err().code(), Some(&ErrorCode::Forbidden));
    assert_eq!(reads.load(Ordering::Relaxed), 0);
}
