use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hcloud_api::{Client, ClientBuilder, Delay, LocationId, RetryPolicy};
use jiff::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use wiremock::{MockServer, ResponseTemplate};

use crate::api::{TOKEN, builder, client, location, read_request, refusal, requests, respond};

const LOCATION: &str = "/locations/1";

/// Adds a budget that refills ten thousand times a second.
fn budget(response: ResponseTemplate, remaining: &str, reset: u64) -> ResponseTemplate {
    response
        .insert_header("ratelimit-limit", "36000000")
        .insert_header("ratelimit-remaining", remaining)
        .insert_header("ratelimit-reset", reset.to_string())
}

fn recorded(builder: ClientBuilder) -> (Client, Arc<Mutex<Vec<Delay>>>) {
    let delays = Arc::new(Mutex::new(Vec::new()));
    let seen = delays.clone();
    let builder = builder.on_delay(move |delay| seen.lock().unwrap().push(delay.clone()));
    (builder.build().unwrap(), delays)
}

#[tokio::test]
async fn rate_limit_is_reported_once_until_it_is_over() {
    let api = MockServer::start().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let reset = now.as_secs() + 3600;
    let refused = || budget(refusal(429, "rate_limit_exceeded"), "0", reset);
    let accepted = || budget(location(), "100", reset);
    let responses = [refused(), refused(), accepted(), refused(), accepted()];
    respond(&api, "GET", LOCATION, responses).await;
    let (client, delays) = recorded(builder(&api));

    client.locations().get(LocationId::new(1)).await.unwrap();
    let first_spell = delays.lock().unwrap().len();
    client.locations().get(LocationId::new(1)).await.unwrap();

    let delays = delays.lock().unwrap();
    assert_eq!((first_spell, delays.len()), (1, 2), "{delays:?}");
    let Delay::RateLimited {
        until, gives_up_in, ..
    } = delays[0]
    else {
        panic!("{delays:?}");
    };
    assert_eq!(until, Some(UNIX_EPOCH + Duration::from_secs(reset)));
    assert!(gives_up_in > Duration::from_secs(200), "{gives_up_in:?}");
    let limit = client.rate_limit();
    assert_eq!(limit.limit, Some(36_000_000));
    assert_eq!(limit.remaining, Some(100));
    assert_eq!(limit.resets_at, until);
}

#[tokio::test]
async fn rate_limit_without_a_time_claims_none() {
    let api = MockServer::start().await;
    let refused = refusal(429, "rate_limit_exceeded").insert_header("ratelimit-limit", "36000000");
    respond(&api, "GET", LOCATION, [refused, location()]).await;
    let (client, delays) = recorded(builder(&api));

    client.locations().get(LocationId::new(1)).await.unwrap();

    let delays = delays.lock().unwrap();
    assert!(
        matches!(delays[..], [Delay::RateLimited { until: None, .. }]),
        "{delays:?}"
    );
}

/// Returns how long a response asks to wait, as its error says.
async fn asked_by(retry_after: &str) -> Option<Duration> {
    let api = MockServer::start().await;
    let refused = refusal(503, "unavailable").insert_header("retry-after", retry_after);
    respond(&api, "GET", LOCATION, [refused]).await;
    let client = client(&api).with_retry(RetryPolicy::never());
    let error = client.locations().get(LocationId::new(1)).await;
    error.unwrap_err().retry_after()
}

#[tokio::test]
async fn retry_after_is_a_number_or_a_time() {
    let date = |ahead| {
        let time = Timestamp::now() + Duration::from_secs(ahead);
        time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };

    assert_eq!(asked_by("7").await, Some(Duration::from_secs(7)));
    assert_eq!(asked_by("-7").await, Some(Duration::ZERO));
    assert_eq!(asked_by(&date(0)).await, Some(Duration::ZERO));
    let asked = asked_by(&date(100)).await.unwrap();
    assert!((90..=100).contains(&asked.as_secs()), "{asked:?}");
    assert_eq!(asked_by("later").await, None);
    assert!(asked_by("99999999999999999999999").await.is_some());
}

#[tokio::test]
async fn a_request_is_repeated_no_sooner_than_the_api_asks() {
    let api = MockServer::start().await;
    let refused = refusal(429, "rate_limit_exceeded")
        .insert_header("ratelimit-limit", "36000000")
        .insert_header("retry-after", "1");
    respond(&api, "GET", LOCATION, [refused, location()]).await;
    let (client, delays) = recorded(builder(&api));
    let began = Instant::now();

    client.locations().get(LocationId::new(1)).await.unwrap();

    assert!(began.elapsed() >= Duration::from_secs(1));
    let delays = delays.lock().unwrap();
    assert!(
        matches!(delays[..], [Delay::RateLimited { until: Some(_), .. }]),
        "{delays:?}"
    );
}

#[tokio::test]
async fn a_request_fails_at_once_if_the_api_asks_for_more_than_the_deadline() {
    for status in [429, 503] {
        let api = MockServer::start().await;
        let refused = refusal(status, "unavailable").insert_header("retry-after", "86400");
        respond(&api, "GET", LOCATION, [refused]).await;

        let error = client(&api).locations().get(LocationId::new(1)).await;

        let asked = error.unwrap_err().retry_after();
        assert_eq!(asked, Some(Duration::from_secs(86_400)), "{status}");
        assert_eq!(requests(&api).await, 1, "{status}");
    }
}

#[tokio::test]
async fn api_that_does_not_respond_is_reported_while_the_request_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let (sender, mut delays) = mpsc::unbounded_channel();
    let client = Client::builder(TOKEN)
        .endpoint(&address)
        .on_delay(move |delay| sender.send(delay.clone()).unwrap());
    let client = client.build().unwrap();
    let respond = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let delay = delays.recv().await.unwrap();
        let response = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(response.as_bytes()).await.unwrap();
        delay
    };

    let locations = client.locations();
    let request = locations.get(LocationId::new(1));
    let (found, delay) = tokio::join!(request, respond);

    found.unwrap_err();
    let Delay::Unresponsive {
        endpoint, timeout, ..
    } = delay
    else {
        panic!("{delay:?}");
    };
    assert_eq!(endpoint, address);
    assert_eq!(timeout, Duration::from_secs(30));
}
