//! The names that servers had, so that commands follow a renamed server in their order.

use std::time::{Duration, SystemTime};

use hcc_store::{Attachment, Precondition};
use hcloud_api::{ServerId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Project;
use crate::{Error, Result, ServerName};

/// How long commands that were pushed for the former name of a server are executed.
const RENAMED_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// How many records make way for each other.
const MAX_RENAMED: usize = 100;

/// What is known about a name: a document of [`Attachment::Renamed`].
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Names {
    /// The new name of the server that had this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// When it was given that, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<f64>,
    /// The former names of the server that has this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) former: Vec<FormerName>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct FormerName {
    pub(crate) name: String,
    /// When the server was renamed, in seconds since 1970; `None` while it is.
    pub(crate) at: Option<f64>,
}

impl Names {
    /// Returns the new name of the server that a command was pushed for, if it was renamed after that.
    pub(crate) fn new_name(&self, pushed: Timestamp) -> Option<ServerName> {
        let was_before = self.at.is_some_and(|at| seconds(pushed) <= at);
        let name = self.name.as_ref().filter(|_| was_before)?;
        name.parse().ok()
    }
}

impl Project {
    /// Returns what is known about a name.
    pub(crate) async fn names(&self, name: &str) -> Result<Names> {
        let stored = self.store.attachment(Attachment::Renamed, name).await?;
        // What another program has written there says nothing.
        let names = stored.map(serde_json::from_value);
        Ok(names.and_then(Result::ok).unwrap_or_default())
    }

    async fn set_names(&self, name: &str, names: &Names) -> Result<()> {
        let until = SystemTime::now() + RENAMED_TTL;
        let names = serde_json::to_value(names).unwrap_or(Value::Null);
        let set = self.store.attach(Attachment::Renamed, name, &names, until);
        Ok(set.await?)
    }

    /// Notes that a server is being renamed, for commands for the new name.
    pub(crate) async fn note_rename(&self, old: &ServerName, new: &ServerName) -> Result<()> {
        let mut names = self.names(new.as_str()).await?;
        if !names
            .former
            .iter()
            .any(|former| former.name == old.as_str())
        {
            names.former.push(FormerName {
                name: old.to_string(),
                at: None,
            });
            self.set_names(new.as_str(), &names).await?;
        }
        Ok(())
    }

    /// Notes that a server was not renamed.
    pub(crate) async fn forget_rename(&self, old: &ServerName, new: &ServerName) -> Result<()> {
        let mut names = self.names(new.as_str()).await?;
        let before = names.former.len();
        names
            .former
            .retain(|former| former.name != old.as_str() || former.at.is_some());
        if names.former.len() < before {
            self.set_names(new.as_str(), &names).await?;
        }
        Ok(())
    }

    /// Notes the new name of a server, for commands that were pushed for the former one. Safe to
    /// repeat.
    pub(crate) async fn record_new_name(&self, old: &ServerName, new: &ServerName) -> Result<()> {
        let mut of_old = self.names(old.as_str()).await?;
        let is_recorded = of_old.name.as_deref() == Some(new.as_str());
        if is_recorded && self.store.get(old.as_str()).await?.is_none() {
            return Ok(());
        }
        let at = Some(seconds(Timestamp::now()));
        let of_new = self.names(new.as_str()).await?;
        let inherited = of_old.former.drain(..).chain(of_new.former);
        let mut former: Vec<_> = inherited
            .filter(|it| it.name != old.as_str() && it.name != new.as_str() && it.at.is_some())
            .collect();
        former.push(FormerName {
            name: old.to_string(),
            at,
        });
        // A repetition after the first step finds the inherited names there.
        let of_new = Names {
            former,
            ..Names::default()
        };
        self.set_names(new.as_str(), &of_new).await?;
        of_old.name = Some(new.to_string());
        of_old.at = at;
        self.set_names(old.as_str(), &of_old).await
    }

    /// Gives the record of a server that was renamed by another program its new name. Safe to repeat.
    ///
    /// Returns `false`, and changes nothing, if the new name has another record.
    pub(crate) async fn follow_rename(
        &self,
        old: &ServerName,
        new: &ServerName,
        id: u64,
    ) -> Result<bool> {
        let record = self.store.get(new.as_str()).await?;
        if record.is_some_and(|record| !Precondition::Reserved.allows(&record)) {
            return Ok(false);
        }
        self.record_new_name(old, new).await?;
        self.rename_schedules(old, new).await?;
        let renamed = self.store.rename(old.as_str(), new.as_str(), id);
        Ok(renamed.await?)
    }

    /// Makes a name free of the record of a server that does not have it any more: of one that was
    /// renamed by another program, or deleted by [`kill`](Self::kill).
    pub(super) async fn vacate(&self, name: &ServerName) -> Result<()> {
        let mut renamed = Vec::new();
        let mut name = name.clone();
        while renamed.len() < MAX_RENAMED {
            let record = self.store.get(name.as_str()).await?;
            let Some(id) = record.and_then(|record| record.id) else {
                break;
            };
            let Some(new) = self.new_name(id).await? else {
                if self.is_deletion_noted(id).await? {
                    let only = Precondition::Id(id);
                    self.store.remove(name.as_str(), only).await?;
                }
                break;
            };
            if new == name {
                break;
            }
            renamed.push((name, new.clone(), id));
            // The server that had this name before may have been renamed as well.
            name = new;
        }
        for (name, new, id) in renamed.into_iter().rev() {
            if !self.follow_rename(&name, &new, id).await? {
                return Err(Error::Renamed { name, new });
            }
        }
        Ok(())
    }

    /// Returns the name that the server with this id has now.
    pub(super) async fn new_name(&self, id: u64) -> Result<Option<ServerName>> {
        let found = self.api.servers().try_get(ServerId::new(id)).await?;
        let name = found.map(|server| server.name.parse());
        name.transpose().map_err(Error::from)
    }
}

pub(crate) fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}
