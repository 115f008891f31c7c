//! `list`: all servers and records.

use std::collections::HashSet;

use hcloud_api::{Labels, ListServers, Server, SkippedItem};
use serde::Serialize;

use super::Project;
use super::snapshot::{created, ip4, ip6};
use super::sync::may_be;
use crate::{Error, Result};

/// An entry of the list of all servers and records.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ServerSummary {
    /// The name.
    pub name: String,
    /// Whether a server, a record or both exist.
    pub known: Presence,
    /// The properties of the server, unless there is only a record, or the response about the
    /// server could not be decoded.
    #[serde(flatten)]
    pub remote: Option<ServerDetails>,
}

/// The properties of a listed server, named as in the records.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ServerDetails {
    /// The id.
    pub id: u64,
    /// The status, such as `running`.
    pub status: String,
    /// The IPv4 address, if any.
    pub ip4: Option<String>,
    /// The IPv6 network, if any.
    pub ip6: Option<String>,
    /// The time of the creation, as `2026-11-22 14:21:09+00:00`; `None` if unknown.
    pub created: Option<String>,
    /// The labels.
    pub labels: Labels,
}

/// Where a server is present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// At Hetzner and in the records.
    Both,
    /// At Hetzner only.
    Remote,
    /// In the records only.
    Local,
}

impl Presence {
    /// Returns the name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Remote => "remote",
            Self::Local => "local",
        }
    }
}

impl Project {
    /// Returns all servers of the project, then the records without a server.
    ///
    /// # Errors
    ///
    /// The request to Hetzner fails, or the records cannot be read.
    pub async fn list(&self) -> Result<Vec<ServerSummary>> {
        let all = ListServers::default();
        let servers = self.api.servers().list(&all);
        let servers = async { Ok::<_, Error>(servers.all_with_deviations(|_| {}).await?) };
        let records = async { Ok::<_, Error>(self.store.list().await?) };
        let (servers, records) = tokio::try_join!(servers, records)?;

        let skipped: Vec<SkippedItem> = servers.skipped().cloned().collect();
        let known: HashSet<&str> = records.iter().map(|record| record.name.as_str()).collect();
        let mut listed: Vec<ServerSummary> = servers
            .items
            .into_iter()
            .map(|server| ServerSummary::remote(server, &known))
            .collect();

        let seen: HashSet<String> = listed.iter().map(|server| server.name.clone()).collect();
        let others = records
            .into_iter()
            .filter(|record| !seen.contains(&record.name));
        listed.extend(others.map(|record| ServerSummary {
            known: if skipped.iter().any(|item| may_be(item, &record)) {
                Presence::Both
            } else {
                Presence::Local
            },
            name: record.name,
            remote: None,
        }));
        Ok(listed)
    }
}

impl ServerSummary {
    fn remote(server: Server, recorded: &HashSet<&str>) -> Self {
        Self {
            known: if recorded.contains(server.name.as_str()) {
                Presence::Both
            } else {
                Presence::Remote
            },
            remote: Some(ServerDetails {
                id: server.id.number(),
                status: server.status.to_string(),
                ip4: ip4(&server),
                ip6: ip6(&server),
                created: server.created.map(created),
                labels: server.labels,
            }),
            name: server.name,
        }
    }
}
