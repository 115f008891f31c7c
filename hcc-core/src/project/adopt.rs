//! What `create` does about a server that has the name already.

use std::fmt::Display;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use hcc_store::{Attachment, Patch, Stage, StoreExt};
use hcloud_api::{Action, ActionSort, ActionStatus, ListActions, Server, ServerStatus, Sort};
use serde_json::json;

use super::Project;
use super::create::CreateOutcome;
use super::guard::is_managed;
use super::snapshot::snapshot;
use crate::{CreateOptions, Difference, Error, Result, ServerName};

/// How long the server of an interrupted creation gets its backups and protection from the next one.
const COMPLETION_TTL: Duration = Duration::from_secs(24 * 3600);

impl Project {
    /// Records a managed server, and brings it to what was requested as far as that is safe: one
    /// that is off because it failed to start is started.
    ///
    /// # Errors
    ///
    /// The server is being deleted, is not managed, differs from what was requested, or was
    /// switched off.
    pub(super) async fn adopt(
        &self,
        name: &ServerName,
        server: &Server,
        options: &CreateOptions,
    ) -> Result<CreateOutcome> {
        if server.status == ServerStatus::Deleting {
            return Err(Error::BeingDeleted { name: name.clone() });
        }
        if !is_managed(server, &self.settings) {
            return Err(Error::NameTaken { name: name.clone() });
        }
        let differences = self.differences(name, server, options).await?;
        let patch = Patch::new()
            .snapshot(&snapshot(server))
            .stage(Stage::Created);
        self.store.set(name.as_str(), patch).await?;
        if !differences.is_empty() {
            // Networks and volumes are attached after the creation.
            if differences.iter().all(is_attached_later) {
                if let LastChange::Running(actions) = self.last_change(server).await? {
                    return Ok(CreateOutcome::Resumed(actions));
                }
            }
            let name = name.clone();
            return Err(Error::Differs { name, differences });
        }
        if server.status == ServerStatus::Running {
            return Ok(CreateOutcome::Adopted);
        }
        let last_change = self.last_change(server).await?;
        if let LastChange::Running(actions) = last_change {
            return Ok(CreateOutcome::Resumed(actions));
        }
        // The status of before may be that of an action which has ended since.
        let servers = self.api.servers();
        let status = servers.get(server.id).await?.status;
        match (status, last_change) {
            (ServerStatus::Running, _) => Ok(CreateOutcome::Adopted),
            (ServerStatus::Off, LastChange::Failed) => {
                let action = servers.power_on(server.id).await?;
                Ok(CreateOutcome::Resumed(vec![action]))
            }
            (ServerStatus::Deleting, _) => Err(Error::BeingDeleted { name: name.clone() }),
            (status, _) => Err(Error::NotRunning {
                name: name.clone(),
                status: status.to_string(),
            }),
        }
    }

