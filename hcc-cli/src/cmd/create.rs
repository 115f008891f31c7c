//! `hcc create`: a new server.

use std::io::{IsTerminal, Read, stderr};
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::Context;
use hcc_core::{CreateOptions, CreateOutcome, Guard, Quote, ServerName};
use secrecy::SecretString;

use crate::cmd::action::Done;
use crate::cmd::wait::Waiting;
use crate::complete;
use crate::config::Config;
use crate::interrupt;
use crate::offered::Kind;
use crate::output::Output;
use crate::price::money;

/// What new servers are like, for `create` and `setup`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Defaults {
    /// Type of new servers
    #[arg(
        long = "type",
        value_name = "TYPE",
        env = "HCC_TYPE",
        hide_env_values = true,
        add = complete::offers(Kind::Types)
    )]
    pub(crate) server_type: Option<String>,

    /// Image of new servers
    #[arg(
        id = "image_flag",
        long = "image",
        value_name = "IMAGE",
        env = "HCC_IMAGE"
    )]
    #[arg(hide_env_values = true, add = complete::offers(Kind::Images))]
    pub(crate) image: Option<String>,

    /// Location of new servers
    #[arg(id = "location_flag", long = "location", value_name = "LOCATION")]
    #[arg(env = "HCC_LOCATION", hide_env_values = true)]
    #[arg(add = complete::offers(Kind::Locations))]
    pub(crate) location: Option<String>,
}

/// Create a server; safe to repeat, never makes two of one name
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Name of the server
    name: ServerName,

    /// Its type, such as cx23 [default: the cheapest that is available]
    #[arg(add = complete::offers(Kind::Types))]
    r#type: Option<String>,

    /// Its image, such as debian-13 [default: the newest Debian]
    #[arg(add = complete::offers(Kind::Images))]
    image: Option<String>,

    /// Its location, such as fsn1 [default: where the type is cheapest]
    #[arg(add = complete::offers(Kind::Locations))]
    location: Option<String>,

    #[command(flatten)]
    defaults: Defaults,

    /// SSH key that may log in, by name or id; without one there is a root password
    #[arg(long = "ssh-key", value_name = "KEY")]
    ssh_keys: Vec<String>,

    /// File with instructions for cloud-init; - for standard input
    #[arg(long, value_name = "FILE")]
    user_data: Option<PathBuf>,

    #[command(flatten)]
    waiting: Waiting,
}

impl Create {
    pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
        let mut order = CreateOptions::default();
        order.server_type = self.r#type.or(self.defaults.server_type);
        order.image = self.image.or(self.defaults.image);
        order.location = self.location.or(self.defaults.location);
        order.ssh_keys = self.ssh_keys;
        order.user_data = self.user_data.as_deref().map(read).transpose()?;

        let project = config.project(Guard::Managed).await?;
        if stderr().is_terminal() {
            let quote = project.quote(&self.name, &order).await?;
            eprintln!("hcc: {}", described(&self.name, &quote));
            order = quote.order;
        }
        // Cut off between the order and its record, the root password would be lost.
        let made =
            interrupt::finish(async { Ok(project.create(&self.name, &order).await?) }).await?;
        let actions = match made {
            CreateOutcome::Created(actions) => {
                interrupt::stop(self.waiting.wait(&project, actions)).await?
            }
            _ => {
                eprintln!("hcc: {} exists already", self.name);
                Vec::new()
            }
        };
        out.done(&Done::new(&self.name, &actions))
    }
}

/// What is ordered, and what it costs.
fn described(name: &ServerName, quote: &Quote) -> String {
    let Quote { order, price, .. } = quote;
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut text = format!(
        "{name}: {} with {}",
        said(&order.server_type),
        said(&order.image)
    );
    if let Some(location) = &order.location {
        text += &format!(" in {location}");
    }
    if let Some(price) = price {
        let (hourly, monthly) = (&price.price_hourly.gross, &price.price_monthly.gross);
        let currency = quote.currency.as_deref().unwrap_or_default();
        let hourly = money(format!("{hourly:.4}"), currency);
        let monthly = money(format!("{monthly:.2}"), currency);
        text += &format!(", {hourly} an hour, {monthly} a month at most");
    }
    text
}

fn read(path: &Path) -> anyhow::Result<SecretString> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    Ok(text
        .with_context(|| format!("read {}", path.display()))?
        .into())
}
