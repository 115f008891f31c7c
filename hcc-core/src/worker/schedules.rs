//! Schedules: pushing what is due, and carrying out each due time once.

use std::future::pending;
use std::time::{Duration, SystemTime};

use hcc_queue::{Lease, Received, Subscription};
use hcc_store::{Missed, Schedule, ScheduleOutcome, Schedules};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::backoff::RetryDelay;
use super::context::WorkerContext;
use super::failure::AttemptError;
use crate::schedule::{Due, SCHEDULES, creates, scheduled_request, server};
use crate::{
    DueTimes, Error, ErrorKind, Failure, InvalidRequest, InvalidSchedule, Outcome, Result,
};

/// How often the schedules are read if no signal reports a change: other programs may send none.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// How many due times that have failed are remembered, so that they can be retried.
const MAX_FAILED: usize = 20;

/// Pushes the commands of schedules when they are due.
///
/// Any number of workers do so at the same time. The command of a due time has the same id in all of
/// them, so that pushing it again changes nothing, and what is pushed again after it was carried out is
/// recognized by [`begin_due`](WorkerContext::begin_due).
///
/// # Errors
///
/// The queue failed permanently.
pub(super) async fn push_scheduled(
    context: &WorkerContext,
    stop: &CancellationToken,
) -> Result<()> {
    let pushed = stop.run_until_cancelled(push_until_error(context));
    pushed.await.unwrap_or(Ok(()))
}

async fn push_until_error(context: &WorkerContext) -> Result<()> {
    let mut retry = RetryDelay::default();
    let mut signals = None;
    loop {
        let now = context.clock.now();
        let pushed = async {
            if signals.is_none() {
                signals = Some(context.queue.signals().subscribe().await?);
            }
            context.push_due(now).await
        };
        let wait = match pushed.await {
            Ok(next) => {
                retry.succeeded();
                let next = next.and_then(|next| next.duration_since(now).ok());
                next.map_or(POLL_INTERVAL, |next| next.min(POLL_INTERVAL))
            }
            Err(Error::Store(hcc_store::Error::Unsupported { .. })) => pending().await,
            Err(Error::Queue(error)) if error.is_permanent() => return Err(error.into()),
            Err(Error::Store(error)) if error.is_permanent() => {
                // The periodic sync decides whether the store can be used at all; an account of the
                // database may have no access to schedules.
                let error = &error as &dyn std::error::Error;
                warn!(error, "schedules not read");
                POLL_INTERVAL
            }
            Err(error) => {
                context.failed(&error);
                retry.failed()
            }
        };
        tokio::select! {
            () = context.clock.sleep_until(now + wait) => {}
            () = changed(&mut signals) => {}
        }
    }
}

/// Waits until schedules may have changed.
async fn changed(signals: &mut Option<Box<dyn Subscription<String>>>) {
    let Some(subscription) = signals else {
        return pending().await;
    };
    loop {
        match subscription.next().await {
            Ok(Received::Message(signal)) if signal != SCHEDULES => {}
            Ok(_) => return,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                debug!(error, "signals of schedules unavailable");
                break;
            }
        }
    }
    // It subscribes again when it looks at the schedules next.
    *signals = None;
    pending::<()>().await;
}

/// What is to be done with a schedule.
#[derive(Debug, PartialEq)]
struct Plan {
    /// The due times to carry out, the earliest first.
    due: Vec<SystemTime>,
    /// The first due time that was skipped.
    skipped: Option<SystemTime>,
    next: Option<SystemTime>,
}

impl Plan {
    /// Decides which due times are to be carried out now.
    fn of(schedule: &Schedule, now: SystemTime) -> Result<Self, InvalidSchedule> {
        match scheduled_request(schedule) {
            // It may be one of another program.
            Err(InvalidSchedule::Request(InvalidRequest::Verb(_))) => drop(server(schedule)?),
            request => drop(request?),
        }
        let times = DueTimes::of(schedule)?;
        let Some(first) = schedule.next else {
            let (due, skipped, next) = (Vec::new(), None, times.after(now));
            return Ok(Self { due, skipped, next });
        };
        let mut missed = None;
        let mut next = Some(first);
        let latest = now.checked_sub(schedule.grace);
        if let Some(latest) = latest.filter(|latest| first < *latest) {
            missed = Some(first);
            next = times.after(latest - Duration::from_nanos(1));
        }
        let mut due = Vec::new();
        while let Some(time) = next.filter(|next| *next <= now) {
            due.push(time);
            next = times.after(time);
        }
        if schedule.missed == Missed::Once && due.is_empty() {
            due.extend(missed.take());
        }
        let skipped = missed;
        Ok(Self { due, skipped, next })
    }
}

