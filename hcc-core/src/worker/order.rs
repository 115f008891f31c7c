//! The order of commands that were pushed for different names of one server.
//!
//! The queue orders the commands of each name. After a rename those for the former name, which follow
//! the server, and those for the new one are executed in the order of their pushes: before a command is
//! executed, it waits for the first command of each other name that its server has or had, if that is
//! earlier. So the earliest one of all never waits, and no two are executed at a time.
//!
//! Which names these are is noted before Hetzner renames the server. A command for the new name either
//! finds the note and waits, or was leased before it was written; then the rename waits for that
//! command. All this is in the databases, so it holds for any number of workers, whichever are killed.

use std::time::{Duration, SystemTime};

use hcc_queue::{Entry, Lease, Received, State};
use hcc_store::{Attachment, Precondition};
use serde_json::json;
use tokio::time::timeout;

use super::execute::Executor;
use super::failure::AttemptError;
use crate::operation::{Operation, Rename};
use crate::project::delivery::Delivery;
use crate::project::names::seconds;
use crate::{Command, Error, Frontend, Listener, Request, ServerName};

/// How long to wait for an event before the queue is checked, as events may be lost.
const RECHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a command is known to wait.
const WAITING_TTL: Duration = Duration::from_secs(24 * 3600);

/// By how many seconds clocks may differ where only a longer wait depends on it.
const TOLERANCE: f64 = 1.0;

impl Executor {
    /// Waits until the commands have ended that were pushed earlier for other names of the server.
    /// Returns its name then, which it may have been given after the push.
    pub(super) async fn wait_for_turn(
        &self,
        lease: &Lease,
        delivery: &Delivery,
    ) -> Result<String, AttemptError> {
        let turn = Turn {
            executor: self,
            lease,
            delivery,
            request: Request::try_from(&lease.command).ok(),
        };
        if turn.earlier().await?.is_some() {
            lease.idle(turn.come()).await?;
        }
        turn.current_name().await
    }
}

/// A command that may have to wait.
struct Turn<'a> {
    executor: &'a Executor,
    lease: &'a Lease,
    delivery: &'a Delivery,
    /// `None` if it is a command of another program.
    request: Option<Request>,
}

