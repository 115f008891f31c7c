//! `list`: all servers and records.

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use hcc_store::{Fields, Order};
use hcloud_api::{LabelSelector, Labels, ListServers, ListedPage, Server};
use indexmap::IndexMap;
use serde::Serialize;

use super::Project;
use super::snapshot::{ip4, ip6};
use super::sync::Unreadable;
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
    /// The name of the type, if known.
    pub r#type: Option<String>,
    /// The name of the location, if known.
    pub location: Option<String>,
    /// The name of the image, or the description of one without a name.
    pub image: Option<String>,
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
        self.list_pages(None).try_concat().await
    }

    /// Returns the same in parts, so that few of them are in memory at a time.
    ///
    /// With a selector, only those with these labels; a record without a server has none. Hetzner
    /// selects the servers, unless records without one may be selected as well.
    pub fn list_pages(
        &self,
        selector: Option<&LabelSelector>,
    ) -> BoxStream<'_, Result<Vec<ServerSummary>>> {
        let selector = selector.cloned();
        let lister = async move {
            let mut records = self.store.stream(Order::Inserted, Fields::Only(&["id"]));
            let mut unseen = IndexMap::new();
            while let Some(record) = records.try_next().await? {
                unseen.insert(record.name, Recorded::Unseen(record.id));
            }
            let selects_unlabelled = |it: &LabelSelector| it.matches(&Labels::new());
            let is_complete = selector.as_ref().is_none_or(selects_unlabelled);
            let filter = ListServers {
                label_selector: selector.clone().filter(|_| !is_complete),
                ..ListServers::default()
            };
            let lister = Lister {
                servers: self.api.servers().list(&filter).pages(),
                selector: selector.filter(|_| is_complete),
                is_complete,
                records: unseen,
                unreadable: Unreadable::default(),
                listed: 0,
            };
            Ok::<_, Error>(stream::try_unfold(lister, Lister::next))
        };
        stream::once(lister).try_flatten().boxed()
    }
}

/// How many records one part lists.
const RECORDS_PER_PART: usize = 1000;

/// Lists servers, then records without one.
struct Lister {
    servers: BoxStream<'static, hcloud_api::Result<ListedPage<Server>>>,
    /// What is listed of the servers, unless Hetzner has selected them.
    selector: Option<LabelSelector>,
    /// Whether all servers are listed, so that the others have only a record.
    is_complete: bool,
    records: IndexMap<String, Recorded>,
    unreadable: Unreadable,
    /// How many records were checked after all servers.
    listed: usize,
}

/// Whether the server of a record was listed.
#[derive(Clone, Copy)]
enum Recorded {
    Seen,
    /// With the id of the record.
    Unseen(Option<u64>),
}

impl Lister {
    async fn next(mut self) -> Result<Option<(Vec<ServerSummary>, Self)>> {
        if let Some(page) = self.servers.try_next().await? {
            self.unreadable.add(&page);
            let mut servers = Vec::new();
            for server in page.items {
                let is_selected = |it: &LabelSelector| it.matches(&server.labels);
                let is_selected = self.selector.as_ref().is_none_or(is_selected);
                let server = self.server(server);
                servers.extend(is_selected.then_some(server));
            }
            return Ok(Some((servers, self)));
        }
        self.unreadable.require_any()?;
        if !self.is_complete {
            return Ok(None);
        }
        let end = self.records.len().min(self.listed + RECORDS_PER_PART);
        let range = self.records.get_range(self.listed..end);
        let records = range.into_iter().flatten();
        let records: Vec<ServerSummary> = records
            .filter_map(|(name, recorded)| self.record(name, *recorded))
            .collect();
        if self.listed == end {
            return Ok(None);
        }
        self.listed = end;
        Ok(Some((records, self)))
    }

    fn server(&mut self, server: Server) -> ServerSummary {
        let recorded = self.records.get_mut(&server.name);
        ServerSummary {
            known: match recorded {
                Some(recorded) => {
                    *recorded = Recorded::Seen;
                    Presence::Both
                }
                None => Presence::Remote,
            },
            remote: Some(ServerDetails {
                id: server.id.number(),
                status: server.status.to_string(),
                ip4: ip4(&server),
                ip6: ip6(&server),
                created: server.created.map(|at| at.to_string()),
                r#type: server.server_type.map(|it| it.name),
                location: server.location.map(|location| location.name),
                image: server.image.map(|it| it.name.unwrap_or(it.description)),
                labels: server.labels,
            }),
            name: server.name,
        }
    }

    fn record(&self, name: &str, recorded: Recorded) -> Option<ServerSummary> {
        let Recorded::Unseen(id) = recorded else {
            return None;
        };
        Some(ServerSummary {
            name: name.to_owned(),
            known: if self.unreadable.may_include(name, id) {
                Presence::Both
            } else {
                Presence::Local
            },
            remote: None,
        })
    }
}
