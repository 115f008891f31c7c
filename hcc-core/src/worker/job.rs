//! One delivery of a command: from its lease to its outcome in record, queue and event.

use std::time::Duration;

use hcc_queue::{Error as QueueError, Lease, Queue};
use hcc_store::{Outcome, Patch, StoreExt};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, error_span, info, warn};

use super::execute::{Executor, Note};
use super::failure::Failure;
use super::in_flight::InFlight;
use crate::project::delivery::Delivery;
use crate::request::EVERY_SERVER;
use crate::{CommandEvent, Event, Request};

/// How long a cancelled request may still take to arrive at Hetzner.
const IN_FLIGHT_TTL: Duration = Duration::from_secs(60);

/// Takes deliveries from their lease to their outcome.
#[derive(Debug)]
pub(super) struct JobRunner {
    pub(super) executor: Executor,
    pub(super) in_flight: InFlight,
    /// Makes all jobs release their commands.
    pub(super) cancel: CancellationToken,
}

impl JobRunner {
    /// Executes a command while its lease is valid, then settles it: record, queue, event.
    pub(super) async fn run(&self, lease: Lease) {
        let span = span(&lease);
        self.deliver(lease).instrument(span).await;
    }

    async fn deliver(&self, lease: Lease) {
        let _in_flight = self.in_flight.start(&lease.command);
        let attempt = self.queue().hold(&lease, self.attempt(&lease));
        tokio::select! {
            biased;
            attempted = attempt => match attempted {
                Ok(Ok(note)) => self.succeed(lease, note).await,
                Ok(Err(failure)) => self.fail(lease, failure).await,
                Err(error) => log_unsettled(&error),
            },
            () = self.cancel.cancelled() => self.release(lease).await,
        }
    }

    async fn attempt(&self, lease: &Lease) -> Result<Note, Failure> {
        let command = &lease.command;
        if let Some(why) = self.queue().refusal(lease) {
            return Err(Failure::permanent(&why, "refused"));
        }
        if (&*command.verb, &*command.server) == ("sync", EVERY_SERVER) {
            return self.executor.sync_all(command.by.as_deref()).await;
        }
        let request = Request::try_from(command)?;
        self.executor.execute(&request, &Delivery::of(lease)).await
    }

    async fn succeed(&self, lease: Lease, note: Note) {
        let event = CommandEvent {
            ok: true,
            err: note.map(Into::into),
            ..CommandEvent::of(&lease.command)
        };
        self.record(&event).await;
        let settled = self.queue().ack(lease).await;
        self.finish(Event::Done(event), settled).await;
    }

    async fn fail(&self, lease: Lease, failure: Failure) {
        let queue = self.queue();
        let mut event = CommandEvent {
            code: Some(failure.code),
            err: Some(failure.message.clone()),
            ..CommandEvent::of(&lease.command)
        };
        if failure.is_transient && lease.attempt < queue.policy().attempts {
            let after = queue.policy().delay(lease.attempt);
            event.after = Some(after);
            let commands = queue.commands();
            let settled = commands.release(lease, after, &failure.message).await;
            return self.finish(Event::Delayed(event), settled).await;
        }
        self.record(&event).await;
        let settled = queue.bury(lease, &failure.message).await;
        self.finish(Event::Failed(event), settled).await;
    }

    /// Returns a command to the queue at shutdown.
    async fn release(&self, lease: Lease) {
        const WHY: &str = "the worker stopped";
        let after = match Request::try_from(&lease.command) {
            Ok(request) if request.command.is_unrepeatable() => IN_FLIGHT_TTL,
            _ => Duration::ZERO,
        };
        let event = CommandEvent {
            err: Some(WHY.to_owned()),
            after: Some(after),
            ..CommandEvent::of(&lease.command)
        };
        let settled = self.queue().commands().release(lease, after, WHY).await;
        self.finish(Event::Delayed(event), settled).await;
    }

    /// Logs and publishes how a delivery ended, if the queue has accepted it.
    async fn finish(&self, event: Event, settled: hcc_queue::Result<()>) {
        match settled {
            Ok(()) => {
                log(&event);
                self.executor.context.publish(event).await;
            }
            Err(error) => log_unsettled(&error),
        }
    }

    /// Writes the outcome of a command to the record of its server, if there is one.
    async fn record(&self, event: &CommandEvent) {
        let patch = Patch::new().last(&Outcome {
            cmd: event.cmd.clone(),
            ok: event.ok,
            err: event.err.clone(),
            at: event.at,
            by: event.by.clone(),
        });
        let store = self.executor.context.store();
        if let Err(error) = store.update(&event.server, patch).await {
            let error = &error as &dyn std::error::Error;
            warn!(error, "outcome not recorded");
        }
    }

    fn queue(&self) -> &Queue {
        &self.executor.context.queue
    }
}

/// A span of a level that no filter for warnings leaves out.
fn span(lease: &Lease) -> Span {
    let Lease {
        command, attempt, ..
    } = lease;
    error_span!(
        "command",
        command.id = command.id.as_str(),
        verb = command.verb,
        server = command.server,
        by = command.by,
        attempt
    )
}

fn log(event: &Event) {
    match event {
        Event::Done(CommandEvent { err: note, .. }) => info!(note, "command succeeded"),
        Event::Failed(CommandEvent { err, code, .. }) => {
            warn!(error = err, error.code = code, "command failed");
        }
        Event::Delayed(CommandEvent {
            err, code, after, ..
        }) => {
            let retry_in_ms = after.map(|after| after.as_millis() as u64);
            info!(
                retry_in_ms,
                error = err,
                error.code = code,
                "retry scheduled"
            );
        }
        _ => {}
    }
}

/// Logs that a command is going to be delivered again, or already was.
fn log_unsettled(error: &QueueError) {
    if let QueueError::LeaseLost { .. } = error {
        info!("lease lost");
        return;
    }
    let error = error as &dyn std::error::Error;
    warn!(
        error,
        "outcome not saved in the queue; the command will be redelivered"
    );
}
