//! RFB over a WebSocket, as noVNC speaks it: the bytes of the stream in binary messages, cut anywhere.

use std::io;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future};
use tokio::io::AsyncWriteExt;
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use super::machine::Machine;
use super::rfb::{self, ConsoleError};

/// Shows a machine to the viewer at the other end of `socket`, until it leaves or the power goes off.
pub(crate) async fn serve(
    socket: WebSocket,
    machine: &Machine,
    password: &str,
) -> Result<(), ConsoleError> {
    let (sink, stream) = socket.split();
    let reader = StreamReader::new(stream.filter_map(|message| future::ready(payload(message))));
    let sink = sink
        .sink_map_err(io::Error::other)
        .with(|bytes: Bytes| future::ok::<_, io::Error>(Message::Binary(bytes)));
    let writer = SinkWriter::new(CopyToBytes::new(sink));

    let mut stream = tokio::io::join(reader, writer);
    let ended = rfb::serve(&mut stream, machine, password).await;
    let closed = stream.shutdown().await;
    ended.and(closed.map_err(ConsoleError::Connection))
}

/// The part of the byte stream in a message; none in those that keep the connection alive.
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
