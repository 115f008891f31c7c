//! `resize`: another type for a server.

use serde::{Deserialize, Serialize};

use crate::Permission;
use crate::description::{Argument, ArgumentKind, Description, Form};

/// Changes the type of a server, which must be off, unless a restart is requested.
///
/// Safe to repeat: a server that has the type already is not changed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Resize {
    /// The type, such as `cx33`.
    pub r#type: String,
    /// Whether the disk grows too, after which the type cannot become smaller again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disk: bool,
    /// Whether the server is shut down before, and started afterwards.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
}

impl Resize {
    pub(super) const DESCRIPTION: Description = Description::new(
        "resize",
        &[
            Form::new("Change the type of a server", Permission::Resize).arguments(&[
                Argument::required("type", ArgumentKind::Text, "Type, such as cx33", "cx33"),
                Argument::optional(
                    "disk",
                    ArgumentKind::Switch,
                    "Grow the disk too, after which the type cannot become smaller again",
                    "",
                ),
                Argument::optional(
                    "restart",
                    ArgumentKind::Switch,
                    "Shut the server down before, and start it afterwards",
                    "",
                ),
            ]),
        ],
    );

    /// Creates an operation that keeps the disk, for a server that is off.
    pub fn new(r#type: impl Into<String>) -> Self {
        Self {
            r#type: r#type.into(),
            ..Self::default()
        }
    }

    /// Requests a shutdown before, and a start afterwards.
    #[must_use]
    pub fn with_restart(self) -> Self {
        let restart = true;
        Self { restart, ..self }
    }
}

#[cfg(feature = "worker")]
mod meaning {
    use std::time::Duration;

    use hcloud_api::{Action, ChangeServerType, ServerStatus};

    use super::Resize;
    use crate::operation::{Executed, Execution};
    use crate::project::{Selection, id_or_name};
    use crate::{Error, ErrorKind, Failure, Power, Result};

    /// How long the operating system may take to shut down before the power is cut.
    const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(60);

    impl Resize {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let current = on.server.server_type.as_ref();
            let has_type = current.is_some_and(|current| {
                current.name == self.r#type || current.id.to_string() == self.r#type
            });
            let is_off = on.server.status == ServerStatus::Off;
            if has_type && !(self.restart && is_off) {
                return Ok(Executed::noted("the server already had this type"));
            }
            if has_type {
                on.start().await?;
                return Ok(Executed::default());
            }
            let is_stopped = is_off && on.has_been_stopped().await?;
            let changed = self.change(on, is_off).await;
            if self.restart && changed.as_ref().is_err_and(is_dry_run) {
                return Err(self.unsent(on, is_off).await);
            }
            if !self.restart || (changed.is_err() && is_off && !is_stopped) {
                return changed.map(|()| Executed::default());
            }
            // A server that could not be changed is started as well.
            on.start_unless_running().await?;
            changed.map_err(final_error)?;
            Ok(Executed::default())
        }

        async fn change(&self, on: &Execution<'_>, is_off: bool) -> Result<()> {
            if self.restart && !is_off {
                on.shut_down(SHUTDOWN_TIMEOUT).await?;
            }
            match self.request(on).await {
                Ok(action) => on.wait(vec![action]).await,
                Err(error) => {
                    let location = on.server.location.as_ref().map(|it| it.name.as_str());
                    let selection = Selection::default().at(&self.r#type, location);
                    Err(on.explain(selection, error.into()).await)
                }
            }
        }

        async fn request(&self, on: &Execution<'_>) -> hcloud_api::Result<Action> {
            let change = ChangeServerType {
                upgrade_disk: self.disk,
                ..ChangeServerType::new(id_or_name(&self.r#type))
            };
            let servers = on.project.api.servers();
            servers.change_type(on.server.id, &change).await
        }

        /// Returns the requests that a dry run does not send.
        async fn unsent(&self, on: &Execution<'_>, is_off: bool) -> Error {
            let switch = |power| on.project.switch(on.server.id, power);
            let mut unsent = Vec::new();
            if !is_off {
                unsent.extend(switch(Power::Stop).await.err());
            }
            unsent.extend(self.request(on).await.err());
            unsent.extend(switch(Power::Start).await.err());
            Error::DryRun { requests: unsent }
        }
    }

    /// Returns the error of a change that must not be repeated, since each attempt would shut the server
    /// down again.
    fn final_error(error: Error) -> Error {
        let failure = Failure::from(&error);
        match error.kind() {
            ErrorKind::TryLater | ErrorKind::TimedOut => Error::CommandFailed(Box::new(Failure {
                kind: ErrorKind::Failed,
                ..failure
            })),
            _ => error,
        }
    }

    fn is_dry_run(error: &Error) -> bool {
        matches!(error.api(), Some(hcloud_api::Error::DryRun { .. }))
    }

    impl Execution<'_> {
        async fn start(&self) -> Result<()> {
            let started = self.project.switch(self.server.id, Power::Start).await?;
            self.wait(vec![started]).await
        }

        async fn start_unless_running(&self) -> Result<()> {
            let server = self.project.api.servers().get(self.server.id).await?;
            match server.status {
                ServerStatus::Running => Ok(()),
                _ => self.start().await,
            }
        }

        /// Returns whether an earlier delivery has switched the server off.
        async fn has_been_stopped(&self) -> Result<bool> {
            if !self.delivery.is_repeated {
                return Ok(false);
            }
            let shutdown = self.started("shutdown_server", |_| true).await?;
            Ok(shutdown.is_some() || self.started("stop_server", |_| true).await?.is_some())
        }
    }
}
