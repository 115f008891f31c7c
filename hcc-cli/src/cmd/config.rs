//! `hcc config`: the settings, one by one.

use std::io::{IsTerminal, Read, stdin};

use hcc_core::{Catalog, CreateOptions, OfferProblem, OfferReason};
use inquire::{Password, PasswordDisplayMode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::config::{Config, Flags, Key, Source, visible};
use crate::error::{CliError, Exit, Result};
use crate::output::{Output, Row};

/// Show and change settings, one by one
///
/// With --profile NAME they are those of the table [profile.NAME].
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc config list")]
pub(crate) struct ConfigCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print the path of the settings file
    #[command(after_help = "Example:\n  hcc config path")]
    Path,

    /// List all settings, with the source of each
    #[command(visible_alias = "ls", after_help = "Example:\n  hcc config list")]
    List {
        /// Print tokens and passwords too
        #[arg(long)]
        show_secrets: bool,
    },

    /// Print a setting
    #[command(after_help = "Example:\n  hcc config get location")]
    Get {
        key: Key,

        /// Print it even if it is a token, or contains a password
        #[arg(long)]
        show_secrets: bool,
    },

    /// Check a setting and write it to the file
    #[command(after_help = SET_EXAMPLES)]
    Set {
        key: Key,

        /// Value; read from standard input if omitted
        #[arg(allow_hyphen_values = true)]
        value: Option<String>,

        /// Do not check with the API whether the value exists
        #[arg(long)]
        offline: bool,
    },

    /// Remove a setting from the file
    #[command(after_help = "Example:\n  hcc config unset location")]
    Unset { key: Key },
}

const SET_EXAMPLES: &str = "\
Examples:
  hcc config set location fsn1,nbg1
  hcc config set keep_dead 30d";

impl ConfigCommand {
    pub(crate) async fn run(self, flags: Flags, out: Output) -> Result<()> {
        match self.verb {
            Verb::Path => print_path(&Config::load_or_new(flags)?, "", &out),
            Verb::List { show_secrets } => list(&Config::load(flags)?, show_secrets, &out),
            Verb::Get { key, show_secrets } => get(&Config::load(flags)?, key, show_secrets, &out),
            Verb::Set {
                key,
                value,
                offline,
            } => {
                let mut config = Config::load_or_new(flags)?;
                let origin = value.is_none().then(|| "standard input".to_owned());
                let value = value_or_stdin(key, value)?;
                config.set_from(origin, key, value.expose_secret())?;
                let persisted = config.persisted_with_token()?;
                // Without a token there is nothing to check with.
                if !offline && key.is_checked_by_api() && persisted.token_source()?.is_some() {
                    let is_set = |problem: &OfferProblem| {
                        let kinds = problem.kinds();
                        kinds
                            .into_iter()
                            .any(|kind| Key::of_resource(kind) == Some(key))
                    };
                    fetch_catalog(&persisted).await?;
                    check_offers(&persisted, is_set).await?;
                }
                save(&config, &out)
            }
            Verb::Unset { key } => {
                let mut config = Config::load(flags)?;
                if !config.unset(key) {
                    return Err(not_set(key));
                }
                save(&config, &out)
            }
        }
    }
}

/// Fetches the catalog, which only a valid token can.
pub(crate) async fn fetch_catalog(config: &Config) -> Result<Catalog> {
    let fetched = Catalog::fetch(&config.project_without_records()?).await;
    fetched.map_err(|error| CliError::from(error).in_project(config))
}

