//! What can go wrong on our side of `hcc-core`.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use hcc_core::ServerName;
use hcc_queue::CommandId;

use crate::config::Key;
use crate::exit::Exit;

/// Why `hcc` did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("no API token is set")]
    NoToken,
    #[error("the official CLI has no context {0:?}")]
    NoContext(String),
    #[error("the settings have no profile {name:?}")]
    NoProfile { name: String, profiles: Vec<String> },
    #[error("{key} cannot be that: {why}")]
    Invalid { key: Key, why: String },
    #[error("{0} is not set")]
    NotSet(Key),
    #[error("{0} is a secret")]
    Secret(Key),
    /// Every user of the machine sees the arguments of programs.
    #[error("a token is no argument: others would see it")]
    TokenAsArgument,
    #[error("token_command ended with {0}")]
    TokenCommand(ExitStatus),
    #[error("others can read {}", .0.display())]
    Exposed(PathBuf),
    #[error("{} cannot be read: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    #[error("line {line} of {}: {message}", path.display())]
    Malformed {
        path: PathBuf,
        line: usize,
        message: String,
    },

    #[error("nothing was done")]
    Declined,
    #[error("nobody is there to confirm it")]
    NobodyToAsk,
    /// It would lay all commands aside.
    #[error("a worker has no dry run")]
    NoDryRun,
    #[error("HCC_LOG names no level: {0:?}")]
    NoLevel(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,

    /// There is nothing to pull: the exit code says so, and nothing else does.
    #[error("no command waits")]
    NothingToPull,
    #[error("there is no command {0}")]
    NoCommand(String),
    #[error("several commands begin with {0}")]
    ManyCommands(String),
    #[error("the command {0} is not dead")]
    NotDead(CommandId),
    #[error("a worker has the command {0}")]
    Leased(CommandId),

    #[error("there is no column {name:?}")]
    NoColumn {
        name: String,
        columns: &'static [&'static str],
    },
    #[error("there is no record of {0}")]
    NoRecord(ServerName),
    #[error("it was created without a root password")]
    NoPassword,

    #[error("standard output is a terminal, which shows no pictures")]
    NoPictures,

    #[error(transparent)]
    Page(#[from] hcc_console_page::Error),
    #[error("no browser can be started")]
    NoBrowser(#[source] io::Error),
    /// What failed was told, each with its own advice.
    #[error("{failed} of {all} checks failed")]
    Unwell {
        failed: usize,
        all: usize,
        exit: Exit,
    },
    #[error("no answer came within {} seconds", .0.as_secs())]
    NoAnswer(Duration),
    #[error("no browser asked for the console within a minute")]
    NoVisit,
}

impl Problem {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::NoToken
            | Self::NoContext(_)
            | Self::NoProfile { .. }
            | Self::TokenCommand(_)
            | Self::Exposed(_)
            | Self::Unreadable { .. }
            | Self::Malformed { .. }
            | Self::Page(_)
            | Self::NoBrowser(_) => Exit::NotSetUp,
            Self::Declined
            | Self::NobodyToAsk
            | Self::Secret(_)
            | Self::NotDead(_)
            | Self::Leased(_) => Exit::Refused,
            Self::Invalid { .. }
            | Self::TokenAsArgument
            | Self::NoDryRun
            | Self::NoLevel(_)
            | Self::NoPictures
            | Self::ManyCommands(_)
            | Self::NoColumn { .. } => Exit::Usage,
            Self::NoCommand(_) | Self::NoRecord(_) | Self::NotSet(_) => Exit::NotFound,
            Self::NoVisit => Exit::TimedOut,
            Self::NoAnswer(_) => Exit::TryLater,
            Self::Unwell { exit, .. } => *exit,
            Self::NothingToPull | Self::NoPassword => Exit::Failed,
            Self::Interrupted => Exit::Interrupted,
        }
    }

    /// A short name for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoToken | Self::TokenCommand(_) => "no_token",
            Self::NoContext(_) => "no_context",
            Self::NoProfile { .. } => "no_profile",
            Self::Invalid { .. } => "invalid",
            Self::NotSet(_) => "not_set",
            Self::Secret(_) => "secret",
            Self::TokenAsArgument => "usage",
            Self::Exposed(_) => "exposed",
            Self::Unreadable { .. } => "unreadable",
            Self::Malformed { .. } => "malformed",
            Self::Declined | Self::NobodyToAsk => "declined",
            Self::NoDryRun | Self::NoLevel(_) | Self::NoPictures => "usage",
            Self::Interrupted => "interrupted",
            Self::NothingToPull => "nothing_to_pull",
            Self::NoCommand(_) => "no_such_command",
            Self::ManyCommands(_) => "ambiguous",
            Self::NotDead(_) => "not_dead",
            Self::Leased(_) => "leased",
            Self::NoColumn { .. } => "no_column",
            Self::NoRecord(_) => "no_record",
            Self::NoPassword => "no_password",
            Self::Page(hcc_console_page::Error::NoVnc { .. }) => "no_novnc",
            Self::Page(_) => "no_page",
            Self::NoBrowser(_) | Self::NoVisit => "no_browser",
            Self::NoAnswer(_) => "no_answer",
            Self::Unwell { .. } => "unwell",
        }
    }

    /// What to do next, where there is one clear thing.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoToken => "to set one: hcc setup".to_owned(),
            Self::NoProfile { name, profiles } if profiles.is_empty() => {
                format!("to begin it: hcc --profile {name} setup")
            }
            Self::NoProfile { profiles, .. } => format!("there are {}", profiles.join(", ")),
            Self::Secret(_) => "to print it: --show-secrets".to_owned(),
            Self::TokenAsArgument => "give it on standard input".to_owned(),
            Self::NoContext(_) => "to see them: hcloud context list".to_owned(),
            Self::Exposed(path) => format!("to keep it yours: chmod 600 {}", path.display()),
            Self::NobodyToAsk => "use --yes".to_owned(),
            Self::NoLevel(_) => "it is debug, say, or info,hcloud_api=debug".to_owned(),
            Self::NoCommand(_) => "to see them: hcc queue list".to_owned(),
            Self::NoColumn { columns, .. } => format!("there are {}", columns.join(", ")),
            Self::Page(error) => error.hint()?.to_owned(),
            _ => return None,
        })
    }
}
