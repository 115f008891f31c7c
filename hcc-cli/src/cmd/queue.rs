//! `hcc push pull next queue`: the queue of commands.

use std::env;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use hcc_core::{Error, Frontend, InvalidRequest, Outcome, Request};
use hcc_queue::{Command, CommandId, Entry, State};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cmd::args::{DEFAULT_TIMEOUT, ProgressMarks, line};
use crate::config::Config;
use crate::duration::{self, age, short};
use crate::error::{CliError, Exit, Result};
use crate::output::{Output, Row, stdout_closed};

/// Add a command for a worker, or for a script that pulls
#[derive(Debug, clap::Args)]
#[command(long_about = about_push())]
#[command(after_help = "Example:\n  hcc push start web1 --wait")]
pub(crate) struct Push {
    /// Command, such as start
    #[arg(value_name = "CMD", value_parser = line)]
    verb: String,

    /// Argument: the name of a server
    #[arg(value_name = "ARG", value_parser = line)]
    server: String,

    /// Further arguments, as a JSON object
    #[arg(long, value_name = "JSON", value_parser = object, default_value = "null")]
    #[arg(hide_default_value = true)]
    args: Value,

    /// User to carry it out for
    #[arg(long, value_name = "USER", value_parser = line)]
    by: Option<String>,

    /// Wait until a worker has carried it out, for 5 minutes or as given, such as 30s
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = DEFAULT_TIMEOUT, value_parser = duration::parse)]
    wait: Option<Duration>,
}

fn about_push() -> String {
    let verbs: Vec<_> = hcc_core::Verb::ALL.iter().map(|verb| verb.name()).collect();
    format!(
        "Add a command for a worker, or for a script that pulls\n\nWorkers carry out {}; scripts can \
         define commands of their own.",
        verbs.join(", ")
    )
}

/// Remove the next command from the queue and print it; exit code 1 if there is none
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc pull -o jsonl")]
pub(crate) struct Pull {}

/// Wait for the next command, remove it from the queue and print it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc next -o jsonl")]
pub(crate) struct Next {
    #[command(flatten)]
    marks: ProgressMarks,
}

/// Inspect the queue; retry or remove failed commands
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc queue list")]
pub(crate) struct QueueCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Create the queue, so that other programs can push before hcc does
    #[command(after_help = "Example:\n  hcc queue init")]
    Init {},
    /// List the commands that are waiting, in progress, or dead letters
    #[command(visible_alias = "ls", after_help = "Example:\n  hcc queue list")]
    List {},
    /// Show the details of a command
    #[command(after_help = "Example:\n  hcc queue show 6b0f")]
    Show {
        /// Id, or an unambiguous prefix of it
        id: String,
    },
    /// Return dead letters to the queue
    #[command(after_help = "Example:\n  hcc queue retry --dead")]
    Retry(Selection),
    /// Remove commands
    #[command(after_help = "Example:\n  hcc queue drop --dead")]
    Drop(Selection),
}

/// Which commands.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Selection {
    /// Ids, or unambiguous prefixes of them
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: Vec<String>,

    /// All dead letters
    #[arg(long)]
    dead: bool,
}

impl Push {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let mut command = Command::new(self.verb, self.server);
        command.args = self.args;
        command.by = self.by;
        if let Err(
            invalid @ (InvalidRequest::Arguments { .. } | InvalidRequest::UnknownArgument { .. }),
        ) = Request::try_from(&command)
        {
            return Err(Error::from(invalid).into());
        }
        let change = format!("push {} {}", command.verb, command.server);
        let frontend = Frontend::new(config.store().await?, config.queue().await?);
        let timeout = self.wait.filter(|_| !config.is_dry_run());
        let Some(timeout) = timeout else {
            command.id = frontend.push(command.clone()).await?;
            return out.item_done_to(change, &Pushed::from(&command));
        };
        let waiter = frontend.waiter().await?.on_no_worker(|| {
            eprintln!("hcc: no worker is running; waiting for one");
        });
        command.id = frontend.push(command.clone()).await?;
        let note = waiter.wait(&command.id, timeout).await?;
        if let Some(note) = note.as_deref().filter(|_| !out.is_for_programs()) {
            eprintln!("hcc: {note}");
        }
        let by = command.by.as_deref();
        let password = frontend.take_password(&command.id, by).await?;
        let password = password.map(|it| it.expose_secret().to_owned());
        let pushed = Pushed {
            outcome: Some(Outcome::Done { note }),
            password,
            ..Pushed::from(&command)
        };
        out.item(pushed.password.as_deref().unwrap_or("ok"), &pushed)
    }
}

