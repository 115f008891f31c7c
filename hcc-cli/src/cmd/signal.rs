//! `hcc notify wait events`: messages to whoever listens.

use std::fmt::Display;

use anyhow::Result;
use hcc_core::ServerName;
use hcc_queue::{RawEvent, Received, Subscription};
use serde::Serialize;

use crate::config::Config;
use crate::letters::Letters;
use crate::output::Output;
use crate::reader;

/// The signal that there may be commands; a gap is one as well.
const LOOK: &str = "cmd";

/// Send a message to those who wait
#[derive(Debug, clap::Args)]
pub(crate) struct Notify {
    /// What to say
    #[arg(required = true, value_parser = crate::cmd::queue::line)]
    message: Vec<String>,
}

/// Print messages as they come, one a line, until Ctrl-C or until nobody reads them
///
/// "cmd" says that there may be commands: that some were pushed, or that
/// messages were missed.
#[derive(Debug, clap::Args)]
pub(crate) struct Wait {
    #[command(flatten)]
    letters: Letters,
}

/// Print what happens, one event a line, until Ctrl-C or until nobody reads it
#[derive(Debug, clap::Args)]
pub(crate) struct Events {
    /// Only what happens to this server
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
        out.done(&Message { msg: &message })
    }
}

impl Wait {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let mut signals = config.queue().await?.signals().subscribe().await?;
        self.letters.begin();
        while let Some(heard) = next(&mut *signals, &self.letters).await? {
            let text = match heard {
                Received::Message(text) => text,
                Received::Lagged => LOOK.to_owned(),
            };
            out.item(one_line(&text), &Message { msg: &text })?;
        }
        Ok(())
    }
}

impl Events {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let mut events = config.queue().await?.events().subscribe().await?;
        while let Some(heard) = next(&mut *events, &Letters::default()).await? {
            match heard {
                Received::Message(event) if self.concerns(&event) => {
                    out.item(one_line(&described(&event)), &event)?;
                }
                Received::Message(_) => {}
                Received::Lagged => eprintln!("hcc: events were missed here"),
            }
        }
        Ok(())
    }

    fn concerns(&self, event: &RawEvent) -> bool {
        let name = self.name.as_ref().map(ServerName::as_str);
        name.is_none_or(|name| event.server.as_deref() == Some(name))
    }
}

/// The next message; `None` if nobody would read it.
async fn next<T>(from: &mut dyn Subscription<T>, letters: &Letters) -> Result<Option<Received<T>>> {
    tokio::select! {
        heard = letters.during(from.next()) => Ok(Some(heard?)),
        () = reader::gone() => Ok(None),
    }
}

/// An event for people: what, whose, and the facts.
fn described(event: &RawEvent) -> String {
    let mut words = vec![event.evt.clone()];
    words.extend(event.server.clone());
    let facts = event.fields.iter();
    words.extend(facts.map(|(name, fact)| match fact.as_str() {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={fact}"),
    }));
    words.join(" ")
}

/// A message that others sent may hold line ends; here one line is one message.
fn one_line(text: &str) -> impl Display {
    text.replace(char::is_control, " ")
}
