//! The way of one command: attempt, outcome, end.

use std::sync::Arc;
use std::time::Duration;

use hcc_queue::{Error as QueueError, Lease};
use hcc_store::{Outcome, Patch, Record, StoreExt};
use hcloud_api::{Action, ServerStatus};
use tokio::time::timeout;
use tracing::{info, warn};

use super::failure::Failure;
use super::shift::Shift;
use crate::project::delete::ExpectedServer;
use crate::project::delivery::Delivery;
use crate::request::EVERY_SERVER;
use crate::{
    Command, CommandEvent, CreateOptions, CreateOutcome, DeleteOutcome, Error, Event, Power,
    Request, Result, Scope, ServerName, SyncOutcome,
};

/// How long a job waits for an action at Hetzner.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// After how long a request that we gave up can no longer arrive at Hetzner.
const STRAYS: Duration = Duration::from_secs(60);

/// What there is to know about a command that was carried out.
type Remark = Option<&'static str>;

impl Shift {
    /// Carries out a command while its lease is good.
    pub(super) async fn carry_out(self: Arc<Self>, lease: Lease) {
        let _held = self.hold(&lease.command);
        let attempt = self.worker.queue.hold(&lease, self.attempt(&lease));
        tokio::select! {
            biased;
            attempted = attempt => match attempted {
                Ok(Ok(remark)) => self.done(lease, remark).await,
                Ok(Err(failure)) => self.failed(lease, failure).await,
                Err(error) => lost(&error),
            },
            () = self.given_up() => self.give_back(lease).await,
        }
    }

    async fn attempt(&self, lease: &Lease) -> Result<Remark, Failure> {
        if let Some(why) = self.worker.queue.refusal(lease) {
            return Err(Failure::never(&why, "refused"));
        }
        if (&*lease.command.verb, &*lease.command.server) == ("sync", EVERY_SERVER) {
            let by = lease.command.by.as_deref();
            self.worker.permit.check_sync_of_all(by).await?;
            self.sync(&Scope::Known).await?;
            return Ok(None);
        }
        let request = Request::try_from(&lease.command)?;
        let record = self.store().get(request.server.as_str()).await?;
        self.worker.permit.check(&request, record.as_ref()).await?;
        self.perform(&request, record, &Delivery::of(lease)).await
    }

    async fn perform(
        &self,
        request: &Request,
        record: Option<Record>,
        delivery: &Delivery,
    ) -> Result<Remark, Failure> {
        let (server, project) = (&request.server, self.project());
        match &request.command {
            Command::Sync => self.sync_one(server, record.is_some()).await?,
            Command::Power(power) => self.power(server, *power, delivery).await?,
            Command::Console => {
                project.console(server).await?;
                self.changed(server.as_str(), SyncOutcome::Updated).await;
                self.console_made.notify_one();
            }
            Command::Kill { id } => {
                let recorded = record.and_then(|record| record.id);
                let meant = match id {
                    Some(id) => ExpectedServer::Id(*id),
                    None => ExpectedServer::Before(delivery.pushed, recorded),
                };
                return self.kill(server, meant, delivery).await;
            }
            Command::Create(order) => return self.create(server, order).await,
            Command::Settag => {
                project.find_managed(server).await?;
                project.manage(server).await?;
                self.changed(server.as_str(), SyncOutcome::Updated).await;
            }
            Command::Deltag => {
                project.unmanage(server).await?;
                self.changed(server.as_str(), SyncOutcome::Updated).await;
            }
        }
        Ok(None)
    }

    async fn sync_one(&self, server: &ServerName, is_recorded: bool) -> Result<(), Failure> {
        if !is_recorded {
            self.project().find_managed(server).await?;
        }
        match self.freshener.sync(server).await? {
            SyncOutcome::Unknown => Err(Error::NoSuchServer {
                name: server.clone(),
            }
            .into()),
            _ => Ok(()),
        }
    }

    async fn power(
        &self,
        server: &ServerName,
        power: Power,
        delivery: &Delivery,
    ) -> Result<(), Failure> {
        let project = self.project();
        let action = match power.is_unrepeatable() {
            true => project.power_once(server, power, delivery).await?,
            false => project.power(server, power).await?,
        };
        self.until_ended(vec![action]).await?;
        self.freshen_after(server, power.leads_to()).await;
        Ok(())
    }

    async fn create(&self, server: &ServerName, order: &CreateOptions) -> Result<Remark, Failure> {
        let project = self.project();
        let (actions, remark) = match project.create(server, order).await? {
            CreateOutcome::Created(actions) => (actions, None),
            CreateOutcome::Adopted => {
                let record = self.store().get(server.as_str()).await?;
                let knows_password = record.as_ref().is_some_and(|record| record.pw.is_some());
                let remark = (order.ssh_keys.is_empty() && !knows_password)
                    .then_some("it was made before; its root password is not known");
                (project.running_actions(server).await?, remark)
            }
        };
        self.changed(server.as_str(), SyncOutcome::Adopted).await;
        self.until_ended(actions).await?;
        self.freshen_after(server, ServerStatus::Running).await;
        Ok(remark)
    }

