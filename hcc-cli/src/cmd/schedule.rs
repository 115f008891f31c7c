//! `hcc schedule`: commands that are due again and again.

mod when;

use std::time::{Duration, SystemTime};

use clap::builder::NonEmptyStringValueParser;
use clap::{Command as Parser, FromArgMatches, Subcommand};
use hcc_core::{
    AllowAll, ArgumentKind, Command, DueTimes, Frontend, NewSchedule, OfferedCatalog, Request,
    ServerName, Verb as CommandVerb,
};
use hcc_store::{MalformedSchedule, Missed, Schedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use self::when::When;
use crate::cmd::args::line;
use crate::cmd::operation::{OperationCommand, form_aliases};
use crate::cmd::queue::object;
use crate::config::Config;
use crate::duration;
use crate::error::{CliError, Exit, Result};
use crate::output::{Output, Row};

/// Carry out commands again and again, such as every evening
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc schedule add web1 stop --at 20:00 --on weekdays")]
pub(crate) struct ScheduleCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Add(Box<Add>),
    List(List),
    /// Pause schedules
    #[command(after_help = "Example:\n  hcc schedule pause 5c0f")]
    Pause(Ids),
    /// Resume schedules, with the next due time from now on
    #[command(after_help = "Example:\n  hcc schedule resume 5c0f")]
    Resume(Ids),
    /// Remove schedules
    #[command(
        visible_alias = "rm",
        after_help = "Example:\n  hcc schedule remove 5c0f"
    )]
    Remove(Ids),
}

/// Add a schedule, which workers carry out
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
struct Add {
    /// Name of the server
    #[arg(value_name = "NAME")]
    name: ServerName,

    /// Command, such as stop or snapshot create; flags of the command come last, after --
    #[arg(value_name = "COMMAND", required = true, num_args = 1.., value_parser = line)]
    command: Vec<String>,

    /// Arguments of the command as in the queue, as a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    args: Option<Value>,

    #[command(flatten)]
    when: When,

    /// Time zone [default: that of this machine]
    #[arg(long, value_name = "ZONE", value_parser = line)]
    time_zone: Option<String>,

    /// What happens to due times that pass while no worker runs: skip them, or carry out one
    #[arg(long, value_name = "RULE", default_value = "skip")]
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(["skip", "once"]))]
    missed: String,

    /// How late a due time is not missed yet
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    grace: Duration,

    /// Keep this many of the snapshots that the schedule has created, the newest; delete older ones
    #[arg(long, value_name = "NUMBER")]
    keep: Option<u32>,

    /// User to carry it out for
    #[arg(long, value_name = "USER", value_parser = line)]
    by: Option<String>,
}

/// How long Hetzner may take to report what can be ordered.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(5);

const USAGE: &str =
    "hcc schedule add [OPTIONS] NAME COMMAND… (--at HH:MM | --every PERIOD | --cron FIELDS)";

const EXAMPLES: &str = "\
Examples:
  hcc schedule add web1 stop --at 20:00 --on weekdays --time-zone Europe/Berlin
  hcc schedule add web1 snapshot create --at 03:00 --keep 7
  hcc schedule add web1 reboot --cron '30 4 1 * *' --missed once";

/// List the schedules, with their next due times
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "ls",
    after_help = "Example:\n  hcc schedule list web1"
)]
struct List {
    /// Only those of this server
    #[arg(value_name = "NAME")]
    name: Option<ServerName>,
}

/// Which schedules.
#[derive(Debug, clap::Args)]
struct Ids {
    /// Ids, or unambiguous prefixes of them
    #[arg(value_name = "ID", required = true, value_parser = NonEmptyStringValueParser::new())]
    schedules: Vec<String>,
}

