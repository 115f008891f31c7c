//! Consoles, from the request to the end of the session.

use std::time::Duration;

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use futures_util::{SinkExt, StreamExt};
use hcloud_sim::Sim;
use reqwest::Method;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::client::Client;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Returns a simulator with a booted server, and the server's ID.
async fn sim() -> (Sim, u64) {
    let sim = Sim::builder().server("web1", &[]).start().await.unwrap();
    sim.clock().advance(TIMEOUT);
    let list = Client::of(&sim).json("/servers").await;
    let id = list["servers"][0]["id"].as_u64().unwrap();
    (sim, id)
}

async fn act(sim: &Sim, id: u64, action: &str) -> Value {
    let path = format!("/servers/{id}/actions/{action}");
    let answer = Client::of(sim).send(Method::POST, &path, None).await;
    answer.json().await.unwrap()
}

struct Viewer(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Viewer {
    async fn connect(url: &str) -> Result<Self, tungstenite::Error> {
        let mut request = url.into_client_request()?;
        let protocol = "binary".parse().expect("a header value");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        Ok(Self(connect_async(request).await?.0))
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// Receives `length` bytes, in any number of messages.
    async fn receive(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            bytes.extend(self.0.next().await.unwrap().unwrap().into_data());
        }
        bytes
    }

    /// Performs the RFB handshake.
    async fn log_in(&mut self, password: &str) {
        self.receive(12).await;
        self.send(b"RFB 003.008\n").await;
        self.receive(2).await;
        self.send(&[2]).await;
        let mut challenge: [u8; 16] = self.receive(16).await.try_into().unwrap();
        let key: [u8; 8] = password.as_bytes()[..8].try_into().unwrap();
        let des = Des::new(&key.map(u8::reverse_bits).into());
        for block in challenge.as_chunks_mut::<8>().0 {
            des.encrypt_block(block.into());
        }
        self.send(&challenge).await;
        assert_eq!(self.receive(4).await, [0; 4]);
        self.send(&[1]).await;
        self.receive(24).await;
    }

    async fn type_line(&mut self, line: &str) {
        for keysym in line.chars().map(u32::from).chain([0xff0d]) {
            self.send(&[&[4, 1, 0, 0][..], &keysym.to_be_bytes()].concat())
                .await;
        }
    }

    /// Waits for the end of the session.
    async fn closed(mut self) {
        let closed = async { while !self.0.next().await.unwrap().unwrap().is_close() {} };
        timeout(TIMEOUT, closed).await.expect("the session ends");
    }
}

fn status(refused: Result<Viewer, tungstenite::Error>) -> Option<u16> {
    match refused {
        Err(tungstenite::Error::Http(answer)) => Some(answer.status().as_u16()),
        _ => None,
    }
}

#[tokio::test]
async fn console_is_open_for_60_seconds() {
    let (sim, id) = sim().await;
    let console = act(&sim, id, "request_console").await;
    let url = console["wss_url"].as_str().unwrap();

    sim.clock().advance(Duration::from_secs(59));
    let mut viewer = Viewer::connect(url).await.unwrap();
    assert_eq!(viewer.receive(12).await, b"RFB 003.008\n");

    sim.clock().advance(Duration::from_secs(2));
    assert_eq!(status(Viewer::connect(url).await), Some(403));
}

#[tokio::test]
async fn token_is_valid_for_its_server_only() {
    let (sim, id) = sim().await;
    let console = act(&sim, id, "request_console").await;
    let url = console["wss_url"].as_str().unwrap();

    let elsewhere = url.replace(&id.to_string(), "4711");
    assert_eq!(status(Viewer::connect(&elsewhere).await), Some(403));

    let guessed = format!("{url}x");
    assert_eq!(status(Viewer::connect(&guessed).await), Some(403));
}

#[tokio::test]
async fn console_can_be_rejected_by_a_fault() {
    let (sim, id) = sim().await;
    let console = act(&sim, id, "request_console").await;
    let url = console["wss_url"].as_str().unwrap();

    sim.add_fault("status=503 GET /console x1".parse().unwrap());

    assert_eq!(status(Viewer::connect(url).await), Some(503));
    assert!(Viewer::connect(url).await.is_ok());
}

#[tokio::test]
async fn session_ends_when_the_server_is_powered_off() {
    let (sim, id) = sim().await;
    let console = act(&sim, id, "request_console").await;
    let viewer = Viewer::connect(console["wss_url"].as_str().unwrap())
        .await
        .unwrap();

    sim.clock().advance(TIMEOUT);
    act(&sim, id, "poweroff").await;
    sim.clock().advance(TIMEOUT);

    viewer.closed().await;
}

#[tokio::test]
async fn poweroff_typed_into_the_console_switches_the_server_off() {
    let (sim, id) = sim().await;
    let console = act(&sim, id, "request_console").await;
    let mut viewer = Viewer::connect(console["wss_url"].as_str().unwrap())
        .await
        .unwrap();
    viewer.log_in(console["password"].as_str().unwrap()).await;

    for line in ["root", "", "poweroff"] {
        viewer.type_line(line).await;
    }
    viewer.closed().await;

    let server = Client::of(&sim).json(&format!("/servers/{id}")).await;
    assert_eq!(server["server"]["status"], "off");
    assert_eq!(sim.screen(id).unwrap_or_default(), "");
}
