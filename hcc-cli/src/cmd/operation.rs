//! `hcc show rescue rebuild snapshot …`: the operations of `hcc-core`, with arguments and help from
//! their descriptions.

use std::collections::BTreeMap;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use hcc_core::operation::Operation;
use hcc_core::{Argument, ArgumentKind, Description, Form, Permission, ServerName, Verb};
use hcc_store::SavedImage;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cmd::action::Done;
use crate::cmd::args::{Confirmation, Selection, Waiting, for_each, retry_while_busy};
use crate::config::Config;
use crate::duration::{self, rfc3339, rfc3339_of};
use crate::error::{CliError, Result};
use crate::output::{Output, Row};
use crate::platform::signals::cancel_on_signal;
use crate::price::{rounded, with_currency};

/// An operation on servers.
#[derive(Debug)]
pub(crate) struct OperationCommand {
    verb: Verb,
    form: &'static Form,
    /// The positional arguments: servers, then the required arguments.
    values: Vec<String>,
    optional: Map<String, Value>,
    selection: Selection,
    waiting: Waiting,
    confirmation: Option<Confirmation>,
}

impl Subcommand for OperationCommand {
    fn augment_subcommands(command: Command) -> Command {
        let verbs = Operation::VERBS.iter();
        verbs.fold(command, |command, verb| {
            command.subcommand(subcommand(*verb))
        })
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        Operation::VERBS.iter().any(|verb| verb.name() == name)
    }
}

impl FromArgMatches for OperationCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(ErrorKind::MissingSubcommand);
        let (name, mut matches) = matches.subcommand().ok_or_else(missing)?;
        let verb: Verb = name.parse().map_err(|_| missing())?;
        let description = verb.description();
        let mut form = &description.forms[0];
        if has_forms(description) {
            let (name, inner) = matches.subcommand().ok_or_else(missing)?;
            let mut forms = description.forms.iter();
            form = forms.find(|form| form.name == name).ok_or_else(missing)?;
            matches = inner;
        }
        let mut optional = Map::new();
        for argument in form.arguments.iter().filter(|it| !it.is_required) {
            if let Some(value) = value(argument, matches) {
                optional.insert(argument.name.to_owned(), value);
            }
        }
        let values = matches.get_many("names").into_iter().flatten().cloned();
        Ok(Self {
            verb,
            form,
            values: values.collect(),
            optional,
            selection: Selection::from_arg_matches(matches)?,
            waiting: Waiting::from_arg_matches(matches)?,
            confirmation: match form.is_destructive {
                true => Some(Confirmation::from_arg_matches(matches)?),
                false => None,
            },
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns the parser of a verb.
fn subcommand(verb: Verb) -> Command {
    let description = verb.description();
    let command = Command::new(description.name).visible_aliases(description.aliases);
    if !has_forms(description) {
        return with_arguments(command, description, &description.forms[0]);
    }
    let command = command
        .about(description.about)
        .after_help(example(description, &description.forms[0]))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true);
    description.forms.iter().fold(command, |command, form| {
        let aliases = form_aliases(description, form);
        let parser = Command::new(form.name).visible_aliases(aliases);
        command.subcommand(with_arguments(parser, description, form))
    })
}

/// Returns further names of a form, which other verbs with subcommands have too.
pub(crate) fn form_aliases(description: &Description, form: &Form) -> &'static [&'static str] {
    match (description.name, form.name) {
        (_, "list") => &["ls"],
        (_, "delete" | "remove") => &["rm"],
        ("label", "set") => &["add"],
        _ => &[],
    }
}

fn has_forms(description: &Description) -> bool {
    !description.forms[0].name.is_empty()
}

