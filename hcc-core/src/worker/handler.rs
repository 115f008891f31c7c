//! One delivery of a command: from its lease to its outcome in record, queue and event.

use std::sync::Arc;
use std::time::Duration;

use hcc_queue::{Disposition, Error as QueueError, Handler, Lease, Outcome as Attempt, Reason};
use hcc_store::{Attachment, Patch, Schedule, StoreExt};
use tracing::{Instrument, Span, error_span, info, warn};

use super::budget::Budget;
use super::execute::Executor;
use super::failure::AttemptError;
use super::in_flight::InFlight;
use super::status::Service;
#[cfg(feature = "metrics")]
use crate::Verb;
use crate::operation::Operation;
use crate::project::delivery::{Delivery, Kept};
use crate::schedule::{Due, without_marker};
use crate::{Command, CommandEvent, Event, Failure, Outcome, Repetition, Request};

/// How long a cancelled request may still take to arrive at Hetzner.
const IN_FLIGHT_TTL: Duration = Duration::from_secs(60);

/// Handles the deliveries of a queue.
#[derive(Debug)]
pub(super) struct CommandHandler {
    pub(super) executor: Arc<Executor>,
    pub(super) in_flight: InFlight,
    pub(super) budget: Budget,
}

/// The code and the messages of a command that must not be executed twice and has no known outcome.
const OUTCOME_UNKNOWN: &str = "outcome_unknown";
const REPEATED: &str = "outcome unknown: an earlier attempt may have taken effect";
const STOPPED: &str = "outcome unknown: the worker stopped during the attempt";

/// The event to publish when the queue has saved the outcome; `None` after a panic.
type Report = Option<CommandEvent>;

impl Handler for CommandHandler {
    type Report = Report;

    async fn handle(&self, lease: Arc<Lease>) -> (Attempt, Report) {
        let delivery = Delivery::of(&lease);
        let handled = async {
            let server = match self.executor.wait_for_turn(&lease, &delivery).await {
                Ok(server) => server,
                Err(error) => return self.conclude(&lease, Err(error)).await,
            };
            let _budget = self.budget.begin().await;
            let _in_flight = self.in_flight.start(&lease.command);
            #[cfg(feature = "metrics")]
            let began = tokio::time::Instant::now();
            let attempted = self.attempt(&lease, server, delivery).await;
            #[cfg(feature = "metrics")]
            crate::metrics::record_duration(self.label(&lease), began.elapsed());
            self.note_services(&attempted);
            self.conclude(&lease, attempted).await
        };
        handled.instrument(span(&lease)).await
    }

    fn expires(&self, lease: &Lease) -> bool {
        // Its schedule says what happens to a command that comes late.
        Due::of(&lease.command).is_none()
    }

    async fn refused(&self, lease: &Lease, reason: &str) -> (Attempt, Report) {
        let refused = AttemptError::permanent(reason, "refused");
        self.conclude(lease, Err(refused)).await
    }

    fn unavailable(&self, error: &QueueError) {
        self.executor.context.queue_failed(error);
    }

    fn available(&self) {
        self.executor.context.status.reached(Service::Queue);
    }

    fn cancelled(&self, lease: &Lease) -> (Attempt, Report) {
        if self.is_once(lease) {
            let unknown = AttemptError::permanent(STOPPED, OUTCOME_UNKNOWN).failure;
            let outcome = Outcome::Failed(unknown);
            let reason = Reason::new(STOPPED, outcome.to_value());
            let event = CommandEvent::ended(&lease.command, outcome);
            return (Attempt::Dead(reason), Some(event));
        }
        let delay = match Request::try_from(&lease.command) {
            Ok(request) if request.command.is_unrepeatable() => IN_FLIGHT_TTL,
            _ => Duration::ZERO,
        };
        let reason = "the worker stopped".to_owned();
        let event = unfinished(lease, &reason);
        (Attempt::Release { delay, reason }, Some(event))
    }

    async fn settled(
        &self,
        lease: &Lease,
        report: Report,
        settled: hcc_queue::Result<Disposition>,
    ) {
        let event = report.unwrap_or_else(|| unfinished(lease, "the handler panicked"));
        let finished = async {
            match settled {
                Ok(disposition) => {
                    #[cfg(feature = "metrics")]
                    crate::metrics::record_command(self.label(lease), disposition);
                    self.publish(event, disposition).await;
                }
                Err(error) => log_unsettled(&error),
            }
        };
        finished.instrument(span(lease)).await;
    }
}