impl Turn<'_> {
    async fn come(&self) -> Result<(), AttemptError> {
        let context = &self.executor.context;
        let (store, queue) = (context.store.clone(), context.queue.clone());
        let key = waiting_key(&self.lease.command);
        let until = SystemTime::now() + WAITING_TTL;
        let decision = Attachment::Decision;
        store.attach(decision, &key, &json!({}), until).await?;
        let mut listener = Frontend::new(store.clone(), queue).listen().await?;
        while let Some(earlier) = self.earlier().await? {
            // After a timeout the queue is checked.
            if let Ok(ended) = timeout(RECHECK_INTERVAL, ended(&mut listener, &earlier)).await {
                ended?;
            }
        }
        store.take_attachment(decision, &key).await?;
        Ok(())
    }

    /// Returns a command that must end first.
    async fn earlier(&self) -> Result<Option<Entry>, AttemptError> {
        let project = self.executor.context.project();
        let own = &self.lease.command.server;
        let server = self.current_name().await?;
        let former = project.names(&server).await?.former;
        let former = former.into_iter().map(|former| (former.name, former.at));
        for (name, until) in former.chain([(server.clone(), None)]) {
            if name == *own {
                continue;
            }
            let first = self.first(&name).await?;
            if let Some(first) = first.filter(|first| self.is_after(first, until)) {
                return Ok(Some(first));
            }
        }
        self.in_the_way_of_a_rename(&server).await
    }

    /// Returns the name that the server has now, unless another one has its former name.
    async fn current_name(&self) -> Result<String, AttemptError> {
        let mut server = self.lease.command.server.clone();
        while let Some(new) = self.new_name(&server).await? {
            server = new;
        }
        Ok(server)
    }

    async fn new_name(&self, server: &str) -> Result<Option<String>, AttemptError> {
        let context = &self.executor.context;
        let names = context.project().names(server).await?;
        let new = names.new_name(self.delivery.pushed);
        let Some(new) = new else {
            return Ok(None);
        };
        let stays = match self.request.as_ref().map(|request| &request.command) {
            Some(Command::Create(_)) => true,
            // It was this one, which may not have ended.
            Some(Command::Operation(Operation::Rename(rename))) => rename.to == new.as_str(),
            _ => false,
        };
        if stays {
            return Ok(None);
        }
        let Some(record) = context.store.get(server).await? else {
            return Ok(Some(new.to_string()));
        };
        // A sync that began before the rename may have written a record again.
        let renamed = context.store.get(new.as_str()).await?;
        let is_same = record.id.is_some() && renamed.is_some_and(|it| it.id == record.id);
        Ok(is_same.then(|| new.to_string()))
    }

    /// Returns a command for the new name that a rename must not overtake or meet.
    async fn in_the_way_of_a_rename(&self, server: &str) -> Result<Option<Entry>, AttemptError> {
        let context = &self.executor.context;
        let Some(request) = &self.request else {
            return Ok(None);
        };
        let Command::Operation(Operation::Rename(Rename { to, .. })) = &request.command else {
            return Ok(None);
        };
        let (Ok(old), Ok(new)) = (server.parse::<ServerName>(), to.parse::<ServerName>()) else {
            return Ok(None);
        };
        if old == new {
            return Ok(None);
        }
        let first = self.first(to).await?;
        if first
            .as_ref()
            .is_some_and(|first| self.is_after(first, None))
        {
            return Ok(first);
        }
        let record = context.store.get(to).await?;
        let is_free = record.is_none_or(|record| Precondition::Reserved.allows(&record));
        if !is_free {
            // The rename fails, or was completed by an earlier delivery.
            return Ok(None);
        }
        let record = context.store.get(server).await?;
        let request = Request {
            server: Some(old.clone()),
            ..request.clone()
        };
        let authorized = self.executor.authorize(&request, &old, record.as_ref());
        authorized.await?;
        context.project().note_rename(&old, &new).await?;
        let Some(first) = self.first(to).await? else {
            return Ok(None);
        };
        let key = waiting_key(&first.command);
        let is_waiting = context.store.attachment(Attachment::Decision, &key);
        let is_executed = matches!(first.state, State::Leased(_)) && is_waiting.await?.is_none();
        Ok(is_executed.then_some(first))
    }

    async fn first(&self, name: &str) -> Result<Option<Entry>, AttemptError> {
        let commands = self.executor.context.queue.commands();
        Ok(commands.first(name).await.map_err(Error::from)?)
    }

    /// Whether the command was pushed after the first one of another name, if that was pushed by then.
    fn is_after(&self, first: &Entry, until: Option<f64>) -> bool {
        let (command, first) = (&self.lease.command, &first.command);
        let (Some(own), Some(at)) = (command.at, first.at) else {
            return false;
        };
        let earlier_by = own.duration_since(at).unwrap_or_default();
        let pushed = seconds(self.delivery.pushed) - earlier_by.as_secs_f64();
        (at, &first.id) < (own, &command.id)
            && until.is_none_or(|until| pushed <= until + TOLERANCE)
    }
}

/// Waits for an event that says that a command has ended, or for a gap in the events.
async fn ended(listener: &mut Listener, command: &Entry) -> crate::Result<()> {
    loop {
        match listener.next().await? {
            Received::Lagged => return Ok(()),
            Received::Message(event) if event.outcome_of(&command.command.id).is_some() => {
                return Ok(());
            }
            Received::Message(_) => {}
        }
    }
}

/// Where a command that waits for its turn is noted.
fn waiting_key(command: &hcc_queue::Command) -> String {
    format!("{} waits", command.id)
}