impl ScheduleCommand {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let frontend = Frontend::new(config.store().await?, config.queue().await?);
        match self.verb {
            Verb::Add(add) => {
                let schedule = add.schedule()?;
                schedule.check().map_err(hcc_core::Error::from)?;
                check_offers(config, &schedule.request.command).await?;
                let added = frontend.add_schedule(&schedule, &AllowAll).await?;
                let row = ScheduleRow::from(&added);
                let summary = format!("{}: {}, next {}", row.r#for, row.command(), row.next_due());
                match config.is_dry_run() {
                    true => out.result(format!("would schedule {summary}"), &row),
                    false => out.result(format!("{} {summary}", row.id), &row),
                }
            }
            Verb::List(List { name }) => {
                let schedules = frontend.schedules(name.as_ref()).await?;
                let malformed = frontend.malformed_schedules(name.as_ref()).await?;
                let schedules = schedules.iter().map(ScheduleRow::from);
                let rows = schedules.map(|row| Listed::Schedule(Box::new(row)));
                let malformed = malformed.into_iter().map(Listed::from);
                out.rows(&rows.chain(malformed).collect::<Vec<_>>())
            }
            Verb::Pause(ids) => {
                let ids = ids.find(&frontend).await?;
                for id in &ids {
                    frontend.pause_schedule(id, None, &AllowAll).await?;
                }
                out.done_to(format!("pause {}", ids.join(" ")), &ids)
            }
            Verb::Resume(ids) => {
                let ids = ids.find(&frontend).await?;
                for id in &ids {
                    frontend.resume_schedule(id, None, &AllowAll).await?;
                }
                out.done_to(format!("resume {}", ids.join(" ")), &ids)
            }
            Verb::Remove(ids) => {
                let ids = ids.find(&frontend).await?;
                for id in &ids {
                    frontend.remove_schedule(id, None, &AllowAll).await?;
                }
                out.done_to(format!("remove {}", ids.join(" ")), &ids)
            }
        }
    }
}

impl Ids {
    /// Returns the whole ids.
    async fn find(&self, frontend: &Frontend) -> Result<Vec<String>> {
        let schedules = frontend.schedules(None).await?;
        let malformed = frontend.malformed_schedules(None).await?;
        let ids = schedules.into_iter().map(|it| it.id);
        let ids: Vec<_> = ids.chain(malformed.into_iter().map(|it| it.id)).collect();
        let find = |id: &String| {
            if ids.contains(id) {
                return Ok(id.clone());
            }
            let mut found = ids.iter().filter(|it| it.starts_with(id));
            match (found.next(), found.next()) {
                (Some(id), None) => Ok(id.clone()),
                (Some(_), Some(_)) => {
                    let message = format!("the schedule id {id:?} is ambiguous");
                    Err(CliError::new(Exit::Usage, "ambiguous", message))
                }
                (None, _) => {
                    let message = format!("no schedule with id {id:?}");
                    let error = CliError::new(Exit::NotFound, "no_such_schedule", message);
                    Err(error.hint("run hcc schedule list"))
                }
            }
        };
        self.schedules.iter().map(find).collect()
    }
}

impl Add {
    fn schedule(&self) -> Result<NewSchedule> {
        let mut request = self.request()?;
        request.by.clone_from(&self.by);
        let mut schedule = NewSchedule::new(request, self.when.cron()?);
        schedule.tz = self.time_zone.clone().unwrap_or_else(local_time_zone);
        schedule.missed = match &*self.missed {
            "once" => Missed::Once,
            _ => Missed::Skip,
        };
        schedule.grace = self.grace;
        schedule.keep = self.keep;
        Ok(schedule)
    }

