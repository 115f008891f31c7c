//! `hcc push pull next queue`: commands that wait to be carried out.

use std::time::Duration;

use anyhow::{Result, ensure};
use hcc_core::Frontend;
use hcc_queue::{Command, CommandId, Entry, State};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::age::{age, short, span};
use crate::cmd::wait::PATIENCE;
use crate::complete;
use crate::config::Config;
use crate::letters::Letters;
use crate::output::{Output, Row};
use crate::problem::Problem;
use crate::reader;

/// Add a command for a worker, or for a script that pulls
///
/// Workers know sync, start, stop, force, reset, reboot, console, create, kill,
/// settag and deltag; scripts may use whatever they like.
#[derive(Debug, clap::Args)]
pub(crate) struct Push {
    /// What to do, such as start
    #[arg(value_name = "CMD", value_parser = line)]
    verb: String,

    /// With what: the name of a server
    #[arg(value_name = "ARG", value_parser = line)]
    #[arg(add = complete::servers())]
    server: String,

    /// More about it, as a JSON object
    #[arg(long, value_name = "JSON", value_parser = object, default_value = "null")]
    #[arg(hide_default_value = true)]
    args: Value,

    /// Who wants it
    #[arg(long, value_name = "WHO", value_parser = line)]
    by: Option<String>,

    /// Wait until a worker has carried it out, at most so long, such as 30s
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = PATIENCE, value_parser = span)]
    wait: Option<Duration>,
}

/// Take the next command out of the queue and print it; without one, exit code 1
#[derive(Debug, clap::Args)]
pub(crate) struct Pull {}

/// Wait for the next command, take it out of the queue and print it
#[derive(Debug, clap::Args)]
pub(crate) struct Next {
    #[command(flatten)]
    letters: Letters,
}

/// Look into the queue, and mend what failed
#[derive(Debug, clap::Args)]
pub(crate) struct Look {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the commands that wait, are carried out, or are dead
    #[command(visible_alias = "ls")]
    List {},
    /// Show all that is known of one command
    Show {
        /// Its id, or how that begins
        id: String,
    },
    /// Put dead commands into the queue again
    Retry(Which),
    /// Remove commands
    Drop(Which),
}

/// Which commands.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Their ids, or how those begin
    id: Vec<String>,

    /// All that are dead
    #[arg(long)]
    dead: bool,
}

impl Push {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let mut command = Command::new(self.verb, self.server);
        command.args = self.args;
        command.by = self.by;
        let queue = config.queue().await?;
        command.id = queue.push(&command).await?;
        if let Some(patience) = self.wait {
            let frontend = Frontend::new(config.store().await?, queue);
            frontend.wait(&command.id, patience).await?;
        }
        out.item("ok", &Pushed::from(&command))
    }
}

impl Pull {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        match config.queue().await?.pull().await? {
            Some(command) => print(&command, &out),
            None => Err(Problem::NothingToPull.into()),
        }
    }
}

impl Next {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let mut consumer = config.queue().await?.consumer().await?;
        self.letters.begin();
        tokio::select! {
            command = self.letters.during(consumer.pull()) => print(&command?, &out),
            () = reader::gone() => Ok(()),
        }
    }
}

fn print(command: &Command, out: &Output) -> Result<()> {
    let text = format!("{} {}", command.verb, command.server);
    out.item(text, &Pushed::from(command))
}

impl Look {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let queue = config.queue().await?;
        let entries = queue.list_all().await?;
        match self.verb {
            Verb::List {} => {
                let width = distinct(&entries);
                let rows: Vec<EntryRow> = entries
                    .iter()
                    .map(|entry| EntryRow::new(entry, width))
                    .collect();
                out.rows(&rows)
            }
            Verb::Show { id } => {
                let entry = find(&entries, &id)?;
                out.record(&EntryRow::new(entry, usize::MAX))
            }
            Verb::Retry(which) => {
                let ids = which.of(&entries)?;
                for id in &ids {
                    let is_dead = queue.retry(id).await?;
                    ensure!(is_dead, Problem::NotDead((*id).clone()));
                }
                out.done(&ids)
            }
            Verb::Drop(which) => {
                let ids = which.of(&entries)?;
                for id in &ids {
                    let is_free = queue.remove(id).await?;
                    ensure!(is_free, Problem::Leased((*id).clone()));
                }
                out.done(&ids)
            }
        }
    }
}

impl Which {
    fn of<'a>(&self, entries: &'a [Entry]) -> Result<Vec<&'a CommandId>> {
        if self.dead {
            let dead = entries.iter().filter(|entry| entry.state == State::Dead);
            return Ok(dead.map(|entry| &entry.command.id).collect());
        }
        let ids = self.id.iter();
        ids.map(|id| Ok(&find(entries, id)?.command.id)).collect()
    }
}

