//! Syncing the servers of many jobs with few requests, and again until they are where the jobs lead them.

use std::collections::HashMap;
use std::convert::Infallible;

use hcloud_api::ServerStatus;
use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use super::lookout::Lookout;
use super::shift::Shift;
use crate::{Scope, ServerName, SyncOutcome};

type Answer = Result<SyncOutcome, Failure>;

/// A server whose record a job wants to be fresh.
pub(super) struct Wanted {
    server: ServerName,
    /// What its status is going to be.
    expected: Option<ServerStatus>,
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
        self.ask(server, None).await
    }

    /// The same, and goes on after the answer until the server has this status, for some minutes.
    pub(super) async fn follow(&self, server: &ServerName, to: ServerStatus) -> Answer {
        self.ask(server, Some(to)).await
    }

    async fn ask(&self, server: &ServerName, expected: Option<ServerStatus>) -> Answer {
        let (answer, answered) = oneshot::channel();
        let wanted = Wanted {
            server: server.clone(),
            expected,
            answer,
        };
        let stopped = || Failure::later("the worker has stopped", "stopped");
        self.0.send(wanted).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

impl Shift {
    /// Syncs what is wanted, all of it at once, one batch after the other: a later look is never
    /// overtaken by an earlier one.
    pub(super) async fn freshen(&self, mut wanted: mpsc::UnboundedReceiver<Wanted>) -> Infallible {
        let mut lookout = Lookout::new();
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                _ = wanted.recv_many(&mut batch, 1000) => self.sync_batch(batch, &mut lookout).await,
                () = lookout.wait() => self.look(&mut lookout).await,
            }
        }
    }

    async fn sync_batch(&self, batch: Vec<Wanted>, lookout: &mut Lookout) {
        let names = batch.iter().map(|wanted| wanted.server.clone()).collect();
        let synced = self.sync(&Scope::Names(names)).await;
        for Wanted {
            server, expected, ..
        } in &batch
        {
            if let Some(status) = expected {
                lookout.expect(server.clone(), status.clone());
            }
        }
        if let Ok(synced) = &synced {
            lookout.heed(synced);
        }
        let fates: Result<HashMap<_, _>, Failure> = synced
            .map(|all| all.into_iter().map(|one| (one.name, one.record)).collect())
            .map_err(Into::into);
        for Wanted { server, answer, .. } in batch {
            let fate = match &fates {
                Ok(fates) => Ok(fates
                    .get(server.as_str())
                    .copied()
                    .unwrap_or(SyncOutcome::Unknown)),
                Err(failure) => Err(failure.clone()),
            };
            // The job may have been given up meanwhile.
            drop(answer.send(fate));
        }
    }

    /// Looks again at the servers that are on their way.
    async fn look(&self, lookout: &mut Lookout) {
        let synced = self.sync(&Scope::Recorded(lookout.servers())).await;
        if let Ok(synced) = &synced {
            lookout.heed(synced);
        }
        self.note_service(&synced.map(drop));
    }
}
