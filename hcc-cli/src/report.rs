//! Reporting failures: one line or one JSON object, and the exit code.

use std::collections::BTreeSet;
use std::env::{self, VarError};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{io, slice};

use clap::builder::ValueParser;
use clap::error::{ContextKind, ErrorKind as Mistake};
use clap::{Arg, Command};
use hcc_core::{ApiReason, ErrorKind};
use hcloud_api::{Delay, Deviation};
use inquire::InquireError;
use serde::Serialize;
use tracing::{Level, enabled};

use crate::config::not_utf8;
use crate::duration::{hour, short};
use crate::error::{CliError, Exit, Result};
use crate::hint;
use crate::output::Output;
use crate::suggestion::{nearest, of_official};

/// Reports how a verb ended.
pub(crate) fn report(outcome: Result<()>, out: &Output) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    if is_closed_output(&error) {
        return ExitCode::SUCCESS;
    }
    match error.cause() {
        Some(hcc_core::Error::Api(api)) if matches!(**api, hcloud_api::Error::DryRun { .. }) => {
            return report(out.requests(slice::from_ref(api)), out);
        }
        Some(hcc_core::Error::DryRun { requests }) => return report(out.requests(requests), out),
        _ => {}
    }
    print(&error, out)
}

/// Warns once about each value of a response that was ignored, unless the log has it.
pub(crate) fn warn_of_deviation(deviation: &Deviation) {
    static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    const MAX_WARNINGS: usize = 10;

    if enabled!(Level::WARN) {
        return;
    }
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if !seen.insert(deviation.path.clone()) {
        return;
    }
    match (seen.len(), &deviation.skipped) {
        (..=MAX_WARNINGS, Some(item)) => {
            let item = item.name.as_deref().or(item.id.as_deref());
            let item = item.unwrap_or("an item");
            eprintln!("hcc: warning: left out {item}: {deviation}");
        }
        (..=MAX_WARNINGS, None) => eprintln!("hcc: warning: unexpected response: {deviation}"),
        (number, _) if number == MAX_WARNINGS + 1 => {
            eprintln!("hcc: warning: there are more unexpected values in the responses");
        }
        _ => {}
    }
}

/// Says why a request takes long, unless the log has it.
pub(crate) fn warn_of_delay(delay: &Delay) {
    const MIN_WAIT: Duration = Duration::from_secs(3);

    if enabled!(Level::WARN) {
        return;
    }
    match delay {
        // The error says it soon.
        Delay::RateLimited { gives_up_in, .. } if *gives_up_in < MIN_WAIT => {}
        Delay::RateLimited {
            until, gives_up_in, ..
        } => {
            let until =
                until.map_or_else(String::new, |until| format!(" until about {}", hour(until)));
            eprintln!(
                "hcc: rate limited by Hetzner{until}; trying for up to {}",
                short(*gives_up_in + Duration::from_millis(999))
            );
        }
        Delay::Unresponsive {
            endpoint,
            waited,
            timeout,
            ..
        } => eprintln!(
            "hcc: no response from {endpoint} for {}; waiting for up to {}, then trying again",
            short(*waited),
            short(*timeout)
        ),
        _ => {}
    }
}

/// Reports an invalid command line; `--help` and `--version` arrive here too.
pub(crate) fn report_usage(error: &clap::Error, mut program: Command) -> ExitCode {
    if error.exit_code() == 0 || error.kind() == Mistake::DisplayHelpOnMissingArgumentOrSubcommand {
        // A failure means that the output was closed.
        let _ = error.print();
        return ExitCode::from(error.exit_code() as u8);
    }
    program.build();
    let usage = match mistake_in_variable(error, &program) {
        Some(message) => CliError::usage(message),
        None => CliError::usage(mistake(error)).hint_if(advice(error, &program)),
    };
    print(&usage, &wanted_output())
}

fn print(error: &CliError, out: &Output) -> ExitCode {
    #[derive(Serialize)]
    struct Report<'a> {
        error: Body<'a>,
    }

    #[derive(Serialize)]
    struct Body<'a> {
        code: &'a str,
        message: &'a str,
        hint: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        api: Option<&'a ApiReason>,
    }

    let (code, message, hint) = (error.code(), &*error.message(), error.hint.as_deref());
    if message.is_empty() {
        return error.exit().into();
    }
    let api = error.api_reason();
    let report = Report {
        error: Body {
            code,
            message,
            hint,
            name: error.subject.as_deref(),
            api: api.as_ref(),
        },
    };
    if out.is_for_programs()
        && let Ok(report) = out.failure(&report)
    {
        eprintln!("{report}");
        return error.exit().into();
    }
    let api = api.unwrap_or_default();
    // Several details have a line each, unless the message of a worker has them.
    let summary = error.summary();
    let (message, details) = match api.lines.as_slice() {
        details @ [_, _, ..] if summary != message => (&*summary, details),
        _ => (message, [].as_slice()),
    };
    let subject = error.subject.as_ref();
    let is_unnamed = |name: &&String| !format!("{message} ").contains(&format!("server {name} "));
    let subject = subject.filter(is_unnamed);
    let subject = subject.map_or_else(String::new, |name| format!("{name}: "));
    match code {
        "" => eprintln!("hcc: {subject}{message}"),
        code => eprintln!("hcc: {subject}{message} ({code})"),
    }
    for line in details {
        eprintln!("  {line}");
    }
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
    if let Some(id) = api.correlation_id {
        eprintln!("correlation id: {id}");
    }
    error.exit().into()
}

