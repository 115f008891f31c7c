//! RFB over a WebSocket, as noVNC uses it: the stream is split into binary messages at arbitrary positions.

use std::io;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use super::machine::Machine;
use super::rfb::{self, ConsoleError};

/// The required subprotocol; without it, Hetzner's consoles respond with 502.
const SUBPROTOCOL: &str = "binary";

/// The maximum size of a message; viewers send a few bytes, or text from their clipboard.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// The maximum time of the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Accepts a viewer of `machine`, and serves it until it disconnects or the machine is switched off.
pub(crate) fn accept(upgrade: WebSocketUpgrade, machine: Machine, password: String) -> Response {
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(MAX_MESSAGE_BYTES);
    if upgrade.selected_protocol().is_none() {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    upgrade.on_upgrade(async move |socket| {
        // The error has been sent to the viewer.
        let _ = serve(socket, &machine, &password).await;
    })
}

async fn serve(socket: WebSocket, machine: &Machine, password: &str) -> Result<(), ConsoleError> {
    let (sink, stream) = socket.split();
    let reader = StreamReader::new(stream.filter_map(|message| future::ready(payload(message))));
    let sink = sink
        .sink_map_err(io::Error::other)
        .with(|bytes: Bytes| future::ok::<_, io::Error>(Message::Binary(bytes)));
    let writer = SinkWriter::new(CopyToBytes::new(sink));

    let mut stream = tokio::io::join(reader, writer);
    let ended = rfb::serve(&mut stream, machine, password).await;
    // The viewer may have disconnected already.
    let _ = timeout(CLOSE_TIMEOUT, stream.shutdown()).await;
    ended
}

/// Returns the stream's bytes in a message; `None` for pings and pongs.
fn payload(message: Result<Message, axum::Error>) -> Option<io::Result<Bytes>> {
    match message {
        Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
        Ok(Message::Text(_)) => Some(Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a text message",
        ))),
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_)) => None,
        Err(error) => Some(Err(io::Error::other(error))),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::any;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    use tokio_tungstenite::tungstenite::{Error, Message};
    use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

    use super::super::guest::System;
    use super::*;
    use crate::clock::Clock;

    type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

    fn running() -> Machine {
        let clock = Clock::default();
        let machine = Machine::new(clock.clone());
        let system = System {
            hostname: "web1".into(),
            release: "Debian GNU/Linux 13".into(),
        };
        machine.power_on(system, clock.now());
        machine
    }

    async fn connect(machine: &Machine, subprotocol: &str) -> Result<Client, Error> {
        let machine = machine.clone();
        let console = any(async move |upgrade| accept(upgrade, machine, "secret".into()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, Router::new().route("/", console)).into_future());

        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", subprotocol.parse().unwrap());
        Ok(connect_async(request).await?.0)
    }

    /// Receives `length` bytes, in any number of messages.
    async fn receive(client: &mut Client, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            bytes.extend(client.next().await.unwrap().unwrap().into_data());
        }
        bytes
    }

    #[tokio::test]
    async fn stream_may_be_split_at_any_position() {
        let mut client = connect(&running(), "binary").await.unwrap();
        assert_eq!(receive(&mut client, 12).await, b"RFB 003.008\n");

        for part in ["RFB 0", "", "03.00", "8\n"] {
            client
                .send(Message::binary(part.as_bytes().to_vec()))
                .await
                .unwrap();
            client.send(Message::Ping(Bytes::new())).await.unwrap();
        }

        let mut answer = Vec::new();
        while answer.is_empty() {
            match client.next().await.unwrap().unwrap() {
                Message::Binary(bytes) => answer.extend(bytes),
                other => assert!(matches!(other, Message::Pong(_)), "{other:?}"),
            }
        }
        assert_eq!(answer, [1, 2]);
    }

    #[tokio::test]
    async fn screen_is_sent() {
        let mut client = connect(&running(), "binary").await.unwrap();
        receive(&mut client, 12).await;
        client
            .send(Message::binary(&b"RFB 003.008\n"[..]))
            .await
            .unwrap();
        receive(&mut client, 2).await;
        client.send(Message::binary(vec![2])).await.unwrap();
        let challenge = receive(&mut client, 16).await.try_into().unwrap();
        let response = rfb::response_to(challenge, "secret");
        client
            .send(Message::binary(response.to_vec()))
            .await
            .unwrap();
        assert_eq!(receive(&mut client, 4).await, [0; 4]);

        client.send(Message::binary(vec![1])).await.unwrap();
        assert_eq!(receive(&mut client, 28).await[24..], *b"web1");
        client
            .send(Message::binary(vec![3, 0, 0, 0, 0, 0, 0, 9, 0, 16]))
            .await
            .unwrap();

        assert_eq!(
            receive(&mut client, 16 + 9 * 16 * 4).await.len(),
            16 + 9 * 16 * 4
        );
    }

    #[tokio::test]
    async fn viewer_without_the_subprotocol_is_rejected() {
        let refused = connect(&running(), "base64").await.unwrap_err();

        assert!(matches!(refused, Error::Http(answer) if answer.status() == 502));
    }

    #[tokio::test]
    async fn text_message_ends_the_session() {
        let mut client = connect(&running(), "binary").await.unwrap();
        receive(&mut client, 12).await;

        client.send(Message::text("RFB 003.008\n")).await.unwrap();

        assert!(client.next().await.unwrap().unwrap().is_close());
    }

    #[tokio::test]
    async fn power_off_closes_the_socket_properly() {
        let machine = running();
        let mut client = connect(&machine, "binary").await.unwrap();
        receive(&mut client, 12).await;

        machine.power_off();

        assert!(client.next().await.unwrap().unwrap().is_close());
    }
}
