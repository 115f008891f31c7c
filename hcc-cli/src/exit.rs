//! How a run ends: the exit codes, and what is said about a failure.

use std::io;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use hcc_core::ErrorKind;
use hcc_queue::{CommandId, InvalidQueueUrl};
use hcc_store::InvalidStoreUrl;
use inquire::InquireError;

use crate::page::PageError;

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

/// `hcc` does not know yet how to reach the project.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSetUp {
    #[error("no API token is set (no_token); to set one: hcc setup")]
    NoToken,
    #[error("the official CLI has no context {0:?} (no_context); to see them: hcloud context list")]
    NoContext(String),
    #[error("token_command ended with {0} (no_token)")]
    TokenCommand(ExitStatus),
    #[error("others can read {path} (exposed); to keep it yours: chmod 600 {path}", path = .0.display())]
    Exposed(PathBuf),
    #[error("{} cannot be read: {cause} (unreadable)", path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    #[error("line {line} of {}: {message} (malformed)", path.display())]
    Malformed {
        path: PathBuf,
        line: usize,
        message: String,
    },
}

/// The user was asked, or could not be asked, and it was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Declined {
    #[error("nothing was done (declined)")]
    ByUser,
    #[error("nobody is there to confirm it (declined); use --yes")]
    NobodyToAsk,
}

/// There is no command to pull: the exit code says so, and nothing else does.
#[derive(Debug, thiserror::Error)]
#[error("no command waits")]
pub(crate) struct Nothing;

/// The queue has no command that this can be done with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCommand {
    #[error("there is no command {0} (no_such_command); to see them: hcc queue list")]
    Unknown(String),
    #[error("several commands begin with {0} (ambiguous)")]
    Several(String),
    #[error("the command {0} is not dead (not_dead)")]
    NotDead(CommandId),
    #[error("a worker has the command {0} (leased)")]
    Leased(CommandId),
}

/// A table was to show what it does not have.
#[derive(Debug, thiserror::Error)]
#[error("there is no column {name:?} (no_column); there are {}", columns.join(", "))]
pub(crate) struct UnknownColumn {
    pub(crate) name: String,
    pub(crate) columns: &'static [&'static str],
}

/// Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

impl Exit {
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        error
            .chain()
            .find_map(Self::of_cause)
            .unwrap_or(Self::Failed)
    }

    fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(error) = cause.downcast_ref::<hcc_core::Error>() {
            return Some(error.kind().into());
        }
        if cause.is::<Interrupted>() {
            return Some(Self::Interrupted);
        }
        if let Some(InquireError::OperationInterrupted | InquireError::OperationCanceled) =
            cause.downcast_ref()
        {
            return Some(Self::Interrupted);
        }
        if cause.is::<UnknownColumn>()
            || cause.is::<InvalidStoreUrl>()
            || cause.is::<InvalidQueueUrl>()
        {
            return Some(Self::Usage);
        }
        if let Some(error) = cause.downcast_ref::<NoCommand>() {
            return Some(error.into());
        }
        if let Some(error) = cause.downcast_ref::<hcc_queue::Error>() {
            return Some(error.into());
        }
        if cause.is::<NotSetUp>() {
            return Some(Self::NotSetUp);
        }
        if let Some(error) = cause.downcast_ref::<PageError>() {
            return Some(error.into());
        }
        cause.is::<Declined>().then_some(Self::Refused)
    }
}

impl From<&PageError> for Exit {
    fn from(error: &PageError) -> Self {
        match error {
            PageError::NoVisit => Self::TimedOut,
            _ => Self::NotSetUp,
        }
    }
}

impl From<&NoCommand> for Exit {
    fn from(error: &NoCommand) -> Self {
        match error {
            NoCommand::Unknown(_) => Self::NotFound,
            NoCommand::Several(_) => Self::Usage,
            NoCommand::NotDead(_) | NoCommand::Leased(_) => Self::Refused,
        }
    }
}

impl From<&hcc_queue::Error> for Exit {
    fn from(error: &hcc_queue::Error) -> Self {
        match error {
            hcc_queue::Error::Malformed { .. } => Self::Usage,
            error if error.is_retryable() => Self::TryLater,
            _ => Self::Failed,
        }
    }
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

/// Says how a run ended.
pub(crate) fn report(outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    if is_broken_pipe(&error) {
        // The reader of our output has seen enough.
        return ExitCode::SUCCESS;
    }
    if !error.is::<Nothing>() {
        eprintln!("hcc: {}", line(&error));
    }
    Exit::of(&error).into()
}

/// Says what is wrong with the command line; `--help` comes this way too.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if error.kind() == clap::error::ErrorKind::ValueValidation {
        let text = error.to_string();
        let (what, _) = text.split_once("\n\n").unwrap_or((&text, ""));
        let line = what.trim_start_matches("error: ").replace('\n', " ");
        eprintln!("hcc: {line} (usage)");
        return Exit::Usage.into();
    }
    // What cannot be printed has no reader.
    let _ = error.print();
    ExitCode::from(error.exit_code() as u8)
}

/// The error and its causes, its code, and a hint if there is one.
fn line(error: &anyhow::Error) -> String {
    let mut line = format!("{error:#}");
    if let Some(error) = error.downcast_ref::<hcc_core::Error>() {
        let code = format!("({})", error.code());
        if !line.ends_with(&code) {
            line = format!("{line} {code}");
        }
        if let Some(hint) = error.hint() {
            line = format!("{line}; {hint}");
        }
    }
    if error.is::<hcc_queue::Error>() {
        line.push_str(" (queue)");
    }
    line.replace('\n', " ")
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
