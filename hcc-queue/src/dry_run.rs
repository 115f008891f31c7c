//! The parts of a queue that changes nothing.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

use crate::{
    Channel, Command, CommandId, Commands, Counts, Entry, Lease, Page, PageCursor, Presence,
    Pushed, Reason, Received, Result, State, Subscription,
};

/// Reads commands from others and drops all changes. Nothing can be leased.
#[derive(Debug)]
pub(crate) struct DryRunCommands(pub(crate) Arc<dyn Commands>);

#[async_trait]
impl Commands for DryRunCommands {
    async fn init(&self) -> Result<()> {
        Ok(())
    }

    fn announce(&self) -> Box<dyn Presence> {
        Box::new(DryRunPresence)
    }

    async fn push(&self, command: &Command, _: Duration) -> Result<Pushed> {
        Ok(Pushed::immediately(command.id.clone()))
    }

    async fn lease(&self, _: Duration) -> Result<Option<Lease>> {
        Ok(None)
    }

    async fn extend(&self, _: &Lease, _: Duration) -> Result<()> {
        Ok(())
    }

    async fn ack(&self, _: Lease) -> Result<()> {
        Ok(())
    }

    async fn release(&self, _: Lease, _: Duration, _: &str) -> Result<()> {
        Ok(())
    }

    async fn bury(&self, _: Lease, _: &Reason) -> Result<()> {
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        Ok(None)
    }

    async fn get(&self, id: &CommandId) -> Result<Option<Entry>> {
        self.0.get(id).await
    }

    async fn first(&self, server: &str) -> Result<Option<Entry>> {
        self.0.first(server).await
    }

    async fn counts(&self) -> Result<Counts> {
        self.0.counts().await
    }

    async fn list(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        self.0.list(after, limit).await
    }

    async fn dead_letters(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        self.0.dead_letters(after, limit).await
    }

    async fn count_dead(&self) -> Result<u64> {
        self.0.count_dead().await
    }

    async fn retry(&self, id: &CommandId) -> Result<bool> {
        let entry = self.get(id).await?;
        Ok(entry.is_some_and(|entry| entry.state == State::Dead))
    }

    async fn remove(&self, id: &CommandId) -> Result<bool> {
        let entry = self.get(id).await?;
        Ok(entry.is_some_and(|entry| !matches!(entry.state, State::Leased(_))))
    }

    async fn delete_dead(&self, _: Duration) -> Result<u64> {
        Ok(0)
    }

    async fn version(&self) -> Result<String> {
        self.0.version().await
    }
}

/// A worker that leases nothing.
#[derive(Debug)]
struct DryRunPresence;

#[async_trait]
impl Presence for DryRunPresence {
    async fn lease(&self, _: Duration) -> Result<Option<Lease>> {
        Ok(None)
    }

    async fn renew(&self) -> Result<bool> {
        Ok(false)
    }

    fn renewal_interval(&self) -> Option<Duration> {
        None
    }

    async fn leave(&self) -> Result<()> {
        Ok(())
    }
}

/// Receives messages and sends none.
#[derive(Debug)]
pub(crate) struct DryRunChannel<T>(pub(crate) Arc<dyn Channel<T>>);

#[async_trait]
impl<T: Debug + Send + Sync + 'static> Channel<T> for DryRunChannel<T> {
    async fn init(&self) -> Result<()> {
        Ok(())
    }

    async fn send(&self, _: &T) -> Result<()> {
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<T>>> {
        let subscription = Later::new(Arc::clone(&self.0)).await?;
        Ok(Box::new(subscription))
    }

    async fn recent(&self) -> Result<Vec<T>> {
        self.0.recent().await
    }
}

/// How often a channel without messages is polled.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A subscription that creates nothing, such as files: it begins when the channel has messages.
struct Later<T> {
    channel: Arc<dyn Channel<T>>,
    subscription: Option<Box<dyn Subscription<T>>>,
    /// What arrived before it began.
    received: VecDeque<Received<T>>,
}

impl<T: Send + Sync + 'static> Later<T> {
    async fn new(channel: Arc<dyn Channel<T>>) -> Result<Self> {
        let has_messages = !channel.recent().await?.is_empty();
        Ok(Self {
            subscription: match has_messages {
                true => Some(channel.subscribe().await?),
                false => None,
            },
            channel,
            received: VecDeque::new(),
        })
    }
}

#[async_trait]
impl<T: Send + Sync + 'static> Subscription<T> for Later<T> {
    async fn next(&mut self) -> Result<Received<T>> {
        loop {
            if let Some(received) = self.received.pop_front() {
                return Ok(received);
            }
            if let Some(subscription) = &mut self.subscription {
                return subscription.next().await;
            }
            let messages = self.channel.recent().await?;
            if messages.is_empty() {
                sleep(POLL_INTERVAL).await;
                continue;
            }
            self.subscription = Some(self.channel.subscribe().await?);
            self.received = messages.into_iter().map(Received::Message).collect();
            // There may be others by now.
            self.received.push_back(Received::Lagged);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Memory, Outcome};

    #[tokio::test]
    async fn changes_are_dropped_and_their_results_are_as_if_they_were_not() {
        let queue = Memory::default().queue();
        let waiting = queue.push(&Command::new("start", "web1")).await.unwrap();
        let dead = queue.push(&Command::new("stop", "web2")).await.unwrap();
        let leased = queue.push(&Command::new("stop", "web3")).await.unwrap();
        let mut leases = Vec::new();
        for _ in 0..3 {
            leases.push(queue.lease().await.unwrap().unwrap());
        }
        for lease in leases {
            if lease.command.id == dead {
                let outcome = Outcome::Dead("broken".into());
                queue.settle(lease, &outcome).await.unwrap();
            } else if lease.command.id == waiting {
                let (delay, reason) = (Duration::ZERO, String::new());
                let outcome = Outcome::Release { delay, reason };
                queue.settle(lease, &outcome).await.unwrap();
            }
        }
        let before = queue.list_all().await.unwrap();

        let dry = queue.clone().dry_run();
        dry.push(&Command::new("start", "web4")).await.unwrap();
        assert_eq!(dry.pull().await.unwrap(), None);
        assert!(dry.remove(&waiting).await.unwrap());
        assert!(!dry.remove(&leased).await.unwrap());
        assert!(dry.retry(&dead).await.unwrap());
        assert!(!dry.retry(&waiting).await.unwrap());

        let after = queue.list_all().await.unwrap();
        let states = |entries: &[Entry]| -> Vec<_> {
            let state = |entry: &Entry| (entry.command.id.clone(), entry.state == State::Dead);
            entries.iter().map(state).collect()
        };
        assert_eq!(states(&after), states(&before));
    }

    #[tokio::test]
    async fn subscription_begins_when_there_are_messages() {
        let queue = Memory::default().queue();
        let dry = queue.clone().dry_run();
        let mut early = dry.signals().subscribe().await.unwrap();
        let first = tokio::spawn(async move {
            let first = early.next().await.unwrap();
            (first, early.next().await.unwrap())
        });
        queue.signals().send(&"a".to_owned()).await.unwrap();
        let received = (Received::Message("a".to_owned()), Received::Lagged);
        assert_eq!(first.await.unwrap(), received);

        let mut late = dry.signals().subscribe().await.unwrap();
        queue.signals().send(&"b".to_owned()).await.unwrap();
        assert_eq!(
            late.next().await.unwrap(),
            Received::Message("b".to_owned())
        );
    }
}
