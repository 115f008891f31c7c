//! Handlers of commands of other programs.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use hcc_queue::CommandId;
use hcloud_api::{Action, Server};
use serde_json::{Map, Value};

use super::execute::Executor;
use super::failure::AttemptError;
use crate::{CustomCommand, Failure, InvalidRequest, Permission, Project, Repetition, Verb};

/// One execution of a [`CustomCommand`]; the argument of its handler.
#[non_exhaustive]
pub struct Call<C> {
    /// The command.
    pub command: C,
    /// The server, as it is now at Hetzner; it is managed.
    pub server: Server,
    /// Client, records and settings.
    pub project: Project,
    /// The id of the command in the queue.
    pub id: CommandId,
    /// The user who requested it, if known.
    pub by: Option<String>,
    /// Whether an earlier delivery may have had an effect; never with [`Repetition::Once`].
    pub is_repeated: bool,
    executor: Arc<Executor>,
}

impl<C> Call<C> {
    /// Waits until actions have succeeded, for up to 15 minutes. The worker polls the actions of all
    /// commands together.
    ///
    /// # Errors
    ///
    /// An action has failed, or did not end in time.
    pub async fn wait(&self, actions: impl IntoIterator<Item = Action>) -> Result<(), Failure> {
        let actions = actions.into_iter().collect();
        let ended = self.executor.wait(actions).await;
        ended.map_err(|error| error.failure)
    }
}

impl<C: fmt::Debug> fmt::Debug for Call<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("command", &self.command)
            .field("server", &self.server.name)
            .field("id", &self.id)
            .field("by", &self.by)
            .field("is_repeated", &self.is_repeated)
            .finish_non_exhaustive()
    }
}

type Done = Result<Option<String>, AttemptError>;
type Run = dyn Fn(Call<Value>) -> Pin<Box<dyn Future<Output = Done> + Send>> + Send + Sync;

/// The handler of a custom command.
#[derive(Clone)]
pub(super) struct Registered {
    pub(super) verb: &'static str,
    pub(super) permission: Option<Permission>,
    pub(super) repetition: Repetition,
    run: Arc<Run>,
}

impl Registered {
    fn new<C, F>(handler: impl Fn(Call<C>) -> F + Send + Sync + 'static) -> Self
    where
        C: CustomCommand,
        F: Future<Output = Result<Option<String>, Failure>> + Send + 'static,
    {
        let run = move |call: Call<Value>| -> Pin<Box<dyn Future<Output = Done> + Send>> {
            let command = match read(call.command) {
                Ok(command) => command,
                Err(invalid) => return Box::pin(async { Err(invalid.into()) }),
            };
            let handled = handler(Call {
                command,
                server: call.server,
                project: call.project,
                id: call.id,
                by: call.by,
                is_repeated: call.is_repeated,
                executor: call.executor,
            });
            Box::pin(async { handled.await.map_err(AttemptError::of_custom) })
        };
        Self {
            verb: C::VERB,
            permission: C::PERMISSION,
            repetition: C::REPETITION,
            run: Arc::new(run),
        }
    }

    /// Executes a command for a server that may be changed.
    pub(super) async fn run(
        &self,
        executor: &Arc<Executor>,
        queued: &hcc_queue::Command,
        server: Server,
        is_repeated: bool,
    ) -> Done {
        let call = Call {
            command: queued.args.clone(),
            server,
            project: executor.context.project(),
            id: queued.id.clone(),
            by: queued.by.clone(),
            is_repeated,
            executor: Arc::clone(executor),
        };
        (self.run)(call).await
    }
}

/// Reads the arguments; other programs may leave them out.
fn read<C: CustomCommand>(args: Value) -> Result<C, InvalidRequest> {
    let args = match args {
        Value::Null => Value::Object(Map::new()),
        args => args,
    };
    let invalid = |source| InvalidRequest::CustomArguments {
        verb: C::VERB.to_owned(),
        source,
    };
    serde_json::from_value(args).map_err(invalid)
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("verb", &self.verb)
            .finish_non_exhaustive()
    }
}

/// The handlers of a worker, by verb.
#[derive(Clone, Debug, Default)]
pub(super) struct CustomCommands(HashMap<&'static str, Registered>);

impl CustomCommands {
    /// Adds a handler.
    ///
    /// # Panics
    ///
    /// The verb is taken.
    pub(super) fn add<C, F>(&mut self, handler: impl Fn(Call<C>) -> F + Send + Sync + 'static)
    where
        C: CustomCommand,
        F: Future<Output = Result<Option<String>, Failure>> + Send + 'static,
    {
        let registered = Registered::new(handler);
        let verb = registered.verb;
        let is_reserved = verb.parse::<Verb>().is_ok();
        assert!(!is_reserved, "{verb:?} is a command of hcc");
        let earlier = self.0.insert(verb, registered);
        assert!(earlier.is_none(), "{verb:?} has two handlers");
    }

    pub(super) fn get(&self, verb: &str) -> Option<&Registered> {
        self.0.get(verb)
    }
}
