//! What a shell offers when Tab is pressed: verbs and flags, and names that are known already.
//!
//! Hetzner is not asked, and nothing is made: a shell waits for the answer at every key. Where
//! names cannot be read, none are offered.

use std::env;
use std::time::Duration;

use anyhow::Result;
use clap::{Command, CommandFactory, FromArgMatches};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use tokio::time::timeout;

use crate::cli::Cli;
use crate::config::{Config, Flags};
use crate::offered::Kind;

/// How long a database may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// Answers a shell, if it is one that has started this process, and ends.
pub(crate) fn answer() {
    CompleteEnv::with_factory(command).complete();
}

/// Names are what is looked for: flags are offered to who begins one, or where nothing else is.
fn command() -> Command {
    let word = env::args_os().next_back().unwrap_or_default();
    match word.to_string_lossy().starts_with('-') {
        true => Cli::command(),
        false => without_flags(Cli::command()),
    }
}

fn without_flags(command: Command) -> Command {
    command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .mut_args(|arg| match arg.is_positional() {
            true => arg,
            false => arg.hide(true),
        })
        .mut_subcommands(without_flags)
}

/// The servers that the records know, and what they do.
pub(crate) fn servers() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let known = statuses().unwrap_or_default();
        known
            .iter()
            .map(|(name, status)| candidate(name, status.as_deref()))
            .collect()
    })
}

/// What can be ordered, as it was listed last.
pub(crate) fn offers(kind: Kind) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let known = config().and_then(|config| kind.recall(&config));
        known
            .unwrap_or_default()
            .iter()
            .map(|(name, about)| candidate(name, Some(about)))
            .collect()
    })
}

/// The profiles of the settings file.
pub(crate) fn profiles() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let known = config().map(|config| config.file().profiles());
        known
            .unwrap_or_default()
            .iter()
            .map(CompletionCandidate::new)
            .collect()
    })
}

fn candidate(name: &str, about: Option<&str>) -> CompletionCandidate {
    CompletionCandidate::new(name).help(about.map(|about| about.to_owned().into()))
}

/// The settings that the words on the command line lead to, be it finished or not.
fn config() -> Result<Config> {
    let words = env::args_os().skip_while(|word| word != "--").skip(1);
    let matches = Cli::command()
        .ignore_errors(true)
        .try_get_matches_from(words)?;
    Config::begin(Flags::from_arg_matches(&matches)?)
}

fn statuses() -> Result<Vec<(String, Option<String>)>> {
    let config = config()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let known = async { anyhow::Ok(config.store().await?.statuses().await?) };
    runtime.block_on(async { timeout(PATIENCE, known).await? })
}