    /// Parses the command as `hcc` itself does.
    fn request(&self) -> Result<Request> {
        let core = |error| CliError::from(hcc_core::Error::from(error));
        let (name, words) = (&self.command[0], &self.command[1..]);
        let verb: CommandVerb = name
            .parse()
            .map_err(|error: hcc_core::UnknownVerb| core(hcc_core::InvalidRequest::from(error)))?;
        if let Some(args) = &self.args {
            let mut queued = hcc_queue::Command::new(verb.wire(), self.name.as_str());
            queued.args = args.clone();
            return Request::try_from(&queued).map_err(core);
        }
        if !OperationCommand::has_subcommand(verb.name()) {
            if let Some(word) = words.first() {
                let message = format!("{name} takes no argument {word:?}; pass --args");
                return Err(CliError::usage(message));
            }
            return Ok(Request::new(verb.into(), self.name.clone()));
        }
        let forms = verb.description().forms;
        let mut line = vec!["hcc", verb.name()];
        let mut words = words.iter().map(String::as_str).peekable();
        if !forms[0].name.is_empty() {
            let is_named = |word: &&str| {
                let mut forms = forms.iter();
                forms.any(|form| {
                    form.name == *word || form_aliases(verb.description(), form).contains(word)
                })
            };
            line.push(words.next_if(is_named).unwrap_or(forms[0].name));
        }
        line.push(self.name.as_str());
        line.extend(words);
        let parser = OperationCommand::augment_subcommands(Parser::new("hcc"));
        let parsed = parser
            .try_get_matches_from(line)
            .and_then(|matches| OperationCommand::from_arg_matches(&matches));
        let invalid = |error: clap::Error| {
            let text = error.to_string();
            let message = text.lines().next().unwrap_or_default();
            CliError::usage(message.trim_start_matches("error: ").to_owned())
        };
        let (_, operation) = parsed.map_err(invalid)?.operation()?;
        Ok(Request::new(operation.into(), self.name.clone()))
    }
}

/// Checks that everything exists that a command names, if that can be found out.
async fn check_offers(config: &Config, command: &Command) -> Result<()> {
    let names_nothing = OfferedCatalog::default().check(command).is_ok();
    if names_nothing {
        return Ok(());
    }
    match catalog(config).await {
        Some(catalog) => Ok(catalog.check(command)?),
        None => Ok(()),
    }
}

/// Returns what can be ordered, as a worker has published it, or else as Hetzner reports it.
async fn catalog(config: &Config) -> Option<OfferedCatalog> {
    let published = async {
        let (users, project) = config.accounts().ok()?;
        let accounts = hcc_store::open_accounts(&users).await.ok()?;
        OfferedCatalog::read(&*accounts, &project).await.ok()?
    };
    if let Some(catalog) = published.await {
        return Some(catalog);
    }
    config.token_source().ok()??;
    let project = config.project_without_records().ok()?;
    let fetched = timeout(CATALOG_TIMEOUT, OfferedCatalog::fetch(&project));
    fetched.await.ok()?.ok()
}

fn local_time_zone() -> String {
    let zone = TimeZone::system();
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// A schedule, with the names of the fields of its document.
#[serde_with::skip_serializing_none]
#[derive(Serialize)]
struct ScheduleRow {
    id: String,
    r#for: String,
    cmd: String,
    args: Option<Value>,
    by: Option<String>,
    cron: String,
    tz: String,
    missed: Missed,
    /// In seconds.
    grace: u64,
    keep: Option<u32>,
    paused: bool,
    why: Option<String>,
    next: Option<Timestamp>,
    last: Option<LastRow>,
}

#[serde_with::skip_serializing_none]
#[derive(Serialize)]
struct LastRow {
    due: Timestamp,
    at: Timestamp,
    ok: bool,
    note: Option<String>,
    err: Option<String>,
    code: Option<String>,
}

impl From<&Schedule> for ScheduleRow {
    fn from(schedule: &Schedule) -> Self {
        let last = schedule.last.as_ref().map(|last| LastRow {
            due: timestamp(last.due),
            at: timestamp(last.at),
            ok: last.ok,
            note: last.err.clone().filter(|_| last.ok),
            err: last.err.clone().filter(|_| !last.ok),
            code: last.code.clone(),
        });
        Self {
            id: schedule.id.clone(),
            r#for: schedule.server.clone(),
            cmd: schedule.cmd.clone(),
            args: Some(schedule.args.clone()).filter(|args| !args.is_null()),
            by: schedule.by.clone(),
            cron: schedule.cron.clone(),
            tz: schedule.tz.clone(),
            missed: schedule.missed,
            grace: schedule.grace.as_secs(),
            keep: schedule.keep,
            paused: schedule.paused,
            why: schedule.why.clone(),
            next: schedule.next.map(timestamp),
            last,
        }
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    time.try_into().unwrap_or_default()
}

impl ScheduleRow {
    /// Returns the command as a person would type it.
    fn command(&self) -> String {
        let Ok(verb) = self.cmd.parse::<CommandVerb>() else {
            return self.cmd.clone();
        };
        let mut command = verb.name().to_owned();
        let args = self.args.as_ref().unwrap_or(&Value::Null);
        let forms = verb.description().forms;
        let named = args["do"].as_str();
        let form = forms.iter().find(|form| Some(form.name) == named);
        let form = form.unwrap_or(&forms[0]);
        if !form.name.is_empty() {
            command += &format!(" {}", form.name);
        }
        for argument in form.arguments {
            command += &match (&args[argument.name], argument.kind) {
                (Value::Null, _) => continue,
                // It may hold secrets.
                _ if argument.name == "user_data" => " --user-data …".to_owned(),
                (value, _) if argument.is_required => format!(" {}", words(value)),
                (_, ArgumentKind::Switch) => format!(" --{}", argument.flag()),
                (value, _) => format!(" --{} {}", argument.flag(), words(value)),
            };
        }
        if let Some(keep) = self.keep {
            command += &format!(", keep {keep}");
        }
        command
    }

    /// Returns the next due time on the clock of its time zone.
    fn next_due(&self) -> String {
        if self.paused {
            let why = self.why.as_ref();
            return why.map_or_else(|| "paused".to_owned(), |why| format!("paused: {why}"));
        }
        let zone = TimeZone::get(&self.tz).unwrap_or(TimeZone::UTC);
        let next = self.next.map(|next| next.to_zoned(zone));
        next.map_or_else(String::new, |next| next.strftime("%a %d %b %R").to_string())
    }
}

/// Returns the value of an argument as it is typed.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Object(pairs) => {
            let pairs = pairs.iter();
            let pairs = pairs.map(|(key, value)| format!("{key}={}", words(value)));
            pairs.collect::<Vec<_>>().join(" ")
        }
        value => value.to_string(),
    }
}

