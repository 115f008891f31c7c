//! `hcc setup`: the token, and defaults for new servers.

use std::io::{IsTerminal, stdin, stdout};
use std::path::PathBuf;
use std::{env, fmt};

use hcc_core::{Catalog, Settings, choices};
use hcloud_api::{ServerType, TypePrice};
use indexmap::IndexSet;
use inquire::validator::Validation;
use inquire::{Password, PasswordDisplayMode, Select, Text};
use secrecy::ExposeSecret;

use crate::cmd::args::Defaults;
use crate::cmd::config::{check_offers, fetch_catalog, save};
use crate::completion_cache;
use crate::config::{Config, Key, home, legacy};
use crate::error::{Exit, Result};
use crate::output::Output;
use crate::price::size;

/// Set up the token and defaults; interactive on a terminal, by flags in scripts
///
/// In a script, pass the token in HCLOUD_TOKEN or with --token-file, and the settings to change as
/// flags. The token and the defaults are checked with the API before they are written.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hcc setup\n  hcc setup --token-file token.txt --location fsn1 --type cx23"
)]
pub(crate) struct Setup {
    #[command(flatten)]
    defaults: Defaults,

    /// Start from the settings of server.py [default: ~/.hcloud-console.conf]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    import: Option<Option<PathBuf>>,

    /// Do not ask questions, even on a terminal
    #[arg(short = 'y', long)]
    yes: bool,
}

impl Setup {
    pub(crate) async fn run(self, config: Config, out: Output) -> Result<()> {
        let done = self.set_up(config, out).await;
        done.map_err(|error| match &error.hint {
            Some(hint) => {
                let hint = hint.replace("run hcc setup to set another one", ANOTHER_TOKEN);
                let hint = hint.replace("run hcc setup", TOKEN);
                error.hint(hint)
            }
            None => error,
        })
    }

    async fn set_up(self, mut config: Config, out: Output) -> Result<()> {
        if let Some(path) = self.import {
            import(path, &mut config)?;
        }
        config.adopt_overrides()?;
        for (key, value) in [
            (Key::Location, self.defaults.location),
            (Key::Type, self.defaults.server_type),
            (Key::Image, self.defaults.image),
        ] {
            if let Some(value) = value {
                config.set_from(Some(format!("--{key}")), key, &value)?;
            }
        }

        let is_interactive = !self.yes && stdin().is_terminal() && stdout().is_terminal();
        let catalog = if is_interactive {
            ask(&mut config).await?
        } else {
            fetch_catalog(&config.persisted()).await?
        };
        // What the user has seen and kept is not refused.
        check_offers(&config.persisted(), |_| !is_interactive).await?;
        warn_if_read_only(&config).await;
        save(&config, &out)?;
        completion_cache::store_all(&config.persisted(), &catalog);
        Ok(())
    }
}

/// What to do about a token, instead of running this verb again.
const TOKEN: &str = "pass a token in HCLOUD_TOKEN, or the name of a file with --token-file";
const ANOTHER_TOKEN: &str =
    "pass another one in HCLOUD_TOKEN, or the name of a file with --token-file";

/// Says that servers cannot be changed with the token, if that is so.
async fn warn_if_read_only(config: &Config) {
    let may_write = async { Ok(config.persisted().client()?.may_write().await?) };
    let may_write: Result<bool> = may_write.await;
    if matches!(may_write, Ok(false)) {
        eprintln!("hcc: warning: the token is read-only: servers can be listed, but not changed");
    }
}

/// Replaces all settings by those of `server.py`.
fn import(path: Option<PathBuf>, config: &mut Config) -> Result<()> {
    let path = match path.or_else(|| env::var_os("HCLOUD_CONSOLE_CONF").map(PathBuf::from)) {
        Some(path) => path,
        None => home()?.join(".hcloud-console.conf"),
    };
    let values = legacy::read(&path)?;
    for key in Key::all() {
        config.unset(key);
    }
    for (key, value) in values {
        let origin = path.display().to_string();
        config.set_from(Some(origin), key, value.expose_secret())?;
    }
    Ok(())
}

async fn ask(config: &mut Config) -> Result<Catalog> {
    let catalog = ask_token(config).await?;
    ask_location(config, &catalog)?;
    ask_type(config, &catalog)?;
    ask_image(config, &catalog)?;
    ask_text(config, Key::Label, "Label of managed servers", |config| {
        config.settings.label.clone()
    })?;
    let prefix = "Prefix of the names of new servers; - for none";
    ask_text(config, Key::Prefix, prefix, |config| {
        config.settings.prefix.clone().unwrap_or_else(none)
    })?;
    let store = config.store_url()?.to_string();
    ask_text(config, Key::Store, "Database of the records", |_| store)?;
    let console = "URL of the console page; - for the one that hcc serves";
    ask_text(config, Key::Console, console, |config| {
        config.settings.console.clone().unwrap_or_else(none)
    })?;
    Ok(catalog)
}

fn none() -> String {
    "-".to_owned()
}

/// Asks until the API accepts the token; Return keeps the current one.
async fn ask_token(config: &mut Config) -> Result<Catalog> {
    let help = match config.persisted().token_source()? {
        Some(_) => "Return keeps the current one",
        None => "create one in the Hetzner Console with write access: Security, API tokens",
    };
    loop {
        let token = Password::new("API token")
            .with_display_mode(PasswordDisplayMode::Masked)
            .with_help_message(help)
            .without_confirmation()
            .prompt()?;
        match try_token(config, token.trim()).await {
            Ok((tried, catalog)) => {
                *config = tried;
                return Ok(catalog);
            }
            Err(error) if error.exit() == Exit::NotSetUp || error.code() == "invalid" => {
                eprintln!("{error}");
            }
            Err(error) => return Err(error),
        }
    }
}

