use std::time::Duration;

use hcloud_api::{Client, Error, LocationId, RetryPolicy, ServerId};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use wiremock::{MockServer, ResponseTemplate};

use crate::api::{TOKEN, location, respond};

/// A SOCKS5 proxy that connects all clients that know the password to the API, whatever they asked
/// for; returns its address.
async fn socks_proxy(api: &MockServer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let api = *api.address();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 2];
            stream.read_exact(&mut head).await.unwrap();
            let mut methods = vec![0; head[1].into()];
            stream.read_exact(&mut methods).await.unwrap();
            stream.write_all(&[5, 2]).await.unwrap();

            let user = credential(&mut stream, 1).await;
            let password = credential(&mut stream, 0).await;
            assert_eq!((&*user, &*password), ("ada", "secret"));
            stream.write_all(&[1, 0]).await.unwrap();

            // The name is resolved by the proxy: address type 3.
            let mut request = [0; 4];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request, [5, 1, 0, 3]);
            assert_eq!(credential(&mut stream, 0).await, "api.invalid");
            stream.read_u16().await.unwrap();
            let connected = [5, 0, 0, 1, 127, 0, 0, 1, 0, 0];
            stream.write_all(&connected).await.unwrap();
            let mut api = TcpStream::connect(api).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut api).await;
        }
    });
    address
}

/// Reads a text with a length, after some bytes.
async fn credential(stream: &mut TcpStream, skipped: usize) -> String {
    let mut head = vec![0; skipped + 1];
    stream.read_exact(&mut head).await.unwrap();
    let mut text = vec![0; head[skipped].into()];
    stream.read_exact(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn requests_go_through_a_socks_proxy_that_resolves_names() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/locations/1", [location()]).await;
    let proxy = socks_proxy(&api).await;

    let client = Client::builder(TOKEN)
        .endpoint("http://api.invalid")
        .proxy(format!("socks5h://ada:secret@{proxy}"))
        .build()
        .unwrap();
    let found = client.locations().get(LocationId::new(1)).await.unwrap();

    assert_eq!(found.name, "fsn1");
}

#[tokio::test]
async fn requests_go_through_an_http_proxy() {
    let proxy = MockServer::start().await;
    respond(&proxy, "GET", "/locations/1", [location()]).await;

    let client = Client::builder(TOKEN)
        .endpoint("http://api.invalid")
        .proxy(proxy.uri())
        .build()
        .unwrap();
    let found = client.locations().get(LocationId::new(1)).await.unwrap();

    assert_eq!(found.name, "fsn1");
}

#[test]
fn an_invalid_proxy_is_named_without_its_password() {
    for (url, shown) in [
        ("ftp://ada:secret@proxy.example", "ftp://proxy.example/"),
        ("proxy.example", ""),
        ("", ""),
    ] {
        let error = Client::builder(TOKEN).proxy(url).build().unwrap_err();

        assert!(
            matches!(&error, Error::InvalidProxy { proxy } if proxy == shown),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_call_ends_at_its_timeout_with_all_retries() {
    let api = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(600));
    respond(&api, "POST", "/servers/1/actions/poweron", [slow]).await;
    let unavailable = ResponseTemplate::new(503);
    respond(&api, "GET", "/locations/1", [unavailable]).await;
    let backoff = Duration::from_secs(600);
    let client = Client::builder(TOKEN)
        .endpoint(api.uri())
        .retry(
            RetryPolicy::default()
                .backoff(backoff, backoff)
                .deadline(2 * backoff),
        )
        .build()
        .unwrap();
    let client = client.with_timeout(Duration::from_millis(500));

    let posted = client.servers().power_on(ServerId::new(1)).await;
    let waited = client.locations().get(LocationId::new(1)).await;

    let error = posted.unwrap_err();
    assert!(error.may_have_taken_effect(), "{error:?}");
    assert_eq!(
        error.to_string(),
        "POST /servers/1/actions/poweron did not end within 0.5 s"
    );
    let error = waited.unwrap_err();
    assert!(matches!(error, Error::CallTimeout { .. }), "{error:?}");
}
