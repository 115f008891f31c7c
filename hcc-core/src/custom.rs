//! Commands of other programs, next to those of hcc.

use hcc_store::Record;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::authz::Permission;
use crate::{InvalidRequest, Permissions, ServerName};

/// A command of your own: its arguments, and what the queue, the worker and web services need to
/// know about it.
///
/// A web service submits it with [`Frontend::submit_custom`](crate::Frontend::submit_custom); a
/// worker with a handler for it, `Worker::with_command`, executes it. Commands of one server are
/// executed in the order in which they were submitted, whatever their kind.
///
/// ```
/// use hcc_core::{CustomCommand, Permission, Repetition};
/// use serde::{Deserialize, Serialize};
///
/// /// Replaces the disk of a server by its newest backup.
/// #[derive(Serialize, Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct RebuildFromBackup {
///     /// The backup, if not the newest.
///     #[serde(default, skip_serializing_if = "Option::is_none")]
///     image: Option<u64>,
/// }
///
/// impl CustomCommand for RebuildFromBackup {
///     const VERB: &'static str = "rebuild-from-backup";
///     const PERMISSION: Option<Permission> = Some(Permission::Reset);
///     const REPETITION: Repetition = Repetition::Once;
/// }
/// ```
pub trait CustomCommand: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name in the queue. Names and aliases of a [`Verb`](crate::Verb) are reserved.
    const VERB: &'static str;

    /// The permission for a server that its users need; by default they must be administrators.
    const PERMISSION: Option<Permission> = None;

    /// Whether it may be executed a second time; by default it may.
    const REPETITION: Repetition = Repetition::Allowed;
}

/// Whether a command may be executed again if an attempt failed, or was interrupted.
///
/// A command is delivered again if the worker died, lost its lease or was stopped, or if its handler
/// failed for a reason that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// A second execution does no harm.
    Allowed,
    /// A second execution could have an effect of its own: a command that is delivered again becomes a
    /// dead letter with the code `outcome_unknown`, and is executed again only if it is retried by
    /// hand.
    Once,
}

/// What an [`Authorizer`](crate::Authorizer) is asked about a [`CustomCommand`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CustomRequest<'a> {
    /// The name in the queue.
    pub verb: &'a str,
    /// The permission that the command needs; administrators need none.
    pub permission: Option<Permission>,
    /// The server.
    pub server: &'a ServerName,
    /// The user who requested it, if known.
    pub by: Option<&'a str>,
}

impl Permissions {
    /// Returns whether a command of another program is allowed for a server, given its record.
    pub fn allows_custom<C: CustomCommand>(&self, server: &ServerName, record: &Record) -> bool {
        self.allows_with(C::PERMISSION, server, Some(record))
    }
}

/// Returns the command in its form in the queue.
pub(crate) fn queued<C: CustomCommand>(
    command: &C,
    server: &ServerName,
    by: Option<&str>,
) -> Result<hcc_queue::Command, InvalidRequest> {
    let args = serde_json::to_value(command).map_err(|source| InvalidRequest::CustomArguments {
        verb: C::VERB.to_owned(),
        source,
    })?;
    Ok(hcc_queue::Command {
        args,
        by: by.map(Into::into),
        ..hcc_queue::Command::new(C::VERB, server.as_str())
    })
}