    /// Returns in which requested properties a server differs. Defaults of the settings are for new
    /// servers, and not compared.
    async fn differences(
        &self,
        name: &ServerName,
        server: &Server,
        options: &CreateOptions,
    ) -> Result<Vec<Difference>> {
        let server_type = server.server_type.as_ref();
        let server_type = server_type.map(|it| (it.id.number(), Some(it.name.as_str())));
        let location = server.location.as_ref();
        let location = location.map(|it| (it.id.number(), Some(it.name.as_str())));
        let image = server.image.as_ref();
        let image = image.map(|image| (image.id.number(), image.name.as_deref()));
        let mut differences: Vec<_> = [
            difference("type", options.server_type.as_deref(), server_type),
            difference("image", options.image.as_deref(), image),
            difference("location", options.location.as_deref(), location),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !options.ssh_keys.is_empty() {
            // Hetzner does not report the keys, but a server with keys has no root password.
            let record = self.store.get(name.as_str()).await?;
            let has_password = record
                .is_some_and(|record| record.id == Some(server.id.number()) && record.pw.is_some());
            differences.extend(has_password.then(|| Difference {
                property: "ssh_keys",
                requested: options.ssh_keys.join(", "),
                actual: "a root password".to_owned(),
            }));
        }
        let labels = options.labels.iter();
        // The label of managed servers has a value of its own.
        let labels = labels.filter(|(key, _)| **key != self.settings.label);
        differences.extend(labels.filter_map(|(key, requested)| {
            let actual = server.labels.get(key);
            (actual != Some(requested)).then(|| Difference {
                property: "labels",
                requested: format!("{key}={requested}"),
                actual: actual.map_or_else(none, |actual| format!("{key}={actual}")),
            })
        }));
        let requested = self.surroundings(options).await?;
        let net = &server.public_net;
        let networks = server.private_net.iter().filter_map(|net| net.network);
        let firewalls = net.firewalls.iter().filter_map(|firewall| firewall.id);
        let group = server.placement_group.iter().map(|group| group.id);
        let missing = [
            missing("networks", &options.networks, &requested.networks, networks),
            missing(
                "firewalls",
                &options.firewalls,
                &requested.firewalls,
                firewalls,
            ),
            missing(
                "volumes",
                &options.volumes,
                &requested.volumes,
                server.volumes.iter().copied(),
            ),
            missing(
                "placement_group",
                options.placement_group.as_slice(),
                requested.placement_group.as_slice(),
                group,
            ),
            (options.without_ipv4 && net.ipv4.is_some()).then(|| is_not("without_ipv4")),
        ];
        differences.extend(missing.into_iter().flatten());
        let lacks_backups = options.backups && server.backup_window.is_none();
        let lacks_protection = options.protect && !is_protected(server);
        if (lacks_backups || lacks_protection) && !self.is_incomplete(name).await? {
            differences.extend(lacks_backups.then(|| is_not("backups")));
            differences.extend(lacks_protection.then(|| is_not("protect")));
        }
        Ok(differences)
    }

    /// Notes that a server is created which gets backups or protection afterwards, in case that is
    /// interrupted.
    pub(super) async fn note_incomplete(&self, name: &ServerName) -> Result<()> {
        let until = SystemTime::now() + COMPLETION_TTL;
        let (key, nothing) = (incomplete_key(name), json!({}));
        let noted = self
            .store
            .attach(Attachment::Decision, &key, &nothing, until);
        Ok(noted.await?)
    }

    /// Returns whether a creation may not have set the backups or the protection of a server yet.
    async fn is_incomplete(&self, name: &ServerName) -> Result<bool> {
        let key = incomplete_key(name);
        let noted = self.store.attachment(Attachment::Decision, &key);
        Ok(noted.await?.is_some())
    }

    /// Returns what the last action was about that decides whether a server runs.
    async fn last_change(&self, server: &Server) -> Result<LastChange> {
        let newest_first = ListActions {
            sort: vec![Sort::Descending(ActionSort::Id)],
            ..ListActions::default()
        };
        let servers = self.api.servers();
        let mut actions = servers.actions_for(server.id).list(&newest_first).stream();
        let mut running = Vec::new();
        while let Some(action) = actions.try_next().await? {
            match action.status {
                ActionStatus::Running => running.push(action),
                _ if !running.is_empty() => break,
                ActionStatus::Error if decides_power(&action) => return Ok(LastChange::Failed),
                _ if decides_power(&action) => break,
                _ => {}
            }
        }
        Ok(if running.is_empty() {
            LastChange::Ended
        } else {
            LastChange::Running(running)
        })
    }
}

/// How the last change of a server ended.
enum LastChange {
    /// It has not: these actions are running.
    Running(Vec<Action>),
    /// It failed.
    Failed,
    /// It succeeded, or there was none.
    Ended,
}

/// Whether the server is on or off as a result of this action.
fn decides_power(action: &Action) -> bool {
    matches!(
        &*action.command,
        "create_server"
            | "start_server"
            | "stop_server"
            | "shutdown_server"
            | "reset_server"
            | "reboot_server"
            | "rebuild_server"
    )
}

/// Compares a requested id or name, or several, with the actual ones, as far as these are known.
fn difference(
    property: &'static str,
    requested: Option<&str>,
    actual: Option<(u64, Option<&str>)>,
) -> Option<Difference> {
    let (requested, (id, name)) = (requested?, actual?);
    let is_same = requested.split(',').map(str::trim).any(|requested| {
        let requested = match property {
            "location" => crate::location(requested),
            _ => requested,
        };
        requested.parse() == Ok(id) || name.is_none_or(|name| requested.eq_ignore_ascii_case(name))
    });
    (!is_same).then(|| Difference {
        property,
        requested: requested.to_owned(),
        actual: name.map_or_else(|| id.to_string(), str::to_owned),
    })
}

/// Compares several requested ids, by their names, with all that the server has.
fn missing<Id: Display + PartialEq>(
    property: &'static str,
    names: &[String],
    requested: &[Id],
    actual: impl Iterator<Item = Id>,
) -> Option<Difference> {
    let actual: Vec<Id> = actual.collect();
    let missing = names.iter().zip(requested);
    let missing = missing.filter(|(_, id)| !actual.contains(id));
    let missing: Vec<_> = missing.map(|(name, _)| name.as_str()).collect();
    (!missing.is_empty()).then(|| Difference {
        property,
        requested: missing.join(", "),
        actual: match actual.as_slice() {
            [] => none(),
            ids => ids.iter().map(Id::to_string).collect::<Vec<_>>().join(", "),
        },
    })
}

fn none() -> String {
    "none".to_owned()
}

fn is_not(property: &'static str) -> Difference {
    Difference {
        property,
        requested: "yes".to_owned(),
        actual: "no".to_owned(),
    }
}

fn is_attached_later(difference: &Difference) -> bool {
    matches!(difference.property, "networks" | "firewalls" | "volumes")
}

/// Whether neither a deletion nor a rebuild is accepted.
pub(super) fn is_protected(server: &Server) -> bool {
    server.protection.delete && server.protection.rebuild
}

fn incomplete_key(name: &ServerName) -> String {
    format!("complete {name}")
}
