//! Commands, signals and events in a Redis database.

mod server;
mod stream;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ::redis::ToRedisArgs;
use async_trait::async_trait;
use serde_json::Value;

use self::server::Server;
use self::stream::Streams;
use crate::page::{clamp, numbered, numbered_dead};
use crate::presence::{Observer, RENEWAL_INTERVAL};
use crate::{
    Command, CommandId, Commands, Counts, Entry, Error, Lease, Page, PageCursor, Presence, Pushed,
    Queue, QueueUrl, Reason, Result, State, Token,
};

/// Commands in a Redis database, shared by any number of machines.
///
/// The server must sync each write to disk before it confirms it (`appendonly yes`,
/// `appendfsync always`) and must not evict keys. Otherwise calls fail with
/// [`NotDurable`](crate::Error::NotDurable), unless the URL has `?durable=no`. Calls time
/// out after five seconds.
#[derive(Clone, Debug)]
pub struct Redis(Arc<Server>);

impl Redis {
    /// Creates the backend of a URL; the first call connects.
    ///
    /// # Errors
    ///
    /// [`MalformedUrl`](crate::Failure::MalformedUrl).
    pub fn new(url: &QueueUrl) -> Result<Self> {
        Ok(Self(Arc::new(Server::new(url)?)))
    }

    /// Returns the queue: commands, signals and events.
    ///
    /// Each subscription has its own connection.
    pub fn queue(&self) -> Queue {
        let streams = Arc::new(Streams::new(&self.0));
        Queue::new(
            Arc::new(self.clone()),
            Arc::<Streams>::clone(&streams),
            streams,
        )
    }

    /// Changes a leased command, if the lease is the newest.
    async fn settle(&self, name: &str, lease: &Lease, args: impl ToRedisArgs) -> Result<()> {
        let command = &lease.command.id;
        let args = (command.as_str(), lease.token.0, args);
        if self.0.call(name, args).await? {
            return Ok(());
        }
        Err(Error::LeaseLost {
            command: command.clone(),
        })
    }
}

#[async_trait]
impl Commands for Redis {
    async fn init(&self) -> Result<()> {
        // Keys need not be created; this checks the server's settings.
        self.next_due().await.map(drop)
    }

    async fn version(&self) -> Result<String> {
        self.0.version().await
    }

    async fn push(&self, command: &Command, delay: Duration) -> Result<Pushed> {
        let delay = micros(delay).to_string();
        let mut args = vec![
            command.id.as_str(),
            &delay,
            "cmd",
            &command.verb,
            "for",
            &command.server,
        ];
        let text;
        if !command.args.is_null() {
            // The script compares strings, so equal arguments must be equal strings.
            let mut sorted = command.args.clone();
            sorted.sort_all_objects();
            text = sorted.to_string();
            args.extend(["args", &text]);
        }
        if let Some(by) = &command.by {
            args.extend(["by", by]);
        }
        if !command.coalesce {
            args.extend(["separate", "yes"]);
        }
        let id: String = self.0.call("push", args).await?;
        Ok(Pushed::immediately(id.into()))
    }

    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        let row: Option<Row> = self.0.call("lease", micros(duration)).await?;
        Ok(row.map(lease))
    }

    fn announce(&self) -> Box<dyn Presence> {
        Box::new(Worker {
            server: Arc::clone(&self.0),
            id: CommandId::random().to_string(),
            observer: Observer::default(),
        })
    }

    async fn extend(&self, lease: &Lease, duration: Duration) -> Result<()> {
        self.settle("extend", lease, micros(duration)).await
    }

    async fn ack(&self, lease: Lease) -> Result<()> {
        self.settle("ack", &lease, NO_ARGS).await
    }

    async fn release(&self, lease: Lease, delay: Duration, reason: &str) -> Result<()> {
        self.settle("release", &lease, (micros(delay), reason))
            .await
    }

    async fn bury(&self, lease: Lease, reason: &Reason) -> Result<()> {
        let args = (&reason.message, reason.outcome.to_string());
        self.settle("bury", &lease, args).await
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        let due: Option<u64> = self.0.call("due", NO_ARGS).await?;
        Ok(due.map(Duration::from_micros))
    }

    async fn get(&self, id: &CommandId) -> Result<Option<Entry>> {
        let row: Option<Row> = self.0.call("get", id.as_str()).await?;
        Ok(row.map(entry))
    }

    async fn first(&self, server: &str) -> Result<Option<Entry>> {
        let row: Option<Row> = self.0.call("first", server).await?;
        Ok(row.map(entry))
    }

    async fn counts(&self) -> Result<Counts> {
        let (all, delayed, leased, dead): (u64, u64, u64, u64) =
            self.0.call("counts", NO_ARGS).await?;
        Ok(Counts::new(all - delayed - leased, delayed, leased, dead))
    }

    async fn list(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        let limit = clamp(limit);
        let Some((is_dead, after)) = numbered(after) else {
            return Ok(Page::default());
        };
        let args = (usize::from(is_dead), after, limit);
        let rows = self.0.call("list", args).await?;
        Ok(page(rows, limit))
    }

    async fn dead_letters(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        let limit = clamp(limit);
        let Some(before) = numbered_dead(after) else {
            return Ok(Page::default());
        };
        let rows = self.0.call("dead", (before, limit)).await?;
        Ok(page(rows, limit))
    }

    async fn count_dead(&self) -> Result<u64> {
        self.0.call("count_dead", NO_ARGS).await
    }

    async fn retry(&self, id: &CommandId) -> Result<bool> {
        self.0.call("retry", id.as_str()).await
    }

    async fn remove(&self, id: &CommandId) -> Result<bool> {
        self.0.call("remove", id.as_str()).await
    }

    async fn delete_dead(&self, age: Duration) -> Result<u64> {
        self.0.call("delete_dead", micros(age)).await
    }
}