/// The user of this shell, who took or removed a command according to its event.
fn user() -> String {
    let name = ["USER", "LOGNAME"]
        .into_iter()
        .filter_map(|name| env::var(name).ok());
    let name = name.map(|name| name.replace(char::is_control, ""));
    let mut name = name;
    name.find(|name| !name.is_empty())
        .unwrap_or_else(|| "hcc".to_owned())
}

impl Pull {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let queue = config.queue().await?.with_user(user());
        let mut refused = Refused::default();
        let pulled = queue
            .pull_with(|command, reason| refused.add(command, reason))
            .await;
        refused.report();
        match pulled? {
            Some(command) => print(&command, &out),
            None => Err(CliError::silent(Exit::Failed)),
        }
    }
}

impl Next {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let queue = config.queue().await?.with_user(user());
        let mut consumer = queue.consumer().await?;
        self.marks.begin();
        let report = |command: &Command, reason: &str| {
            let mut refused = Refused::default();
            refused.add(command, reason);
            refused.report();
        };
        tokio::select! {
            command = self.marks.during(consumer.pull_with(report)) => print(&command?, &out),
            () = stdout_closed() => Ok(()),
        }
    }
}

/// The commands that were moved to the dead letters instead of being pulled.
#[derive(Default)]
struct Refused {
    count: usize,
    /// The first one, and why.
    first: Option<String>,
}

impl Refused {
    fn add(&mut self, command: &Command, reason: &str) {
        self.count += 1;
        let Command { verb, server, .. } = command;
        self.first
            .get_or_insert_with(|| format!("{verb} {server}: {reason}"));
    }

    fn report(&self) {
        let Some(first) = &self.first else {
            return;
        };
        let commands = match self.count {
            1 => format!("1 command moved to the dead letters: {first}"),
            count => format!("{count} commands moved to the dead letters, such as {first}"),
        };
        eprintln!("hcc: {}", commands.replace(char::is_control, " "));
        eprintln!("hint: run hcc queue list");
    }
}

fn print(command: &Command, out: &Output) -> Result<()> {
    let text = format!("{} {}", command.verb, command.server);
    out.item(text, &Pushed::from(command))
}

impl QueueCommand {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let queue = config.queue().await?.with_user(user());
        let entries = async || queue.list_all().await;
        match self.verb {
            Verb::Init {} => {
                let url = config.queue_url()?.to_string();
                queue.init().await?;
                out.done_to(format!("create {url}"), &json!({ "queue": url }))
            }
            Verb::List {} => {
                let entries = entries().await?;
                let width = prefix_length(&entries);
                let rows: Vec<EntryRow> = entries
                    .iter()
                    .map(|entry| EntryRow::new(entry, width))
                    .collect();
                out.rows(&rows)
            }
            Verb::Show { id } => {
                let entries = entries().await?;
                let entry = find(&entries, &id)?;
                out.record(&EntryDetails(EntryRow::new(entry, usize::MAX)))
            }
            Verb::Retry(selection) => {
                let entries = entries().await?;
                let ids = selection.of(&entries)?;
                for id in &ids {
                    if !queue.retry(id).await? {
                        return Err(refused("not_dead", format!("{id} is not a dead letter")));
                    }
                }
                out.done_to(format!("retry {}", listed(&ids)), &ids)
            }
            Verb::Drop(selection) => {
                let entries = entries().await?;
                let ids = selection.of(&entries)?;
                let frontend = Frontend::new(config.store().await?, queue.clone());
                for id in &ids {
                    if !frontend.remove(id, Some(&user())).await? {
                        return Err(refused("leased", format!("{id} is in progress")));
                    }
                }
                out.done_to(format!("remove {}", listed(&ids)), &ids)
            }
        }
    }
}

