use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hcloud_api::{ActionId, LocationId};
use wiremock::{MockServer, ResponseTemplate};

use crate::api::{answers, body, client, location, refusal, requests};

const LOCATION: &str = "/locations/1";
const TENTH: Duration = Duration::from_millis(100);

/// Says what is left of a budget of ten requests a second; it is full again in an hour.
fn budget(answer: ResponseTemplate, remaining: &str) -> ResponseTemplate {
    let in_an_hour = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        + 3600;
    answer
        .insert_header("ratelimit-limit", "36000")
        .insert_header("ratelimit-remaining", remaining)
        .insert_header("ratelimit-reset", in_an_hour.to_string())
}

#[tokio::test]
async fn a_refused_request_waits_for_its_turn_and_not_for_the_reset() {
    let api = MockServer::start().await;
    let refused = budget(refusal(429, "rate_limit_exceeded"), "0");
    answers(&api, "GET", LOCATION, [refused, location()]).await;

    let start = Instant::now();
    client(&api)
        .locations()
        .get(LocationId::new(1))
        .await
        .unwrap();

    assert!(start.elapsed() >= TENTH, "{:?}", start.elapsed());
    assert!(start.elapsed() < 50 * TENTH, "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_empty_budget_holds_the_next_request_back() {
    let api = MockServer::start().await;
    answers(&api, "GET", LOCATION, [budget(location(), "0")]).await;
    let client = client(&api);
    client.locations().get(LocationId::new(1)).await.unwrap();

    let start = Instant::now();
    client
        .clone()
        .locations()
        .get(LocationId::new(1))
        .await
        .unwrap();

    assert!(
        start.elapsed() >= TENTH.mul_f64(0.9),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn actions_have_a_budget_of_their_own() {
    let api = MockServer::start().await;
    let none_left = location()
        .insert_header("ratelimit-limit", "1")
        .insert_header("ratelimit-remaining", "0");
    answers(&api, "GET", LOCATION, [none_left]).await;
    let action = body(include_str!("fixtures/action.json"));
    answers(&api, "GET", "/actions/1", [action]).await;
    let client = client(&api);
    client.locations().get(LocationId::new(1)).await.unwrap();

    let actions = client.actions();
    let looked = actions.get(ActionId::new(1));
    tokio::time::timeout(Duration::from_secs(5), looked)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(requests(&api).await, 2);
}
