//! Connections to consoles: RFB, the protocol of VNC, over a WebSocket.

use std::io;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future};
use http::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, StatusCode};
use reqwest::{Response, Upgraded, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite, join};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use crate::{Client, Error, Result};

const SUBPROTOCOL: &str = "binary";

impl Client {
    /// Connects to the console at a [`wss_url`](crate::Console::wss_url), which is valid for a
    /// minute.
    ///
    /// The stream carries RFB, as a connection to a VNC server does. The connection uses the same
    /// TLS and proxy settings as the API, but does not send the token. Shut the stream down to
    /// close the connection cleanly.
    ///
    /// # Errors
    ///
    /// [`Error::ConsoleRefused`], [`Error::NotAConsole`], or an error of the connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream closes the connection.
    pub async fn open_console(
        &self,
        wss_url: &SecretString,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>> {
        let url = over_http(wss_url.expose_secret())?;
        // The query contains a token.
        let mut shown = url.clone();
        shown.set_query(None);
        let failed = |error| Error::transport(Method::GET, shown.as_str(), error);

        let key = generate_key();
        let http = self.shared.setup.http_to_consoles()?;
        let request = http
            .get(url)
            .timeout(self.shared.timeout)
            .headers(upgrade(&key));
        let response = request.send().await.map_err(failed)?;
        check(&response, &key)?;
        let connection = response.upgrade().await.map_err(failed)?;
        Ok(stream(
            WebSocketStream::from_raw_socket(connection, Role::Client, None).await,
        ))
    }
}

fn over_http(url: &str) -> Result<Url> {
    let https = match url.split_once("://") {
        Some(("wss", rest)) => format!("https://{rest}"),
        Some(("ws", rest)) => format!("http://{rest}"),
        _ => String::new(),
    };
    Url::parse(&https).map_err(|_| not_a_console("not a WebSocket URL"))
}

fn upgrade(key: &str) -> HeaderMap {
    let key = HeaderValue::from_str(key).expect("a key is ASCII");
    HeaderMap::from_iter([
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        (SEC_WEBSOCKET_KEY, key),
        (
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(SUBPROTOCOL),
        ),
    ])
}

fn check(response: &Response, key: &str) -> Result<()> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::ConsoleRefused {
            status: response.status(),
        });
    }
    let header = |name| response.headers().get(name).map(HeaderValue::as_bytes);
    if header(SEC_WEBSOCKET_ACCEPT) != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(not_a_console("not a WebSocket"));
    }
    // Some servers use the subprotocol without confirming it.
    match header(SEC_WEBSOCKET_PROTOCOL) {
        None => Ok(()),
        Some(protocol) if protocol == SUBPROTOCOL.as_bytes() => Ok(()),
        Some(_) => Err(not_a_console("unexpected WebSocket subprotocol")),
    }
}

fn not_a_console(reason: &'static str) -> Error {
    Error::NotAConsole { reason }
}

/// Returns the bytes of the messages, whose boundaries have no meaning.
fn stream(socket: WebSocketStream<Upgraded>) -> impl AsyncRead + AsyncWrite + Send + Unpin {
    let (sink, stream) = socket.split();
    let reader = StreamReader::new(stream.filter_map(|message| future::ready(payload(message))));
    let sink = sink
        .sink_map_err(io::Error::other)
        .with(|bytes: Bytes| future::ok::<_, io::Error>(Message::Binary(bytes)));
    join(reader, SinkWriter::new(CopyToBytes::new(sink)))
}

fn payload(message: Result<Message, tungstenite::Error>) -> Option<io::Result<Bytes>> {
    match message {
        Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
        Ok(Message::Text(_)) => Some(Err(io::ErrorKind::InvalidData.into())),
        Ok(_) => None,
        Err(error) => Some(Err(io::Error::other(error))),
    }
}
