use hcloud_api::{Client, Error};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::api::TOKEN;

/// Responds to one WebSocket request with this status line and these headers, then sends the
/// bytes; returns the URL, and what the client sent.
async fn console(
    response: &'static str,
    bytes: &'static [u8],
) -> (SecretString, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let received = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap().into());
        }
        let key = request
            .lines()
            .find_map(|line| line.strip_prefix("sec-websocket-key: "))
            .unwrap_or_default();
        let response = response.replace("ACCEPT", &derive_accept_key(key.as_bytes()));
        stream.write_all(response.as_bytes()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        request
    });
    (
        format!("ws://{address}/console?token=t0k3n").into(),
        received,
    )
}

fn client() -> Client {
    Client::new(TOKEN).unwrap()
}

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-accept: ACCEPT\r\n\r\n";

/// Two messages, with a ping in between.
const VERSION: &[u8] = b"\x82\x04RFB \x89\x00\x82\x08003.008\n";

#[tokio::test]
async fn messages_are_read_as_one_stream_of_bytes() {
    let (url, received) = console(SWITCH, VERSION).await;

    let mut stream = client().open_console(&url).await.unwrap();
    let mut version = [0; 12];
    stream.read_exact(&mut version).await.unwrap();

    assert_eq!(&version, b"RFB 003.008\n");
    let request = received.await.unwrap();
    assert!(
        request.contains("sec-websocket-protocol: binary\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn the_token_is_not_sent_to_a_console() {
    let (url, received) = console(SWITCH, VERSION).await;

    client().open_console(&url).await.unwrap();

    let request = received.await.unwrap();
    assert!(
        request.starts_with("GET /console?token=t0k3n "),
        "{request}"
    );
    assert!(!request.contains(TOKEN) && !request.contains("authorization"));
}

#[tokio::test]
async fn a_refusal_and_a_non_console_are_distinguished() {
    for (response, message) in [
        (
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
            "the console refused the connection with status 403 Forbidden",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: wrong\r\n\r\n",
            "not a console: not a WebSocket",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: ACCEPT\r\nsec-websocket-protocol: base64\r\n\r\n",
            "not a console: unexpected WebSocket subprotocol",
        ),
    ] {
        let (url, _) = console(response, b"").await;

        let error = refusal(&url).await;

        assert_eq!(error.to_string(), message);
        assert!(!format!("{error:?}").contains("t0k3n"), "{error:?}");
    }
}

#[tokio::test]
async fn only_websockets_are_consoles() {
    for url in ["https://127.0.0.1/", "web1", "ws://"] {
        let error = refusal(&url.into()).await;

        assert!(matches!(error, Error::NotAConsole { .. }), "{error:?}");
    }
}

async fn refusal(url: &SecretString) -> Error {
    match client().open_console(url).await {
        Err(error) => error,
        Ok(_) => panic!("it was opened"),
    }
}