/// A worker, present while it renews its counter.
#[derive(Debug)]
struct Worker {
    server: Arc<Server>,
    id: String,
    observer: Observer,
}

#[async_trait]
impl Presence for Worker {
    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        let args = (micros(duration), &*self.id);
        let row: Option<Row> = self.server.call("lease", args).await?;
        Ok(row.map(lease))
    }

    async fn renew(&self) -> Result<bool> {
        let mut counters: HashMap<String, i64> = self.server.call("renew", &*self.id).await?;
        counters.remove(&self.id);
        let mut is_any = false;
        for worker in self.observer.gone(counters) {
            let ended: u64 = self.server.call("leave", worker).await?;
            is_any |= ended > 0;
        }
        Ok(is_any)
    }

    fn renewal_interval(&self) -> Option<Duration> {
        Some(RENEWAL_INTERVAL)
    }

    async fn leave(&self) -> Result<()> {
        let _: u64 = self.server.call("leave", &*self.id).await?;
        Ok(())
    }
}

/// A page of rows with their positions.
fn page(rows: Vec<(Fields, u64, i64)>, limit: usize) -> Page {
    let rows = rows.into_iter().map(|(fields, now, position)| {
        let entry = entry((fields, now));
        let cursor = PageCursor::new(entry.state == State::Dead, position);
        (cursor, entry)
    });
    Page::new(rows.collect(), limit)
}

/// A command as the script returns it: its fields, and the time.
type Row = (Fields, u64);

type Fields = HashMap<String, Vec<u8>>;

/// No arguments.
const NO_ARGS: Option<&str> = None;

fn lease((fields, now): Row) -> Lease {
    let age = Duration::from_micros(now.saturating_sub(number(&fields, "at")));
    let token = Token(number(&fields, "token"));
    Lease::new(command(&fields), token, number(&fields, "attempts"), age)
}

fn entry((fields, now): Row) -> Entry {
    let due: u64 = number(&fields, "due");
    let state = match Duration::from_micros(due.saturating_sub(now)) {
        _ if fields.contains_key("dead") => State::Dead,
        Duration::ZERO => State::Waiting,
        left if number::<u8>(&fields, "held") == 1 => State::Leased(left),
        left => State::Delayed(left),
    };
    let attempts = number(&fields, "attempts");
    let entry = Entry::new(command(&fields), attempts, state, text(&fields, "err"));
    entry.with_outcome(json(&fields, "outcome"))
}

/// Reads a command, possibly of another program, as far as it can be interpreted.
fn command(fields: &Fields) -> Command {
    Command {
        id: text(fields, "id").unwrap_or_default().into(),
        verb: text(fields, "cmd").unwrap_or_default(),
        server: text(fields, "for").unwrap_or_default(),
        args: json(fields, "args"),
        by: text(fields, "by"),
        at: UNIX_EPOCH.checked_add(Duration::from_micros(number(fields, "at"))),
        coalesce: true,
    }
}

/// A field with JSON; any other text is a string.
fn json(fields: &Fields, name: &str) -> Value {
    match text(fields, name) {
        None => Value::Null,
        Some(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    let bytes = fields.get(name)?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// A number that the script has written.
fn number<N: FromStr + Default>(fields: &Fields, name: &str) -> N {
    let text = text(fields, name);
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// At most a century, which the script can compute with exactly.
fn micros(duration: Duration) -> u64 {
    let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    duration.min(century).as_micros() as u64
}
