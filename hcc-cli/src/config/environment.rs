//! Environment variables, and the directories of the user.

use std::env;
use std::path::PathBuf;

use etcetera::BaseStrategy;

use super::key::{Key, Values};
use crate::error::{CliError, Exit, Result};

/// Returns a variable that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the name of a variable, unless it is empty, and so not for a flag.
pub(crate) fn unless_empty(name: &'static str) -> Option<&'static str> {
    let is_empty = env::var_os(name).is_some_and(|value| value.is_empty());
    (!is_empty).then_some(name)
}

/// Returns the settings in the environment, without those that do not count.
///
/// # Errors
///
/// One of them is not UTF-8.
pub(super) fn variables(counts: impl Fn(Key) -> bool) -> Result<Values> {
    let mut values = Values::new();
    for key in Key::all().filter(|key| counts(*key)) {
        let name = key.names().variable;
        if let Err(env::VarError::NotUnicode(_)) = env::var(name) {
            return Err(CliError::usage(not_utf8(name)));
        }
        if let Some(value) = variable(name) {
            values.insert(key, value.into());
        }
    }
    Ok(values)
}

/// Returns the message about a variable whose value is not text.
pub(crate) fn not_utf8(name: &str) -> String {
    format!("{name} is not valid UTF-8")
}

/// The directories for settings, data and caches.
pub(super) fn directories() -> Result<impl BaseStrategy> {
    home()?;
    etcetera::choose_base_strategy().map_err(|_| no_home())
}

/// Returns the home directory of the user.
pub(crate) fn home() -> Result<PathBuf> {
    let home = env::home_dir().filter(|home| home.is_absolute());
    home.ok_or_else(no_home)
}

pub(super) fn no_home() -> CliError {
    let message = "no home directory: HOME is not set to an absolute path";
    CliError::new(Exit::NotSetUp, "no_home", message)
        .hint("set HOME, or name the files with --config and --store")
}
