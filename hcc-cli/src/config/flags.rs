//! Settings as flags of every verb.

use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::environment::unless_empty;
use super::key::{Key, Values};
use crate::error::{CliError, Result};

/// The settings on a command line, to be flattened into a parser of [`clap`].
///
/// The default has none: the environment and the settings file decide.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct Flags {
    /// Settings file [default: ~/.config/hcc/config.toml]
    #[arg(long, global = true, value_name = "FILE", env = unless_empty("HCC_CONFIG"))]
    #[arg(hide_env_values = true, hide_short_help = true)]
    config: Option<PathBuf>,

    /// Project: the table [profile.NAME] of the settings file
    #[arg(long, global = true, value_name = "NAME", env = "HCC_PROFILE")]
    #[arg(hide_env_values = true, hide_short_help = true)]
    profile: Vec<String>,

    /// Change nothing, and print what would be changed
    #[arg(long, global = true)]
    dry_run: bool,

    #[command(flatten)]
    settings: SettingFlags,
}

impl Flags {
    pub(crate) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Returns the name of the profile.
    ///
    /// # Errors
    ///
    /// There are several, which only a worker accepts.
    pub(crate) fn profile(&self) -> Result<Option<&str>> {
        let mut profiles = self.profiles();
        let profile = profiles.next();
        if profiles.next().is_some() {
            let message =
                "--profile was given several times: only hcc worker serves several projects";
            return Err(CliError::usage(message).hint("run the command once for each profile"));
        }
        Ok(profile)
    }

    /// Returns the names of all profiles.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = &str> {
        let profiles = self.profile.iter().map(String::as_str);
        profiles.filter(|name| !name.is_empty())
    }

    /// Selects another profile.
    pub(crate) fn with_profile(self, profile: &str) -> Self {
        self.with_profiles(vec![profile.to_owned()])
    }

    /// Selects other profiles.
    pub(crate) fn with_profiles(self, profile: Vec<String>) -> Self {
        Self { profile, ..self }
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// Keeps the file and the profile, and drops all settings.
    pub(crate) fn without_settings(self) -> Self {
        Self {
            settings: SettingFlags::default(),
            ..self
        }
    }

    /// The settings on the command line.
    pub(crate) fn settings(&self) -> &Values {
        &self.settings.0
    }
}

/// A flag for each setting that has one.
#[derive(Clone, Debug, Default)]
struct SettingFlags(Values);

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        command.args(Key::all().filter_map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The help text names the variable; its value is read elsewhere.
fn flag(key: Key) -> Option<Arg> {
    let names = key.names();
    let flag = Arg::new(names.file)
        .long(names.flag?)
        .env(names.variable)
        .value_name(names.value)
        .help(names.help)
        .help_heading("Settings")
        .global(true)
        .hide_env_values(true)
        .hide_short_help(true)
        .allow_hyphen_values(matches!(key, Key::Prefix | Key::Console));
    Some(flag)
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for key in Key::all().filter(|key| key.names().flag.is_some()) {
            let name = key.names().file;
            // With `=`, it is a label of a new resource.
            let is_setting = |value: &&String| key != Key::Label || !value.contains('=');
            if matches.value_source(name) == Some(ValueSource::CommandLine)
                && let Some(mut values) = matches.get_many::<String>(name)
                && let Some(value) = values.rfind(is_setting)
            {
                self.0.insert(key, value.as_str().into());
            }
        }
        Ok(())
    }
}