fn with_arguments(command: Command, description: &Description, form: &'static Form) -> Command {
    let required: Vec<_> = form.arguments.iter().filter(|it| it.is_required).collect();
    let mut servers = match (takes_one(form), is_selectable(form)) {
        (false, _) => "Names or ids of the servers",
        (true, true) => "Name or id of the server, unless --selector is given",
        (true, false) => "Name or id of the server",
    }
    .to_owned();
    for argument in &required {
        servers += &format!("; then {}: {}", placeholder(argument), argument.about);
    }
    let names = Arg::new("names")
        .value_name("NAME")
        .num_args(1..)
        .help(servers)
        .required(required.is_empty())
        .action(ArgAction::Append);
    let names = match required.is_empty() {
        true => names.required(false).required_unless_present("selector"),
        false => names.required(true),
    };
    let mut command = command
        .override_usage(usage(description, form))
        .after_help(example(description, form))
        .arg(names);
    for argument in form.arguments.iter().filter(|it| !it.is_required) {
        command = command.arg(flag(argument));
    }
    command = Selection::augment_args(command);
    if !is_selectable(form) {
        command = command.mut_arg("selector", |selector| selector.hide(true));
    }
    command = Waiting::augment_args(command);
    if form.is_destructive {
        command = Confirmation::augment_args(command);
    }
    // The flags bring texts of their own.
    command.about(form.about).long_about(None)
}

fn placeholder(argument: &Argument) -> String {
    match argument.kind {
        ArgumentKind::Map => "KEY=VALUE…".to_owned(),
        ArgumentKind::List => format!("{}…", argument.flag().to_uppercase()),
        // The first argument is a NAME already.
        _ if argument.name == "name" => "HOSTNAME".to_owned(),
        _ => argument.flag().to_uppercase(),
    }
}

fn usage(description: &Description, form: &Form) -> String {
    let mut usage = format!("hcc {} {}", description.name, form.name);
    let name = if takes_one(form) { "NAME" } else { "NAME…" };
    usage = format!("{} [OPTIONS] {name}", usage.trim_end());
    for argument in form.arguments.iter().filter(|it| it.is_required) {
        usage += &format!(" {}", placeholder(argument));
    }
    usage
}

/// Whether it takes the name of one server: others could not be told from the argument that follows.
fn takes_one(form: &Form) -> bool {
    let mut required = form.arguments.iter().filter(|it| it.is_required);
    !is_selectable(form) || required.any(|it| it.kind == ArgumentKind::List)
}

/// Whether it can act on several servers: only one can have a new name.
fn is_selectable(form: &Form) -> bool {
    !form.arguments.iter().any(|argument| argument.name == "to")
}

/// Returns an example with all arguments.
fn example(description: &Description, form: &Form) -> String {
    let mut example = format!("hcc {} {}", description.name, form.name);
    example = example.trim_end().to_owned() + " web1";
    for argument in form.arguments {
        example += &match argument.kind {
            _ if argument.is_required => format!(" {}", argument.example),
            ArgumentKind::Switch => format!(" --{}", argument.flag()),
            _ => format!(" --{} {}", argument.flag(), argument.example),
        };
    }
    format!("Example:\n  {example}")
}

/// Returns the flag of an argument. The parser, which is built once, needs static strings.
fn flag(argument: &Argument) -> Arg {
    let arg = Arg::new(id(argument))
        .long(&*argument.flag().leak())
        .help(argument.about);
    match argument.kind {
        ArgumentKind::Switch => arg.action(ArgAction::SetTrue),
        ArgumentKind::List => arg
            .action(ArgAction::Append)
            .value_delimiter(',')
            .value_name(&*argument.flag().to_uppercase().leak()),
        ArgumentKind::Map => arg.action(ArgAction::Append).value_name("KEY=VALUE"),
        ArgumentKind::Number => arg
            .value_name("NUMBER")
            .allow_negative_numbers(true)
            .value_parser(number),
        ArgumentKind::Seconds => arg
            .value_name("TIME")
            .allow_negative_numbers(true)
            .value_parser(seconds),
        _ => arg.value_name(&*argument.flag().to_uppercase().leak()),
    }
}

fn number(text: &str) -> Result<u64> {
    let number = text.parse();
    number.map_err(|_| CliError::usage("expected a whole number"))
}

fn seconds(text: &str) -> Result<u64> {
    Ok(duration::parse(text)?.as_secs())
}