/// Checks with the API whether servers can be ordered with the settings. Problems that `matters`
/// selects are errors if they are permanent, all others are warnings.
pub(crate) async fn check_offers(
    config: &Config,
    matters: impl Fn(&OfferProblem) -> bool,
) -> Result<()> {
    let project = config.project_without_records()?;
    let problems = project.check_offers(&CreateOptions::default()).await?;
    let is_error = |problem: &OfferProblem| problem.is_permanent() && matters(problem);
    let (errors, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(is_error);
    for warning in warnings {
        eprintln!("hcc: warning: {warning}");
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(not_offered(errors))
}

fn not_offered(problems: Vec<OfferProblem>) -> CliError {
    let is_missing = |problem: &OfferProblem| problem.reason == OfferReason::NotFound;
    if problems.iter().any(is_missing) {
        let source = None;
        return hcc_core::Error::NotOffered { problems, source }.into();
    }
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    CliError::new(Exit::Refused, "not_offered", problems.join("; "))
        .hint("run hcc types to list what is available")
}

/// Writes the settings file, and prints its path.
pub(crate) fn save(config: &Config, out: &Output) -> Result<()> {
    config.save()?;
    let verb = if config.is_dry_run() {
        "would write "
    } else {
        "wrote "
    };
    print_path(config, verb, out)
}

fn print_path(config: &Config, verb: &str, out: &Output) -> Result<()> {
    #[derive(Serialize)]
    struct Location {
        path: String,
        profile: Option<String>,
    }

    let file = config.file();
    let location = Location {
        path: file.path()?.display().to_string(),
        profile: file.profile().map(str::to_owned),
    };
    out.result(format!("{verb}{}", location.path), &location)
}

/// Returns the value of a setting: the argument, or what is typed or piped.
fn value_or_stdin(key: Key, value: Option<String>) -> Result<SecretString> {
    if let Some(value) = value {
        let is_valid = || key.check(&value).is_ok();
        if key == Key::Token || (key.has_secret(&value) && is_valid()) {
            return Err(visible(key).hint("pipe it on stdin"));
        }
        return Ok(value.into());
    }
    if stdin().is_terminal() {
        let prompt = Password::new(key.names().file)
            .with_display_mode(PasswordDisplayMode::Masked)
            .without_confirmation();
        return Ok(prompt.prompt()?.trim().into());
    }
    let mut value = String::new();
    stdin().read_to_string(&mut value)?;
    Ok(value.trim().into())
}

fn not_set(key: Key) -> CliError {
    CliError::new(Exit::NotFound, "not_set", format!("{key} is not set"))
}

/// A setting in force.
#[derive(Serialize)]
struct Setting {
    key: &'static str,
    value: Option<String>,
    source: Option<String>,
    secret: bool,
}

impl Setting {
    fn new(config: &Config, key: Key, show_secrets: bool) -> Result<Self> {
        let (value, source) = match config.find(key) {
            Some((value, source)) => (Some(value.expose_secret().to_owned()), Some(source)),
            None => default(config, key)?.unzip(),
        };
        let redacted = value.as_deref().and_then(|value| key.redacted(value));
        Ok(Self {
            key: key.names().file,
            secret: redacted != value,
            value: if show_secrets { value } else { redacted },
            source: source.map(|source| source.to_string()),
        })
    }
}

/// The value of a setting that is not set.
fn default(config: &Config, key: Key) -> Result<Option<(String, Source)>> {
    if key == Key::Context
        && let Some((_, Source::HcloudContext(name))) = config.token_source()?
    {
        return Ok(Some((name.clone(), Source::HcloudContext(name))));
    }
    let value = match key {
        Key::Label => config.settings.label.clone(),
        // What a command prints is a secret.
        Key::Store if config.find(Key::StoreCommand).is_none() => config.store_url()?.to_string(),
        Key::Queue if config.find(Key::QueueCommand).is_none() => config.queue_url()?.to_string(),
        Key::Project => match config.project_name()? {
            Some(name) => name.to_string(),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some((value, Source::Default)))
}

impl Row for Setting {
    const COLUMNS: &'static [&'static str] = &["key", "value", "source"];

    fn cells(&self) -> Vec<String> {
        let is_hidden = self.secret && self.value.is_none();
        let value = self.value.clone().unwrap_or_default();
        vec![
            self.key.to_owned(),
            if is_hidden {
                "(hidden)".to_owned()
            } else {
                value
            },
            self.source.clone().unwrap_or_default(),
        ]
    }
}

fn list(config: &Config, show_secrets: bool, out: &Output) -> Result<()> {
    let settings = Key::all().map(|key| Setting::new(config, key, show_secrets));
    out.rows(&settings.collect::<Result<Vec<_>>>()?)
}

fn get(config: &Config, key: Key, show_secrets: bool, out: &Output) -> Result<()> {
    let setting = Setting::new(config, key, show_secrets)?;
    if setting.secret && !show_secrets {
        let message = format!("{key} is a secret");
        return Err(CliError::new(Exit::Refused, "secret", message).hint("pass --show-secrets"));
    }
    let value = setting.value.as_ref().ok_or_else(|| not_set(key))?;
    out.result(value, &setting)
}
