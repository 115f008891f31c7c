//! Shell completion: verbs, flags, and names that are known locally.
//!
//! It makes no request and creates no file, as a shell waits for it at every press of Tab. Names
//! that cannot be read are left out.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, Command, CommandFactory, FromArgMatches};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use hcc_store::{Schedules, Store};
use tokio::time::timeout;

use crate::cli::Cli;
use crate::completion_cache::Kind;
use crate::config::{Config, Flags, Key};
use crate::error::{CliError, Result};

/// How long the database may take.
const DATABASE_TIMEOUT: Duration = Duration::from_millis(500);

/// Completes and exits, if a shell has started this process for that.
pub(crate) fn complete() {
    CompleteEnv::with_factory(command).complete();
}

/// Names matter more than flags, which are offered only if the word begins with a dash, or if there
/// is nothing else.
fn command() -> Command {
    let command = with_candidates(Cli::command());
    let word = env::args_os().next_back().unwrap_or_default();
    if word.to_string_lossy().starts_with('-') {
        return command;
    }
    without_flags(command)
}

fn with_candidates(command: Command) -> Command {
    command
        .mut_args(|arg| match candidates(&arg) {
            Some(candidates) => arg.add(candidates),
            None => arg,
        })
        .mut_subcommands(with_candidates)
}

/// The candidates for an argument, by its id.
fn candidates(arg: &Arg) -> Option<ArgValueCandidates> {
    Some(match arg.get_id().as_str() {
        "name" | "names" | "server" => ArgValueCandidates::new(servers),
        "schedules" => ArgValueCandidates::new(schedules),
        "type" | "server_type" => cached(Kind::Types),
        "image" | "image_flag" => cached(Kind::Images),
        "location" | "location_flag" => cached(Kind::Locations),
        "profile" => ArgValueCandidates::new(profiles),
        _ => return None,
    })
}

fn without_flags(command: Command) -> Command {
    command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .mut_args(|arg| {
            let is_flag = !arg.is_positional();
            arg.hide(is_flag)
        })
        .mut_subcommands(without_flags)
}

/// The servers with a record, and their status.
fn servers() -> Vec<CompletionCandidate> {
    statuses()
        .unwrap_or_default()
        .into_iter()
        .map(|(name, status)| candidate(name, status))
        .collect()
}

/// The ids of schedules, and what they do.
fn schedules() -> Vec<CompletionCandidate> {
    let schedules = from_store(async |store| store.schedules(Schedules::All).await);
    let schedules = schedules.unwrap_or_default().into_iter();
    schedules
        .map(|it| candidate(it.id, Some(format!("{} {}", it.cmd, it.server))))
        .collect()
}

fn cached(kind: Kind) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let names = config().and_then(|config| kind.read(&config));
        names
            .unwrap_or_default()
            .into_iter()
            .map(|(name, about)| candidate(name, Some(about)))
            .collect()
    })
}

/// The profiles in the settings file.
fn profiles() -> Vec<CompletionCandidate> {
    let profiles = config().map(|config| config.file().profiles());
    profiles
        .unwrap_or_default()
        .into_iter()
        .map(CompletionCandidate::new)
        .collect()
}

fn candidate(name: String, about: Option<String>) -> CompletionCandidate {
    CompletionCandidate::new(name).help(about.map(Into::into))
}

/// The settings of the unfinished command line.
fn config() -> Result<Config> {
    let words = env::args_os().skip_while(|word| word != "--").skip(1);
    let flags = Cli::command()
        .ignore_errors(true)
        .try_get_matches_from(words)
        .and_then(|matches| Flags::from_arg_matches(&matches));
    Config::load_or_new(flags.map_err(|error| CliError::usage(error.to_string()))?)
}

fn statuses() -> Result<Vec<(String, Option<String>)>> {
    from_store(async |store| store.statuses().await)
}

/// Reads a list from the database, unless that takes too long.
fn from_store<T>(
    read: impl AsyncFnOnce(Arc<dyn Store>) -> hcc_store::Result<Vec<T>>,
) -> Result<Vec<T>> {
    let config = config()?;
    if let Some((Key::StoreCommand, _)) = config.first_of(&Key::STORE_SOURCES) {
        // It may ask for a password.
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let read = async { Ok(read(config.store().await?).await?) };
        let read = timeout(DATABASE_TIMEOUT, read).await;
        read.unwrap_or(Ok(Vec::new()))
    })
}
