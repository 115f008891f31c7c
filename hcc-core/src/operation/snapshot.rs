//! `snapshot`: copies of a server's disk, which are billed by their size.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Permission;
use crate::description::{Argument, ArgumentKind, Description, Form};

/// Creates, lists or deletes snapshots of the disk.
///
/// A command creates at most one snapshot: it carries the label `hcc-command` with the id of the
/// command, by which a repetition finds it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Snapshot {
    /// Create one.
    Create {
        /// The description; by default Hetzner chooses one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// Labels of the snapshot.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
    },
    /// Read the list into the record of the server.
    List {},
    /// Delete one. Safe to repeat.
    Delete {
        /// The id, or `newest` or `oldest`.
        image: String,
    },
}

impl Snapshot {
    pub(super) const DESCRIPTION: Description = Description::new(
        "snapshot",
        &[
            Form::new("Create a snapshot of a server's disk", Permission::Snapshot)
                .named("create")
                .once()
                .arguments(&[
                    Argument::optional(
                        "description",
                        ArgumentKind::Text,
                        "Description [default: Hetzner chooses one]",
                        "before-upgrade",
                    ),
                    Argument::optional(
                        "labels",
                        ArgumentKind::Map,
                        "Label of the snapshot",
                        "env=prod",
                    ),
                ]),
            Form::new("List the snapshots of a server", Permission::View).named("list"),
            Form::new("Delete a snapshot of a server", Permission::Snapshot)
                .named("delete")
                .destructive()
                .arguments(&[Argument::required(
                    "image",
                    ArgumentKind::Text,
                    "Id of the snapshot, or newest or oldest",
                    "oldest",
                )]),
        ],
    )
    .about("Create, list or delete snapshots")
    .phrase("change the snapshots of");
}

impl Default for Snapshot {
    fn default() -> Self {
        Self::Create {
            description: None,
            labels: BTreeMap::new(),
        }
    }
}

#[cfg(feature = "worker")]
pub(crate) use self::meaning::{COMMAND, SCHEDULE, label_value};

#[cfg(feature = "worker")]
mod meaning {
    use hcloud_api::{CreateImage, Image, ImageType, Labels, ListImages};

    use super::Snapshot;
    use crate::operation::{Executed, Execution};
    use crate::{Error, Result, Verb};

    /// The key of the label with the id of the command that created a snapshot.
    pub(crate) const COMMAND: &str = "hcc-command";

    /// The key of the label with the id of the schedule that created a snapshot.
    pub(crate) const SCHEDULE: &str = "hcc-schedule";

    impl Snapshot {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            match self {
                Self::Create {
                    description,
                    labels,
                } => {
                    let mut labels = Labels::try_from(labels.clone())?;
                    if let Some(kept) = &on.delivery.schedule {
                        labels = labels.with(SCHEDULE, label_value(&kept.schedule))?;
                    }
                    let create = CreateImage {
                        description: description.clone(),
                        kind: Some(ImageType::Snapshot),
                        labels: labels.with(COMMAND, label_value(on.delivery.id.as_str()))?,
                    };
                    create_once(on, &create).await
                }
                Self::List {} => on.saved_images(ImageType::Snapshot).await,
                Self::Delete { image } => on.delete_image(ImageType::Snapshot, image).await,
            }
        }
    }

    /// Creates a snapshot unless this command has created one: it may have been requested by a
    /// worker that was killed, or again by hand.
    async fn create_once(on: &Execution<'_>, create: &CreateImage) -> Result<Executed> {
        if let Some(image) = created(on).await? {
            return resume(on, image).await;
        }
        let servers = on.project.api.servers();
        match servers.create_image(on.server.id, create).await {
            Ok(created) => {
                let note = format!("snapshot {}", created.image.id);
                let actions = created.action.into_iter().collect();
                Ok(Executed::running(actions).with_note(note).with_images())
            }
            Err(error) if error.may_have_taken_effect() => {
                let found = created(on).await;
                let unconfirmed = || Error::Unconfirmed {
                    name: on.server.name.clone(),
                    verb: Verb::Snapshot,
                };
                let image = found.ok().flatten().ok_or_else(unconfirmed)?;
                resume(on, image).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the snapshot of this command.
    async fn created(on: &Execution<'_>) -> Result<Option<Image>> {
        let id = label_value(on.delivery.id.as_str());
        let selector = format!("{COMMAND}={id}").parse();
        let filter = ListImages {
            kind: vec![ImageType::Snapshot],
            label_selector: Some(selector.expect("key and value are valid")),
            ..ListImages::default()
        };
        Ok(on.project.api.images().list(&filter).first().await?)
    }

    async fn resume(on: &Execution<'_>, image: Image) -> Result<Executed> {
        let id = image.id.number();
        let action = on.started("create_image", |action| {
            let mut resources = action.resources.iter();
            resources.any(|resource| resource.id == id)
        });
        let actions = action.await?.into_iter().collect();
        let note = format!("snapshot {id}");
        Ok(Executed::running(actions).with_note(note).with_images())
    }

    /// Returns an id in the form of a label's value: other programs may have chosen it.
    pub(crate) fn label_value(id: &str) -> String {
        let letters = id.chars().filter(char::is_ascii_alphanumeric);
        let letters: Vec<char> = letters.collect();
        letters[letters.len().saturating_sub(63)..].iter().collect()
    }
}