fn is_closed_output(error: &CliError) -> bool {
    let io = error.cause().map(io::Error::kind);
    let kind = io.or_else(|| error.cause::<serde_json::Error>()?.io_error_kind());
    kind == Some(io::ErrorKind::BrokenPipe)
}

fn mistake(error: &clap::Error) -> String {
    let part = |kind| error.get(kind).map(ToString::to_string);
    let argument = part(ContextKind::InvalidArg).unwrap_or_default();
    let value = part(ContextKind::InvalidValue).unwrap_or_default();
    match (error.kind(), part(ContextKind::PriorArg)) {
        (Mistake::MissingSubcommand, _) => "no subcommand given".to_owned(),
        (Mistake::InvalidSubcommand, _) => {
            let name = part(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("unrecognized subcommand '{name}'")
        }
        (Mistake::UnknownArgument, _) => format!("unexpected argument '{argument}'"),
        (Mistake::MissingRequiredArgument, _) => format!("missing arguments: {argument}"),
        (Mistake::ArgumentConflict, Some(prior)) if prior != argument => {
            format!("the argument '{argument}' cannot be used with '{prior}'")
        }
        (Mistake::InvalidValue, _) if value.is_empty() => {
            format!("a value is required for '{argument}'")
        }
        (Mistake::InvalidValue, _) => format!("invalid value '{value}' for '{argument}'"),
        (Mistake::ValueValidation, _) => {
            format!("invalid value '{value}' for '{argument}'{}", reason(error))
        }
        (kind, _) if argument.is_empty() => kind.to_string(),
        (kind, _) => format!("{kind}: '{argument}'"),
    }
}

/// Returns what is wrong with an environment variable, if that is the mistake.
fn mistake_in_variable(error: &clap::Error, program: &Command) -> Option<String> {
    let part = |kind| error.get(kind).map(ToString::to_string);
    let mut flags = flags(program).into_iter();
    match error.kind() {
        Mistake::InvalidUtf8 if env::args_os().all(|word| word.to_str().is_some()) => {
            let is_invalid = |name: &&str| matches!(env::var(name), Err(VarError::NotUnicode(_)));
            // Paths may be.
            let is_text = |flag: &&Arg| {
                flag.get_value_parser().type_id() != ValueParser::path_buf().type_id()
            };
            let mut variables = flags.filter(is_text).filter_map(variable_of);
            variables.find(is_invalid).map(not_utf8)
        }
        Mistake::ValueValidation => {
            let argument = part(ContextKind::InvalidArg)?;
            let value = part(ContextKind::InvalidValue)?;
            let is_set = |name: &&str| env::var(name).is_ok_and(|set| set == value);
            let flag = flags.find(|flag| {
                flag.to_string() == argument && variable_of(flag).as_ref().is_some_and(is_set)
            })?;
            let long = format!("--{}", flag.get_long()?);
            let is_given = env::args_os().any(|word| {
                let word = word.to_string_lossy();
                word == long || word.starts_with(&format!("{long}="))
            });
            let name = variable_of(flag).filter(|_| !is_given)?;
            Some(format!(
                "invalid value '{value}' for {name}{}",
                reason(error)
            ))
        }
        _ => None,
    }
}

/// The flags of a command and of its subcommands.
fn flags(command: &Command) -> Vec<&Arg> {
    let subcommands = command.get_subcommands().flat_map(flags);
    command.get_arguments().chain(subcommands).collect()
}

/// The name of the variable that sets a flag.
fn variable_of(flag: &Arg) -> Option<&str> {
    flag.get_env()?.to_str()
}

/// The verb in the usage of an error.
fn verb_of<'a>(error: &clap::Error, program: &'a Command) -> &'a Command {
    let usage = error.get(ContextKind::Usage).map(ToString::to_string);
    let usage = usage.unwrap_or_default();
    usage.split_whitespace().fold(program, |verb, name| {
        verb.find_subcommand(name).unwrap_or(verb)
    })
}

/// The cause of an invalid value.
fn reason(error: &clap::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    cause.unwrap_or_default()
}

