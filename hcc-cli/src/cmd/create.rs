//! `hcc create`: creates a server.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use hcc_core::{
    CreateOptions, CreateOutcome, CreateProgress, Difference, Error, Guard, Project, Quote,
    ServerName,
};
use hcc_store::NoPassword;
use hcloud_api::{Action, Price};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::cmd::action::Done;
use crate::cmd::args::{Defaults, Waiting, goes_on, retry_while_busy};
use crate::config::Config;
use crate::error::{Context, Result};
use crate::output::Output;
use crate::output::next_steps::{self, Next};
use crate::platform::signals::{cancel_on_signal, finish};
use crate::price::with_currency;

/// Create a server; idempotent: a name is never created twice
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Create {
    /// Name of the server
    #[arg(id = "new_name", value_name = "NAME")]
    name: ServerName,

    /// Type, such as cx23 [default: the cheapest available]
    r#type: Option<String>,

    /// Image, such as debian-13 [default: the newest Debian]
    image: Option<String>,

    /// Location, such as fsn1 [default: the cheapest for the type]
    location: Option<String>,

    #[command(flatten)]
    defaults: Defaults,

    /// SSH keys for root, by name or id, separated by commas; without one there is a root password
    #[arg(long = "ssh-key", value_name = "KEY", value_delimiter = ',')]
    ssh_keys: Vec<String>,

    /// File with user data for cloud-init; - for standard input
    #[arg(long, value_name = "FILE")]
    user_data: Option<PathBuf>,

    /// Label, in addition to the one of managed servers; without =, the label of managed servers
    #[arg(id = "label", long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,

    /// Private network, by name or id
    #[arg(long = "network", value_name = "NETWORK")]
    networks: Vec<String>,

    /// Firewall, by name or id
    #[arg(long = "firewall", value_name = "FIREWALL")]
    firewalls: Vec<String>,

    /// Volume of the same location to attach and mount, by name or id
    #[arg(long = "volume", value_name = "VOLUME")]
    volumes: Vec<String>,

    /// Placement group, by name or id
    #[arg(long, value_name = "GROUP")]
    placement_group: Option<String>,

    /// No public IPv4 address, which costs extra
    #[arg(long)]
    without_ipv4: bool,

    /// Enable daily backups, for 20 % of the price
    #[arg(long)]
    backups: bool,

    /// Protect it from deletion and rebuilds
    #[arg(long)]
    protect: bool,

    #[command(flatten)]
    waiting: Waiting,
}

/// How long `--backups` and `--protect` wait for a creation, even if nothing else does.
const COMPLETION_TIMEOUT: Duration = Duration::from_secs(300);

/// How long the record of a new server is written again while the database is unavailable.
const RECORD_TIMEOUT: Duration = Duration::from_secs(30);

const EXIT_CODES: &str = "\
Example:
  hcc create web1 --type cx23,cx33 --location fsn1,nbg1 --ssh-key laptop --label env=prod

Several types and locations, separated by commas, are tried in this order. They can be defaults, too:
  hcc config set type cx23,cx33

Exit codes: 0 created, or it exists as requested; 2 invalid input; 3 a type, image, location or key
does not exist or is withdrawn; 4 the name belongs to a server that is not managed or differs, or a limit is reached;
5 no token, or one without permission; 6 sold out, locked, or being deleted: try again later;
7 timeout: the creation goes on";

