//! `rescue`: the rescue system, from which the next boot starts.

use serde::{Deserialize, Serialize};

use crate::Permission;
use crate::description::{Argument, ArgumentKind, Description, Form};

/// Enables or disables the rescue system for the next boot.
///
/// Safe to repeat: a repetition sets another root password, and the newest one is valid.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Rescue {
    /// Enable it for one boot within the next 60 minutes.
    Enable {
        /// Names or ids of SSH keys of the project.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ssh_keys: Vec<String>,
    },
    /// Disable it, so that the next boot starts from the disk.
    Disable {},
}

impl Rescue {
    pub(super) const DESCRIPTION: Description = Description::new(
        "rescue",
        &[
            Form::new(
                "Boot a server into the rescue system next time",
                Permission::Rescue,
            )
            .named("enable")
            .brings_password()
            .arguments(&[Argument::optional(
                "ssh_keys",
                ArgumentKind::List,
                "SSH key for root in the rescue system, by name or id",
                "laptop",
            )]),
            Form::new("Boot a server from its disk again", Permission::Rescue).named("disable"),
        ],
    )
    .about("Enable or disable the rescue system")
    .phrase("use the rescue system of");
}

impl Default for Rescue {
    fn default() -> Self {
        let ssh_keys = Vec::new();
        Self::Enable { ssh_keys }
    }
}

#[cfg(feature = "worker")]
mod meaning {
    use hcloud_api::EnableRescue;
    use serde_json::Value;

    use super::Rescue;
    use crate::operation::{Executed, Execution};
    use crate::project::id_or_name;
    use crate::{Error, ResourceKind, Result};

    impl Rescue {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let servers = on.project.api.servers();
            let Self::Enable { ssh_keys } = self else {
                let is_off = |value: &Value| value == &Value::Bool(false);
                if !on.server.rescue_enabled && on.shows("rescue_enabled", is_off).await? {
                    return Ok(Executed::noted("the rescue system was not enabled"));
                }
                return Ok(servers.disable_rescue(on.server.id).await?.into());
            };
            let mut rescue = EnableRescue::default();
            for name in ssh_keys {
                let key = id_or_name(name);
                let found = on.project.api.ssh_keys().resolve(&key);
                let key = found.await?.ok_or_else(|| Error::NoSuchResource {
                    kind: ResourceKind::SshKey.to_string(),
                    name: format!("{name:?}"),
                })?;
                rescue.ssh_keys.push(key.id);
            }
            let enabled = servers.enable_rescue(on.server.id, &rescue).await?;
            let executed = Executed::from(enabled);
            Ok(match executed.password {
                None if !ssh_keys.is_empty() => {
                    executed.with_note("the response has no root password; log in with an SSH key")
                }
                _ => executed.requiring_password(),
            })
        }
    }
}
