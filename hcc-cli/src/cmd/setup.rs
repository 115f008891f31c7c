//! `hcc setup`: token and defaults, asked for or given.

use std::io::{IsTerminal, stdin, stdout};
use std::path::PathBuf;
use std::{env, fmt};

use anyhow::Result;
use hcc_core::{ErrorKind, Guard, Middleware, Offer};
use hcc_store::StoreUrl;
use hcloud_api::{Image, Location, ServerType, TypePrice};
use indexmap::IndexSet;
use inquire::validator::Validation;
use inquire::{Password, PasswordDisplayMode, Select, Text};
use secrecy::SecretString;
use serde::Serialize;

use crate::cmd::create::Defaults;
use crate::config::{Config, File};
use crate::legacy;
use crate::output::Output;

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

#[derive(Serialize)]
struct Wrote {
    path: String,
}

impl Setup {
    pub(crate) async fn run(self, mut config: Config, out: Output) -> Result<()> {
        if let Some(path) = &self.import {
            config.file = legacy::read(&legacy_path(path.clone())?)?;
        }
        config.adopt_flags()?;
        let defaults = &self.defaults;
        let file = &mut config.file;
        replace(&mut file.location, &defaults.location);
        replace(&mut file.server_type, &defaults.server_type);
        replace(&mut file.image, &defaults.image);

        if self.yes || !stdin().is_terminal() || !stdout().is_terminal() {
            check(&config).await?;
        } else {
            ask(&mut config).await?;
        }
        config.file.write(&config.path)?;
        let path = config.path.display();
        out.result(
            format!("wrote {path}"),
            &Wrote {
                path: path.to_string(),
            },
        )
    }
}

fn replace(setting: &mut Option<String>, flag: &Option<String>) {
    if flag.is_some() {
        setting.clone_from(flag);
    }
}

fn legacy_path(named: Option<PathBuf>) -> Result<PathBuf> {
    match named.or_else(|| env::var_os("HCLOUD_CONSOLE_CONF").map(PathBuf::from)) {
        Some(path) => Ok(path),
        None => Ok(etcetera::home_dir()?.join(".hcloud-console.conf")),
    }
}

/// What Hetzner offers, so that no setting names what does not exist.
struct Offers {
    locations: Vec<Location>,
    types: Vec<ServerType>,
    images: Vec<Image>,
}

impl Offers {
    async fn fetch(middleware: &Middleware) -> hcc_core::Result<Self> {
        let (locations, types, images) = tokio::try_join!(
            middleware.locations(),
            middleware.server_types(),
            middleware.images(),
        )?;
        Ok(Self {
            locations,
            types,
            images,
        })
    }

    fn check(&self, file: &File) -> hcc_core::Result<()> {
        let location = file.location.as_deref().map(hcc_core::location);
        let locations = self.locations.iter().map(|location| location.name.as_str());
        offered(Offer::Location, location, locations)?;
        let types = self
            .types
            .iter()
            .map(|server_type| server_type.name.as_str());
        offered(Offer::ServerType, file.server_type.as_deref(), types)?;
        let images = self.images.iter().filter_map(|image| image.name.as_deref());
        offered(Offer::Image, file.image.as_deref(), images)
    }
}

/// Digits are an id, of a snapshot perhaps, which no list of names holds.
fn offered<'a>(
    what: Offer,
    name: Option<&str>,
    mut names: impl Iterator<Item = &'a str>,
) -> hcc_core::Result<()> {
    match name {
        Some(name) if name.parse::<u64>().is_err() && !names.any(|known| known == name) => {
            let name = name.to_owned();
            Err(hcc_core::Error::NoSuchOffer { what, name })
        }
        _ => Ok(()),
    }
}

async fn check(config: &Config) -> Result<()> {
    let middleware = config.middleware(Guard::Managed).await?;
    Ok(Offers::fetch(&middleware).await?.check(&config.file)?)
}

