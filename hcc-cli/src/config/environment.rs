//! Environment variables, and the directories of the user.

use std::env;

use etcetera::BaseStrategy;

use super::key::{Key, Values};
use crate::error::Result;

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
    Ok(etcetera::choose_base_strategy()?)
}
