//! Messages that may be lost: signals one way, events the other.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::Result;

/// Messages to whoever listens at the time.
///
/// - A message is lost if nobody is subscribed. It is never the only place where
///   something is said: who hears nothing looks for himself now and then.
/// - Who is subscribed hears each message once, in the order of its sender, or
///   hears that there is a gap ([`Received::Lagged`]). A subscription does not end
///   because a database restarts or a buffer overflows: it goes on after the gap.
/// - Waiting costs nothing: a subscription is woken, it does not ask.
#[async_trait]
pub trait Channel<T>: Debug + Send + Sync {
    /// Sends a message to all who are subscribed, in every process.
    ///
    /// When its future is dropped, the message may have been sent.
    async fn send(&self, message: &T) -> Result<()>;

    /// Listens: whatever is sent after this returns is heard, nothing that was
    /// sent before it was called.
    async fn subscribe(&self) -> Result<Box<dyn Subscription<T>>>;
}

/// One listener of a [`Channel`].
#[async_trait]
pub trait Subscription<T>: Send {
    /// Waits for the next message.
    ///
    /// Nothing is lost when its future is dropped. After an error it may be
    /// called again, and begins with [`Received::Lagged`] if there was a gap.
    async fn next(&mut self) -> Result<Received<T>>;
}

/// What a [`Subscription`] brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// A message.
    Message(T),
    /// Messages may have been missed: look at what they speak of.
    Lagged,
}