/// Returns the id of a flag. One that is also the flag of a setting replaces it, and its values
/// with `=` are not of the setting.
fn id(argument: &Argument) -> &'static str {
    match argument.kind {
        ArgumentKind::Map if argument.flag() == "label" => "label",
        _ => argument.name,
    }
}

/// Returns the value of a flag as it is in the queue.
fn value(argument: &Argument, matches: &ArgMatches) -> Option<Value> {
    let name = id(argument);
    let strings = || matches.get_many::<String>(name);
    match argument.kind {
        ArgumentKind::Switch => matches.get_flag(name).then_some(Value::Bool(true)),
        ArgumentKind::Number | ArgumentKind::Seconds => {
            matches.get_one::<u64>(name).map(|number| json!(number))
        }
        ArgumentKind::List => strings().map(|list| json!(list.collect::<Vec<_>>())),
        ArgumentKind::Map => {
            let pairs = strings()?.map(String::as_str);
            Some(map(pairs.filter(|pair| pair.contains('='))))
        }
        _ => matches.get_one::<String>(name).map(|text| json!(text)),
    }
}

/// Reads pairs; one without `=` has an empty value, as for labels.
fn map<'a>(pairs: impl Iterator<Item = &'a str>) -> Value {
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    json!(pairs.collect::<BTreeMap<_, _>>())
}

impl OperationCommand {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let (names, operation) = self.operation()?;
        let project = config.project(self.selection.guard()).await?;
        let names = self.selection.resolve(&project, &names).await?;
        let timeout = self.waiting.timeout_before_request();
        let mut read = Vec::new();
        let done = for_each(&names, &out, async |name, out| {
            if let Some(confirmation) = &self.confirmation {
                let question = format!("{} ({name})?", self.form.about);
                confirmation.ask(config, &question).await?;
            }
            let execute = async || {
                let operate = async { Ok(project.operate(name, &operation).await?) };
                let executed = cancel_on_signal(operate).await;
                match self.form.permission {
                    Some(Permission::View) => executed,
                    _ => executed.map_err(|error| interrupted(error, self.verb, name)),
                }
            };
            let mut has_data = false;
            let mut executed = retry_while_busy(name, timeout, execute).await?;
            if let Some(data) = executed.data.take() {
                has_data = true;
                read.push((name.clone(), with_times(data)));
            }
            let started = std::mem::take(&mut executed.actions);
            let password = executed.password.as_ref().map(|it| it.expose_secret());
            let report = |actions| Report {
                done: Done::new(name, actions),
                note: executed.note.as_deref(),
                password,
            };
            let waited = async {
                let actions = self.waiting.wait(&project, started.clone()).await?;
                let conclude = async { Ok(project.conclude(name, &executed).await?) };
                cancel_on_signal(conclude).await?;
                Ok(actions)
            };
            match waited.await {
                Ok(actions) if !has_data => report(&actions).print(out),
                // Nothing else has the password.
                Err(error) if password.is_some() => {
                    report(&started).print(out)?;
                    Err(error)
                }
                waited => waited.map(drop),
            }
        })
        .await;
        if !read.is_empty() {
            print(&read, self.verb, &out)?;
        }
        done
    }

    /// Separates the servers from the required arguments.
    pub(crate) fn operation(&self) -> Result<(Vec<ServerName>, Operation)> {
        let mut values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        let mut args = self.optional.clone();
        if has_forms(self.verb.description()) {
            args.insert("do".to_owned(), self.form.name.into());
        }
        let is_selected = self.selection.selector.is_some();
        if is_selected && !is_selectable(self.form) {
            return Err(self.misuse(format!("{} takes one server, by name or id", self.verb)));
        }
        let servers = usize::from(!is_selected);
        let required: Vec<_> = self
            .form
            .arguments
            .iter()
            .filter(|it| it.is_required)
            .collect();
        if let Some(missing) = self.missing(&values, servers, &required) {
            return Err(self.misuse(format!("missing {missing}")));
        }
        for argument in required.into_iter().rev() {
            let first = match argument.kind {
                ArgumentKind::Map => {
                    let is_pair = |value: &&str| value.contains('=');
                    let first = values.iter().position(is_pair).unwrap_or(values.len());
                    if let Some(other) = values[first..].iter().find(|value| !is_pair(value)) {
                        let message =
                            format!("invalid {} {other:?}: expected KEY=VALUE", argument.flag());
                        return Err(CliError::usage(message));
                    }
                    first
                }
                ArgumentKind::List => servers,
                _ => values.len().saturating_sub(1).max(servers),
            };
            let own = values.split_off(first);
            let value = match argument.kind {
                ArgumentKind::Map => map(own.into_iter()),
                ArgumentKind::List => json!(own),
                _ => json!(own[0]),
            };
            args.insert(argument.name.to_owned(), value);
        }
        if values.len() > 1 && !is_selectable(self.form) {
            return Err(self.misuse(format!("{} takes one server", self.verb)));
        }
        let names = values.iter().map(|name| {
            let name = name.parse::<ServerName>();
            name.map_err(|error| hcc_core::Error::from(error).into())
        });
        let names = names.collect::<Result<_>>()?;
        let operation = self.verb.operation(&Value::Object(args));
        Ok((names, operation.map_err(hcc_core::Error::from)?))
    }

    /// Returns the first argument that is missing, after the servers that must be named.
    fn missing(&self, values: &[&str], servers: usize, required: &[&Argument]) -> Option<String> {
        let map = required.iter().find(|it| it.kind == ArgumentKind::Map);
        let is_pair = |value: &&str| map.is_some() && value.contains('=');
        let pairs = values.iter().position(is_pair).unwrap_or(values.len());
        if pairs < servers {
            return Some("NAME".to_owned());
        }
        let given = match map {
            Some(_) => usize::from(pairs < values.len()),
            None => values.len() - servers,
        };
        required.get(given).map(|it| placeholder(it))
    }

    /// An error with the usage as its hint.
    fn misuse(&self, message: String) -> CliError {
        let usage = usage(self.verb.description(), self.form);
        CliError::usage(message).hint(format!("usage: {usage}"))
    }
}

