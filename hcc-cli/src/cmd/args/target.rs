//! The servers that a verb acts on.

use std::process::ExitCode;

use futures_util::TryStreamExt;
use hcc_core::{Error, Guard, Project, ServerName};
use hcloud_api::{LabelSelector, ListServers, ServerId};

use crate::error::{CliError, Exit, Result};
use crate::output::Output;
use crate::report;

/// Which server, and whether it must be managed.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// Name or id of the server
    pub(crate) name: ServerName,

    /// Allow a server that is not managed
    #[arg(long)]
    unmanaged: bool,
}

/// Which servers, and whether they must be managed.
#[derive(Debug, clap::Args)]
pub(crate) struct Targets {
    /// Names or ids of the servers
    #[arg(value_name = "NAME", required_unless_present = "selector")]
    pub(crate) names: Vec<ServerName>,

    #[command(flatten)]
    pub(crate) selection: Selection,
}

/// Which servers, if they are not named, and whether they must be managed.
#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    /// All managed servers with these labels, such as env=prod,!old
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = labels)]
    pub(crate) selector: Option<LabelSelector>,

    /// Allow servers that are not managed
    #[arg(long)]
    unmanaged: bool,
}

impl Target {
    pub(crate) fn guard(&self) -> Guard {
        guard(self.unmanaged)
    }
}

impl Targets {
    pub(crate) fn guard(&self) -> Guard {
        self.selection.guard()
    }

    /// Returns the names of the servers.
    pub(crate) async fn resolve(&self, project: &Project) -> Result<Vec<ServerName>> {
        self.selection.resolve(project, &self.names).await
    }
}

impl Selection {
    pub(crate) fn guard(&self) -> Guard {
        guard(self.unmanaged)
    }

    /// Returns the names of the named servers, or of those with the labels.
    pub(crate) async fn resolve(
        &self,
        project: &Project,
        names: &[ServerName],
    ) -> Result<Vec<ServerName>> {
        let Some(selector) = &self.selector else {
            return resolve_all(project, names).await;
        };
        if !names.is_empty() {
            let message = "servers are given by name or by --selector, not by both";
            return Err(CliError::usage(message));
        }
        let filter = ListServers {
            label_selector: Some(selector.clone()),
            ..ListServers::default()
        };
        let mut servers = project.api().servers().list(&filter).stream();
        let mut found = Vec::new();
        while let Some(server) = servers.try_next().await.map_err(Error::from)? {
            if self.guard().check(&server, project.settings()).is_ok() {
                found.push(server.name.parse().map_err(Error::from)?);
            }
        }
        if found.is_empty() {
            let message = format!("no managed server has the labels {selector}");
            return Err(CliError::new(Exit::NotFound, "no_such_server", message));
        }
        Ok(found)
    }
}

fn guard(unmanaged: bool) -> Guard {
    if unmanaged {
        Guard::Any
    } else {
        Guard::Managed
    }
}

/// Returns the names of servers that are given by name or id, each once.
pub(crate) async fn resolve_all(
    project: &Project,
    names: &[ServerName],
) -> Result<Vec<ServerName>> {
    let mut resolved = Vec::new();
    for name in names {
        let name = resolve(project, name).await?;
        if !resolved.contains(&name) {
            resolved.push(name);
        }
    }
    Ok(resolved)
}

/// Digits are an id or a name, but never of two servers.
async fn resolve(project: &Project, name: &ServerName) -> Result<ServerName> {
    let id = name.as_str().parse().ok().map(ServerId::new);
    let Some(id) = id else {
        return Ok(name.clone());
    };
    let servers = project.api().servers();
    let server = servers.try_get(id).await.map_err(Error::from)?;
    let Some(server) = server.filter(|server| server.name != name.as_str()) else {
        return Ok(name.clone());
    };
    let is_recorded = project.store().get(name.as_str()).await?.is_some();
    let is_name = is_recorded || {
        let named = servers.find(name.as_str()).await;
        named.map_err(Error::from)?.is_some()
    };
    if is_name {
        let message = format!(
            "{name} is ambiguous: it is the name of a server and the id of {}",
            server.name
        );
        let error = CliError::new(Exit::Refused, "ambiguous", message);
        return Err(error.hint(format!(
            "pass {}, or the id of the server with the name {name}",
            server.name
        )));
    }
    Ok(server.name.parse().map_err(Error::from)?)
}

/// Reads a selector; an empty one, as of a variable that is not set, would select all servers.
fn labels(selector: &str) -> Result<LabelSelector, Box<dyn std::error::Error + Send + Sync>> {
    if selector.trim().is_empty() {
        return Err("an empty one would select all servers".into());
    }
    Ok(selector.parse()?)
}

/// Acts on one server after the other. If one fails, the others follow all the same, and the exit code
/// is that of the first failure.
pub(crate) async fn for_each(
    names: &[ServerName],
    out: &Output,
    mut act: impl AsyncFnMut(&ServerName, &Output) -> Result<()>,
) -> Result<()> {
    if let [name] = names {
        return act(name, out).await;
    }
    let mut failed = None;
    for name in names {
        let out = out.about(name);
        if let Err(error) = act(name, &out).await {
            let error = error.about(name);
            let exit = error.exit();
            if exit.is_by_signal() {
                return Err(error);
            }
            if report::report(Err(error), &out) != ExitCode::SUCCESS {
                failed.get_or_insert(exit);
            }
        }
    }
    failed.map_or(Ok(()), |exit| Err(CliError::silent(exit)))
}
