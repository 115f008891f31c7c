//! Reporting failures: one line or one JSON object, and the exit code.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{env, io, slice};

use clap::Command;
use clap::error::{ContextKind, ErrorKind as Mistake};
use hcc_core::{ApiReason, ErrorKind};
use hcloud_api::{Delay, Deviation};
use inquire::InquireError;
use serde::Serialize;
use tracing::{Level, enabled};

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
    print(&error, out.is_json())
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
pub(crate) fn report_usage(error: &clap::Error, program: Command) -> ExitCode {
    if error.exit_code() == 0 || error.kind() == Mistake::DisplayHelpOnMissingArgumentOrSubcommand {
        // A failure means that the output was closed.
        let _ = error.print();
        return ExitCode::from(error.exit_code() as u8);
    }
    let usage = CliError::usage(mistake(error)).hint_if(advice(error, program));
    print(&usage, wants_json())
}

fn print(error: &CliError, json: bool) -> ExitCode {
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
    if json && let Ok(report) = serde_json::to_string(&report) {
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
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
            let reason = cause.unwrap_or_default();
            format!("invalid value '{value}' for '{argument}'{reason}")
        }
        (kind, _) if argument.is_empty() => kind.to_string(),
        (kind, _) => format!("{kind}: '{argument}'"),
    }
}

/// Similar names, the possible values, or the usage of the verb.
fn advice(error: &clap::Error, mut program: Command) -> Option<String> {
    let part = |kind| error.get(kind).map(ToString::to_string);
    if let Some(resource) = part(ContextKind::InvalidSubcommand) {
        let mut words = env::args().skip_while(|word| *word != resource).skip(1);
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
    let usage = part(ContextKind::Usage)?;
    program.build();
    let verb = usage.split_whitespace().fold(&program, |verb, name| {
        verb.find_subcommand(name).unwrap_or(verb)
    });
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

/// Whether an invalid command line asks for JSON; clap does not return its matches.
fn wants_json() -> bool {
    let words: Vec<String> = env::args().collect();
    words.windows(2).any(|pair| match (&*pair[0], &*pair[1]) {
        ("-o" | "--output", format) => format.starts_with("json"),
        (_, word) => word.starts_with("-ojson") || word.starts_with("--output=json"),
    })
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
                Self::from_source(Exit::Interrupted, "interrupted", error)
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
