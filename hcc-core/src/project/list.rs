//! `list`: all servers, and who knows them.

use std::collections::HashSet;

use hcloud_api::{Labels, ListServers, Server};
use serde::Serialize;

use super::Project;
use super::snapshot::{created, ip4, ip6};
use crate::{Error, Result};

/// A server as `list` shows it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ServerSummary {
    /// Its name.
    pub name: String,
    /// Who knows it.
    pub known: Presence,
    /// What Hetzner says of it, unless only the records know it.
    #[serde(flatten)]
    pub remote: Option<ServerDetails>,
}

/// What Hetzner says of a listed server, named as in the records.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ServerDetails {
    /// Its id.
    pub id: u64,
    /// What it is doing, such as `running`.
    pub status: String,
    /// Its IPv4 address, if it has one.
    pub ip4: Option<String>,
    /// Its IPv6 network, if it has one.
    pub ip6: Option<String>,
    /// When it was made, as `2026-11-22 14:21:09+00:00`.
    pub created: String,
    /// Its labels.
    pub labels: Labels,
}

/// Who knows a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Hetzner and the records.
    Both,
    /// Hetzner alone.
    Remote,
    /// The records alone.
    Local,
}

impl Presence {
    /// The word that tables and programs see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Remote => "remote",
            Self::Local => "local",
        }
    }
}

impl Project {
    /// All servers of the project, then those that only the records know.
    ///
    /// # Errors
    ///
    /// Hetzner or the records cannot be reached.
    pub async fn list(&self) -> Result<Vec<ServerSummary>> {
        let all = ListServers::default();
        let servers = async { Ok::<_, Error>(self.api.servers().list(&all).all().await?) };
        let records = async { Ok::<_, Error>(self.store.list().await?) };
        let (servers, records) = tokio::try_join!(servers, records)?;

        let mut recorded: Vec<String> = records.into_iter().map(|record| record.name).collect();
        let known: HashSet<&str> = recorded.iter().map(String::as_str).collect();
        let mut listed: Vec<ServerSummary> = servers
            .into_iter()
            .map(|server| ServerSummary::remote(server, &known))
            .collect();

        let seen: HashSet<String> = listed.iter().map(|server| server.name.clone()).collect();
        recorded.retain(|name| !seen.contains(name));
        listed.extend(recorded.into_iter().map(ServerSummary::local));
        Ok(listed)
    }
}

impl ServerSummary {
    fn remote(server: Server, recorded: &HashSet<&str>) -> Self {
        Self {
            known: match recorded.contains(server.name.as_str()) {
                true => Presence::Both,
                false => Presence::Remote,
            },
            remote: Some(ServerDetails {
                id: server.id.number(),
                status: server.status.to_string(),
                ip4: ip4(&server),
                ip6: ip6(&server),
                created: created(server.created),
                labels: server.labels,
            }),
            name: server.name,
        }
    }

    fn local(name: String) -> Self {
        Self {
            name,
            known: Presence::Local,
            remote: None,
        }
    }
}
