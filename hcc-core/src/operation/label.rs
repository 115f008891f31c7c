//! `label`: the labels of a server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::description::{Argument, ArgumentKind, Description, Form};

/// Sets or removes labels, except the one of managed servers. Safe to repeat.
///
/// It is for administrators, since permissions may depend on labels.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Label {
    /// Set these labels, and keep the others.
    Set {
        /// The labels.
        labels: BTreeMap<String, String>,
    },
    /// Remove labels.
    Remove {
        /// Their keys.
        keys: Vec<String>,
    },
}

impl Label {
    pub(super) const DESCRIPTION: Description = Description::new(
        "label",
        &[
            Form::for_admins("Set labels of a server")
                .named("set")
                .arguments(&[Argument::required(
                    "labels",
                    ArgumentKind::Map,
                    "Label",
                    "env=prod",
                )]),
            Form::for_admins("Remove labels of a server")
                .named("remove")
                .arguments(&[Argument::required(
                    "keys",
                    ArgumentKind::List,
                    "Key of a label",
                    "env",
                )]),
        ],
    )
    .about("Set or remove labels")
    .phrase("change the labels of");
}

impl Default for Label {
    fn default() -> Self {
        let labels = BTreeMap::new();
        Self::Set { labels }
    }
}

#[cfg(feature = "worker")]
mod meaning {
    use hcloud_api::UpdateServer;

    use super::Label;
    use crate::operation::{Executed, Execution};
    use crate::{Error, Result};

    impl Label {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let mut labels = on.server.labels.clone();
            match self {
                Self::Set { labels: set } => {
                    for (key, value) in set {
                        check(on, key)?;
                        labels.insert(key, value)?;
                    }
                }
                Self::Remove { keys } => {
                    for key in keys {
                        check(on, key)?;
                        labels.remove(key);
                    }
                }
            }
            if labels == on.server.labels {
                return Ok(Executed::noted("the labels were already so"));
            }
            // The API replaces the whole set.
            let change = UpdateServer {
                labels: Some(labels),
                ..UpdateServer::default()
            };
            on.project
                .api
                .servers()
                .update(on.server.id, &change)
                .await?;
            Ok(Executed::default())
        }
    }

    fn check(on: &Execution<'_>, key: &str) -> Result<()> {
        if key == on.project.settings.label {
            return Err(Error::InvalidArgument {
                argument: "label",
                value: key.to_owned(),
                reason: "it marks managed servers; use settag or deltag".to_owned(),
            });
        }
        Ok(())
    }
}