async fn ask(config: &mut Config) -> Result<()> {
    let offers = ask_token(config).await?;
    let file = &mut config.file;
    let settings = &config.settings;

    file.location = pick(
        "Location of new servers",
        "where the type is cheapest",
        file.location.as_deref().map(hcc_core::location),
        offers.locations.iter().map(|location| {
            Choice::new(
                &location.name,
                format!("{}, {}", location.city, location.country),
            )
        }),
    )?;
    file.server_type = pick(
        "Type of new servers",
        "the cheapest that is available",
        file.server_type.as_deref(),
        offers.types.iter().map(|server_type| {
            Choice::new(
                &server_type.name,
                size(server_type, file.location.as_deref()),
            )
        }),
    )?;
    let architecture = offers
        .types
        .iter()
        .find(|server_type| Some(&server_type.name) == file.server_type.as_ref())
        .map(|server_type| &server_type.architecture);
    file.image = pick(
        "Image of new servers",
        "the newest Debian",
        file.image.as_deref(),
        offers
            .images
            .iter()
            .filter(|image| architecture.is_none_or(|wanted| &image.architecture == wanted))
            .filter_map(|image| Some(Choice::new(image.name.as_deref()?, &image.description)))
            .collect::<IndexSet<_>>(),
    )?;
    file.label = Some(text(
        "Label that marks a server as managed",
        &settings.label,
    )?);
    file.prefix = Some(text(
        "What names of new servers begin with; - for nothing",
        file.prefix.as_deref().unwrap_or("-"),
    )?);
    let store = ask_store(&config.store_url()?)?;
    let file = &mut config.file;
    file.store = store.or(file.store.take());
    file.console = Some(text(
        "Address of the console page; - for the one that hcc serves",
        file.console.as_deref().unwrap_or("-"),
    )?);
    Ok(())
}

/// Asks until Hetzner takes the token; Return keeps the present one.
async fn ask_token(config: &mut Config) -> Result<Offers> {
    let present = config.has_token();
    loop {
        let token = Password::new("API token")
            .with_display_mode(PasswordDisplayMode::Masked)
            .with_help_message(if present {
                "Return keeps the present one"
            } else {
                "in the Hetzner Console: your project, Security, API tokens; it must read and write"
            })
            .without_confirmation()
            .prompt()?;
        if !token.trim().is_empty() {
            config.file.token = Some(token.trim().into());
        }
        // What was typed is tried, whatever the environment says.
        let api = match &config.file.token {
            Some(token) => config.client_with(token.clone())?,
            None => config.client()?,
        };
        let middleware = config.middleware_with(api, Guard::Managed).await?;
        match Offers::fetch(&middleware).await {
            Err(error) if error.kind() == ErrorKind::NotSetUp => {
                eprintln!("{:#}", anyhow::Error::from(error));
            }
            offers => return Ok(offers?),
        }
    }
}

/// Asks where the records lie; `None` is where they lie now.
fn ask_store(present: &StoreUrl) -> Result<Option<SecretString>> {
    let present = present.to_string();
    let is_store = |text: &str| {
        Ok(match text.parse::<StoreUrl>() {
            Ok(_) => Validation::Valid,
            Err(error) => Validation::Invalid(error.into()),
        })
    };
    let store = Text::new("Where the records lie")
        .with_default(&present)
        .with_validator(is_store)
        .prompt()?;
    Ok((store != present).then(|| store.into()))
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
    let present = all
        .iter()
        .position(|choice| choice.name.as_deref() == present);
    let picked = Select::new(question, all)
        .with_starting_cursor(present.unwrap_or_default())
        .prompt()?;
    Ok(picked.name)
}

fn text(question: &str, present: &str) -> Result<String> {
    Ok(Text::new(question).with_default(present).prompt()?)
}

fn size(server_type: &ServerType, location: Option<&str>) -> String {
    let (cores, memory, disk) = (server_type.cores, server_type.memory, server_type.disk);
    let here = |price: &&TypePrice| location.is_none_or(|name| price.location == name);
    let price = server_type
        .prices
        .iter()
        .filter(here)
        .filter_map(|price| price.price_monthly.gross.to_f64())
        .min_by(f64::total_cmp);
    let price = price
        .map(|price| format!(", {price:.2} a month"))
        .unwrap_or_default();
    format!("{cores} cores, {memory} GB, {disk} GB disk{price}")
}
