//! `hcc kill`: deleting a server.

use std::io::{IsTerminal, stdin};

use anyhow::Result;
use hcc_core::{DeleteOutcome, ErrorKind, Project, ServerName};
use hcloud_api::Server;

use crate::age::age;
use crate::cmd::action::Done;
use crate::cmd::consent::Consent;
use crate::cmd::target::Target;
use crate::cmd::wait::Waiting;
use crate::config::Config;
use crate::output::Output;
use crate::price::money;

/// Delete a server and its record
#[derive(Debug, clap::Args)]
pub(crate) struct Kill {
    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    consent: Consent,
}

impl Kill {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let name = &self.target.name;
        let project = config.project(self.target.guard()).await?;
        if !self.consent.is_given(config) {
            let about = about(&project, name).await?;
            let question = format!("{about}Type its name to go on: ");
            self.consent.ask_for(name.as_str(), &question)?;
        }
        let actions = match project.kill(name).await? {
            DeleteOutcome::Deleted(action) => action.into_iter().collect(),
            _ => Vec::new(),
        };
        let actions = self.waiting.wait(&project, actions).await?;
        out.done(&Done::new(name, &actions))
    }
}

/// What would be deleted, for a person to read before it is.
async fn about(project: &Project, name: &ServerName) -> Result<String> {
    if !stdin().is_terminal() {
        return Ok(String::new());
    }
    match project.find_managed(name).await {
        Ok(server) => {
            let currency = project.currency().await.unwrap_or_default();
            Ok(described(&server, &currency))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Ok(format!("{name} is gone; this removes its record.\n"))
        }
        Err(error) => Err(error.into()),
    }
}

fn protection(server: &Server) -> &'static str {
    match server.protection.delete {
        true => "yes, so Hetzner will refuse",
        false => "no",
    }
}

fn described(server: &Server, currency: &str) -> String {
    let net = &server.public_net;
    let ip4 = net.ipv4.as_ref().map(|ipv4| ipv4.ip.to_string());
    let ip6 = net.ipv6.as_ref().map(|ipv6| ipv6.ip.clone());
    let addresses: Vec<String> = ip4.into_iter().chain(ip6).collect();
    let price = server.server_type.price(&server.location.name);
    let facts = [
        ("id", Some(server.id.to_string())),
        ("status", Some(server.status.to_string())),
        ("address", Some(addresses.join(", "))),
        ("age", Some(age(server.created))),
        (
            "price",
            price.map(|price| {
                let monthly = format!("{:.2}", price.price_monthly.gross);
                format!("{} a month", money(monthly, currency))
            }),
        ),
        ("protected", Some(protection(server).to_owned())),
    ];
    let facts = facts
        .into_iter()
        .filter_map(|(name, fact)| Some((name, fact?)));
    let facts = facts.filter(|(_, fact)| !fact.is_empty());
    let facts: String = facts
        .map(|(name, fact)| format!("  {name:10}{fact}\n"))
        .collect();
    format!("This deletes {} with its disk:\n{facts}", server.name)
}