/// Says after an interruption that what Hetzner has begun goes on, without the steps that follow.
fn interrupted(error: CliError, verb: Verb, name: &ServerName) -> CliError {
    if !error.exit().is_by_signal() {
        return error;
    }
    let message = format!("interrupted, but what {verb} has begun goes on at Hetzner");
    CliError::new(error.exit(), "interrupted", message)
        .hint(format!("run hcc show {name} to see its state"))
}

/// What an operation has done, for programs.
#[serde_with::skip_serializing_none]
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    done: Done<'a>,
    note: Option<&'a str>,
    password: Option<&'a str>,
}

impl Report<'_> {
    fn print(&self, out: &Output) -> Result<()> {
        if out.is_for_programs() {
            return out.done(self);
        }
        if let Some(note) = self.note {
            eprintln!("hcc: {note}");
        }
        match self.password {
            Some(password) => out.result(password, self),
            None => out.done(self),
        }
    }
}

/// Formats the times in what an operation has read, which are those of records.
fn with_times(data: Value) -> Value {
    const TIMES: [&str; 7] = ["created", "synced", "ts", "at", "due", "start", "end"];

    let time = |value: Value| match &value {
        Value::String(text) => rfc3339(text).into(),
        Value::Number(seconds) => match seconds.as_f64().and_then(rfc3339_of) {
            Some(time) => time.into(),
            None => value,
        },
        _ => value,
    };
    let sample = |sample: Value| match sample {
        Value::Array(mut pair) => {
            let at = pair.first_mut().map(Value::take);
            pair.splice(..1.min(pair.len()), at.map(time))
                .for_each(drop);
            Value::Array(pair)
        }
        other => other,
    };
    let Value::Object(fields) = data else {
        return match data {
            Value::Array(values) => values.into_iter().map(with_times).collect(),
            other => other,
        };
    };
    let fields = fields.into_iter().map(|(name, value)| {
        let value = match (&*name, value) {
            (name, value) if TIMES.contains(&name) => time(value),
            ("labels", value) => value,
            ("series", Value::Object(series)) => {
                let series = series.into_iter().map(|(name, samples)| match samples {
                    Value::Array(samples) => (name, samples.into_iter().map(sample).collect()),
                    other => (name, other),
                });
                Value::Object(series.collect())
            }
            (_, value) => with_times(value),
        };
        (name, value)
    });
    Value::Object(fields.collect())
}

