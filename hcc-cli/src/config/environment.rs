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

/// Returns the settings in the environment, without those that do not count.
pub(super) fn variables(counts: impl Fn(Key) -> bool) -> Values {
    Key::all()
        .filter(|key| counts(*key))
        .filter_map(|key| Some((key, variable(key.names().variable)?.into())))
        .collect()
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
