use std::collections::{BTreeSet, HashMap};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hcloud_api::{Client, Error, ErrorCode, LocationId, Method, RetryPolicy, ServerId};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::api::{TOKEN, answers, body, builder, client, location, refusal, requests};

const LOCATION: &str = "/locations/1";
const POWER_ON: &str = "/servers/42/actions/poweron";

fn started() -> ResponseTemplate {
    body(include_str!("fixtures/action.json"))
}

fn html(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw("<html>Bad Gateway</html>", "text/html")
}

/// What an answer does to a request of each kind: whether it is sent again.
#[tokio::test]
async fn only_what_is_safe_is_sent_again() {
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
        // A generous limit: being told to wait takes a millisecond.
        let failure = failure.insert_header("ratelimit-limit", "3600000");
        let api = MockServer::start().await;
        answers(&api, "GET", LOCATION, [failure.clone(), location()]).await;
        answers(&api, "POST", POWER_ON, [failure.clone(), started()]).await;

        let got = client(&api).locations().get(LocationId::new(1)).await;
        let posted = client(&api).servers().power_on(ServerId::new(42)).await;

        assert_eq!(got.is_ok(), get_again, "GET after {failure:?}");
        assert_eq!(posted.is_ok(), post_again, "POST after {failure:?}");
        let again = usize::from(get_again) + usize::from(post_again);
        assert_eq!(requests(&api).await, 2 + again, "after {failure:?}");
    }
}

/// All operations, each with what is done when nobody knows whether it took effect: `again`
/// sends it once more, `once` does not.
const CLASSES: &str = include_str!("fixtures/retry_classes.txt");

#[tokio::test]
async fn every_operation_is_sent_again_only_as_its_class_allows() {
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

/// How often each operation is sent when each fails once.
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
async fn a_delete_and_a_put_are_sent_again_after_a_gateway_failed() {
    let api = MockServer::start().await;
    answers(
        &api,
        "DELETE",
        "/ssh_keys/7",
        [html(502), ResponseTemplate::new(204)],
    )
    .await;
    let key = body(include_str!("fixtures/ssh_key.json"));
    answers(&api, "PUT", "/ssh_keys/7", [html(502), key]).await;

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
async fn a_post_without_an_answer_is_sent_once() {
    let api = MockServer::start().await;
    let never = started().set_delay(Duration::from_secs(600));
    answers(&api, "POST", POWER_ON, [never]).await;
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
async fn a_get_without_an_answer_is_sent_again() {
    let api = MockServer::start().await;
    let never = location().set_delay(Duration::from_secs(600));
    answers(&api, "GET", LOCATION, [never, location()]).await;
    let client = builder(&api)
        .timeout(Duration::from_millis(500))
        .build()
        .unwrap();

    let found = client.locations().get(LocationId::new(1)).await.unwrap();

    assert_eq!(found.name, "fsn1");
}

#[tokio::test]
async fn a_caller_may_want_posts_sent_again() {
    let api = MockServer::start().await;
    answers(&api, "POST", POWER_ON, [html(502), started()]).await;
    let at_once = Duration::from_millis(1);
    let policy = RetryPolicy::default()
        .backoff(at_once, at_once)
        .resend_posts();

    let client = client(&api).with_retry(policy);
    client.servers().power_on(ServerId::new(42)).await.unwrap();

    assert_eq!(requests(&api).await, 2);
}

#[tokio::test]
async fn a_caller_may_want_to_wait_for_locks() {
    let api = MockServer::start().await;
    answers(&api, "POST", POWER_ON, [refusal(423, "locked"), started()]).await;
    let at_once = Duration::from_millis(1);
    let policy = RetryPolicy::default()
        .backoff(at_once, at_once)
        .wait_for_locks();

    let client = client(&api).with_retry(policy);
    client.servers().power_on(ServerId::new(42)).await.unwrap();

    assert_eq!(requests(&api).await, 2);
}

#[tokio::test]
async fn attempts_end() {
    let api = MockServer::start().await;
    answers(&api, "GET", LOCATION, [refusal(503, "unavailable")]).await;

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
async fn nobody_waits_past_the_deadline() {
    let api = MockServer::start().await;
    let one_an_hour = refusal(429, "rate_limit_exceeded").insert_header("ratelimit-limit", "1");
    answers(&api, "GET", LOCATION, [one_an_hour]).await;

    let error = client(&api)
        .locations()
        .get(LocationId::new(1))
        .await
        .unwrap_err();

    assert_eq!(error.code(), Some(&ErrorCode::RateLimitExceeded));
    assert_eq!(requests(&api).await, 1);
}

#[tokio::test]
async fn a_refused_connection_says_that_nothing_was_sent() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let client = Client::builder(TOKEN)
        .endpoint(format!("http://{nobody}/v1"))
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
