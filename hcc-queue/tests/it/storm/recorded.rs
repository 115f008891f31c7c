//! A queue that records each call and its result on stderr, before the caller continues.

use std::io::{Write, stderr};
use std::process;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hcc_queue::{
    Channel, Command, CommandId, Commands, Counts, Entry, Error, Lease, Page, PageCursor, Presence,
    Pushed, Queue, RawEvent, Reason, Result, Subscription,
};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A line of the ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    /// When it was written, by the clock that all processes share.
    pub(super) at: Duration,
    #[serde(flatten)]
    pub(super) fact: Fact,
}

/// What happened between a process and its queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "fact")]
pub(super) enum Fact {
    /// A push begins.
    Pushing { id: String, server: String },
    /// The push is confirmed; `kept` is another command if this one was a duplicate.
    Pushed { id: String, kept: String },
    /// A lease is confirmed.
    Leased {
        id: String,
        server: String,
        token: i64,
        /// The process of the worker, if the lease ends with it.
        worker: Option<u32>,
        /// When the call began.
        since: Duration,
        /// Until when it is valid at least.
        until: Duration,
    },
    /// An extension is confirmed.
    Extended {
        id: String,
        token: i64,
        until: Duration,
    },
    /// An ack begins; from now on the lease may be gone.
    Acking { id: String, token: i64 },
    /// The ack is confirmed.
    Acked { id: String, token: i64 },
    /// The ack failed because the lease was lost.
    Refused { id: String, token: i64 },
    /// A release begins; from now on the lease may be gone.
    Releasing { id: String, token: i64 },
    /// A burial begins.
    Burying { id: String, token: i64 },
    /// A process is about to be killed.
    Killing { worker: u32 },
}

/// The current time, by the clock that all processes share.
pub(super) fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::try_from(now).expect("the clock began at zero")
}

/// Wraps a queue so that it records its calls.
pub(super) fn recorded(queue: Queue) -> Queue {
    let recorded = Arc::new(Recorded(queue));
    Queue::new(recorded.clone(), recorded.clone(), recorded)
}

#[derive(Debug)]
struct Recorded(Queue);

/// Databases may store times in milliseconds.
const TICK: Duration = Duration::from_millis(2);

fn record(fact: Fact) {
    let line = Line { at: now(), fact };
    let mut line = serde_json::to_vec(&line).expect("it has string keys");
    line.push(b'\n');
    // In one write, so that a killed process has written all of it or nothing.
    stderr().write_all(&line).expect("the parent reads");
}

#[async_trait]
impl Commands for Recorded {
    async fn push(&self, command: &Command, delay: Duration) -> Result<Pushed> {
        let id = command.id.to_string();
        record(Fact::Pushing {
            id: id.clone(),
            server: command.server.clone(),
        });
        let pushed = self.0.commands().push(command, delay).await?;
        let kept = pushed.id.clone();
        Ok(Pushed::new(kept.clone(), async move {
            pushed.durable().await?;
            record(Fact::Pushed {
                id,
                kept: kept.to_string(),
            });
            Ok(())
        }))
    }

    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        let since = now();
        let lease = self.0.commands().lease(duration).await?;
        record_lease(lease.as_ref(), None, since, duration);
        Ok(lease)
    }

    fn announce(&self) -> Box<dyn Presence> {
        Box::new(RecordedPresence(self.0.commands().announce()))
    }

    async fn init(&self) -> Result<()> {
        self.0.commands().init().await
    }

    async fn extend(&self, lease: &Lease, duration: Duration) -> Result<()> {
        let until = now() + duration - TICK;
        self.0.commands().extend(lease, duration).await?;
        let (id, token) = names(lease);
        record(Fact::Extended { id, token, until });
        Ok(())
    }

    async fn ack(&self, lease: Lease) -> Result<()> {
        let (id, token) = names(&lease);
        record(Fact::Acking {
            id: id.clone(),
            token,
        });
        let acked = self.0.commands().ack(lease).await;
        match &acked {
            Ok(()) => record(Fact::Acked { id, token }),
            Err(Error::LeaseLost { .. }) => record(Fact::Refused { id, token }),
            // It may have happened.
            Err(_) => {}
        }
        acked
    }

    async fn release(&self, lease: Lease, delay: Duration, reason: &str) -> Result<()> {
        let (id, token) = names(&lease);
        record(Fact::Releasing { id, token });
        self.0.commands().release(lease, delay, reason).await
    }

    async fn bury(&self, lease: Lease, reason: &Reason) -> Result<()> {
        let (id, token) = names(&lease);
        record(Fact::Burying { id, token });
        self.0.commands().bury(lease, reason).await
    }

    async fn get(&self, id: &CommandId) -> Result<Option<Entry>> {
        self.0.commands().get(id).await
    }

    async fn version(&self) -> Result<String> {
        self.0.commands().version().await
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        self.0.commands().next_due().await
    }

    async fn first(&self, server: &str) -> Result<Option<Entry>> {
        self.0.commands().first(server).await
    }

    async fn counts(&self) -> Result<Counts> {
        self.0.commands().counts().await
    }

    async fn list(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        self.0.commands().list(after, limit).await
    }

    async fn dead_letters(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        self.0.commands().dead_letters(after, limit).await
    }

    async fn count_dead(&self) -> Result<u64> {
        self.0.commands().count_dead().await
    }

    async fn delete_dead(&self, age: Duration) -> Result<u64> {
        self.0.commands().delete_dead(age).await
    }

    async fn retry(&self, id: &CommandId) -> Result<bool> {
        self.0.commands().retry(id).await
    }

    async fn remove(&self, id: &CommandId) -> Result<bool> {
        self.0.commands().remove(id).await
    }
}

fn record_lease(lease: Option<&Lease>, worker: Option<u32>, since: Duration, duration: Duration) {
    if let Some(lease) = lease {
        record(Fact::Leased {
            id: lease.command.id.to_string(),
            server: lease.command.server.clone(),
            token: lease.token.0,
            worker,
            since,
            until: since + duration - TICK,
        });
    }
}

/// The presence of this process.
#[derive(Debug)]
struct RecordedPresence(Box<dyn Presence>);

#[async_trait]
impl Presence for RecordedPresence {
    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        let since = now();
        let lease = self.0.lease(duration).await?;
        record_lease(lease.as_ref(), Some(process::id()), since, duration);
        Ok(lease)
    }

    async fn renew(&self) -> Result<bool> {
        self.0.renew().await
    }

    fn renewal_interval(&self) -> Option<Duration> {
        self.0.renewal_interval()
    }

    async fn leave(&self) -> Result<()> {
        self.0.leave().await
    }
}

#[async_trait]
impl Channel<String> for Recorded {
    async fn send(&self, message: &String) -> Result<()> {
        self.0.signals().send(message).await
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<String>>> {
        self.0.signals().subscribe().await
    }

    async fn recent(&self) -> Result<Vec<String>> {
        self.0.signals().recent().await
    }
}

#[async_trait]
impl Channel<RawEvent> for Recorded {
    async fn send(&self, message: &RawEvent) -> Result<()> {
        self.0.events().send(message).await
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<RawEvent>>> {
        self.0.events().subscribe().await
    }

    async fn recent(&self) -> Result<Vec<RawEvent>> {
        self.0.events().recent().await
    }
}

fn names(lease: &Lease) -> (String, i64) {
    (lease.command.id.to_string(), lease.token.0)
}
