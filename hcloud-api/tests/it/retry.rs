use std::collections::{BTreeSet, HashMap};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hcloud_api::{Client, Error, ErrorCode, LocationId, Method, RetryPolicy, ServerId};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::api::{TOKEN, body, builder, client, location, refusal, requests, respond};

const LOCATION: &str = "/locations/1";
const POWER_ON: &str = "/servers/42/actions/poweron";

fn started() -> ResponseTemplate {
    body(include_str!("../../src/fixtures/action.json"))
}

fn html(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw("<html>Bad Gateway</html>", "text/html")
}

/// The effect of a response on a request of each kind: whether it is retried.
#[tokio::test]
async fn only_safe_requests_are_retried() {
    let cases = [
        (refusal(429, "rate_limit_exceeded"), true, true),
        (refusal(409, "conflict"), true, true),
        (refusal(503, "unavailable"), true, false),
        (refusal(504, "timeout"), true, false),
        (html(502), true, false),
        (html(503), true, false),
        (html(504), true, false),
        (html(500), false, false),
        (refusal(500, "server_error"), false, false),
        (refusal(423, "locked"), false, false),
        (refusal(409, "uniqueness_error"), false, false),
        (refusal(412, "resource_unavailable"), false, false),
        (refusal(422, "placement_error"), false, false),
        (refusal(404, "not_found"), false, false),
        (refusal(401, "unauthorized"), false, false),
    ];

    for (failure, get_again, post_again) in cases {
        // A generous limit, as rate limited requests wait for a millisecond.
        let failure = failure.insert_header("ratelimit-limit", "3600000");
        let api = MockServer::start().await;
        respond(&api, "GET", LOCATION, [failure.clone(), location()]).await;
        respond(&api, "POST", POWER_ON, [failure.clone(), started()]).await;

        let got = client(&api).locations().get(LocationId::new(1)).await;
        let posted = client(&api).servers().power_on(ServerId::new(42)).await;

        assert_eq!(got.is_ok(), get_again, "GET after {failure:?}");
        assert_eq!(posted.is_ok(), post_again, "POST after {failure:?}");
        let again = usize::from(get_again) + usize::from(post_again);
        assert_eq!(requests(&api).await, 2 + again, "after {failure:?}");
    }
}

/// All operations, each with what happens if it may have taken effect: `again`
/// retries it, `once` does not.
const CLASSES: &str = include_str!("fixtures/retry_classes.txt");

#[tokio::test]
async fn every_operation_is_retried_only_as_its_class_allows() {
    let known: BTreeSet<_> = CLASSES.lines().map(|line| &line[6..]).collect();
    let all: BTreeSet<_> = include_str!("fixtures/operations.txt").lines().collect();
    assert_eq!(known, all);

    let busy = refusal(429, "rate_limit_exceeded").insert_header("ratelimit-limit", "36000000");
    for (failure, once, again) in [(busy, 2, 2), (html(504), 1, 2)] {
        let sent = sent_of_all(&failure).await;
        for line in CLASSES.lines() {
            let times = if line.starts_with("once") {
                once
            } else {
                again
            };
            assert_eq!(sent[&concrete(&line[6..])], times, "{line} {failure:?}");
        }
    }
}

fn concrete(operation: &str) -> String {
    operation.replace("{id}", "1")
}

/// Returns how often each operation is sent if each fails once.
async fn sent_of_all(failure: &ResponseTemplate) -> HashMap<String, usize> {
    let sent = Arc::new(Mutex::new(HashMap::new()));
    let (counts, failure) = (Arc::clone(&sent), failure.clone());
    let fail_once = move |request: &Request| {
        let operation = format!("{} {}", request.method, request.url.path());
        let mut counts = counts.lock().unwrap();
        let times = counts.entry(operation).or_insert(0);
        *times += 1;
        match times {
            1 => failure.clone(),
            _ => ResponseTemplate::new(204),
        }
    };
    let api = MockServer::start().await;
    Mock::given(any()).respond_with(fail_once).mount(&api).await;
    let client = builder(&api).storage_box_endpoint(api.uri());
    let client = client.build().unwrap();

    for line in CLASSES.lines() {
        let operation = concrete(&line[6..]);
        let (verb, at) = operation.split_once(' ').unwrap();
        let request = client.request(verb.parse().unwrap(), at);
        let _: hcloud_api::Result<()> = request.send().await;
    }
    sent.lock().unwrap().clone()
}