/// Returns the settings with a typed token, which overrides the environment.
async fn try_token(config: &Config, token: &str) -> Result<(Config, Catalog)> {
    let mut config = config.clone();
    if !token.is_empty() {
        config.set(Key::Token, token)?;
    }
    let project = config.persisted().project_without_records()?;
    Ok((config, Catalog::fetch(&project).await?))
}

fn ask_location(config: &mut Config, catalog: &Catalog) -> Result<()> {
    let current = config.settings.location.as_deref().map(hcc_core::location);
    let locations = catalog.locations.iter().map(|location| {
        let about = format!("{}, {}", location.city, location.country);
        Choice::new(&location.name, about)
    });
    let default = "the cheapest for the type";
    let picked = pick("Location of new servers", default, current, locations)?;
    set_or_unset(config, Key::Location, picked)
}

fn ask_type(config: &mut Config, catalog: &Catalog) -> Result<()> {
    let Settings {
        location,
        server_type,
        ..
    } = &config.settings;
    let types = catalog.types.iter().map(|server_type| {
        let about = describe(server_type, location.as_deref(), &catalog.currency);
        Choice::new(&server_type.name, about)
    });
    let default = "the cheapest available";
    let current = server_type.as_deref();
    let picked = pick("Type of new servers", default, current, types)?;
    set_or_unset(config, Key::Type, picked)
}

fn ask_image(config: &mut Config, catalog: &Catalog) -> Result<()> {
    let Settings {
        server_type, image, ..
    } = &config.settings;
    let is_set = |known: &&ServerType| {
        let mut names = choices(server_type.as_deref().unwrap_or_default());
        names.any(|name| name == known.name)
    };
    let types: Vec<_> = catalog.types.iter().filter(is_set).collect();
    let images = catalog
        .images
        .iter()
        .filter(|image| {
            let mut types = types.iter();
            types.all(|it| it.architecture == image.architecture)
        })
        .filter_map(|image| Some(Choice::new(image.name.as_deref()?, &image.description)))
        .collect::<IndexSet<_>>();
    let default = "the newest Debian";
    let picked = pick("Image of new servers", default, image.as_deref(), images)?;
    set_or_unset(config, Key::Image, picked)
}

fn set_or_unset(config: &mut Config, key: Key, picked: Option<String>) -> Result<()> {
    match picked {
        Some(name) => config.set(key, &name)?,
        None => drop(config.unset(key)),
    }
    Ok(())
}

fn ask_text(
    config: &mut Config,
    key: Key,
    question: &str,
    current: impl FnOnce(&Config) -> String,
) -> Result<()> {
    let current = current(config);
    let unchanged = current.clone();
    let check = move |answer: &str| {
        Ok(match key.check(answer) {
            _ if answer == unchanged => Validation::Valid,
            Ok(()) => Validation::Valid,
            Err(reason) => Validation::Invalid(reason.into()),
        })
    };
    let answer = Text::new(question)
        .with_default(&current)
        .with_validator(check)
        .prompt()?;
    // The current value is shown without its password, which must stay.
    if answer != current {
        config.set(key, &answer)?;
    }
    Ok(())
}

/// Something to pick, with its description.
#[derive(PartialEq, Eq, Hash)]
struct Choice {
    name: Option<String>,
    about: String,
}

impl Choice {
    fn new(name: &str, about: impl Into<String>) -> Self {
        Self {
            name: Some(name.to_owned()),
            about: about.into(),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, about } = self;
        match name {
            Some(name) => write!(f, "{name:16} {about}"),
            None => write!(f, "({about})"),
        }
    }
}

/// Lets the user pick a name; `None` is the first choice.
fn pick(
    question: &str,
    default: &str,
    current: Option<&str>,
    choices: impl IntoIterator<Item = Choice>,
) -> Result<Option<String>> {
    let mut all = vec![Choice {
        name: None,
        about: default.to_owned(),
    }];
    all.extend(choices);
    let position = |all: &[Choice]| {
        all.iter()
            .position(|choice| choice.name.as_deref() == current)
    };
    if let (None, Some(name)) = (position(&all), current) {
        // A snapshot, or what Hetzner no longer offers.
        all.push(Choice::new(name, "current value"));
    }
    let start = position(&all).unwrap_or_default();
    let picked = Select::new(question, all)
        .with_starting_cursor(start)
        .with_help_message("↑↓ to move, type to search, Return to select, Esc to abort")
        .prompt()?;
    Ok(picked.name)
}

fn describe(server_type: &ServerType, locations: Option<&str>, currency: &str) -> String {
    let is_here = |price: &&TypePrice| {
        locations.is_none_or(|list| choices(list).any(|name| price.location == name))
    };
    let price = server_type
        .prices
        .iter()
        .filter(is_here)
        .filter_map(|price| price.price_monthly.gross.as_ref()?.to_f64())
        .min_by(f64::total_cmp)
        .map(|price| format!(", {price:.2} {currency} per month"))
        .unwrap_or_default();
    size(server_type) + &price
}