/// Prints what an operation has read of each server.
fn print(read: &[(ServerName, Value)], verb: Verb, out: &Output) -> Result<()> {
    let out = match read {
        [_] => out.clone(),
        _ => out.naming_servers(),
    };
    match verb {
        Verb::Show => {
            let details: Vec<_> = read.iter().map(|(_, data)| Details(data)).collect();
            out.records(&details)
        }
        Verb::Metrics if out.is_for_programs() => {
            let metrics = read.iter().map(|(name, data)| Metrics {
                name: name.as_str(),
                data,
            });
            out.documents(&metrics.collect::<Vec<_>>())
        }
        Verb::Metrics => {
            let series = read.iter().flat_map(|(name, data)| samples(name, data));
            out.rows(&series.collect::<Vec<_>>())
        }
        _ => {
            let mut rows = Vec::new();
            for (name, data) in read {
                let server = name.as_str();
                let images: Vec<SavedImage> = serde_json::from_value(data.clone())?;
                rows.extend(images.into_iter().map(|image| ImageRow { server, image }));
            }
            out.rows(&rows)
        }
    }
}

/// The metrics of a server, for programs.
#[derive(Serialize)]
struct Metrics<'a> {
    name: &'a str,
    #[serde(flatten)]
    data: &'a Value,
}

/// A snapshot or backup of a server.
#[derive(Serialize)]
struct ImageRow<'a> {
    server: &'a str,
    #[serde(flatten)]
    image: SavedImage,
}

impl Row for ImageRow<'_> {
    const COLUMNS: &'static [&'static str] =
        &["server", "id", "name", "stat", "size", "created", "labels"];
    const HIDDEN: &'static [&'static str] = &["server"];
    const DROP_IF_NARROW: &'static [&'static str] = &["labels", "stat", "size", "created"];

    fn cells(&self) -> Vec<String> {
        let Self { server, image } = self;
        let labels = image.labels.iter();
        let labels: Vec<_> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let size = image.size.map(|size| format!("{size} GB"));
        vec![
            (*server).to_owned(),
            image.id.to_string(),
            image.name.clone(),
            image.stat.clone().unwrap_or_default(),
            size.unwrap_or_default(),
            image.created.clone().unwrap_or_default(),
            labels.join(","),
        ]
    }
}

/// The newest value of a series, with its lowest and highest.
#[derive(Serialize)]
struct SeriesRow {
    server: String,
    series: String,
    samples: usize,
    lowest: String,
    highest: String,
    newest: String,
}

impl Row for SeriesRow {
    const COLUMNS: &'static [&'static str] =
        &["server", "series", "samples", "lowest", "highest", "newest"];
    const HIDDEN: &'static [&'static str] = &["server"];
    const DROP_IF_NARROW: &'static [&'static str] = &["samples", "lowest", "highest"];
}

fn samples(server: &ServerName, data: &Value) -> Vec<SeriesRow> {
    let series = data["series"].as_object().into_iter().flatten();
    let rows = series.map(|(name, samples)| {
        let samples = samples.as_array().into_iter().flatten();
        let values = samples.filter_map(|sample| sample[1].as_str()?.parse::<f64>().ok());
        let values: Vec<f64> = values.collect();
        let number = |value: Option<f64>| value.map_or_else(String::new, |it| format!("{it:.2}"));
        SeriesRow {
            server: server.to_string(),
            series: name.clone(),
            samples: values.len(),
            lowest: number(values.iter().copied().reduce(f64::min)),
            highest: number(values.iter().copied().reduce(f64::max)),
            newest: number(values.last().copied()),
        }
    });
    rows.collect()
}

/// Everything about a server.
#[derive(Serialize)]
#[serde(transparent)]
struct Details<'a>(&'a Value);

