//! `backup`: daily backups of a server's disk, for 20 % of its price.

use serde::{Deserialize, Serialize};

use crate::Permission;
use crate::description::{Argument, ArgumentKind, Description, Form};

/// Enables, disables, lists or deletes daily backups. Safe to repeat.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Backup {
    /// Enable them.
    Enable {},
    /// Disable them, and **delete all existing ones**.
    Disable {},
    /// Read the list into the record of the server.
    List {},
    /// Delete one.
    Delete {
        /// The id, or `newest` or `oldest`.
        image: String,
    },
}

impl Backup {
    pub(super) const DESCRIPTION: Description = Description::new(
        "backup",
        &[
            Form::new("Enable the daily backups of a server", Permission::Snapshot).named("enable"),
            Form::new(
                "Disable the daily backups of a server and delete all existing ones",
                Permission::Snapshot,
            )
            .named("disable")
            .destructive(),
            Form::new("List the backups of a server", Permission::View).named("list"),
            Form::new("Delete a backup of a server", Permission::Snapshot)
                .named("delete")
                .destructive()
                .arguments(&[Argument::required(
                    "image",
                    ArgumentKind::Text,
                    "Id of the backup, or newest or oldest",
                    "oldest",
                )]),
        ],
    )
    .about("Enable, disable, list or delete daily backups")
    .phrase("change the backups of");
}

impl Default for Backup {
    fn default() -> Self {
        Self::Enable {}
    }
}

#[cfg(feature = "worker")]
mod meaning {
    use hcloud_api::ImageType;
    use serde_json::Value;

    use super::Backup;
    use crate::Result;
    use crate::operation::{Executed, Execution};

    impl Backup {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let servers = on.project.api.servers();
            let window = on.server.backup_window.as_ref();
            let is_enabled = window.is_some_and(|window| !window.is_empty());
            match self {
                Self::Enable {} if is_enabled => {
                    Ok(Executed::noted("backups were already enabled"))
                }
                Self::Disable {}
                    if !is_enabled && on.shows("backup_window", Value::is_null).await? =>
                {
                    Ok(Executed::noted("backups were not enabled"))
                }
                Self::Enable {} => Ok(servers.enable_backup(on.server.id).await?.into()),
                Self::Disable {} => {
                    let disabled = servers.disable_backup(on.server.id).await?;
                    Ok(Executed::from(disabled).with_images())
                }
                Self::List {} => on.saved_images(ImageType::Backup).await,
                Self::Delete { image } => on.delete_image(ImageType::Backup, image).await,
            }
        }
    }
}
