//! How the newest commands ended, for programs that follow them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use hcc_core::{Event, Outcome};
use hcc_queue::CommandId;
use hcc_store::Record;
use tokio::sync::watch;

/// How many commands are remembered.
const MAX_ENDS: usize = 10_000;

/// A command that is no longer in the queue.
#[derive(Clone, Debug)]
pub(crate) struct EndedCommand {
    pub(crate) id: CommandId,
    pub(crate) verb: String,
    pub(crate) server: String,
    pub(crate) by: Option<String>,
    pub(crate) at: SystemTime,
    pub(crate) outcome: Outcome,
}

/// The commands that have ended since this process began.
#[derive(Debug, Default)]
pub(super) struct Ends {
    known: Mutex<Known>,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    by_id: HashMap<CommandId, EndedCommand>,
    /// The oldest first.
    order: VecDeque<CommandId>,
}

impl EndedCommand {
    /// The last command of a server.
    pub(super) fn last(record: &Record) -> Option<Self> {
        let last = record.last.as_ref()?;
        Some(Self {
            id: CommandId::from(last.id.clone()?),
            verb: last.cmd.clone(),
            server: record.name.clone(),
            by: last.by.clone(),
            at: last.at,
            outcome: Outcome::of_last(last),
        })
    }

    fn reported(event: &Event) -> Option<Self> {
        let (Event::Done(command)
        | Event::Failed(command)
        | Event::Removed(command)
        | Event::Pulled(command)) = event
        else {
            return None;
        };
        Some(Self {
            id: command.id.clone(),
            verb: command.cmd.clone(),
            server: command.server.clone(),
            by: command.by.clone(),
            at: command.at,
            outcome: event.outcome_of(&command.id)?,
        })
    }
}

impl Ends {
    /// Notes the end that an event reports.
    pub(super) fn observe(&self, event: &Event) {
        let Some(ended) = EndedCommand::reported(event) else {
            return;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let id = ended.id.clone();
        if known.by_id.insert(id.clone(), ended).is_none() {
            known.order.push_back(id);
        }
        if known.order.len() > MAX_ENDS
            && let Some(oldest) = known.order.pop_front()
        {
            known.by_id.remove(&oldest);
        }
        drop(known);
        self.changes.send_replace(());
    }

    pub(super) fn get(&self, id: &CommandId) -> Option<EndedCommand> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.by_id.get(id).cloned()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }
}
