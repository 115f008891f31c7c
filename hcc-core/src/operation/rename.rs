//! `rename`: another name for a server and its record.

use serde::{Deserialize, Serialize};

use crate::description::{Argument, ArgumentKind, Description, Form};

/// Gives a server another name. The record follows with all its fields, those of other programs
/// included, and so do the commands that were pushed for the former name.
///
/// Safe to repeat: the server is found by its id. Both names are taken until the rename has ended. It
/// is for administrators, since permissions may depend on names.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rename {
    /// The new name.
    pub to: String,
    /// The id of the server. If `None`, the server that had the name at the time of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
}

impl Rename {
    pub(super) const DESCRIPTION: Description = Description::new(
        "rename",
        &[
            Form::for_admins("Give a server another name").arguments(&[Argument::required(
                "to",
                ArgumentKind::Text,
                "New name",
                "web2",
            )]),
        ],
    );

    /// Creates an operation with this name.
    pub fn new(to: impl Into<String>) -> Self {
        let (to, id) = (to.into(), None);
        Self { to, id }
    }
}

#[cfg(feature = "worker")]
mod meaning {
    use hcc_store::Precondition;
    use hcloud_api::{ErrorCode, UpdateServer};

    use super::Rename;
    use crate::operation::{Executed, Execution};
    use crate::project::check_prefix;
    use crate::{Error, Result, ServerName};

    impl Rename {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let new: ServerName = self.to.parse()?;
            check_prefix(&new, &on.project.settings)?;
            let id = on.server.id;
            if on.server.name != self.to {
                self.reserve(on, &new).await?;
                let change = UpdateServer {
                    name: Some(self.to.clone()),
                    ..UpdateServer::default()
                };
                if let Err(error) = on.project.api.servers().update(id, &change).await {
                    let is_taken = error.code() == Some(&ErrorCode::UniquenessError);
                    if !error.may_have_taken_effect() {
                        let reserved = Precondition::Reserved;
                        on.project.store.remove(&self.to, reserved).await?;
                    }
                    return Err(if is_taken {
                        Error::NameInUse { name: new }
                    } else {
                        error.into()
                    });
                }
            }
            let store = &on.project.store;
            if on.name == &new {
                return Ok(Executed::noted("the server already had this name"));
            }
            on.project.record_new_name(on.name, &new).await?;
            on.project.rename_schedules(on.name, &new).await?;
            if !store
                .rename(on.name.as_str(), &self.to, id.number())
                .await?
            {
                // Without a record of the former name, there is no use for the reservation.
                store.remove(&self.to, Precondition::Reserved).await?;
            }
            Ok(Executed::default().renamed(new))
        }

        /// Takes the new name in the records, so that no server is created with it.
        async fn reserve(&self, on: &Execution<'_>, new: &ServerName) -> Result<()> {
            let store = &on.project.store;
            if store.reserve(&self.to).await? {
                on.project.hold(new).await?;
                return Ok(());
            }
            let record = store.get(&self.to).await?;
            let is_own = record.is_some_and(|record| {
                // An earlier delivery has reserved it.
                on.delivery.is_repeated && Precondition::Reserved.allows(&record)
            });
            if is_own {
                return Ok(());
            }
            Err(Error::NameInUse { name: new.clone() })
        }
    }
}