impl CommandHandler {
    async fn attempt(
        &self,
        lease: &Lease,
        server: String,
        delivery: Delivery,
    ) -> Result<Option<String>, AttemptError> {
        let Some(due) = Due::of(&lease.command) else {
            let command = hcc_queue::Command {
                server,
                ..lease.command.clone()
            };
            return self.execute(&command, &delivery).await;
        };
        let context = &self.executor.context;
        let Some(schedule) = context.begin_due(&due, lease).await? else {
            return Ok(Some("already carried out".to_owned()));
        };
        let command = hcc_queue::Command {
            // The server may have been renamed.
            server: schedule.server.clone(),
            args: without_marker(&lease.command.args),
            ..lease.command.clone()
        };
        let delivery = Delivery {
            schedule: Some(kept(&schedule)),
            ..delivery
        };
        let note = self.execute(&command, &delivery).await?;
        context
            .end_due(&due, &Outcome::Done { note: note.clone() })
            .await?;
        Ok(note)
    }

    async fn execute(
        &self,
        command: &hcc_queue::Command,
        delivery: &Delivery,
    ) -> Result<Option<String>, AttemptError> {
        let context = &self.executor.context;
        let Some(custom) = context.custom.get(&command.verb) else {
            let request = Request::try_from(command)?;
            let note = self.executor.execute(&request, delivery).await?;
            return Ok(note.map(Into::into));
        };
        let is_once = custom.repetition == Repetition::Once;
        if is_once && delivery.is_repeated {
            return Err(AttemptError::permanent(REPEATED, OUTCOME_UNKNOWN));
        }
        let executed = self.executor.execute_custom(custom, command, delivery);
        executed.await.map_err(|error| AttemptError {
            is_transient: error.is_transient && !is_once,
            ..error
        })
    }

