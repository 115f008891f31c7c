//! `rebuild`: another system on the same server.

use serde::{Deserialize, Serialize};

use crate::Permission;
use crate::description::{Argument, ArgumentKind, Description, Form};

/// Overwrites the disk with an image: **everything on it is lost**.
///
/// Executed at most once: a repetition looks for the action of an earlier delivery. If the response
/// was lost, so is the root password.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rebuild {
    /// The name of an image, such as `debian-13`, or the id of a snapshot or backup.
    pub image: String,
}

impl Rebuild {
    pub(super) const DESCRIPTION: Description = Description::new(
        "rebuild",
        &[Form::new(
            "Overwrite the disk of a server with an image",
            Permission::Rebuild,
        )
        .once()
        .brings_password()
        .destructive()
        .arguments(&[Argument::required(
            "image",
            ArgumentKind::Text,
            "Image, such as debian-13, or the id of a snapshot or backup",
            "debian-13",
        )])],
    );

    /// Creates an operation with this image.
    pub fn new(image: impl Into<String>) -> Self {
        let image = image.into();
        Self { image }
    }
}

#[cfg(feature = "worker")]
mod meaning {
    use hcloud_api::RebuildServer;

    use super::Rebuild;
    use crate::operation::execution::Sent;
    use crate::operation::{Executed, Execution};
    use crate::project::{Selection, id_or_name};
    use crate::{NamedResource, ResourceKind, Result};

    impl Rebuild {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let servers = on.project.api.servers();
            let rebuild = RebuildServer::new(id_or_name(&self.image));
            let mut salvaged = None;
            let sent = on.once("rebuild_server", async || {
                let rebuilt = servers.rebuild(on.server.id, &rebuild).await;
                let salvage = rebuilt.as_ref().err().and_then(hcloud_api::Error::salvage);
                salvaged = salvage.and_then(|salvage| salvage.root_password.clone());
                rebuilt
            });
            let sent = match sent.await {
                Err(error) => {
                    let image = NamedResource::new(ResourceKind::Image, &self.image);
                    let selection = Selection {
                        image: Some(image),
                        ..Selection::default()
                    };
                    return Err(on.explain(selection, error).await);
                }
                Ok(sent) => sent,
            };
            let (executed, unknown) = match sent {
                Sent::Now(access) => (
                    Executed::from(access),
                    "the response has no root password, as of a server with SSH keys",
                ),
                Sent::Before(action) => (
                    Executed::from(action),
                    "the root password was lost; set another one with passwd",
                ),
            };
            let password = executed.password.or(salvaged);
            let executed = Executed {
                password,
                ..executed
            };
            Ok(match &executed.password {
                Some(_) => executed.replacing_password(),
                None => executed.replacing_password().with_note(unknown),
            })
        }
    }
}