impl WorkerContext {
    /// Pushes what is due, and returns when the next schedule is.
    async fn push_due(&self, now: SystemTime) -> Result<Option<SystemTime>> {
        for schedule in self.store().schedules(Schedules::DueBy(now)).await? {
            self.push_due_of(&schedule, now).await?;
        }
        Ok(self.store().next_schedule(now).await?)
    }

    async fn push_due_of(&self, schedule: &Schedule, now: SystemTime) -> Result<()> {
        let mut planned = schedule.clone();
        match Plan::of(schedule, now) {
            Ok(plan) => {
                for at in &plan.due {
                    let command = Due::new(schedule, *at).command(schedule);
                    self.queue.push(&command).await?;
                }
                planned.next = plan.next;
                if let Some(due) = plan.skipped {
                    let (id, server, verb) = (&schedule.id, &schedule.server, &schedule.cmd);
                    info!(schedule = id, verb, server, "missed due time skipped");
                    planned.last = Some(skipped(due, now));
                }
                if planned.next.is_none() {
                    planned.pause("no further due time");
                }
            }
            Err(invalid) => planned.pause(&invalid.to_string()),
        }
        // If it was changed meanwhile, another worker has done this, or what is due next is another
        // time. In either case the pushed commands decide whether they are still to be carried out.
        self.store().put_schedule(&planned).await?;
        Ok(())
    }

    /// Returns the schedule of a command that is to be carried out, or `None` if it was before: its
    /// worker was killed in between, or another worker has pushed it late.
    pub(super) async fn begin_due(
        &self,
        due: &Due,
        lease: &Lease,
    ) -> Result<Option<Schedule>, AttemptError> {
        let found = self.store().schedules(Schedules::Id(&due.schedule)).await?;
        let Some(schedule) = found.into_iter().next() else {
            return Err(refused("schedule_removed", "its schedule was removed"));
        };
        if schedule.is_done(due.at) {
            return Ok(None);
        }
        let is_first = lease.attempt <= 1;
        if is_first && schedule.paused {
            return Err(refused("schedule_paused", "its schedule is paused"));
        }
        let max_age = self.queue.policy().max_age;
        let is_old = max_age.is_some_and(|max_age| lease.age >= max_age);
        if is_first && is_old && schedule.missed == Missed::Skip {
            return Err(refused("missed", "no worker carried it out in time"));
        }
        Ok(Some(schedule))
    }

    /// Notes how the command of a due time has ended, before the queue forgets the command.
    pub(super) async fn end_due(&self, due: &Due, outcome: &Outcome) -> Result<()> {
        loop {
            let found = self.store().schedules(Schedules::Id(&due.schedule)).await?;
            let Some(mut schedule) = found.into_iter().next() else {
                return Ok(());
            };
            schedule.end(due.at, outcome, self.clock.now());
            if is_missing_server(outcome) && !self.is_recreated(&schedule.server).await? {
                schedule.pause("the server does not exist");
            }
            if self.store().put_schedule(&schedule).await? {
                return Ok(());
            }
        }
    }

    /// Pauses the schedules of a server that was deleted, unless one of them creates it again.
    pub(super) async fn pause_schedules_of(&self, server: &str) -> Result<()> {
        let which = Schedules::Server(server);
        loop {
            let schedules = match self.store().schedules(which).await {
                // There are none, or another program keeps them.
                Err(error) if error.is_permanent() => return Ok(()),
                schedules => schedules?,
            };
            if is_recreated(&schedules) {
                return Ok(());
            }
            let mut is_complete = true;
            for mut schedule in schedules.into_iter().filter(|it| !it.paused) {
                schedule.pause("the server was deleted");
                is_complete &= self.store().put_schedule(&schedule).await?;
            }
            if is_complete {
                return Ok(());
            }
        }
    }

    async fn is_recreated(&self, server: &str) -> Result<bool> {
        let schedules = self.store().schedules(Schedules::Server(server)).await?;
        Ok(is_recreated(&schedules))
    }
}

fn is_recreated(schedules: &[Schedule]) -> bool {
    schedules.iter().any(|it| creates(it) && !it.paused)
}

fn is_missing_server(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure) if failure.code == "no_such_server")
}

fn skipped(due: SystemTime, now: SystemTime) -> ScheduleOutcome {
    ScheduleOutcome {
        due,
        at: now,
        ok: false,
        err: Some("skipped: no worker was running".to_owned()),
        code: Some("missed".to_owned()),
    }
}