#[tokio::test]
async fn delete_and_put_are_retried_after_a_gateway_error() {
    let api = MockServer::start().await;
    respond(
        &api,
        "DELETE",
        "/ssh_keys/7",
        [html(502), ResponseTemplate::new(204)],
    )
    .await;
    let key = body(include_str!("../../src/fixtures/ssh_key.json"));
    respond(&api, "PUT", "/ssh_keys/7", [html(502), key]).await;

    let client = client(&api);
    client.ssh_keys().delete(7.into()).await.unwrap();
    client
        .ssh_keys()
        .update(7.into(), &Default::default())
        .await
        .unwrap();

    assert_eq!(requests(&api).await, 4);
}

#[tokio::test]
async fn a_post_is_not_retried_after_a_timeout() {
    let api = MockServer::start().await;
    let never = started().set_delay(Duration::from_secs(600));
    respond(&api, "POST", POWER_ON, [never]).await;
    let client = builder(&api)
        .timeout(Duration::from_millis(50))
        .build()
        .unwrap();

    let error = client
        .servers()
        .power_on(ServerId::new(42))
        .await
        .unwrap_err();

    assert!(
        matches!(
            error,
            Error::Timeout {
                method: Method::POST,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.may_have_taken_effect());
    assert_eq!(requests(&api).await, 1);
}

#[tokio::test]
async fn a_get_is_retried_after_a_timeout() {
    let api = MockServer::start().await;
    let never = location().set_delay(Duration::from_secs(600));
    respond(&api, "GET", LOCATION, [never, location()]).await;
    let client = builder(&api)
        .timeout(Duration::from_millis(500))
        .build()
        .unwrap();

    let found = client.locations().get(LocationId::new(1)).await.unwrap();

    assert_eq!(found.name, "fsn1");
}

/// Powers a server on after one failure, and returns the number of requests.
async fn power_on_after(failure: ResponseTemplate, policy: RetryPolicy) -> usize {
    let api = MockServer::start().await;
    respond(&api, "POST", POWER_ON, [failure, started()]).await;
    let immediately = Duration::from_millis(1);

    let client = client(&api).with_retry(policy.backoff(immediately, immediately));
    client.servers().power_on(ServerId::new(42)).await.unwrap();

    requests(&api).await
}

#[tokio::test]
async fn posts_are_retried_if_the_policy_allows() {
    let policy = RetryPolicy::default().resend_posts();

    assert_eq!(power_on_after(html(502), policy).await, 2);
}

#[tokio::test]
async fn locked_requests_are_retried_if_the_policy_allows() {
    let policy = RetryPolicy::default().wait_for_locks();

    assert_eq!(power_on_after(refusal(423, "locked"), policy).await, 2);
}

#[tokio::test]
async fn attempts_are_limited() {
    let api = MockServer::start().await;
    respond(&api, "GET", LOCATION, [refusal(503, "unavailable")]).await;

    let error = client(&api)
        .locations()
        .get(LocationId::new(1))
        .await
        .unwrap_err();

    assert_eq!(error.code(), Some(&ErrorCode::Unavailable));
    assert!(error.is_retryable());
    assert_eq!(requests(&api).await, 5);
}

#[tokio::test]
async fn no_request_waits_past_the_deadline() {
    let api = MockServer::start().await;
    let one_an_hour = refusal(429, "rate_limit_exceeded").insert_header("ratelimit-limit", "1");
    respond(&api, "GET", LOCATION, [one_an_hour]).await;

    let error = client(&api)
        .locations()
        .get(LocationId::new(1))
        .await
        .unwrap_err();

    assert_eq!(error.code(), Some(&ErrorCode::RateLimitExceeded));
    assert_eq!(requests(&api).await, 1);
}

#[tokio::test]
async fn a_refused_connection_has_had_no_effect() {
    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let client = Client::builder(TOKEN)
        .endpoint(format!("http://{unused}/v1"))
        .retry(RetryPolicy::never())
        .build()
        .unwrap();

    let error = client
        .servers()
        .power_on(ServerId::new(42))
        .await
        .unwrap_err();

    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(!error.may_have_taken_effect());
    assert_eq!(
        error.to_string(),
        format!("no connection for POST {POWER_ON}")
    );
}
