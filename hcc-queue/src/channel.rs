//! Channels: messages that may be lost. Signals go to workers, events come from them.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::Result;

/// Messages to the current subscribers.
///
/// - A message without subscribers is lost, so nothing may depend on it: subscribers also
///   poll the state that messages are about.
/// - A subscriber receives each message once, in the order of its sender, or
///   [`Received::Lagged`] if there is a gap. A subscription does not end when the database
///   restarts or a buffer overflows: it continues after the gap.
/// - Subscribers are woken by the database; they do not poll for messages.
#[async_trait]
pub trait Channel<T>: Debug + Send + Sync {
    /// Creates what is missing in the database, so that other programs can send.
    async fn init(&self) -> Result<()> {
        Ok(())
    }

    /// Sends a message to all subscribers, in every process.
    ///
    /// # Cancel safety
    ///
    /// If its future is dropped, the message may have been sent.
    async fn send(&self, message: &T) -> Result<()>;

    /// Subscribes to messages that are sent after this returns. Earlier ones are not
    /// received.
    async fn subscribe(&self) -> Result<Box<dyn Subscription<T>>>;

    /// Returns the newest messages that are still kept, the oldest first.
    ///
    /// How many are kept depends on the backend, and may be none: newer messages replace older
    /// ones. Unreadable messages are left out.
    async fn recent(&self) -> Result<Vec<T>>;
}

/// One subscription to a [`Channel`].
#[async_trait]
pub trait Subscription<T>: Send {
    /// Waits for the next message.
    ///
    /// After an error it can be called again, and returns [`Received::Lagged`] first if
    /// there was a gap.
    ///
    /// # Cancel safety
    ///
    /// No message is lost if its future is dropped.
    async fn next(&mut self) -> Result<Received<T>>;
}

/// An item of a [`Subscription`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// A message.
    Message(T),
    /// Messages may have been missed; check the state that they are about.
    Lagged,
}