/// A schedule in a list.
#[derive(Serialize)]
#[serde(untagged)]
enum Listed {
    Schedule(Box<ScheduleRow>),
    Malformed {
        id: String,
        r#for: Option<String>,
        malformed: Malformed,
    },
}

/// What is wrong with a schedule that another program has stored.
#[derive(Serialize)]
struct Malformed {
    field: String,
    reason: String,
}

impl From<MalformedSchedule> for Listed {
    fn from(schedule: MalformedSchedule) -> Self {
        Self::Malformed {
            id: schedule.id,
            r#for: schedule.server,
            malformed: Malformed {
                field: schedule.field,
                reason: schedule.reason,
            },
        }
    }
}

impl Row for Listed {
    const COLUMNS: &'static [&'static str] = &[
        "id", "for", "command", "when", "tz", "next", "last", "by", "missed", "keep", "cron",
    ];
    const HIDDEN: &'static [&'static str] = &["by", "missed", "keep", "cron"];
    const DROP_IF_NARROW: &'static [&'static str] = &["last", "tz", "when", "next"];

    fn cells(&self) -> Vec<String> {
        match self {
            Self::Schedule(row) => row.cells(),
            Self::Malformed {
                id,
                r#for,
                malformed: Malformed { field, reason },
            } => {
                let found = [field.as_str(), reason].join(": ");
                let found = format!("malformed: {}", found.trim_start_matches(": "));
                let mut cells = vec![id.clone(), r#for.clone().unwrap_or_default(), found];
                cells.resize(Self::COLUMNS.len(), String::new());
                cells
            }
        }
    }
}

impl ScheduleRow {
    fn cells(&self) -> Vec<String> {
        let last = match &self.last {
            None => String::new(),
            Some(last) if last.ok => "ok".to_owned(),
            Some(last) => last.err.clone().unwrap_or_else(|| "failed".to_owned()),
        };
        let missed = match self.missed {
            Missed::Once => "once",
            _ => "skip",
        };
        vec![
            self.id.clone(),
            self.r#for.clone(),
            self.command(),
            DueTimes::describe(&self.cron),
            self.tz.clone(),
            self.next_due(),
            last,
            self.by.clone().unwrap_or_default(),
            missed.to_owned(),
            self.keep.map(|keep| keep.to_string()).unwrap_or_default(),
            self.cron.clone(),
        ]
    }
}