fn listed(ids: &[&CommandId]) -> String {
    let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    ids.join(" ")
}

fn refused(code: &'static str, message: String) -> CliError {
    CliError::new(Exit::Refused, code, message)
}

impl Selection {
    fn of<'a>(&self, entries: &'a [Entry]) -> Result<Vec<&'a CommandId>> {
        if self.dead {
            let dead = entries.iter().filter(|entry| entry.state == State::Dead);
            return Ok(dead.map(|entry| &entry.command.id).collect());
        }
        let ids = self.id.iter();
        ids.map(|id| Ok(&find(entries, id)?.command.id)).collect()
    }
}

/// Finds the command with this id, or the only one with this prefix of an id.
fn find<'a>(entries: &'a [Entry], id: &str) -> Result<&'a Entry> {
    let is_exact = |entry: &&Entry| entry.command.id.as_str() == id;
    if let Some(entry) = entries.iter().find(is_exact) {
        return Ok(entry);
    }
    let mut found = entries
        .iter()
        .filter(|entry| !id.is_empty() && entry.command.id.as_str().starts_with(id));
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry),
        (Some(_), Some(_)) => {
            let message = format!("the command id {id} is ambiguous");
            Err(CliError::new(Exit::Usage, "ambiguous", message))
        }
        (None, _) => {
            let message = format!("no command with id {id}");
            let error = CliError::new(Exit::NotFound, "no_such_command", message);
            Err(error.hint("run hcc queue list"))
        }
    }
}

/// Returns the length of the shortest prefixes that distinguish all ids; at least 8.
fn prefix_length(entries: &[Entry]) -> usize {
    let mut ids: Vec<&str> = entries
        .iter()
        .map(|entry| entry.command.id.as_str())
        .collect();
    ids.sort_unstable();
    let needed = |pair: &[&str]| {
        let bytes = pair[0].bytes().zip(pair[1].bytes());
        1 + bytes.take_while(|(one, other)| one == other).count()
    };
    ids.windows(2).map(needed).max().unwrap_or(0).max(8)
}

/// A command, with the names of the fields of its document.
#[serde_with::skip_serializing_none]
#[derive(Serialize)]
struct Pushed {
    id: CommandId,
    cmd: String,
    r#for: String,
    args: Option<Value>,
    by: Option<String>,
    at: Option<Timestamp>,
    /// How it ended.
    outcome: Option<Outcome>,
    /// The root password that it has set.
    password: Option<String>,
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
            outcome: None,
            password: None,
        }
    }
}

#[serde_with::skip_serializing_none]
#[derive(Serialize)]
struct EntryRow {
    #[serde(flatten)]
    command: Pushed,
    state: &'static str,
    /// In how many seconds the state changes by itself.
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
            command: Pushed {
                outcome: Outcome::of_entry(entry),
                ..Pushed::from(&entry.command)
            },
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
    const DROP_IF_NARROW: &'static [&'static str] = &["args", "attempts", "by", "age", "why"];

    fn cells(&self) -> Vec<String> {
        let Pushed {
            id,
            cmd,
            r#for,
            args,
            by,
            at,
            outcome: _,
            password: _,
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

/// An entry with what to do about it.
#[derive(Serialize)]
#[serde(transparent)]
struct EntryDetails(EntryRow);

impl Row for EntryDetails {
    const COLUMNS: &'static [&'static str] = &[
        "id", "state", "cmd", "for", "age", "attempts", "by", "why", "args", "hint",
    ];

    fn cells(&self) -> Vec<String> {
        let hint = match &self.0.command.outcome {
            Some(Outcome::Failed(failure)) => failure.hint.clone(),
            _ => None,
        };
        let mut cells = self.0.cells();
        cells.push(hint.unwrap_or_default());
        cells
    }
}

pub(crate) fn object(text: &str) -> Result<Value> {
    match serde_json::from_str(text)? {
        value @ (Value::Object(_) | Value::Null) => Ok(value),
        _ => Err(CliError::usage("expected a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_id_is_found_even_if_it_is_a_prefix_of_another() {
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
