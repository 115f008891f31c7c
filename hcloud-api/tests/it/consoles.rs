use hcloud_api::{Client, Error};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::api::TOKEN;

/// Answers one request for a WebSocket with this status line and these headers, then sends the
/// bytes; returns the link, and what the client said.
async fn console(answer: &'static str, bytes: &'static [u8]) -> (SecretString, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap().into());
        }
        let key = request
            .lines()
            .find_map(|line| line.strip_prefix("sec-websocket-key: "))
            .unwrap_or_default();
        let answer = answer.replace("ACCEPT", &derive_accept_key(key.as_bytes()));
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        request
    });
    (format!("ws://{address}/console?token=t0k3n").into(), heard)
}

fn client() -> Client {
    Client::new(TOKEN).unwrap()
}

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-accept: ACCEPT\r\n\r\n";

/// Two messages, with a ping between.
const VERSION: &[u8] = b"\x82\x04RFB \x89\x00\x82\x08003.008\n";

#[tokio::test]
async fn bytes_come_as_if_there_were_no_messages() {
    let (link, heard) = console(SWITCH, VERSION).await;

    let mut stream = client().open_console(&link).await.unwrap();
    let mut version = [0; 12];
    stream.read_exact(&mut version).await.unwrap();

    assert_eq!(&version, b"RFB 003.008\n");
    let request = heard.await.unwrap();
    assert!(
        request.contains("sec-websocket-protocol: binary\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn token_is_not_shown_to_a_console() {
    let (link, heard) = console(SWITCH, VERSION).await;

    client().open_console(&link).await.unwrap();

    let request = heard.await.unwrap();
    assert!(
        request.starts_with("GET /console?token=t0k3n "),
        "{request}"
    );
    assert!(!request.contains(TOKEN) && !request.contains("authorization"));
}

#[tokio::test]
async fn refusal_and_what_is_no_console_are_told_apart() {
    for (answer, message) in [
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
        let (link, _) = console(answer, b"").await;

        let error = refusal(&link).await;

        assert_eq!(error.to_string(), message);
        assert!(!format!("{error:?}").contains("t0k3n"), "{error:?}");
    }
}

#[tokio::test]
async fn only_websockets_are_consoles() {
    for link in ["https://127.0.0.1/", "web1", "ws://"] {
        let error = refusal(&link.into()).await;

        assert!(matches!(error, Error::NotAConsole { .. }), "{error:?}");
    }
}

async fn refusal(link: &SecretString) -> Error {
    match client().open_console(link).await {
        Err(error) => error,
        Ok(_) => panic!("it was opened"),
    }
}