impl Create {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let options = self.options()?;
        let project = config.project(Guard::Managed).await?;
        let project = project.with_record_timeout(RECORD_TIMEOUT);
        if stderr().is_terminal() {
            let quote = project.quote(&self.name, &options).await?;
            eprintln!("hcc: {}", describe(&self.name, &quote));
        }
        let actions = self.create(&project, &options).await;
        if let Err(error) = &actions
            && let Some(Error::Differs { differences, .. }) = error.cause()
        {
            out.document_for_programs(&Existing {
                name: self.name.as_str(),
                differences,
            })?;
        }
        if let Err(error) = &actions
            && let Some(Error::Unrecorded {
                password: Some(password),
                ..
            }) = error.cause()
        {
            // Nothing else has it.
            let password = password.expose_secret();
            out.result(password, &Unrecorded { password })?;
        }
        let mut actions = actions?;
        self.warn_of_lost_password(&project).await?;
        if options.backups || options.protect {
            if self.waiting.timeout().is_none() {
                // Hetzner refuses both until the server exists.
                let wait = project.wait(actions.clone(), COMPLETION_TIMEOUT, |_| {});
                let waited = cancel_on_signal(async { Ok(wait.await?) }).await;
                waited.map_err(|error| goes_on(error, &actions))?;
            }
            let complete = async || Ok(project.complete(&self.name, &options).await?);
            let timeout = self.waiting.timeout_before_request();
            let started = retry_while_busy(&self.name, timeout, complete).await?;
            actions.extend(self.waiting.wait(&project, started).await?);
        }
        next_steps::print(&out, config, &self.name, Next::Created).await;
        out.done(&Done::new(&self.name, &actions))
    }

    fn options(&self) -> Result<CreateOptions> {
        let defaults = self.defaults.clone();
        let mut options = CreateOptions::default();
        options.server_type = self.r#type.clone().or(defaults.server_type);
        options.image = self.image.clone().or(defaults.image);
        options.location = self.location.clone().or(defaults.location);
        options.ssh_keys.clone_from(&self.ssh_keys);
        options.user_data = self.user_data.as_deref().map(read).transpose()?;
        let labels = self.labels.iter().filter_map(|label| label.split_once('='));
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        options.labels = labels.collect();
        options.networks.clone_from(&self.networks);
        options.firewalls.clone_from(&self.firewalls);
        options.volumes.clone_from(&self.volumes);
        options.placement_group.clone_from(&self.placement_group);
        options.without_ipv4 = self.without_ipv4;
        options.backups = self.backups;
        options.protect = self.protect;
        Ok(options)
    }

    /// Says so if the response to the creation had no root password.
    async fn warn_of_lost_password(&self, project: &Project) -> Result<()> {
        let name = &self.name;
        let record = project.store().get(name.as_str()).await;
        let record = record.map_err(Error::from)?;
        if record.is_some_and(|it| it.pw.is_none() && it.nopw == Some(NoPassword::Lost)) {
            eprintln!(
                "hcc: the response to the creation of {name} was lost or had no root password; \
                 run hcc passwd {name} to set a new one"
            );
        }
        Ok(())
    }

    /// Creates the server, or brings an existing one to what was requested.
    async fn create(&self, project: &Project, options: &CreateOptions) -> Result<Vec<Action>> {
        let name = &self.name;
        let mut resumed = Vec::new();
        loop {
            let mut places = Vec::new();
            let request = async || {
                places.clear();
                let create = project.create_with_progress(name, options, |progress| {
                    places.extend(place(progress));
                });
                // An interruption between the request and its record would lose the root password.
                finish(async { Ok(create.await?) }).await
            };
            let timeout = self.waiting.timeout_before_request();
            let wait = |actions| self.waiting.wait(project, actions);
            match retry_while_busy(name, timeout, request).await? {
                CreateOutcome::Created(actions) => {
                    report_sold_out(name, places);
                    return wait(actions).await;
                }
                CreateOutcome::Resumed(actions) => {
                    eprintln!("hcc: {name} already exists, but is not running yet");
                    resumed.extend(wait(actions).await?);
                    if self.waiting.timeout().is_none() {
                        return Ok(resumed);
                    }
                }
                _ if resumed.is_empty() => {
                    eprintln!("hcc: {name} already exists");
                    return Ok(resumed);
                }
                _ => return Ok(resumed),
            }
        }
    }
}

/// The root password of a server that could not be recorded.
#[derive(Serialize)]
struct Unrecorded<'a> {
    password: &'a str,
}

/// A server that is not what was requested, for programs.
#[derive(Serialize)]
struct Existing<'a> {
    name: &'a str,
    differences: &'a [Difference],
}

/// A type in a location.
fn place(progress: CreateProgress) -> Option<String> {
    let CreateProgress::Requesting {
        server_type,
        location,
    } = progress
    else {
        return None;
    };
    Some(match location {
        Some(location) => format!("{server_type} in {location}"),
        None => server_type,
    })
}

/// Says where a server was created if other places were sold out.
fn report_sold_out(name: &ServerName, mut places: Vec<String>) {
    if let Some(place) = places.pop()
        && !places.is_empty()
    {
        let sold_out = places.join(", ");
        eprintln!("hcc: not available: {sold_out}; {name} is created as {place}");
    }
}

/// What is ordered, and what it costs.
fn describe(name: &ServerName, quote: &Quote) -> String {
    let Quote { options, .. } = quote;
    let server_type = options.server_type.as_deref().unwrap_or_default();
    let image = options.image.as_deref().unwrap_or_default();
    let mut description = format!("{name}: {server_type} with {image}");
    if let Some(location) = &options.location {
        description += &format!(" in {location}");
    }
    let currency = quote.currency.as_deref().unwrap_or_default();
    let price = |hourly: f64, monthly: f64| {
        let hourly = with_currency(format!("{hourly:.4}"), currency);
        let monthly = with_currency(format!("{monthly:.2}"), currency);
        format!("{hourly} per hour, at most {monthly} per month")
    };
    if let Some(total) = &quote.total {
        let included = match (options.without_ipv4, options.backups) {
            (true, false) => "",
            (true, true) => " with backups",
            (false, false) => " with an IPv4 address",
            (false, true) => " with an IPv4 address and backups",
        };
        let price = price(total.hourly_gross, total.monthly_gross);
        description += &format!("{included}, {price}");
    } else if let Some(server) = &quote.price
        && let (Some(hourly), Some(monthly)) =
            (gross(&server.price_hourly), gross(&server.price_monthly))
    {
        description += &format!(", server only: {}", price(hourly, monthly));
    }
    description
}

fn gross(price: &Price) -> Option<f64> {
    price.gross.as_ref()?.to_f64()
}

fn read(path: &Path) -> Result<SecretString> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    Ok(text
        .context(|| format!("cannot read {}", path.display()))?
        .into())
}
