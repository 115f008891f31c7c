//! `hcc setup`: token and defaults, asked for or given.

use std::io::{IsTerminal, stdin, stdout};
use std::path::PathBuf;
use std::{env, fmt};

use anyhow::Result;
use hcc_core::{Catalog, ErrorKind};
use hcloud_api::{ServerType, TypePrice};
use indexmap::IndexSet;
use inquire::validator::Validation;
use inquire::{Password, PasswordDisplayMode, Select, Text};
use secrecy::ExposeSecret;

use crate::cmd::config::wrote;
use crate::cmd::create::Defaults;
use crate::config::{Config, Key};
use crate::legacy;
use crate::offered;
use crate::output::Output;
use crate::problem::Problem;

/// Set up token and defaults: asks on a terminal, takes flags from scripts
///
/// In a script, give the token in HCLOUD_TOKEN or with --token-file, and what
/// shall differ from the present settings by flags. The token and the defaults
/// are checked with Hetzner before they are written.
#[derive(Debug, clap::Args)]
pub(crate) struct Setup {
    #[command(flatten)]
    defaults: Defaults,

    /// Begin with the settings of server.py [default: ~/.hcloud-console.conf]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    import: Option<Option<PathBuf>>,

    /// Do not ask, also on a terminal
    #[arg(short = 'y', long)]
    yes: bool,
}

impl Setup {
    pub(crate) async fn run(self, mut config: Config, out: Output) -> Result<()> {
        if let Some(path) = &self.import {
            let values = legacy::read(&legacy_path(path.clone())?)?;
            for key in Key::all() {
                config.unset(key);
            }
            for (key, value) in values {
                config.set(key, value.expose_secret())?;
            }
        }
        config.adopt_given()?;
        let Defaults {
            server_type,
            image,
            location,
        } = self.defaults;
        for (key, flag) in [
            (Key::Location, location),
            (Key::Type, server_type),
            (Key::Image, image),
        ] {
            if let Some(value) = flag {
                config.set(key, &value)?;
            }
        }

        let offers = if self.yes || !stdin().is_terminal() || !stdout().is_terminal() {
            check(&config.kept()).await?
        } else {
            ask(&mut config).await?
        };
        wrote(&config, &out)?;
        offered::keep_all(&config.kept(), &offers);
        Ok(())
    }
}

fn legacy_path(named: Option<PathBuf>) -> Result<PathBuf> {
    match named.or_else(|| env::var_os("HCLOUD_CONSOLE_CONF").map(PathBuf::from)) {
        Some(path) => Ok(path),
        None => Ok(etcetera::home_dir()?.join(".hcloud-console.conf")),
    }
}

/// Asks Hetzner whether the settings name what there is.
pub(crate) async fn check(config: &Config) -> Result<Catalog> {
    let offers = Catalog::fetch(&config.project_without_records()?).await?;
    offers.check(&config.settings)?;
    Ok(offers)
}

async fn ask(config: &mut Config) -> Result<Catalog> {
    let offers = ask_token(config).await?;
    let settings = config.settings.clone();

    let location = settings.location.as_deref().map(hcc_core::location);
    let places = offers.locations.iter().map(|location| {
        let about = format!("{}, {}", location.city, location.country);
        Choice::new(&location.name, about)
    });
    let location = pick(
        "Location of new servers",
        "where the type is cheapest",
        location,
        places,
    )?;
    let types = offers.types.iter().map(|server_type| {
        let about = size(server_type, location.as_deref(), &offers.currency);
        Choice::new(&server_type.name, about)
    });
    let server_type = pick(
        "Type of new servers",
        "the cheapest that is available",
        settings.server_type.as_deref(),
        types,
    )?;
    let architecture = offers
        .types
        .iter()
        .find(|offer| Some(&offer.name) == server_type.as_ref())
        .map(|offer| &offer.architecture);
    let images = offers
        .images
        .iter()
        .filter(|image| architecture.is_none_or(|wanted| &image.architecture == wanted))
        .filter_map(|image| Some(Choice::new(image.name.as_deref()?, &image.description)))
        .collect::<IndexSet<_>>();
    let image = pick(
        "Image of new servers",
        "the newest Debian",
        settings.image.as_deref(),
        images,
    )?;
    for (key, picked) in [
        (Key::Location, location),
        (Key::Type, server_type),
        (Key::Image, image),
    ] {
        match picked {
            Some(name) => config.set(key, &name)?,
            None => drop(config.unset(key)),
        }
    }

    let none = "-".to_owned();
    for (key, question, present) in [
        (
            Key::Label,
            "Label that marks a server as managed",
            settings.label,
        ),
        (
            Key::Prefix,
            "What names of new servers begin with; - for nothing",
            settings.prefix.unwrap_or_else(|| none.clone()),
        ),
        (
            Key::Store,
            "Where the records lie",
            config.store_url()?.to_string(),
        ),
        (
            Key::Console,
            "Address of the console page; - for the one that hcc serves",
            settings.console.unwrap_or(none),
        ),
    ] {
        let answer = text(key, question, &present)?;
        // What stands there without its password stays as it is.
        if answer != present {
            config.set(key, &answer)?;
        }
    }
    Ok(offers)
}