/// The command with this id, or else the only one whose id begins so.
fn find<'a>(entries: &'a [Entry], id: &str) -> Result<&'a Entry> {
    let known = |entry: &&Entry| entry.command.id.as_str() == id;
    if let Some(entry) = entries.iter().find(known) {
        return Ok(entry);
    }
    let mut found = entries
        .iter()
        .filter(|entry| entry.command.id.as_str().starts_with(id));
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry),
        (Some(_), Some(_)) => Err(Problem::ManyCommands(id.to_owned()).into()),
        (None, _) => Err(Problem::NoCommand(id.to_owned()).into()),
    }
}

/// How much of each id tells the commands apart; 8 characters at least.
fn distinct(entries: &[Entry]) -> usize {
    let mut ids: Vec<&str> = entries
        .iter()
        .map(|entry| entry.command.id.as_str())
        .collect();
    ids.sort_unstable();
    let alike = |pair: &[&str]| {
        let pairs = pair[0].bytes().zip(pair[1].bytes());
        1 + pairs.take_while(|(one, other)| one == other).count()
    };
    ids.windows(2).map(alike).max().unwrap_or(0).max(8)
}

/// A command as scripts see it, named as in the database.
#[serde_with::skip_serializing_none]
#[derive(Serialize)]
struct Pushed {
    id: CommandId,
    cmd: String,
    r#for: String,
    args: Option<Value>,
    by: Option<String>,
    at: Option<Timestamp>,
}

impl From<&Command> for Pushed {
    fn from(command: &Command) -> Self {
        Self {
            id: command.id.clone(),
            cmd: command.verb.clone(),
            r#for: command.server.clone(),
            args: Some(command.args.clone()).filter(|args| !args.is_null()),
            by: command.by.clone(),
            at: command.at.and_then(|at| at.try_into().ok()),
        }
    }
}

#[serde_with::skip_serializing_none]
#[derive(Serialize)]
struct EntryRow {
    #[serde(flatten)]
    command: Pushed,
    state: &'static str,
    /// In how many seconds the state ends by itself.
    due: Option<u64>,
    attempts: u32,
    why: Option<String>,
    #[serde(skip)]
    width: usize,
}

impl EntryRow {
    fn new(entry: &Entry, width: usize) -> Self {
        let (state, due) = match entry.state {
            State::Waiting => ("waiting", None),
            State::Delayed(due) => ("delayed", Some(due)),
            State::Leased(due) => ("leased", Some(due)),
            State::Dead => ("dead", None),
            _ => ("unknown", None),
        };
        Self {
            command: (&entry.command).into(),
            state,
            due: due.map(|due| due.as_secs()),
            attempts: entry.attempts,
            why: entry.reason.clone(),
            width,
        }
    }
}

impl Row for EntryRow {
    const COLUMNS: &'static [&'static str] = &[
        "id", "state", "cmd", "for", "age", "attempts", "by", "why", "args",
    ];

    fn cells(&self) -> Vec<String> {
        let Pushed {
            id,
            cmd,
            r#for,
            args,
            by,
            at,
        } = &self.command;
        let state = match self.due {
            Some(due) => format!("{} {}", self.state, short(Duration::from_secs(due))),
            None => self.state.to_owned(),
        };
        vec![
            id.as_str().chars().take(self.width).collect(),
            state,
            cmd.clone(),
            r#for.clone(),
            at.map(age).unwrap_or_default(),
            self.attempts.to_string(),
            by.clone().unwrap_or_default(),
            self.why.clone().unwrap_or_default(),
            args.as_ref().map(Value::to_string).unwrap_or_default(),
        ]
    }
}

/// A text that cannot forge a second line where scripts read lines.
pub(crate) fn line(text: &str) -> Result<String> {
    ensure!(!text.is_empty(), "it is empty");
    ensure!(
        !text.contains(char::is_control),
        "it has control characters"
    );
    Ok(text.to_owned())
}

fn object(text: &str) -> Result<Value> {
    let value: Value = serde_json::from_str(text)?;
    ensure!(value.is_object() || value.is_null(), "it is no JSON object");
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_id_means_one_command_even_if_another_begins_so() {
        let entry = |id: &str| {
            let mut command = Command::new("start", "web");
            command.id = id.into();
            Entry::new(command, 0, State::Waiting, None)
        };
        let entries = ["7-10", "7-1", "8-1"].map(entry);
        let found = |id| {
            find(&entries, id)
                .map(|entry| entry.command.id.as_str())
                .ok()
        };

        assert_eq!(found("7-1"), Some("7-1"));
        assert_eq!(found("8"), Some("8-1"));
        assert_eq!(found("7"), None);
        assert_eq!(found("9"), None);
    }
}
