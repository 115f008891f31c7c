//! One execution of an operation.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use hcloud_api::{Action, Method, RootAccess, Server};
use secrecy::SecretString;
use serde_json::Value;

use crate::project::Selection;
use crate::project::delivery::Delivery;
use crate::{Error, Power, Project, Result, ServerName, Verb};

/// A wait for actions.
pub(crate) type Wait<'a> = &'a (
        dyn Fn(Vec<Action>) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> + Send + Sync
    );

/// One execution of an operation.
pub(crate) struct Execution<'a> {
    pub(crate) project: &'a Project,
    /// The name by which the server was requested.
    pub(crate) name: &'a ServerName,
    /// The server as it is now; it may be changed.
    pub(crate) server: &'a Server,
    pub(crate) verb: Verb,
    pub(crate) delivery: &'a Delivery,
    pub(crate) wait: Wait<'a>,
}

/// What an operation has done so far.
#[derive(Default)]
#[non_exhaustive]
pub struct Executed {
    /// The actions that are still running.
    pub actions: Vec<Action>,
    /// What there is to know in addition.
    pub note: Option<String>,
    /// The new root password, which nothing else has.
    pub password: Option<SecretString>,
    /// What was read, for programs.
    pub data: Option<Value>,
    /// The new name of the server.
    pub renamed: Option<ServerName>,
    /// Whether the recorded root password is not valid any more.
    pub(crate) replaces_password: bool,
    /// Whether the response lacks the password that was requested.
    pub(crate) lacks_password: bool,
    /// Whether its snapshots or backups may have changed.
    pub(crate) changes_images: bool,
}

/// How a request was sent that takes effect once.
pub(super) enum Sent<T> {
    /// Now, with this response.
    Now(T),
    /// Before, by this action.
    Before(Action),
}

impl Execution<'_> {
    /// Waits until all actions have succeeded.
    pub(super) async fn wait(&self, actions: Vec<Action>) -> Result<()> {
        (self.wait)(actions).await
    }

    /// Sends a request that takes effect once for all deliveries of a command, unless an action shows
    /// that it did.
    pub(super) async fn once<T>(
        &self,
        action: &str,
        request: impl AsyncFnOnce() -> hcloud_api::Result<T>,
    ) -> Result<Sent<T>> {
        if self.delivery.is_repeated {
            if let Some(action) = self.started(action, |_| true).await? {
                return Ok(Sent::Before(action));
            }
        }
        match request().await {
            Err(error) if error.may_have_taken_effect() => {
                let started = self.started(action, |_| true).await;
                let unconfirmed = || Error::Unconfirmed {
                    name: self.server.name.clone(),
                    verb: self.verb,
                };
                let action = started.ok().flatten().ok_or_else(unconfirmed)?;
                Ok(Sent::Before(action))
            }
            response => Ok(Sent::Now(response?)),
        }
    }

    /// Returns the newest such action that was started since the command was pushed.
    pub(super) async fn started(
        &self,
        command: &str,
        is_wanted: impl Fn(&Action) -> bool,
    ) -> Result<Option<Action>> {
        let (id, since) = (self.server.id, self.delivery.pushed);
        let is_wanted = |action: &Action| action.command == command && is_wanted(action);
        self.project.started_since(id, since, is_wanted).await
    }

    /// Returns whether a field of the server has a value that says that there is nothing to do. A value
    /// that is missing or odd, and decoded as the default, may be any.
    pub(super) async fn shows(&self, field: &str, is_off: impl Fn(&Value) -> bool) -> Result<bool> {
        let path = format!("/servers/{}", self.server.id);
        let request = self.project.api.request(Method::GET, path);
        let response: Value = request.send().await?;
        let value = response.get("server").and_then(|server| server.get(field));
        Ok(value.is_some_and(is_off))
    }

    /// Explains why Hetzner refused a type or an image, as for a creation.
    pub(super) async fn explain(&self, selection: Selection, error: Error) -> Error {
        match error {
            Error::Api(error) => self.project.explain(&selection, *error).await,
            error => error,
        }
    }

    /// Shuts the server down, and cuts its power after the timeout.
    pub(super) async fn shut_down(&self, timeout: Duration) -> Result<()> {
        let id = self.server.id;
        let stop = self.project.switch(id, Power::Stop).await?;
        self.wait(vec![stop]).await?;
        if !self.project.is_off_by_id(id, timeout).await? {
            let force = self.project.switch(id, Power::Force).await?;
            self.wait(vec![force]).await?;
        }
        Ok(())
    }
}

impl Executed {
    /// With running actions.
    pub(super) fn running(actions: Vec<Action>) -> Self {
        Self {
            actions,
            ..Self::default()
        }
    }

    /// Nothing was to be done.
    pub(super) fn noted(note: impl Into<String>) -> Self {
        Self::default().with_note(note)
    }

    pub(super) fn with_note(self, note: impl Into<String>) -> Self {
        let note = Some(note.into());
        Self { note, ..self }
    }

    pub(super) fn with_data(self, data: Value) -> Self {
        let data = Some(data);
        Self { data, ..self }
    }

    pub(super) fn with_images(self) -> Self {
        let changes_images = true;
        Self {
            changes_images,
            ..self
        }
    }

    pub(super) fn replacing_password(self) -> Self {
        let replaces_password = true;
        Self {
            replaces_password,
            ..self
        }
    }

    /// Requires a password: the operation is for nothing else.
    pub(super) fn requiring_password(self) -> Self {
        let lacks_password = self.password.is_none();
        Self {
            lacks_password,
            ..self
        }
    }

    /// Checks that a password which was requested is known.
    ///
    /// # Errors
    ///
    /// [`Error::NoPassword`].
    pub(crate) fn require_password(&self, name: &ServerName) -> Result<()> {
        if self.lacks_password {
            return Err(Error::NoPassword { name: name.clone() });
        }
        Ok(())
    }

    pub(super) fn renamed(self, name: ServerName) -> Self {
        let renamed = Some(name);
        Self { renamed, ..self }
    }
}

impl From<Action> for Executed {
    fn from(action: Action) -> Self {
        Self::running(vec![action])
    }
}

impl From<RootAccess> for Executed {
    fn from(access: RootAccess) -> Self {
        Self {
            password: access.root_password,
            ..Self::running(access.action.into_iter().collect())
        }
    }
}

/// Without the password and what was read.
impl fmt::Debug for Executed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executed")
            .field("actions", &self.actions)
            .field("note", &self.note)
            .field("renamed", &self.renamed)
            .finish_non_exhaustive()
    }
}
