//! `iso`: an ISO image in the drive of a server.

use serde::{Deserialize, Serialize};

use crate::Permission;
use crate::description::{Argument, ArgumentKind, Description, Form};

/// Attaches or detaches an ISO image, from which the server can boot. Safe to repeat.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Iso {
    /// Attach one, which replaces another one.
    Attach {
        /// The name or id.
        iso: String,
    },
    /// Detach the one that is attached.
    Detach {},
}

impl Iso {
    pub(super) const DESCRIPTION: Description = Description::new(
        "iso",
        &[
            Form::new("Attach an ISO image to a server", Permission::Rescue)
                .named("attach")
                .arguments(&[Argument::required(
                    "iso",
                    ArgumentKind::Text,
                    "Name or id of the ISO image",
                    "debian-13.2.0-amd64-netinst.iso",
                )]),
            Form::new("Detach the ISO image of a server", Permission::Rescue).named("detach"),
        ],
    )
    .about("Attach or detach an ISO image")
    .phrase("change the ISO image of");
}

impl Default for Iso {
    fn default() -> Self {
        let iso = String::new();
        Self::Attach { iso }
    }
}

#[cfg(feature = "worker")]
mod meaning {
    use hcloud_api::{IdOrName, IsoId};
    use serde_json::Value;

    use super::Iso;
    use crate::operation::{Executed, Execution};
    use crate::project::id_or_name;
    use crate::{Error, Result};

    impl Iso {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let servers = on.project.api.servers();
            let attached = on.server.iso.as_ref();
            let Self::Attach { iso: name } = self else {
                if attached.is_none() && on.shows("iso", Value::is_null).await? {
                    return Ok(Executed::noted("no ISO image was attached"));
                }
                return Ok(servers.detach_iso(on.server.id).await?.into());
            };
            let key: IdOrName<IsoId> = id_or_name(name);
            let found = on.project.api.isos().resolve(&key).await?;
            let iso = found.ok_or_else(|| Error::NoSuchResource {
                kind: "ISO image".to_owned(),
                name: format!("{name:?}"),
            })?;
            if attached.is_some_and(|attached| attached.id == iso.id) {
                return Ok(Executed::noted("the ISO image was already attached"));
            }
            Ok(servers.attach_iso(on.server.id, iso.id).await?.into())
        }
    }
}