fn refused(code: &str, message: &str) -> AttemptError {
    AttemptError {
        failure: Failure::new(ErrorKind::Conflict, code, message),
        ..AttemptError::permanent(message, code)
    }
}

/// How due times of a schedule end.
trait Ending {
    /// Returns whether the command of this due time was carried out.
    fn is_done(&self, due: SystemTime) -> bool;
    /// Notes how the command of a due time has ended.
    fn end(&mut self, due: SystemTime, outcome: &Outcome, now: SystemTime);
    fn pause(&mut self, why: &str);
}

impl Ending for Schedule {
    fn is_done(&self, due: SystemTime) -> bool {
        self.done.is_some_and(|done| due <= done) && !self.failed.contains(&due)
    }

    fn end(&mut self, due: SystemTime, outcome: &Outcome, now: SystemTime) {
        let (ok, err, code) = match outcome {
            Outcome::Failed(failure) => (
                false,
                Some(failure.message.clone()),
                Some(failure.code.clone()),
            ),
            Outcome::Done { note } => (true, note.clone(), None),
            Outcome::Removed { .. } => return,
        };
        self.failed.retain(|failed| *failed != due);
        if !ok {
            self.failed.push(due);
            self.failed.sort();
            let surplus = self.failed.len().saturating_sub(MAX_FAILED);
            self.failed.drain(..surplus);
        }
        self.done = self.done.max(Some(due));
        if self.last.as_ref().is_none_or(|last| last.due <= due) {
            let at = now;
            self.last = Some(ScheduleOutcome {
                due,
                at,
                ok,
                err,
                code,
            });
        }
    }

    fn pause(&mut self, why: &str) {
        if !self.paused {
            warn!(
                schedule = self.id,
                server = self.server,
                why,
                "schedule paused"
            );
        }
        self.paused = true;
        self.next = None;
        self.why = Some(why.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(text: &str) -> SystemTime {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    fn plan(missed: Missed, next: Option<&str>, now: &str) -> Plan {
        let mut schedule = Schedule::new("a7", "web1", "stop", "0 * * * *");
        schedule.missed = missed;
        schedule.grace = HOUR;
        schedule.next = next.map(at);
        Plan::of(&schedule, at(now)).unwrap()
    }

    #[test]
    fn due_times_within_the_grace_are_carried_out_one_after_the_other() {
        let plan = plan(
            Missed::Skip,
            Some("2026-11-30T08:00:00Z"),
            "2026-11-30T09:00:00Z",
        );

        let due = ["2026-11-30T08:00:00Z", "2026-11-30T09:00:00Z"].map(at);
        assert_eq!(plan.due, due);
        assert_eq!(plan.skipped, None);
        assert_eq!(plan.next, Some(at("2026-11-30T10:00:00Z")));
    }

    #[test]
    fn missed_due_times_are_skipped_or_carried_out_once() {
        let (next, now) = ("2026-11-28T08:00:00Z", "2026-11-30T09:30:00Z");

        let skip = plan(Missed::Skip, Some(next), now);
        assert_eq!(skip.due, [at("2026-11-30T09:00:00Z")]);
        assert_eq!(skip.skipped, Some(at(next)));

        let mut schedule = Schedule::new("a7", "web1", "stop", "0 8 * * *");
        schedule.next = Some(at(next));
        schedule.missed = Missed::Once;
        let once = Plan::of(&schedule, at(now)).unwrap();
        assert_eq!(once.due, [at(next)]);
        assert_eq!(once.skipped, None);
        assert_eq!(once.next, Some(at("2026-12-01T08:00:00Z")));
    }

    #[test]
    fn new_schedule_is_due_after_now() {
        let plan = plan(Missed::Once, None, "2026-11-30T09:00:00Z");

        assert!(plan.due.is_empty());
        assert_eq!(plan.next, Some(at("2026-11-30T10:00:00Z")));
    }

    #[test]
    fn failed_due_time_may_be_retried_and_no_other() {
        let mut schedule = Schedule::new("a7", "web1", "stop", "0 * * * *");
        let [first, second] = ["2026-11-30T08:00:00Z", "2026-11-30T09:00:00Z"].map(at);
        let failed = Outcome::Failed(Failure::new(ErrorKind::Failed, "x", "y"));
        let done = Outcome::Done { note: None };

        schedule.end(first, &failed, second);
        schedule.end(second, &done, second);

        assert!(!schedule.is_done(first));
        assert!(schedule.is_done(second));
        schedule.end(first, &done, second);
        assert!(schedule.is_done(first));
        assert_eq!(schedule.last.map(|last| last.due), Some(second));
    }
}
