//! `hcc create`: creates a server.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::{fs, io};

use hcc_core::{CreateOptions, CreateOutcome, Guard, Quote, ServerName};
use secrecy::SecretString;

use crate::cmd::action::Done;
use crate::cmd::args::{Defaults, Waiting};
use crate::config::Config;
use crate::error::{Context, Result};
use crate::output::Output;
use crate::platform::signals::{cancel_on_ctrl_c, finish};
use crate::price::with_currency;

/// Create a server; idempotent: a name is never created twice
#[derive(Debug, clap::Args)]
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

    /// SSH key for root, by name or id; without one there is a root password
    #[arg(long = "ssh-key", value_name = "KEY")]
    ssh_keys: Vec<String>,

    /// File with user data for cloud-init; - for standard input
    #[arg(long, value_name = "FILE")]
    user_data: Option<PathBuf>,

    #[command(flatten)]
    waiting: Waiting,
}

impl Create {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let mut options = CreateOptions::default();
        options.server_type = self.r#type.or(self.defaults.server_type);
        options.image = self.image.or(self.defaults.image);
        options.location = self.location.or(self.defaults.location);
        options.ssh_keys = self.ssh_keys;
        options.user_data = self.user_data.as_deref().map(read).transpose()?;

        let project = config.project(Guard::Managed).await?;
        if stderr().is_terminal() {
            let quote = project.quote(&self.name, &options).await?;
            eprintln!("hcc: {}", describe(&self.name, &quote));
            options = quote.options;
        }
        // An interruption between the request and its record would lose the root password.
        let create = async { Ok(project.create(&self.name, &options).await?) };
        let actions = match finish(create).await? {
            CreateOutcome::Created(actions) => {
                cancel_on_ctrl_c(self.waiting.wait(&project, actions)).await?
            }
            _ => {
                eprintln!("hcc: {} already exists", self.name);
                Vec::new()
            }
        };
        out.done(&Done::new(&self.name, &actions))
    }
}

/// What is ordered, and what it costs.
fn describe(name: &ServerName, quote: &Quote) -> String {
    let options = &quote.options;
    let server_type = options.server_type.as_deref().unwrap_or_default();
    let image = options.image.as_deref().unwrap_or_default();
    let mut description = format!("{name}: {server_type} with {image}");
    if let Some(location) = &options.location {
        description += &format!(" in {location}");
    }
    if let Some(price) = &quote.price
        && let (Some(hourly), Some(monthly)) =
            (&price.price_hourly.gross, &price.price_monthly.gross)
    {
        let currency = quote.currency.as_deref().unwrap_or_default();
        let hourly = with_currency(format!("{hourly:.4}"), currency);
        let monthly = with_currency(format!("{monthly:.2}"), currency);
        description += &format!(", {hourly} per hour, at most {monthly} per month");
    }
    description
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
