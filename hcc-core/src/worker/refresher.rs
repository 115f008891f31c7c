//! Syncs the records of many commands together, and again until the servers have reached their status.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use hcloud_api::ServerStatus;
use tokio::sync::{mpsc, oneshot};

use super::context::WorkerContext;
use super::failure::AttemptError;
use super::status::Service;
use super::status_watch::StatusWatch;
use crate::{Scope, ServerName, SyncOutcome};

/// How many records are synced at once.
const MAX_BATCH: usize = 1000;

type Refreshed = Result<SyncOutcome, AttemptError>;

/// A handle to the task that syncs records.
#[derive(Clone, Debug)]
pub(super) struct RecordRefresher(mpsc::UnboundedSender<RefreshRequest>);

#[derive(Debug)]
struct RefreshRequest {
    server: ServerName,
    /// The status that the server is going to have.
    expected: Option<ServerStatus>,
    refreshed: oneshot::Sender<Refreshed>,
}

impl RecordRefresher {
    pub(super) fn new(context: Arc<WorkerContext>) -> (Self, RefreshTask) {
        let (sender, requests) = mpsc::unbounded_channel();
        let task = RefreshTask {
            context,
            requests,
            watch: StatusWatch::new(),
        };
        (Self(sender), task)
    }

    /// Syncs one server, in one batch with those that other commands need.
    pub(super) async fn sync(&self, server: &ServerName) -> Refreshed {
        self.request(server, None).await
    }

    /// Syncs one server, and goes on in the background until it has this status, for some minutes.
    pub(super) async fn sync_until(&self, server: &ServerName, status: ServerStatus) -> Refreshed {
        self.request(server, Some(status)).await
    }

    async fn request(&self, server: &ServerName, expected: Option<ServerStatus>) -> Refreshed {
        let (refreshed, response) = oneshot::channel();
        let request = RefreshRequest {
            server: server.clone(),
            expected,
            refreshed,
        };
        let stopped = || AttemptError::transient("the worker has stopped", "stopped");
        self.0.send(request).map_err(|_| stopped())?;
        response.await.map_err(|_| stopped())?
    }
}

/// The task that syncs records.
///
/// It syncs one batch after the other, so that a newer response is never overwritten by an older one.
pub(super) struct RefreshTask {
    context: Arc<WorkerContext>,
    requests: mpsc::UnboundedReceiver<RefreshRequest>,
    watch: StatusWatch,
}

impl RefreshTask {
    pub(super) async fn run(mut self) -> Infallible {
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                _ = self.requests.recv_many(&mut batch, MAX_BATCH) => self.sync(batch).await,
                () = self.watch.due() => self.poll_status().await,
            }
        }
    }

    async fn sync(&mut self, batch: Vec<RefreshRequest>) {
        let names = batch.iter().map(|request| request.server.clone()).collect();
        let synced = self.context.sync(&Scope::Names(names)).await;
        for request in &batch {
            if let Some(status) = &request.expected {
                self.watch.expect(request.server.clone(), status.clone());
            }
        }
        if let Ok(synced) = &synced {
            self.watch.observe(synced);
        }
        let outcomes: Result<HashMap<_, _>, AttemptError> = synced
            .map(|all| all.into_iter().map(|one| (one.name, one.record)).collect())
            .map_err(Into::into);
        for request in batch {
            let server = request.server.as_str();
            let outcome = outcomes.as_ref().map_err(Clone::clone);
            let outcome = outcome.map(|all| all.get(server).copied());
            // The command may have been cancelled meanwhile.
            drop(
                request
                    .refreshed
                    .send(outcome.map(|one| one.unwrap_or(SyncOutcome::Unknown))),
            );
        }
    }

    /// Syncs the servers that have not yet reached their status.
    async fn poll_status(&mut self) {
        let servers = self.watch.poll();
        match self.context.sync(&Scope::Recorded(servers)).await {
            Ok(synced) => {
                self.watch.observe(&synced);
                self.context.status.reached(Service::Hetzner);
            }
            Err(error) => self.context.failed(&error),
        }
    }
}
