//! `hcc notify wait events`: messages between processes.

use std::fmt::Display;

use hcc_core::ServerName;
use hcc_queue::{RawEvent, Received, Subscription};
use serde::Serialize;

use crate::cmd::args::{ProgressMarks, line};
use crate::config::Config;
use crate::error::Result;
use crate::output::{Output, stdout_closed};

/// The signal that there may be commands, which is also printed for missed messages.
const COMMANDS: &str = "cmd";

/// Send a message to all processes that wait for messages
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc notify web1 is ready")]
pub(crate) struct Notify {
    /// Message
    #[arg(required = true, value_parser = line)]
    message: Vec<String>,
}

/// Print messages as they arrive, one per line, until Ctrl-C or until stdout is closed
///
/// The message "cmd" means that there may be commands: some were pushed, or messages were missed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc wait")]
pub(crate) struct Wait {
    #[command(flatten)]
    marks: ProgressMarks,
}

/// Print events as they happen, one per line, until Ctrl-C or until stdout is closed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc events web1 -o jsonl")]
pub(crate) struct Events {
    /// Only events of this server
    name: Option<ServerName>,
}

#[derive(Serialize)]
struct Message<'a> {
    msg: &'a str,
}

impl Notify {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let queue = config.queue().await?;
        let message = self.message.join(" ");
        queue.signals().send(&message).await?;
        out.done_to(format!("send {message}"), &Message { msg: &message })
    }
}

impl Wait {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let mut signals = config.queue().await?.signals().subscribe().await?;
        self.marks.begin();
        while let Some(received) = next(&mut *signals, &self.marks).await? {
            let message = match received {
                Received::Message(message) => message,
                Received::Lagged => COMMANDS.to_owned(),
            };
            out.item(one_line(&message), &Message { msg: &message })?;
        }
        Ok(())
    }
}

impl Events {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let mut events = config.queue().await?.events().subscribe().await?;
        while let Some(received) = next(&mut *events, &ProgressMarks::default()).await? {
            match received {
                Received::Message(event) if self.concerns(&event) => {
                    out.item(one_line(&describe(&event)), &event)?;
                }
                Received::Message(_) => {}
                Received::Lagged => eprintln!("hcc: some events were missed"),
            }
        }
        Ok(())
    }

    fn concerns(&self, event: &RawEvent) -> bool {
        let name = self.name.as_ref().map(ServerName::as_str);
        name.is_none_or(|name| event.server.as_deref() == Some(name))
    }
}

/// Returns the next message; `None` if stdout was closed.
async fn next<T>(
    from: &mut dyn Subscription<T>,
    marks: &ProgressMarks,
) -> Result<Option<Received<T>>> {
    tokio::select! {
        received = marks.during(from.next()) => Ok(Some(received?)),
        () = stdout_closed() => Ok(None),
    }
}

/// Formats an event: its kind, its server, and its facts.
fn describe(event: &RawEvent) -> String {
    let mut parts = vec![event.evt.clone()];
    parts.extend(event.server.clone());
    let facts = event.fields.iter();
    parts.extend(facts.map(|(name, fact)| match fact.as_str() {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={fact}"),
    }));
    parts.join(" ")
}

/// Messages of other programs may contain line breaks; here one line is one message.
fn one_line(message: &str) -> impl Display {
    message.replace(char::is_control, " ")
}
