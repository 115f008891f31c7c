use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hcloud_api::{ActionId, LocationId};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::api::{body, client, location, refusal, requests, respond};

const LOCATION: &str = "/locations/1";
const TENTH: Duration = Duration::from_millis(100);

/// Adds the headers of a budget of ten requests per second, which is full again in an hour.
fn budget(response: ResponseTemplate, remaining: &str) -> ResponseTemplate {
    let in_an_hour = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        + 3600;
    response
        .insert_header("ratelimit-limit", "36000")
        .insert_header("ratelimit-remaining", remaining)
        .insert_header("ratelimit-reset", in_an_hour.to_string())
}

#[tokio::test]
async fn a_rate_limited_request_waits_for_one_token_and_not_for_the_reset() {
    let api = MockServer::start().await;
    let refused = budget(refusal(429, "rate_limit_exceeded"), "0");
    respond(&api, "GET", LOCATION, [refused, location()]).await;

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
async fn an_empty_budget_delays_the_next_request() {
    let api = MockServer::start().await;
    respond(&api, "GET", LOCATION, [budget(location(), "0")]).await;
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

/// A bucket with one token that refills by a hundred tokens per second.
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    const PER_SECOND: f64 = 100.0;

    fn respond(&mut self) -> ResponseTemplate {
        self.left += self.at.elapsed().as_secs_f64() * Self::PER_SECOND;
        self.at = Instant::now();
        let response = if self.left >= 1.0 {
            self.left -= 1.0;
            location()
        } else {
            refusal(429, "rate_limit_exceeded")
        };
        budget(response, &format!("{:.0}", self.left.floor()))
            .insert_header("ratelimit-limit", (Self::PER_SECOND * 3600.0).to_string())
    }
}

#[tokio::test]
async fn fifty_tasks_share_the_budget_and_all_finish() {
    let api = MockServer::start().await;
    let bucket = Mutex::new(Bucket {
        left: 1.0,
        at: Instant::now(),
    });
    Mock::given(path(LOCATION))
        .respond_with(move |_: &Request| bucket.lock().unwrap().respond())
        .mount(&api)
        .await;
    let client = client(&api);

    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.locations().get(LocationId::new(1)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }

    // All fifty may be refused once, before the budget is known.
    let requests = requests(&api).await;
    assert!(requests < 200, "{requests} requests for 50 responses");
}

#[tokio::test]
async fn actions_have_a_budget_of_their_own() {
    let api = MockServer::start().await;
    let none_left = location()
        .insert_header("ratelimit-limit", "1")
        .insert_header("ratelimit-remaining", "0");
    respond(&api, "GET", LOCATION, [none_left]).await;
    let action = body(include_str!("../../src/fixtures/action.json"));
    respond(&api, "GET", "/actions/1", [action]).await;
    let client = client(&api);
    client.locations().get(LocationId::new(1)).await.unwrap();

    let actions = client.actions();
    let request = actions.get(ActionId::new(1));
    tokio::time::timeout(Duration::from_secs(5), request)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(requests(&api).await, 2);
}