/// Similar names, the possible values, or the usage of the verb.
fn advice(error: &clap::Error, program: &Command) -> Option<String> {
    let part = |kind| error.get(kind).map(ToString::to_string);
    if let Some(resource) = part(ContextKind::InvalidSubcommand) {
        let mut words = words().skip_while(|word| *word != resource).skip(1);
        let command = words.find(|word| !word.starts_with('-'));
        if let Some(verb) = of_official(&resource, command.as_deref()) {
            return Some(format!("did you mean {verb}?"));
        }
    }
    let similar = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ];
    if let Some(names) = similar.into_iter().find_map(part) {
        let typed = [
            ContextKind::InvalidSubcommand,
            ContextKind::InvalidValue,
            ContextKind::InvalidArg,
        ];
        let typed = typed.into_iter().find_map(part).unwrap_or_default();
        let names = match (nearest(&typed, names.split(", ")), names.rsplit_once(", ")) {
            (Some(name), _) => name.to_owned(),
            (None, Some((others, last))) => format!("{others} or {last}"),
            (None, None) => names,
        };
        return Some(format!("did you mean {names}?"));
    }
    if let Some(values) = part(ContextKind::ValidValue).filter(|values| !values.is_empty()) {
        return Some(format!("possible values: {values}"));
    }
    // This usage lists flags as given if their environment variables are set.
    error.get(ContextKind::Usage)?;
    let verb = verb_of(error, program);
    Some(match error.kind() {
        Mistake::InvalidSubcommand | Mistake::MissingSubcommand => {
            let name = verb.get_bin_name().unwrap_or(verb.get_name());
            format!("run {name} --help")
        }
        _ => {
            let usage = verb.clone().render_usage().to_string();
            let words: Vec<&str> = usage.split_whitespace().collect();
            words.join(" ").replacen("Usage", "usage", 1)
        }
    })
}

/// The command line, as far as it can be shown.
fn words() -> impl Iterator<Item = String> {
    env::args_os().map(|word| word.to_string_lossy().into_owned())
}

/// Returns the output that an invalid command line asks for; clap does not return its matches.
fn wanted_output() -> Output {
    let words = words().skip(1);
    let words: Vec<String> = words.take_while(|word| word != "--").collect();
    let next = words.iter().skip(1).map(String::as_str).chain([""]);
    let values = words.iter().zip(next);
    let formats = values.filter_map(|(word, next)| value_of_output(word, next)?.parse().ok());
    Output::new(&formats.collect::<Vec<_>>())
}

/// Returns the value of `--output` in a word: `-o VALUE`, `-o=VALUE`, `-oVALUE`, also after other
/// short flags, `--output VALUE` or `--output=VALUE`.
fn value_of_output<'a>(word: &'a str, next: &'a str) -> Option<&'a str> {
    let value = match word.strip_prefix("--output") {
        Some(value) if value.is_empty() || value.starts_with('=') => value,
        Some(_) => return None,
        None => {
            let flags = word.strip_prefix('-')?;
            flags
                .trim_start_matches(['h', 'v', 'V', 'y'])
                .strip_prefix('o')?
        }
    };
    match value {
        "" => Some(next),
        value => Some(value.strip_prefix('=').unwrap_or(value)),
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Refused | ErrorKind::Conflict => Self::Refused,
            ErrorKind::NotSetUp => Self::NotSetUp,
            ErrorKind::TryLater => Self::TryLater,
            ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Failed,
        }
    }
}

impl From<hcc_core::Error> for CliError {
    fn from(error: hcc_core::Error) -> Self {
        let hint = hint::of(&error);
        let code = error.code().to_owned();
        Self::from_source(error.kind().into(), code, error).hint_if(hint)
    }
}

impl From<hcc_store::Error> for CliError {
    fn from(error: hcc_store::Error) -> Self {
        hcc_core::Error::from(error).into()
    }
}

impl From<hcc_queue::Error> for CliError {
    fn from(error: hcc_queue::Error) -> Self {
        match error {
            hcc_queue::Error::Malformed { .. } => Self::from_source(Exit::Usage, "queue", error),
            _ => hcc_core::Error::from(error).into(),
        }
    }
}

impl From<hcloud_api::Error> for CliError {
    fn from(error: hcloud_api::Error) -> Self {
        hcc_core::Error::from(error).into()
    }
}

impl From<hcc_console_page::Error> for CliError {
    fn from(error: hcc_console_page::Error) -> Self {
        let code = match error {
            hcc_console_page::Error::NoVnc { .. } => "no_novnc",
            _ => "no_page",
        };
        let hint = error.hint().map(str::to_owned);
        Self::from_source(Exit::NotSetUp, code, error).hint_if(hint)
    }
}

impl From<InquireError> for CliError {
    fn from(error: InquireError) -> Self {
        match error {
            InquireError::OperationInterrupted | InquireError::OperationCanceled => {
                Self::interrupted(Exit::Interrupted)
            }
            _ => Self::from_source(Exit::Failed, "", error),
        }
    }
}

macro_rules! from_errors {
    ($exit:expr, $code:literal: $($error:ty),+ $(,)?) => { $(
        impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::from_source($exit, $code, error)
            }
        }
    )+ };
}

from_errors!(Exit::Usage, "usage": hcc_store::InvalidUrl);
from_errors!(Exit::Failed, "": io::Error, serde_json::Error, tokio::task::JoinError);
