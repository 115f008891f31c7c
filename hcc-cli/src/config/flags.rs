//! Settings as flags of every verb.

use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::{Key, Values};

/// Settings that every verb understands.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Flags {
    /// Settings file [default: ~/.config/hcc/config.toml]
    #[arg(long, global = true, value_name = "FILE", env = "HCC_CONFIG")]
    #[arg(hide_env_values = true, hide_short_help = true)]
    config: Option<PathBuf>,

    /// Which project: the table [profile.NAME] of the settings file
    #[arg(long, global = true, value_name = "NAME", env = "HCC_PROFILE")]
    #[arg(hide_env_values = true, hide_short_help = true)]
    #[arg(add = crate::complete::profiles())]
    profile: Option<String>,

    /// Say which request would change something, and do not send it
    #[arg(long, global = true)]
    dry_run: bool,

    #[command(flatten)]
    given: Given,
}

impl Flags {
    pub(crate) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    pub(crate) fn profile(&self) -> Option<&str> {
        self.profile.as_deref().filter(|name| !name.is_empty())
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// The same file and profile, and no setting beside.
    pub(crate) fn without_settings(self) -> Self {
        Self {
            given: Given::default(),
            ..self
        }
    }

    /// The settings on the command line.
    pub(crate) fn given(&self) -> &Values {
        &self.given.0
    }
}

/// A flag for each setting that may have one.
#[derive(Clone, Debug, Default)]
struct Given(Values);

impl Args for Given {
    fn augment_args(command: Command) -> Command {
        command.args(Key::all().filter_map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The environment is named in the help texts, and read elsewhere.
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

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Self::default();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for key in Key::all().filter(|key| key.names().flag.is_some()) {
            let name = key.names().file;
            if matches.value_source(name) == Some(ValueSource::CommandLine)
                && let Some(value) = matches.get_one::<String>(name)
            {
                self.0.insert(key, value.as_str().into());
            }
        }
        Ok(())
    }
}