/// Asks until Hetzner takes the token; Return keeps the present one.
async fn ask_token(config: &mut Config) -> Result<Catalog> {
    let help = match config.kept().access()? {
        Some(_) => "Return keeps the present one",
        None => {
            "in the Hetzner Console: your project, Security, API tokens; it must read and write"
        }
    };
    loop {
        let token = Password::new("API token")
            .with_display_mode(PasswordDisplayMode::Masked)
            .with_help_message(help)
            .without_confirmation()
            .prompt()?;
        match try_token(config, token.trim()).await {
            Ok((tried, offers)) => {
                *config = tried;
                return Ok(offers);
            }
            Err(error) if may_be_mistyped(&error) => eprintln!("{error:#}"),
            Err(error) => return Err(error),
        }
    }
}

/// What the settings are with a token that was typed, whatever the environment says.
async fn try_token(config: &Config, token: &str) -> Result<(Config, Catalog)> {
    let mut config = config.clone();
    if !token.is_empty() {
        config.set(Key::Token, token)?;
    }
    let project = config.kept().project_without_records()?;
    Ok((config, Catalog::fetch(&project).await?))
}

fn may_be_mistyped(error: &anyhow::Error) -> bool {
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(Problem::NoToken | Problem::Invalid { .. }), _) => true,
        (_, Some(error)) => hcc_core::Error::kind(error) == ErrorKind::NotSetUp,
        _ => false,
    }
}

/// Something to pick, and what a person wants to know of it.
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

/// Lets the user pick; `None` is the first choice.
fn pick(
    question: &str,
    otherwise: &str,
    present: Option<&str>,
    choices: impl IntoIterator<Item = Choice>,
) -> Result<Option<String>> {
    let mut all = vec![Choice {
        name: None,
        about: otherwise.to_owned(),
    }];
    all.extend(choices);
    let at = |all: &[Choice]| {
        all.iter()
            .position(|choice| choice.name.as_deref() == present)
    };
    if let (None, Some(name)) = (at(&all), present) {
        // A snapshot, perhaps, or what Hetzner offers no more.
        all.push(Choice::new(name, "as it is now"));
    }
    let present = at(&all).unwrap_or_default();
    let picked = Select::new(question, all)
        .with_starting_cursor(present)
        .with_help_message("↑↓ to move, type to search, Return to take, Esc to leave all as it was")
        .prompt()?;
    Ok(picked.name)
}

fn text(key: Key, question: &str, present: &str) -> Result<String> {
    let present_is_fine = present.to_owned();
    let check = move |text: &str| {
        Ok(match key.check(text) {
            _ if text == present_is_fine => Validation::Valid,
            Ok(()) => Validation::Valid,
            Err(error) => Validation::Invalid(error.into()),
        })
    };
    Ok(Text::new(question)
        .with_default(present)
        .with_validator(check)
        .prompt()?)
}

fn size(server_type: &ServerType, location: Option<&str>, currency: &str) -> String {
    let (cores, memory, disk) = (server_type.cores, server_type.memory, server_type.disk);
    let here = |price: &&TypePrice| location.is_none_or(|name| price.location == name);
    let price = server_type
        .prices
        .iter()
        .filter(here)
        .filter_map(|price| price.price_monthly.gross.to_f64())
        .min_by(f64::total_cmp);
    let price = price
        .map(|price| format!(", {price:.2} {currency} a month"))
        .unwrap_or_default();
    format!("{cores} cores, {memory} GB, {disk} GB disk{price}")
}