    async fn kill(
        &self,
        server: &ServerName,
        meant: ExpectedServer,
        delivery: &Delivery,
    ) -> Result<Remark, Failure> {
        let is_named = matches!(meant, ExpectedServer::Id(_));
        match self.project().delete_expected(server, meant).await {
            Ok(DeleteOutcome::Deleted(action)) => {
                self.changed(server.as_str(), SyncOutcome::Removed).await;
                self.until_ended(action.into_iter().collect()).await?;
                Ok(None)
            }
            Ok(DeleteOutcome::Gone) => {
                self.changed(server.as_str(), SyncOutcome::Removed).await;
                Ok(Some("it was gone already"))
            }
            // We, or somebody else, did it.
            Err(Error::NoSuchServer { .. }) if is_named || delivery.is_repeated => {
                Ok(Some("it was gone already"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the actions of a command have succeeded.
    async fn until_ended(&self, actions: Vec<Action>) -> Result<(), Failure> {
        for action in actions {
            let ended = timeout(PATIENCE, self.tracker.end(action)).await;
            let Some(action) = ended.ok().flatten() else {
                return Err(Failure::later(
                    "what came of it is not known",
                    "still_running",
                ));
            };
            // It has ended, so this asks nobody; it only says how.
            self.project().wait(vec![action], PATIENCE, |_| {}).await?;
        }
        Ok(())
    }

    /// Brings a record up to what a command has done, and what comes of it.
    async fn freshen_after(&self, server: &ServerName, to: ServerStatus) {
        if let Err(failure) = self.freshener.follow(server, to).await {
            // The command is done all the same; the next cycle does this too.
            warn!(%server, failure.why, "the record was not synced");
        }
    }

    async fn done(&self, lease: Lease, remark: Remark) {
        let report = CommandEvent {
            ok: true,
            err: remark.map(Into::into),
            ..CommandEvent::of(&lease.command)
        };
        self.note(&report).await;
        let acked = self.worker.queue.ack(lease).await;
        self.end(Event::Done(report), acked).await;
    }

    async fn failed(&self, lease: Lease, failure: Failure) {
        let queue = &self.worker.queue;
        let mut report = CommandEvent {
            code: Some(failure.code),
            err: Some(failure.why.clone()),
            ..CommandEvent::of(&lease.command)
        };
        if failure.passes && lease.attempt < queue.policy().attempts {
            let after = queue.policy().delay(lease.attempt);
            report.after = Some(after);
            let released = queue.commands().release(lease, after, &failure.why).await;
            return self.end(Event::Delayed(report), released).await;
        }
        self.note(&report).await;
        let buried = queue.bury(lease, &failure.why).await;
        self.end(Event::Failed(report), buried).await;
    }

    /// Gives a command back that there is no time for.
    async fn give_back(&self, lease: Lease) {
        let after = match Request::try_from(&lease.command) {
            Ok(request) if request.command.is_unrepeatable() => STRAYS,
            _ => Duration::ZERO,
        };
        let report = CommandEvent {
            err: Some("its worker stopped".to_owned()),
            after: Some(after),
            ..CommandEvent::of(&lease.command)
        };
        let commands = self.worker.queue.commands();
        let released = commands.release(lease, after, "its worker stopped").await;
        self.end(Event::Delayed(report), released).await;
    }

    /// Tells how a delivery ended, if the queue has taken note of it.
    async fn end(&self, news: Event, noted: hcc_queue::Result<()>) {
        match noted {
            Ok(()) => {
                log(&news);
                self.tell(news).await;
            }
            Err(error) => lost(&error),
        }
    }

    /// Notes in the record, if there is one, how a command has ended.
    async fn note(&self, report: &CommandEvent) {
        let patch = Patch::new().last(&Outcome {
            cmd: report.cmd.clone(),
            ok: report.ok,
            err: report.err.clone(),
            at: report.at,
            by: report.by.clone(),
        });
        if let Err(error) = self.store().update(&report.server, patch).await {
            let error = &error as &dyn std::error::Error;
            warn!(server = report.server, error, "an outcome was not recorded");
        }
    }
}

/// Says how a delivery ended to whoever runs the worker.
fn log(news: &Event) {
    let (Event::Done(report) | Event::Failed(report) | Event::Delayed(report)) = news else {
        return;
    };
    let CommandEvent {
        cmd, server, by, ..
    } = report;
    let (why, code) = (&report.err, &report.code);
    match news {
        Event::Done(_) => info!(cmd, server, by, note = why, "done"),
        Event::Failed(_) => warn!(cmd, server, by, why, code, "failed, and laid aside"),
        _ => info!(cmd, server, by, why, code, after = ?report.after, "put off"),
    }
}

/// The command is another worker's by now, or will be.
fn lost(error: &QueueError) {
    match error {
        QueueError::LeaseLost { command } => info!(%command, "another worker has the command"),
        error => {
            let error = error as &dyn std::error::Error;
            warn!(
                error,
                "the end of a command was not noted; it is delivered again"
            );
        }
    }
}
