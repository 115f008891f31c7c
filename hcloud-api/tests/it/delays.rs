use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hcloud_api::{Client, ClientBuilder, Delay, LocationId};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use wiremock::{MockServer, ResponseTemplate};

use crate::api::{TOKEN, builder, location, read_request, refusal, respond};

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
