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
use crate::{
    Command, CommandId, Commands, Entry, Error, Lease, Queue, QueueUrl, Result, State, Token,
};

/// Commands in a Redis database, for any number of machines.
///
/// The server must write each change to its disk before it confirms it
/// (`appendonly yes`, `appendfsync always`) and must not evict what it holds; calls
/// fail with [`Volatile`](crate::Error::NotDurable) otherwise, unless the URL says
/// `?durable=no`. Every call answers or fails within five seconds.
#[derive(Clone, Debug)]
pub struct Redis(Arc<Server>);

impl Redis {
    /// The commands in the database that a URL names, which is not connected yet.
    ///
    /// # Errors
    ///
    /// [`MalformedUrl`](crate::Failure::MalformedUrl).
    pub fn new(url: &QueueUrl) -> Result<Self> {
        Ok(Self(Arc::new(Server::new(url)?)))
    }

    /// The commands with the signals and events beside them.
    ///
    /// Each subscription has a connection of its own.
    pub fn queue(&self) -> Queue {
        let streams = Arc::new(Streams::new(&self.0));
        Queue::new(
            Arc::new(self.clone()),
            Arc::<Streams>::clone(&streams),
            streams,
        )
    }

    /// Changes the command of a lease, if the lease is the newest.
    async fn settle(&self, name: &str, lease: &Lease, args: impl ToRedisArgs) -> Result<()> {
        let command = &lease.command.id;
        match self
            .0
            .call(name, (command.as_str(), lease.token.0, args))
            .await?
        {
            true => Ok(()),
            false => Err(Error::LeaseLost {
                command: command.clone(),
            }),
        }
    }
}

#[async_trait]
impl Commands for Redis {
    async fn version(&self) -> Result<String> {
        self.0.version().await
    }

    async fn push(&self, command: &Command) -> Result<CommandId> {
        let mut args = vec![
            command.id.as_str(),
            "cmd",
            &command.verb,
            "for",
            &command.server,
        ];
        let text;
        if !command.args.is_null() {
            // The script compares texts, so equal arguments must be equal texts.
            let mut sorted = command.args.clone();
            sorted.sort_all_objects();
            text = sorted.to_string();
            args.extend(["args", &text]);
        }
        if let Some(by) = &command.by {
            args.extend(["by", by]);
        }
        let id: String = self.0.call("push", args).await?;
        Ok(id.into())
    }

    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        let row: Option<Row> = self.0.call("lease", micros(duration)).await?;
        Ok(row.map(lease))
    }

    async fn extend(&self, lease: &Lease, duration: Duration) -> Result<()> {
        self.settle("extend", lease, micros(duration)).await
    }

    async fn ack(&self, lease: Lease) -> Result<()> {
        self.settle("ack", &lease, NOTHING).await
    }

    async fn release(&self, lease: Lease, after: Duration, why: &str) -> Result<()> {
        self.settle("release", &lease, (micros(after), why)).await
    }

    async fn bury(&self, lease: Lease, why: &str) -> Result<()> {
        self.settle("bury", &lease, why).await
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        let due: Option<u64> = self.0.call("due", NOTHING).await?;
        Ok(due.map(Duration::from_micros))
    }

    async fn get(&self, id: &CommandId) -> Result<Option<Entry>> {
        let row: Option<Row> = self.0.call("get", id.as_str()).await?;
        Ok(row.map(entry))
    }

    async fn list(&self) -> Result<Vec<Entry>> {
        let rows: Vec<Row> = self.0.call("list", NOTHING).await?;
        Ok(rows.into_iter().map(entry).collect())
    }

    async fn retry(&self, id: &CommandId) -> Result<bool> {
        self.0.call("retry", id.as_str()).await
    }

    async fn remove(&self, id: &CommandId) -> Result<bool> {
        self.0.call("remove", id.as_str()).await
    }
}

/// What the script tells of a command: its fields, and the time.
type Row = (Fields, u64);

type Fields = HashMap<String, Vec<u8>>;

/// No arguments.
const NOTHING: Option<&str> = None;

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
    Entry::new(command(&fields), attempts, state, text(&fields, "err"))
}

/// Whatever can be read of a command that anybody may have written.
fn command(fields: &Fields) -> Command {
    let args = match text(fields, "args") {
        None => Value::Null,
        Some(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
    };
    Command {
        id: text(fields, "id").unwrap_or_default().into(),
        verb: text(fields, "cmd").unwrap_or_default(),
        server: text(fields, "for").unwrap_or_default(),
        args,
        by: text(fields, "by"),
        at: UNIX_EPOCH.checked_add(Duration::from_micros(number(fields, "at"))),
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

/// As the script reckons, exactly up to a century.
fn micros(duration: Duration) -> u64 {
    let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    duration.min(century).as_micros() as u64
}