impl Row for Details<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "id",
        "status",
        "created",
        "type",
        "price",
        "image",
        "location",
        "ip4",
        "ip6",
        "rdns",
        "private",
        "firewalls",
        "group",
        "labels",
        "protected",
        "rescue",
        "iso",
        "backups",
        "snapshots",
        "volumes",
        "traffic",
        "remains",
    ];

    fn cells(&self) -> Vec<String> {
        let Self(details) = self;
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let list = |value: &Value, each: &dyn Fn(&Value) -> String| {
            let values = value.as_array().into_iter().flatten();
            values.map(each).collect::<Vec<_>>().join(", ")
        };
        let yes = |value: &Value| if value == true { "yes" } else { "no" }.to_owned();
        let labels = details["labels"].as_object().into_iter().flatten();
        let labels: Vec<_> = labels
            .map(|(key, it)| format!("{key}={}", text(it)))
            .collect();
        let saved = |image: &Value| {
            let size = image["size"].as_f64();
            let size = size.map_or_else(String::new, |size| format!(", {size} GB"));
            format!("{} ({}{size})", image["id"], text(&image["name"]))
        };
        let backups = match (
            details["window"].as_str(),
            list(&details["backups"], &saved),
        ) {
            (None, _) => "off".to_owned(),
            (Some(window), backups) if backups.is_empty() => format!("daily at {window} UTC"),
            (Some(window), backups) => format!("daily at {window} UTC: {backups}"),
        };
        let currency = details["currency"].as_str().unwrap_or_default();
        let amount = |amount| with_currency(amount, currency);
        let price = match &details["type"]["price"] {
            Value::String(price) => {
                let price = amount(rounded(Some(price), 2));
                format!("{price} per month with VAT, server only")
            }
            _ => String::new(),
        };
        let iso = &details["iso"];
        let remains = &details["remains"];
        let remaining = [
            ("volumes", "volume"),
            ("primary_ips", "primary IP"),
            ("floating_ips", "floating IP"),
            ("snapshots", "snapshot"),
        ]
        .map(|(field, kind)| list(&remains[field], &|id| format!("{kind} {id}")));
        let remaining: Vec<_> = remaining.into_iter().filter(|it| !it.is_empty()).collect();
        vec![
            text(&details["name"]),
            text(&details["id"]),
            text(&details["status"]),
            text(&details["created"]),
            text(&details["type"]["name"]),
            price,
            match &details["image"] {
                Value::Null => String::new(),
                image if image["name"].is_null() => text(&image["desc"]),
                image => text(&image["name"]),
            },
            text(&details["dc"]["name"]),
            text(&details["ip4"]),
            text(&details["ip6"]),
            list(&details["rdns"], &|entry| {
                format!("{} {}", text(&entry["ip"]), text(&entry["name"]))
            }),
            list(&details["net"], &|net| text(&net["ip"])),
            list(&details["firewalls"], &text),
            text(&details["placement_group"]["name"]),
            labels.join(","),
            yes(&details["prot"]["delete"]),
            yes(&details["rescue"]),
            match &iso["name"] {
                Value::Null => text(&iso["id"]),
                name => text(name),
            },
            backups,
            list(&details["snapshots"], &saved),
            list(&details["volumes"], &text),
            traffic(&details["io"]),
            match remains["monthly_net"].as_f64() {
                None => String::new(),
                Some(_) if remaining.is_empty() => "nothing is billed after a deletion".to_owned(),
                Some(net) => format!(
                    "billed after a deletion: {}, {} per month without VAT",
                    remaining.join(", "),
                    amount(format!("{net:.2}"))
                ),
            },
        ]
    }
}

fn traffic(io: &Value) -> String {
    let gigabytes = |value: &Value| value.as_f64().map(|bytes| bytes / 1e9);
    match (gigabytes(&io["out"]), gigabytes(&io["max"])) {
        (Some(out), Some(max)) => format!("{out:.1} of {max:.0} GB sent this month"),
        (Some(out), None) => format!("{out:.1} GB sent this month"),
        _ => String::new(),
    }
}
