//! `hcc config`: the settings, one by one.

use std::io::{IsTerminal, Read, stdin};

use anyhow::{Result, ensure};
use inquire::{Password, PasswordDisplayMode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::cmd::setup::check;
use crate::config::{Config, Flags, Key, Source};
use crate::output::{Output, Row};
use crate::problem::Problem;

/// Show and change settings, one by one
///
/// With --profile NAME they are those of the table [profile.NAME].
#[derive(Debug, clap::Args)]
pub(crate) struct Keep {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print where the settings file is
    Path,

    /// List all settings, and where each comes from
    List {
        /// Print tokens and passwords too
        #[arg(long)]
        show_secrets: bool,
    },

    /// Print the setting that is in force
    Get {
        key: Key,

        /// Print it although it is a token, or has a password
        #[arg(long)]
        show_secrets: bool,
    },

    /// Check a setting, and write it into the file
    Set {
        key: Key,

        /// Its value; read from standard input if it is not given
        #[arg(allow_hyphen_values = true)]
        value: Option<String>,

        /// Do not ask Hetzner whether there is such a thing
        #[arg(long)]
        offline: bool,
    },

    /// Remove a setting from the file
    Unset { key: Key },
}

impl Keep {
    pub(crate) async fn run(self, flags: Flags, out: Output) -> Result<()> {
        match self.verb {
            Verb::Path => told(&Config::begin(flags)?, "", &out),
            Verb::List { show_secrets } => list(&Config::load(flags)?, show_secrets, &out),
            Verb::Get { key, show_secrets } => get(&Config::load(flags)?, key, show_secrets, &out),
            Verb::Set {
                key,
                value,
                offline,
            } => {
                let mut config = Config::begin(flags)?;
                config.set(key, said(key, value)?.expose_secret())?;
                let kept = config.kept();
                // Who has no token has nothing to order either.
                if !offline && key.is_known_to_hetzner() && kept.access()?.is_some() {
                    check(&kept).await?;
                }
                wrote(&config, &out)
            }
            Verb::Unset { key } => {
                let mut config = Config::load(flags)?;
                ensure!(config.unset(key), Problem::NotSet(key));
                wrote(&config, &out)
            }
        }
    }
}

/// Writes the settings file, and says so.
pub(crate) fn wrote(config: &Config, out: &Output) -> Result<()> {
    config.save()?;
    let said = match config.is_dry_run() {
        true => "would write ",
        false => "wrote ",
    };
    told(config, said, out)
}

fn told(config: &Config, said: &str, out: &Output) -> Result<()> {
    #[derive(Serialize)]
    struct Place {
        path: String,
        profile: Option<String>,
    }

    let file = config.file();
    let place = Place {
        path: file.path().display().to_string(),
        profile: file.profile().map(str::to_owned),
    };
    out.result(format!("{said}{}", place.path), &place)
}

/// The value of a setting: an argument, what is typed, or what is piped.
fn said(key: Key, value: Option<String>) -> Result<SecretString> {
    if let Some(value) = value {
        ensure!(key != Key::Token, Problem::TokenAsArgument);
        return Ok(value.into());
    }
    if stdin().is_terminal() {
        let name = key.names().file;
        let typed = Password::new(name)
            .with_display_mode(PasswordDisplayMode::Masked)
            .without_confirmation();
        return Ok(typed.prompt()?.trim().into());
    }
    let mut text = String::new();
    stdin().read_to_string(&mut text)?;
    Ok(text.trim().into())
}

/// A setting that is in force.
#[derive(Serialize)]
struct Setting {
    key: &'static str,
    value: Option<String>,
    source: Option<String>,
    secret: bool,
}

impl Setting {
    fn of(config: &Config, key: Key, show_secrets: bool) -> Result<Self> {
        let found = config.find(key).map(|(value, source)| {
            let value = value.expose_secret().to_owned();
            (value, source)
        });
        let (value, source) = match found {
            Some((value, source)) => (Some(value), Some(source)),
            None => implied(config, key)?.unzip(),
        };
        let shown = value.as_deref().and_then(|value| key.veiled(value));
        let secret = shown != value;
        Ok(Self {
            key: key.names().file,
            value: if show_secrets { value } else { shown },
            source: source.map(|source| source.to_string()),
            secret,
        })
    }
}

/// The value of a setting that nobody has set.
fn implied(config: &Config, key: Key) -> Result<Option<(String, Source)>> {
    if key == Key::Context
        && let Some((_, Source::Official(name))) = config.access()?
    {
        return Ok(Some((name.clone(), Source::Official(name))));
    }
    let value = match key {
        Key::Label => config.settings.label.clone(),
        Key::Store => config.store_url()?.to_string(),
        Key::Queue => config.queue_url()?.to_string(),
        _ => return Ok(None),
    };
    Ok(Some((value, Source::Default)))
}

impl Row for Setting {
    const COLUMNS: &'static [&'static str] = &["key", "value", "source"];

    fn cells(&self) -> Vec<String> {
        let hidden = self.secret && self.value.is_none();
        let value = self.value.clone().unwrap_or_default();
        vec![
            self.key.to_owned(),
            if hidden { "(hidden)".to_owned() } else { value },
            self.source.clone().unwrap_or_default(),
        ]
    }
}

fn list(config: &Config, show_secrets: bool, out: &Output) -> Result<()> {
    let settings = Key::all().map(|key| Setting::of(config, key, show_secrets));
    out.rows(&settings.collect::<Result<Vec<_>>>()?)
}

fn get(config: &Config, key: Key, show_secrets: bool, out: &Output) -> Result<()> {
    let setting = Setting::of(config, key, show_secrets)?;
    ensure!(show_secrets || !setting.secret, Problem::Secret(key));
    match &setting.value {
        Some(value) => out.result(value, &setting),
        None => Err(Problem::NotSet(key).into()),
    }
}
