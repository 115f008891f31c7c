//! Syncing the servers of many jobs with few requests.

use std::collections::HashMap;
use std::convert::Infallible;

use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use super::shift::Shift;
use crate::{Fate, Scope, ServerName};

type Answer = Result<Fate, Failure>;

/// A server whose record a job wants to be fresh.
pub(super) struct Wanted {
    server: ServerName,
    answer: oneshot::Sender<Answer>,
}

/// Where jobs ask for a fresh record.
#[derive(Debug)]
pub(super) struct Freshener(mpsc::UnboundedSender<Wanted>);

impl Freshener {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Wanted>) {
        let (sender, wanted) = mpsc::unbounded_channel();
        (Self(sender), wanted)
    }

    /// Syncs one server, together with those that others want meanwhile.
    pub(super) async fn sync(&self, server: &ServerName) -> Answer {
        let (answer, answered) = oneshot::channel();
        let server = server.clone();
        let stopped = || Failure::later("the worker has stopped", "stopped");
        self.0
            .send(Wanted { server, answer })
            .map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

impl Shift {
    /// Syncs what is wanted, all of it at once.
    pub(super) async fn freshen(&self, mut wanted: mpsc::UnboundedReceiver<Wanted>) -> Infallible {
        loop {
            let mut batch = Vec::new();
            wanted.recv_many(&mut batch, 1000).await;
            let names = batch.iter().map(|wanted| wanted.server.clone()).collect();
            let synced = self.sync(&Scope::Names(names)).await;
            let fates: Result<HashMap<_, _>, Failure> = synced
                .map(|all| all.into_iter().map(|one| (one.name, one.record)).collect())
                .map_err(Into::into);
            for Wanted { server, answer } in batch {
                let fate = match &fates {
                    Ok(fates) => Ok(fates.get(server.as_str()).copied().unwrap_or(Fate::Unknown)),
                    Err(failure) => Err(failure.clone()),
                };
                // The job may have been given up meanwhile.
                drop(answer.send(fate));
            }
        }
    }
}
