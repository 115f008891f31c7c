//! `hcc kill`: deletes a server.

use std::io::{IsTerminal, stdin};
use std::time::Duration;

use hcc_core::{DeleteOutcome, Error, ErrorKind, Project, ServerName};
use hcloud_api::{Action, Decimal, Server, ServerId};

use crate::cmd::action::Done;
use crate::cmd::args::{Confirmation, Targets, Waiting, for_each, retry_while_busy};
use crate::config::Config;
use crate::duration::age;
use crate::error::{CliError, Result};
use crate::output::Output;
use crate::output::next_steps::block;
use crate::price::with_currency;

/// Delete servers and their records
#[derive(Debug, clap::Args)]
#[command(after_help = RECORDS)]
pub(crate) struct Kill {
    #[command(flatten)]
    targets: Targets,

    /// Remove the record although none of the recorded servers exists, as with the token of
    /// another project
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    confirmation: Confirmation,
}

const RECORDS: &str = "\
Example:
  hcc kill web1

The record is removed when the server is gone. In scripts, kill waits up to 10 seconds for that,
or as --wait says, or not at all with --no-wait; the next sync removes a record that is left.";

/// How long scripts wait by default, which is enough for most deletions.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(10);

impl Kill {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let project = config.project(self.targets.guard()).await?;
        let names = self.targets.resolve(&project).await?;
        let delete =
            async |name: &ServerName, out: &Output| self.delete(&project, name, config, out).await;
        for_each(&names, &out, delete).await
    }

    async fn delete(
        &self,
        project: &Project,
        name: &ServerName,
        config: &Config,
        out: &Output,
    ) -> Result<()> {
        if !self.confirmation.is_given(config) {
            let summary = summary(project, name, config).await?;
            let question = format!("{summary}Type its name to confirm: ");
            self.confirmation.ask_for(name.as_str(), &question).await?;
        }
        let left = if out.shows_next_steps() {
            let server = project.find_managed(name).await;
            server.map_or_else(|_| Vec::new(), |server| left(&server))
        } else {
            Vec::new()
        };
        let request = async || match project.kill(name).await {
            Err(Error::OtherProject { .. }) if self.force => {
                project.remove_record(name).await?;
                Ok(DeleteOutcome::Gone)
            }
            outcome => Ok(outcome?),
        };
        let mut actions = Vec::new();
        let deleted = retry_while_busy(name, self.waiting.timeout(), request).await?;
        if let DeleteOutcome::Deleted { id, action, .. } = deleted {
            actions = self.wait(project, name, id, action).await?;
        }
        eprint!("{}", block(&left));
        // In a dry run, only a record that is left gets this far.
        let change = format!("remove the record of {name}");
        out.done_to(change, &Done::new(name, &actions))
    }

    /// Waits until the server is gone, and removes its record.
    async fn wait(
        &self,
        project: &Project,
        name: &ServerName,
        id: ServerId,
        action: Option<Action>,
    ) -> Result<Vec<Action>> {
        let started: Vec<_> = action.iter().cloned().collect();
        let requested = self.waiting.timeout();
        let by_default = self
            .waiting
            .timeout_before_request()
            .map(|_| SCRIPT_TIMEOUT);
        let Some(timeout) = requested.or(by_default) else {
            return Ok(started);
        };
        let conclude = async || {
            let waiting = self.waiting.wait_within(timeout, project, started.clone());
            let actions = waiting.await?;
            project.conclude_kill(name, id, action.as_ref()).await?;
            Ok(actions)
        };
        match retry_while_busy(name, requested, conclude).await {
            // A script that did not ask to wait continues.
            Err(error) if requested.is_none() && is_pending(&error) => Ok(started),
            concluded => {
                let actions = concluded?;
                Ok(requested.map_or(started, |_| actions))
            }
        }
    }
}

/// Whether the deletion goes on.
fn is_pending(error: &CliError) -> bool {
    let cause = error.cause().map(Error::kind);
    matches!(cause, Some(ErrorKind::TimedOut | ErrorKind::TryLater))
}

/// What would be deleted, for people to read before they confirm.
///
/// Fails if there is nothing to delete, so that this is not asked first.
async fn summary(project: &Project, name: &ServerName, config: &Config) -> Result<String> {
    match project.find_managed(name).await {
        Ok(_) if !stdin().is_terminal() => Ok(String::new()),
        Ok(server) => {
            let currency = project.currency().await.unwrap_or_default();
            Ok(describe(&server, &currency))
        }
        Err(Error::NoSuchServer { .. })
            if config.store().await?.get(name.as_str()).await?.is_some() =>
        {
            Ok(format!(
                "{name} no longer exists; this removes its record.\n"
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// What remains of a server after its deletion, and is still billed.
fn left(server: &Server) -> Vec<(&'static str, String)> {
    let list = |ids: Vec<String>| ids.join(", ");
    let volumes = server.volumes.iter().map(ToString::to_string);
    let floating_ips = server.public_net.floating_ips.iter();
    let floating_ips = floating_ips.map(ToString::to_string);
    let address = server.public_net.ipv4.as_ref().and_then(|ipv4| ipv4.ip);
    let deleted = match address {
        Some(address) => format!("{} (id {}, {address})", server.name, server.id),
        None => format!("{} (id {})", server.name, server.id),
    };
    vec![
        ("deleted", deleted),
        ("volumes", list(volumes.collect())),
        ("floating", list(floating_ips.collect())),
    ]
}

fn describe(server: &Server, currency: &str) -> String {
    let net = &server.public_net;
    let ip4 = net
        .ipv4
        .as_ref()
        .and_then(|ipv4| Some(ipv4.ip?.to_string()));
    let ip6 = net.ipv6.as_ref().map(|ipv6| ipv6.ip.clone());
    let addresses: Vec<String> = ip4.into_iter().chain(ip6).collect();
    let monthly = monthly(server).map(|gross| {
        let amount = format!("{gross:.2}");
        let amount = with_currency(amount, currency);
        format!("{amount} per month with VAT, server only")
    });
    let protected = if server.protection.delete {
        "yes, so Hetzner will refuse"
    } else {
        "no"
    };
    let facts = [
        ("id", server.id.to_string()),
        ("status", server.status.to_string()),
        ("address", addresses.join(", ")),
        ("age", server.created.map(age).unwrap_or_default()),
        ("price", monthly.unwrap_or_default()),
        ("protected", protected.to_owned()),
    ];
    format!(
        "This deletes {} and its disk:\n{}",
        server.name,
        block(&facts)
    )
}

fn monthly(server: &Server) -> Option<&Decimal> {
    let location = server.location.as_ref()?;
    let price = server.server_type.as_ref()?.price(&location.name)?;
    price.price_monthly.gross.as_ref()
}