    /// Returns the name of a verb for metrics; those that other programs make up share one.
    #[cfg(feature = "metrics")]
    fn label(&self, lease: &Lease) -> &'static str {
        let verb = &lease.command.verb;
        let custom = self.executor.context.custom.get(verb);
        custom.map_or_else(
            || verb.parse().map_or("other", Verb::wire),
            |custom| custom.verb,
        )
    }

    /// Whether the command must not be executed twice.
    fn is_once(&self, lease: &Lease) -> bool {
        let custom = self.executor.context.custom.get(&lease.command.verb);
        custom.is_some_and(|custom| custom.repetition == Repetition::Once)
    }

    /// Notes which services an attempt has shown to work or not.
    fn note_services(&self, attempted: &Result<Option<String>, AttemptError>) {
        let context = &self.executor.context;
        match attempted {
            Ok(_) => {
                context.status.reached(Service::Hetzner);
                context.status.reached(Service::Store);
            }
            Err(AttemptError {
                error: Some(error), ..
            }) => context.failed(error),
            Err(_) => {}
        }
    }

    /// Decides what the queue does with a command, and records the outcome if it is final.
    async fn conclude(
        &self,
        lease: &Lease,
        attempted: Result<Option<String>, AttemptError>,
    ) -> (Attempt, Report) {
        let context = &self.executor.context;
        let (attempt, outcome) = match attempted {
            Ok(note) => (Attempt::Done, Outcome::Done { note }),
            Err(error) => {
                let cause = error.error.as_deref();
                let failure = Failure {
                    hint: cause
                        .and_then(|cause| (context.hints.0)(cause))
                        .or(error.failure.hint),
                    ..error.failure
                };
                let message = failure.message.clone();
                let outcome = Outcome::Failed(failure);
                let reason = Reason::new(message, outcome.to_value());
                if error.is_transient {
                    (Attempt::Retry(reason), outcome)
                } else {
                    (Attempt::Dead(reason), outcome)
                }
            }
        };
        let event = CommandEvent::ended(&lease.command, outcome);
        let disposition = context.queue.disposition(lease, &attempt);
        if !matches!(disposition, Disposition::Retry(_)) {
            self.end_due(lease, &event).await;
            self.end_rename(lease, &event).await;
            self.record(&event).await;
        }
        (attempt, Some(event))
    }

    /// Notes the failure of a command in its schedule, if it comes from one; success was noted before.
    async fn end_due(&self, lease: &Lease, event: &CommandEvent) {
        let failed = event.outcome.as_ref().filter(|it| !it.is_done());
        let Some((due, failed)) = Due::of(&lease.command).zip(failed) else {
            return;
        };
        if let Err(error) = self.executor.context.end_due(&due, failed).await {
            let error = &error as &dyn std::error::Error;
            warn!(error, "outcome not noted in the schedule");
        }
    }

    /// Forgets that a server is being renamed if that has failed.
    async fn end_rename(&self, lease: &Lease, event: &CommandEvent) {
        if event.outcome.as_ref().is_none_or(Outcome::is_done) {
            return;
        }
        let Ok(Request {
            server: Some(server),
            command: Command::Operation(Operation::Rename(rename)),
            ..
        }) = Request::try_from(&lease.command)
        else {
            return;
        };
        let Ok(new) = rename.to.parse() else { return };
        let project = self.executor.context.project();
        if let Err(error) = project.forget_rename(&server, &new).await {
            let error = &error as &dyn std::error::Error;
            warn!(error, "rename not forgotten");
        }
    }

    /// Writes the outcome of a command to the record of its server, if there is one, and tells the
    /// authorizer.
    async fn record(&self, event: &CommandEvent) {
        if let Err(error) = self.executor.context.authorizer.ended(event).await {
            let error = &error as &dyn std::error::Error;
            warn!(error, "outcome not audited");
        }
        let patch = Patch::new().last(&event.last());
        let store = self.executor.context.store();
        let record = async {
            if store.update(&event.server, patch.clone()).await? {
                return Ok(());
            }
            // The server may have been renamed meanwhile.
            let renamed = store.attachment(Attachment::Renamed, &event.server).await?;
            if let Some(name) = renamed.as_ref().and_then(|it| it["name"].as_str()) {
                store.update(name, patch).await?;
            }
            Ok::<_, hcc_store::Error>(())
        };
        if let Err(error) = record.await {
            let error = &error as &dyn std::error::Error;
            warn!(error, "outcome not recorded");
        }
    }

    /// Logs and publishes an outcome that the queue has saved.
    async fn publish(&self, mut event: CommandEvent, disposition: Disposition) {
        let CommandEvent { err, code, .. } = &event;
        let api = match &event.outcome {
            Some(Outcome::Failed(failure)) => failure.api.as_deref(),
            _ => None,
        };
        let correlation_id = api.and_then(|api| api.correlation_id.as_deref());
        let details = api.map(|api| api.lines.join("; "));
        let details = details.filter(|details| !details.is_empty());
        let event = match disposition {
            Disposition::Done => {
                info!(note = err, "command succeeded");
                Event::Done(event)
            }
            Disposition::Retry(after) => {
                let retry_in_ms = after.as_millis() as u64;
                info!(
                    retry_in_ms,
                    error = err,
                    error.code = code,
                    error.details = details,
                    error.correlation_id = correlation_id,
                    "retry scheduled"
                );
                event.after = Some(after);
                event.outcome = None;
                Event::Delayed(event)
            }
            Disposition::Dead => {
                warn!(
                    error = err,
                    error.code = code,
                    error.details = details,
                    error.correlation_id = correlation_id,
                    "command failed"
                );
                Event::Failed(event)
            }
        };
        self.executor.context.publish(event).await;
    }
}

fn kept(schedule: &Schedule) -> Kept {
    Kept {
        schedule: schedule.id.clone(),
        newest: schedule.keep,
    }
}

/// The outcome of a command that was not executed to its end.
fn unfinished(lease: &Lease, why: &str) -> CommandEvent {
    CommandEvent {
        err: Some(why.to_owned()),
        ..CommandEvent::of(&lease.command)
    }
}

/// Returns the span of a delivery. Its level keeps it in logs that are filtered to warnings.
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

/// Logs that a command is delivered again.
fn log_unsettled(error: &QueueError) {
    if let QueueError::LeaseLost { .. } = error {
        #[cfg(feature = "metrics")]
        crate::metrics::record_lost_lease();
        info!("lease lost");
        return;
    }
    let error = error as &dyn std::error::Error;
    warn!(
        error,
        "outcome not saved in the queue; the command will be redelivered"
    );
}
