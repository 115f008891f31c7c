//! How a run ends: the exit codes, and what is said about a failure.

use std::process::ExitCode;
use std::{env, fmt, io};

use clap::error::ErrorKind::{
    DisplayHelpOnMissingArgumentOrSubcommand, InvalidSubcommand, MissingSubcommand,
};
use clap::{Command, CommandFactory};
use hcc_core::ErrorKind;
use hcc_store::InvalidUrl;
use inquire::InquireError;
use serde::Serialize;

use crate::cli::Cli;
use crate::hint;
use crate::output::Output;
use crate::problem::Problem;

/// Why a run ended; the numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Refused = 4,
    NotSetUp = 5,
    TryLater = 6,
    TimedOut = 7,
    /// As a shell reports a program that Ctrl-C has ended.
    Interrupted = 130,
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::NotSetUp => Self::NotSetUp,
            ErrorKind::TryLater => Self::TryLater,
            ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What is said about a failure: a line for people, an object for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    pub(crate) exit: Exit,
    code: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    fn new(exit: Exit, code: &str, hint: Option<String>) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            message: String::new(),
            hint,
        }
    }

    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let known = error.chain().find_map(Self::of_cause);
        let failure = known.unwrap_or_else(|| Self::new(Exit::Failed, "", None));
        let message = format!("{error:#}").replace('\n', " ");
        let code = format!(" ({})", failure.code);
        Self {
            // The message of the API ends with its code.
            message: message.strip_suffix(&code).unwrap_or(&message).to_owned(),
            ..failure
        }
    }

    fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(error) = cause.downcast_ref::<hcc_core::Error>() {
            let exit = error.kind().into();
            return Some(Self::new(exit, error.code(), hint::of(error)));
        }
        if let Some(problem) = cause.downcast_ref::<Problem>() {
            return Some(Self::new(problem.exit(), problem.code(), problem.hint()));
        }
        if let Some(error) = cause.downcast_ref::<hcc_store::Error>() {
            let later = error.is_retryable();
            let exit = if later { Exit::TryLater } else { Exit::Failed };
            return Some(Self::new(exit, "store", None));
        }
        if let Some(error) = cause.downcast_ref::<hcc_queue::Error>() {
            let exit = match error {
                hcc_queue::Error::Malformed { .. } => Exit::Usage,
                error if error.is_retryable() => Exit::TryLater,
                _ => Exit::Failed,
            };
            return Some(Self::new(exit, "queue", None));
        }
        if cause.is::<InvalidUrl>() {
            return Some(Self::new(Exit::Usage, "usage", None));
        }
        match cause.downcast_ref()? {
            InquireError::OperationInterrupted | InquireError::OperationCanceled => {
                Some(Self::new(Exit::Interrupted, "interrupted", None))
            }
            _ => None,
        }
    }

    fn tell(&self, json: bool) -> ExitCode {
        #[derive(Serialize)]
        struct Told<'a> {
            error: &'a Failure,
        }

        match serde_json::to_string(&Told { error: self }) {
            Ok(text) if json => eprintln!("{text}"),
            _ => eprintln!("hcc: {self}"),
        }
        self.exit.into()
    }
}

/// The error and its causes, its code, and a hint if there is one.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.code.is_empty() {
            write!(f, " ({})", self.code)?;
        }
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Says how a run ended.
pub(crate) fn report(outcome: anyhow::Result<()>, out: &Output) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    if is_broken_pipe(&error) {
        // The reader of our output has seen enough.
        return ExitCode::SUCCESS;
    }
    if let Some(Problem::NothingToPull) = error.downcast_ref() {
        return Exit::Failed.into();
    }
    if let Some(withheld) = withheld(&error) {
        return report(out.request(withheld), out);
    }
    Failure::of(&error).tell(out.is_json())
}

/// The request that a dry run did not send.
fn withheld(error: &anyhow::Error) -> Option<&hcloud_api::Error> {
    let mut causes = error.chain();
    let api = causes.find_map(|cause| match cause.downcast_ref()? {
        hcc_core::Error::Api(error) => Some(&**error),
        _ => None,
    })?;
    matches!(api, hcloud_api::Error::DryRun { .. }).then_some(api)
}

/// Says what is wrong with the command line; `--help` comes this way too.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if error.exit_code() == 0 || error.kind() == DisplayHelpOnMissingArgumentOrSubcommand {
        // What cannot be printed has no reader.
        let _ = error.print();
        return ExitCode::from(error.exit_code() as u8);
    }
    let text = error.to_string();
    let mut parts = text.split("\n\n").map(one_line);
    let message = parts.next().unwrap_or_default();
    let hint = parts.find_map(|part| match part.split_once(": ")? {
        ("tip", tip) => Some(tip.to_owned()),
        ("Usage", _) => Some(usage_of(&verb(), error.kind())),
        _ => None,
    });
    Failure {
        message: match error.kind() {
            MissingSubcommand => "a verb is missing".to_owned(),
            _ => message.trim_start_matches("error: ").to_owned(),
        },
        ..Failure::new(Exit::Usage, "usage", hint)
    }
    .tell(wants_json())
}

fn usage_of(verb: &Command, mistake: clap::error::ErrorKind) -> String {
    match mistake {
        InvalidSubcommand | MissingSubcommand => {
            let name = verb.get_bin_name().unwrap_or(verb.get_name());
            format!("to see them: {name} --help")
        }
        _ => one_line(&verb.clone().render_usage().to_string()).replacen("Usage", "it is", 1),
    }
}

/// The verb that the command line names. What clap says of its usage counts variables of the
/// environment as flags that were given.
fn verb() -> Command {
    let mut program = Cli::command();
    program.build();
    env::args().skip(1).fold(program, |command, word| {
        command.find_subcommand(&word).cloned().unwrap_or(command)
    })
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// Whether a command line that is not understood asks for JSON.
fn wants_json() -> bool {
    let words: Vec<String> = env::args().collect();
    words.windows(2).any(|pair| match (&*pair[0], &*pair[1]) {
        ("-o" | "--output", format) => format.starts_with("json"),
        (_, word) => word.starts_with("-ojson") || word.starts_with("--output=json"),
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| {
            let written = || cause.downcast_ref::<serde_json::Error>()?.io_error_kind();
            let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
            io.or_else(written)
        })
        .any(|kind| kind == io::ErrorKind::BrokenPipe)
}
