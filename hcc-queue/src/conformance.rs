//! The conformance suite for backends, one function per guarantee.
//!
//! [`conformance!`](crate::conformance!) creates a test for each case. A case gets a fresh,
//! empty queue as a [`Fixture`] and panics if the guarantee is violated. Cases are added as
//! bugs are found, so their set is not a stable interface.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Command, CommandId, Counts, Disposition, Entry, Error, Lease, Outcome, Policy, Queue, RawEvent,
    Reason, Received, State, Subscription,
};

/// A queue under test: fresh and empty, and deleted when dropped.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Opens the queue, as another process would.
    async fn queue(&self) -> Queue;

    /// Inserts a command as another program does, without this crate and its validation.
    async fn insert(&self, verb: &str, server: &str, args: &str);
}

/// Creates one test per case: `conformance!(fresh_fixture().await)`.
///
/// Attributes after the fixture are added to each test:
/// `conformance!(fixture().await, #[ignore = "needs a server"])`.
#[macro_export]
macro_rules! conformance {
    ($fixture:expr $(, #[$attribute:meta])*) => {
        $crate::conformance! { @cases $fixture, [$(#[$attribute])*],
            version_has_a_name_and_a_number
            empty_queue_has_nothing_to_lease
            command_arrives_as_it_was_pushed
            numbers_arrive_exactly
            age_grows_while_a_command_waits
            busy_server_does_not_slow_down_the_others
            commands_of_many_servers_are_leased_in_order
            commands_of_one_server_wait_for_each_other
            delayed_command_blocks_only_its_server
            one_of_many_tasks_leases_a_command
            expired_lease_returns_the_command
            expired_lease_is_valid_until_the_next
            stale_lease_changes_nothing
            finished_command_cannot_be_finished_again
            extended_lease_excludes_others
            command_of_a_worker_that_is_gone_is_leased
            worker_that_is_present_keeps_its_commands
            queue_that_was_only_created_takes_commands_of_others
            released_command_returns_with_its_reason
            released_command_waits_for_its_delay
            buried_command_is_a_dead_letter
            dead_letter_keeps_its_outcome
            retried_dead_letter_starts_over
            leased_command_is_not_removed
            removal_unblocks_the_next_command_of_the_server
            duplicates_are_coalesced
            commands_that_must_not_be_merged_are_kept
            different_commands_are_all_kept
            commands_of_two_users_are_not_coalesced
            leased_command_is_not_coalesced
            push_is_idempotent
            entries_have_their_state
            one_command_is_found_by_its_id
            delayed_push_waits_for_its_delay
            delayed_push_keeps_its_place
            delayed_push_is_never_a_duplicate
            commands_are_counted_by_state
            server_has_pending_commands_until_they_end
            first_command_of_a_server_is_found
            pages_have_every_entry_once_and_in_order
            dead_letters_are_counted_and_paged_from_the_newest
            expired_dead_letters_are_deleted
            consumer_deletes_expired_dead_letters
            outcome_decides_what_happens_to_a_command
            handlers_run_concurrently_and_in_order
            idle_handler_leaves_its_place_to_others
            handler_that_panics_has_failed
            handler_is_dropped_when_its_lease_is_lost
            running_handlers_finish_after_shutdown
            cancelled_handler_releases_its_command
            invalid_command_is_not_pushed
            invalid_commands_of_others_are_dead_letters
            due_command_is_leased_or_buried
            expired_command_is_a_dead_letter
            command_that_crashes_workers_is_a_dead_letter
            command_that_fails_too_often_is_a_dead_letter
            many_pullers_never_share_a_command
            many_workers_keep_the_order_of_each_server
            push_wakes_a_consumer
            push_between_check_and_wait_wakes
            pull_wakes_consumers_for_the_next_command
            consumer_survives_lost_signals
            consumer_wakes_when_a_delay_ends
            consumer_wakes_when_a_lease_expires
            held_lease_is_renewed
            job_is_dropped_when_its_lease_is_lost
            subscriber_receives_later_messages
            all_subscribers_receive_each_message
            unusual_strings_are_received_unchanged
            long_messages_are_received_whole
            slow_subscriber_receives_lagged
            dropped_wait_loses_no_message
            events_are_received_as_sent
            newest_messages_are_kept_in_order
            removal_pull_and_retry_are_reported_with_the_user
            removed_dead_letter_is_reported_with_its_outcome
        }
    };
    (@cases $fixture:expr, $attributes:tt, $($case:ident)*) => {
        $($crate::conformance! { @case $fixture, $attributes, $case })*
    };
    (@case $fixture:expr, [$(#[$attribute:meta])*], $case:ident) => {
        #[::tokio::test(flavor = "multi_thread")]
        $(#[$attribute])*
        async fn $case() {
            $crate::conformance::$case(&$fixture).await;
        }
    };
}

const NOW: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_millis(50);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The version helps to diagnose problems.
pub async fn version_has_a_name_and_a_number(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;

    let version = queue.commands().version().await.unwrap();

    let (name, number) = version.split_once(' ').unwrap();
    assert!(!name.is_empty());
    assert!(
        number.starts_with(|c: char| c.is_ascii_digit()),
        "{version}"
    );
}

/// A queue that was never used can be read.
pub async fn empty_queue_has_nothing_to_lease(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();

    assert!(commands.lease(HOUR).await.unwrap().is_none());
    assert_eq!(commands.next_due().await.unwrap(), None);
    assert_eq!(queue.list_all().await.unwrap(), []);
    assert_eq!(queue.pull().await.unwrap(), None);
    assert!(!queue.retry(&"x".into()).await.unwrap());
    assert!(!queue.remove(&"x".into()).await.unwrap());
}

/// Another process reads a command as it was pushed.
pub async fn command_arrives_as_it_was_pushed(fixture: &dyn Fixture) {
    let pushed = Command {
        args: json!({"text": "a\0\n\u{1F980}", "deep": [{"n": 0.1}], "long": "x".repeat(1 << 20)}),
        by: Some("mary\n".to_owned()),
        ..Command::new("créer", "web 1")
    };
    let before = SystemTime::now();

    let id = fixture.queue().await.push(&pushed).await.unwrap();

    let lease = leased(&fixture.queue().await, HOUR).await;
    assert_eq!(id, pushed.id);
    let skew = Duration::from_secs(60);
    let at = lease.command.at.unwrap();
    assert!(at > before - skew && at < before + skew, "{at:?}");
    assert!(lease.age < skew, "{:?}", lease.age);
    assert_eq!(lease.attempt, 1);
    let command = Command {
        at: None,
        ..lease.command
    };
    assert_eq!(command, pushed);
}

/// Numbers that a double cannot hold are not rounded.
pub async fn numbers_arrive_exactly(fixture: &dyn Fixture) {
    let args = json!({"max": i64::MAX, "min": i64::MIN, "odd": (1_i64 << 53) + 1, "half": 0.5});
    let pushed = Command {
        args: args.clone(),
        ..Command::new("start", "vm")
    };
    fixture.queue().await.push(&pushed).await.unwrap();

    let lease = leased(&fixture.queue().await, HOUR).await;

    assert_eq!(lease.command.args, args);
}

/// The age of a command is the time since its push, so that it can expire.
pub async fn age_grows_while_a_command_waits(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "start", "vm").await;
    let first = leased(&queue, NOW).await.age;

    let grown = async {
        while queue.commands().lease(NOW).await.unwrap().unwrap().age < first + SOON {
            sleep(SOON / 5).await;
        }
    };

    soon(grown).await;
}

/// A lease costs the same, however many commands of one server wait before it.
pub async fn busy_server_does_not_slow_down_the_others(fixture: &dyn Fixture) {
    const MANY: usize = 500;
    /// What a machine with other work may take in addition.
    const NOISE: Duration = Duration::from_millis(50);
    let queue = fixture.queue().await;
    let commands = queue.commands();
    push(&queue, "start", "busy").await;
    let _busy = leased(&queue, HOUR).await;
    // The fastest of several measurements.
    let fastest = async || {
        let mut fastest = HOUR;
        for _ in 0..5 {
            push(&queue, "start", "idle").await;
            let began = Instant::now();
            let lease = leased(&queue, HOUR).await;
            fastest = fastest.min(began.elapsed());
            assert_eq!(lease.command.server, "idle");
            commands.ack(lease).await.unwrap();
        }
        fastest
    };
    let alone = fastest().await;
    for number in 0..MANY {
        let command = Command {
            args: json!({ "number": number }),
            ..Command::new("start", "busy")
        };
        commands.push(&command, NOW).await.unwrap();
    }

    let behind = fastest().await;

    let limit = 10 * alone + NOISE;
    assert!(behind < limit, "{behind:?} instead of {alone:?}");
}

/// First in, first out.
pub async fn commands_of_many_servers_are_leased_in_order(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    for server in ["zoe", "adam", "mary"] {
        push(&queue, "start", server).await;
    }

    let mut servers = Vec::new();
    while let Some(command) = queue.pull().await.unwrap() {
        servers.push(command.server);
    }

    assert_eq!(servers, ["zoe", "adam", "mary"]);
}

/// The second command of a server can be leased once the first is gone.
pub async fn commands_of_one_server_wait_for_each_other(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "stop", "a").await;
    push(&queue, "start", "a").await;
    push(&queue, "kill", "a").await;
    push(&queue, "start", "b").await;

    let stop = leased(&queue, HOUR).await;
    let other = leased(&queue, HOUR).await;

    assert_eq!((verb(&stop), other.command.server.as_str()), ("stop", "b"));
    assert!(queue.lease().await.unwrap().is_none());
    queue.ack(stop).await.unwrap();
    let start = leased(&queue, HOUR).await;
    assert_eq!(verb(&start), "start");
    assert!(queue.lease().await.unwrap().is_none());
    queue.commands().bury(start, &"no".into()).await.unwrap();
    assert_eq!(verb(&leased(&queue, HOUR).await), "kill");
}

/// A command that waits for a retry keeps its place.
pub async fn delayed_command_blocks_only_its_server(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "stop", "a").await;
    push(&queue, "start", "a").await;
    let lease = leased(&queue, HOUR).await;
    push(&queue, "start", "b").await;

    let commands = queue.commands();
    commands.release(lease, HOUR, "locked").await.unwrap();

    assert_eq!(leased(&queue, HOUR).await.command.server, "b");
    assert!(queue.lease().await.unwrap().is_none());
}

/// Concurrent calls never lease the same command.
pub async fn one_of_many_tasks_leases_a_command(fixture: &dyn Fixture) {
    push(&fixture.queue().await, "start", "vm").await;
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let queue = fixture.queue().await;
        tasks.spawn(async move { queue.commands().lease(HOUR).await.unwrap().is_some() });
    }

    let winners = tasks.join_all().await;

    assert_eq!(winners.into_iter().filter(|won| *won).count(), 1);
}

/// The command of a worker that disappeared goes to another.
pub async fn expired_lease_returns_the_command(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "start", "vm").await;

    let first = leased(&queue, NOW).await;
    let second = leased(&queue, HOUR).await;

    assert_eq!(first.command, second.command);
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert!(second.token > first.token);
    assert!(queue.lease().await.unwrap().is_none());
}

/// A late worker can complete its command if no other has leased it.
pub async fn expired_lease_is_valid_until_the_next(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "start", "vm").await;
    let lease = leased(&queue, NOW).await;

    queue.ack(lease).await.unwrap();

    assert_eq!(entries(&queue).await, []);
}

/// A lease is useless once the command is leased again.
pub async fn stale_lease_changes_nothing(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    push(&queue, "start", "vm").await;
    let stale = [
        leased(&queue, NOW).await,
        leased(&queue, NOW).await,
        leased(&queue, NOW).await,
    ];
    let good = leased(&queue, HOUR).await;
    let before = entries(&queue).await;

    let [ack, release, bury] = stale;
    assert_lost(commands.extend(&ack, NOW).await);
    assert_lost(commands.ack(ack).await);
    assert_lost(commands.release(release, NOW, "stale").await);
    assert_lost(commands.bury(bury, &"stale".into()).await);

    let after = entries(&queue).await;
    assert_eq!(after.len(), 1);
    assert_eq!((&after[0].reason, after[0].attempts), (&None, 4));
    assert_eq!(after[0].command, before[0].command);
    assert!(queue.lease().await.unwrap().is_none());
    queue.ack(good).await.unwrap();
}

/// A lease is useless once its command was completed or released.
pub async fn finished_command_cannot_be_finished_again(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    push(&queue, "start", "vm").await;
    let lease = leased(&queue, HOUR).await;
    let copy = || {
        let command = lease.command.clone();
        Lease::new(command, lease.token, lease.attempt, lease.age)
    };

    commands.release(copy(), HOUR, "").await.unwrap();
    assert_lost(commands.extend(&lease, NOW).await);
    assert_lost(commands.ack(copy()).await);
    assert_lost(commands.release(copy(), NOW, "").await);
    assert!(queue.remove(&lease.command.id).await.unwrap());

    assert_lost(commands.ack(copy()).await);
    assert_lost(commands.bury(copy(), &"".into()).await);
    assert_eq!(entries(&queue).await, []);
}

/// A worker that needs longer extends its lease.
pub async fn extended_lease_excludes_others(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "create", "vm").await;
    let lease = leased(&queue, NOW).await;

    queue.commands().extend(&lease, HOUR).await.unwrap();

    assert!(queue.lease().await.unwrap().is_none());
    queue.ack(lease).await.unwrap();
}

/// The leases of a worker that is gone end long before they would expire.
pub async fn command_of_a_worker_that_is_gone_is_leased(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    push(&queue, "stop", "vm").await;
    push(&queue, "start", "vm").await;
    let process = fixture.queue().await;
    let worker = process.commands().announce();
    worker.renew().await.unwrap();
    let stale = worker.lease(HOUR).await.unwrap().unwrap();
    assert_ne!(commands.next_due().await.unwrap(), Some(NOW));
    drop((worker, process));

    let other = commands.announce();
    let taken_over = async {
        while commands.next_due().await.unwrap() != Some(NOW) {
            other.renew().await.unwrap();
        }
    };
    soon(taken_over).await;
    let lease = other.lease(HOUR).await.unwrap().unwrap();

    assert_eq!(lease.command, stale.command);
    assert_eq!(lease.attempt, 2);
    assert!(lease.token > stale.token);
    assert_lost(commands.extend(&stale, HOUR).await);
    assert_lost(commands.ack(stale).await);
    assert!(commands.lease(HOUR).await.unwrap().is_none());
    commands.ack(lease).await.unwrap();
    assert_eq!(verb(&leased(&queue, HOUR).await), "start");
}

/// A worker that is present is not replaced, however many others there are.
pub async fn worker_that_is_present_keeps_its_commands(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "start", "vm").await;
    push(&queue, "start", "other").await;
    let processes = [fixture.queue().await, fixture.queue().await];
    let [busy, idle] = processes
        .each_ref()
        .map(|queue| queue.commands().announce());
    busy.renew().await.unwrap();
    let lease = busy.lease(HOUR).await.unwrap().unwrap();
    let unannounced = leased(&queue, HOUR).await;

    for _ in 0..10 {
        busy.renew().await.unwrap();
        assert!(!idle.renew().await.unwrap());
        assert_ne!(queue.commands().next_due().await.unwrap(), Some(NOW));
        assert!(idle.lease(HOUR).await.unwrap().is_none());
    }

    queue.ack(lease).await.unwrap();
    queue.ack(unannounced).await.unwrap();
    busy.leave().await.unwrap();
}

/// Other programs can push before this crate does.
pub async fn queue_that_was_only_created_takes_commands_of_others(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;

    queue.init().await.unwrap();
    queue.init().await.unwrap();
    assert_eq!(entries(&queue).await, []);
    fixture.insert("start", "vm", "").await;

    assert_eq!(verb(&leased(&queue, HOUR).await), "start");
}

/// A command that is released without a delay can be leased at once.
pub async fn released_command_returns_with_its_reason(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "start", "vm").await;
    let first = leased(&queue, HOUR).await;

    let released = queue.commands().release(first, NOW, "locked");
    released.await.unwrap();

    assert_eq!(entries(&queue).await[0].reason.as_deref(), Some("locked"));
    assert_eq!(leased(&queue, HOUR).await.attempt, 2);
}

/// A released command cannot be leased before its delay has passed.
pub async fn released_command_waits_for_its_delay(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    push(&queue, "start", "vm").await;
    assert_eq!(commands.next_due().await.unwrap(), Some(NOW));
    let lease = leased(&queue, HOUR).await;

    commands.release(lease, HOUR, "locked").await.unwrap();

    assert!(queue.lease().await.unwrap().is_none());
    let due = commands.next_due().await.unwrap().unwrap();
    assert!(due > HOUR / 2 && due <= HOUR, "{due:?}");
}

/// The outcome of a dead letter is stored as it is, until the command is retried.
pub async fn dead_letter_keeps_its_outcome(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let id = push(&queue, "start", "vm").await;
    let outcome = json!({
        "end": "failed",
        "code": "$locked",
        "message": "it's \"locked\"",
        "details": { "fields": [1, null, true], "a.b": "ä" },
    });
    let outcomes = async || {
        let entry = queue.commands().get(&id).await.unwrap().unwrap();
        (entry.outcome, entries(&queue).await[0].outcome.clone())
    };

    let lease = leased(&queue, HOUR).await;
    let reason = Reason::new("locked", outcome.clone());
    queue.settle(lease, &Outcome::Dead(reason)).await.unwrap();
    assert_eq!(outcomes().await, (outcome.clone(), outcome));

    assert!(queue.retry(&id).await.unwrap());
    assert_eq!(outcomes().await, (json!(null), json!(null)));
    let lease = leased(&queue, HOUR).await;
    queue.commands().bury(lease, &"no".into()).await.unwrap();
    assert_eq!(outcomes().await, (json!(null), json!(null)));
}

/// Dead letters are kept.
pub async fn buried_command_is_a_dead_letter(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "dance", "vm").await;
    let lease = leased(&queue, HOUR).await;
    let command = lease.command.clone();

    queue
        .commands()
        .bury(lease, &"unknown verb".into())
        .await
        .unwrap();

    assert!(queue.lease().await.unwrap().is_none());
    let why = Some("unknown verb".to_owned());
    assert_eq!(
        fixture.queue().await.list_all().await.unwrap(),
        [Entry::new(command, 1, State::Dead, why)]
    );
}

/// A retried dead letter has all attempts again.
pub async fn retried_dead_letter_starts_over(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let command = Command {
        args: json!({"type": "cx22"}),
        by: Some("mary".to_owned()),
        ..Command::new("create", "vm")
    };
    queue.push(&command).await.unwrap();
    let first = leased(&queue, HOUR).await;
    let token = first.token;
    queue
        .commands()
        .bury(first, &"no money".into())
        .await
        .unwrap();
    push(&queue, "start", "vm").await;

    assert!(queue.retry(&command.id).await.unwrap());

    assert!(!queue.retry(&command.id).await.unwrap());
    let start = leased(&queue, HOUR).await;
    assert_eq!(verb(&start), "start");
    queue.ack(start).await.unwrap();
    let again = leased(&queue, HOUR).await;
    assert!(again.command.is_duplicate_of(&command));
    assert_eq!(
        (&again.command.id, &again.command.by),
        (&command.id, &command.by)
    );
    assert_eq!(again.attempt, 1);
    assert!(again.token > token);
}

/// A leased command cannot be removed.
pub async fn leased_command_is_not_removed(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let [had, waiting, dead] = [
        push(&queue, "start", "a").await,
        push(&queue, "start", "b").await,
        push(&queue, "start", "c").await,
    ];
    let lease = leased(&queue, HOUR).await;
    let back = leased(&queue, HOUR).await;
    let last = leased(&queue, HOUR).await;
    queue.commands().release(back, HOUR, "").await.unwrap();
    queue.commands().bury(last, &"".into()).await.unwrap();

    assert!(!queue.remove(&had).await.unwrap());
    assert!(queue.remove(&waiting).await.unwrap());
    assert!(queue.remove(&dead).await.unwrap());

    assert!(!queue.remove(&dead).await.unwrap());
    queue.ack(lease).await.unwrap();
    assert_eq!(entries(&queue).await, []);
}

/// A removed command no longer blocks its server.
pub async fn removal_unblocks_the_next_command_of_the_server(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let first = push(&queue, "stop", "vm").await;
    push(&queue, "start", "vm").await;
    let middle = push(&queue, "reset", "vm").await;
    push(&queue, "kill", "vm").await;

    assert!(queue.remove(&middle).await.unwrap());
    assert!(queue.remove(&first).await.unwrap());

    for expected in ["start", "kill"] {
        assert_eq!(queue.pull().await.unwrap().unwrap().verb, expected);
    }
}

/// Equal commands that must not be merged are all kept.
pub async fn commands_that_must_not_be_merged_are_kept(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let job = || Command {
        coalesce: false,
        ..Command::new("resize", "picture")
    };

    let first = queue.push(&job()).await.unwrap();
    let again = queue.push(&job()).await.unwrap();

    assert_ne!(first, again);
    assert_eq!(entries(&queue).await.len(), 2);
}

/// Duplicates are coalesced, and their pushes return the same id.
pub async fn duplicates_are_coalesced(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let duplicate = || Command {
        args: json!({"a": 1, "b": [2]}),
        by: Some("mary".to_owned()),
        ..Command::new("console", "vm")
    };
    let first = queue.push(&duplicate()).await.unwrap();

    let again = queue.push(&duplicate()).await.unwrap();

    assert_eq!(again, first);
    assert_eq!(entries(&queue).await.len(), 1);
}

/// Only the last command of a server can be a duplicate.
pub async fn different_commands_are_all_kept(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    for verb in ["start", "stop", "start"] {
        push(&queue, verb, "vm").await;
    }
    push(&queue, "start", "other").await;
    let with_args = Command {
        args: json!({"force": true}),
        ..Command::new("start", "vm")
    };
    queue.push(&with_args).await.unwrap();

    assert_eq!(entries(&queue).await.len(), 5);
}

/// Commands of different users are not duplicates, as their permissions may differ.
pub async fn commands_of_two_users_are_not_coalesced(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let people = [Some("mary"), None, Some("adam")];
    for by in people {
        let command = Command {
            by: by.map(str::to_owned),
            ..Command::new("console", "vm")
        };
        assert_eq!(queue.push(&command).await.unwrap(), command.id);
    }

    for by in people {
        let command = queue.pull().await.unwrap().unwrap();
        assert_eq!(command.by.as_deref(), by);
    }
}

/// A request during the execution of a duplicate is executed afterwards.
pub async fn leased_command_is_not_coalesced(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let first = push(&queue, "sync", "vm").await;
    let lease = leased(&queue, HOUR).await;

    let second = push(&queue, "sync", "vm").await;

    assert_ne!(first, second);
    queue.ack(lease).await.unwrap();
    assert_eq!(leased(&queue, HOUR).await.command.id, second);
}

/// A push is idempotent by id.
pub async fn push_is_idempotent(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let command = Command::new("start", "vm");
    for _ in 0..2 {
        assert_eq!(queue.push(&command).await.unwrap(), command.id);
    }
    let lease = leased(&queue, HOUR).await;
    queue.push(&command).await.unwrap();
    assert_eq!(entries(&queue).await.len(), 1);

    queue.commands().bury(lease, &"no".into()).await.unwrap();
    queue.push(&command).await.unwrap();

    let entries = entries(&queue).await;
    assert_eq!((entries.len(), entries[0].state), (1, State::Dead));
}

/// Entries have the state that they are in.
pub async fn entries_have_their_state(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    for server in ["a", "b", "c", "d", "e"] {
        push(&queue, "start", server).await;
    }
    let commands = queue.commands();
    commands
        .bury(leased(&queue, HOUR).await, &"".into())
        .await
        .unwrap();
    let delayed = leased(&queue, HOUR).await;
    let _held = leased(&queue, HOUR).await;
    commands.release(delayed, HOUR, "").await.unwrap();
    let _expired = leased(&queue, NOW).await;

    let states: Vec<_> = entries(&queue)
        .await
        .into_iter()
        .map(|entry| (entry.command.server, entry.state))
        .collect();

    assert!(
        matches!(&states[..], [
        (b, State::Delayed(_)),
        (c, State::Leased(_)),
        (d, State::Waiting),
        (e, State::Waiting),
        (a, State::Dead),
    ] if [b, c, d, e, a] == ["b", "c", "d", "e", "a"]),
        "{states:?}"
    );
}

/// A command can be looked up from its push to its end.
pub async fn one_command_is_found_by_its_id(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    assert_eq!(commands.get(&"unknown".into()).await.unwrap(), None);
    let command = Command {
        args: json!({"type": "cx22"}),
        by: Some("mary".to_owned()),
        ..Command::new("create", "vm")
    };
    push(&queue, "start", "other").await;
    let id = queue.push(&command).await.unwrap();
    let state = async || commands.get(&id).await.unwrap().map(|entry| entry.state);
    assert_eq!(state().await, Some(State::Waiting));
    commands.ack(leased(&queue, HOUR).await).await.unwrap();

    let lease = leased(&queue, HOUR).await;
    assert!(matches!(state().await, Some(State::Leased(_))));
    commands.release(lease, NOW, "locked").await.unwrap();
    let entry = commands.get(&id).await.unwrap().unwrap();
    assert_eq!((entry.state, entry.attempts), (State::Waiting, 1));
    assert_eq!(entry.reason.as_deref(), Some("locked"));
    assert!(entry.command.is_duplicate_of(&command));

    let lease = leased(&queue, HOUR).await;
    commands.bury(lease, &"no money".into()).await.unwrap();
    let entry = commands.get(&id).await.unwrap().unwrap();
    assert_eq!((entry.state, entry.attempts), (State::Dead, 2));
    assert_eq!(entry.reason.as_deref(), Some("no money"));

    assert!(queue.remove(&id).await.unwrap());
    assert_eq!(state().await, None);
}

/// A command that is pushed with a delay is leased when that has passed.
pub async fn delayed_push_waits_for_its_delay(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    let (late, soon) = (Command::new("stop", "late"), Command::new("stop", "soon"));
    queue.push_after(&late, HOUR).await.unwrap();

    assert!(queue.lease().await.unwrap().is_none());
    let due = commands.next_due().await.unwrap().unwrap();
    assert!(due > HOUR / 2 && due <= HOUR, "{due:?}");
    let entry = commands.get(&late.id).await.unwrap().unwrap();
    assert!(matches!(entry.state, State::Delayed(_)), "{entry:?}");
    assert_eq!(entry.attempts, 0);

    queue.push_after(&soon, SOON).await.unwrap();
    let mut consumer = without_polling(fixture).await.consumer().await.unwrap();
    let lease = self::soon(consumer.next()).await.unwrap();
    assert_eq!((lease.command.id, lease.attempt), (soon.id, 1));
    assert!(queue.lease().await.unwrap().is_none());
}

/// Commands of a server keep their order, also behind and before a delayed one.
pub async fn delayed_push_keeps_its_place(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "stop", "vm").await;
    let middle = Command::new("reset", "vm");
    queue.push_after(&middle, HOUR).await.unwrap();
    push(&queue, "start", "vm").await;
    push(&queue, "start", "other").await;

    let stop = leased(&queue, HOUR).await;
    assert_eq!(verb(&stop), "stop");
    queue.ack(stop).await.unwrap();

    assert_eq!(leased(&queue, HOUR).await.command.server, "other");
    assert!(queue.lease().await.unwrap().is_none());
    let entry = queue.commands().get(&middle.id).await.unwrap().unwrap();
    assert!(matches!(entry.state, State::Delayed(_)), "{entry:?}");
    assert!(queue.remove(&middle.id).await.unwrap());
    assert_eq!(verb(&leased(&queue, HOUR).await), "start");
}

/// `sync` now and `sync` in an hour are two commands.
pub async fn delayed_push_is_never_a_duplicate(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    for delay in [HOUR, NOW, HOUR] {
        let command = Command::new("sync", "vm");
        let pushed = queue.push_after(&command, delay).await.unwrap();
        assert_eq!(pushed, command.id);
        assert_eq!(queue.push_after(&command, delay).await.unwrap(), command.id);
    }

    assert_eq!(entries(&queue).await.len(), 3);
}

/// Counts agree with the states of the entries.
pub async fn commands_are_counted_by_state(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    assert_eq!(commands.counts().await.unwrap(), Counts::default());
    for server in ["a", "b", "c", "d", "e"] {
        push(&queue, "start", server).await;
    }
    push(&queue, "stop", "b").await;
    commands
        .bury(leased(&queue, HOUR).await, &"".into())
        .await
        .unwrap();
    let delayed = leased(&queue, HOUR).await;
    let _held = leased(&queue, HOUR).await;
    commands.release(delayed, HOUR, "").await.unwrap();
    let _expired = leased(&queue, NOW).await;
    for server in ["d", "f"] {
        let command = Command::new("reset", server);
        queue.push_after(&command, HOUR).await.unwrap();
    }

    assert_eq!(commands.counts().await.unwrap(), Counts::new(3, 3, 1, 1));
}

/// A server is idle when its commands are done or dead.
pub async fn server_has_pending_commands_until_they_end(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    let pending = async || commands.pending("vm").await.unwrap();
    push(&queue, "start", "other").await;
    assert!(!pending().await);

    commands.ack(leased(&queue, HOUR).await).await.unwrap();
    let id = push(&queue, "start", "vm").await;
    assert!(pending().await);
    let lease = leased(&queue, HOUR).await;
    assert!(pending().await);
    commands.release(lease, NOW, "").await.unwrap();
    assert!(pending().await);
    commands
        .bury(leased(&queue, HOUR).await, &"".into())
        .await
        .unwrap();
    assert!(!pending().await);
    queue.retry(&id).await.unwrap();
    assert!(pending().await);
    commands.ack(leased(&queue, HOUR).await).await.unwrap();
    assert!(!pending().await);
}

/// The first command of a server stays the first while it is leased or delayed.
pub async fn first_command_of_a_server_is_found(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    let first = async || commands.first("vm").await.unwrap();
    push(&queue, "stop", "other").await;
    commands.ack(leased(&queue, HOUR).await).await.unwrap();
    assert_eq!(first().await, None);
    push(&queue, "stop", "vm").await;
    push(&queue, "start", "vm").await;
    let is_stop = |first: Option<Entry>| first.unwrap().command.verb == "stop";

    let waiting = first().await;
    let lease = leased(&queue, HOUR).await;
    let held = first().await;
    commands.release(lease, HOUR, "locked").await.unwrap();
    let delayed = first().await;
    commands
        .remove(&delayed.as_ref().unwrap().command.id)
        .await
        .unwrap();
    let next = first().await.unwrap();

    assert!(matches!(held.as_ref().unwrap().state, State::Leased(_)));
    assert!(is_stop(waiting) && is_stop(held) && is_stop(delayed));
    assert_eq!(next.command.verb, "start");
    assert_eq!(next.state, State::Waiting);
}

/// Pages of any size are parts of one list.
pub async fn pages_have_every_entry_once_and_in_order(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    for number in 0..9 {
        push(&queue, "start", &format!("vm{number}")).await;
    }
    for _ in 0..4 {
        let lease = leased(&queue, HOUR).await;
        commands.bury(lease, &"no".into()).await.unwrap();
    }
    let all = entries(&queue).await;
    assert_eq!(all.len(), 9);
    assert!(all[5..].iter().all(|entry| entry.state == State::Dead));

    for limit in [0, 1, 2, 5, 9, usize::MAX] {
        let (mut listed, mut next) = (Vec::new(), None);
        loop {
            let page = commands.list(next.as_ref(), limit).await.unwrap();
            assert!(page.entries.len() <= limit.max(1));
            listed.extend(page.entries.into_iter().map(|entry| entry.command.id));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        listed.sort();
        let mut ids: Vec<_> = all.iter().map(|entry| entry.command.id.clone()).collect();
        ids.sort();
        assert_eq!(listed, ids, "{limit}");
    }
    let invalid = commands.list(Some(&"?".to_owned().into()), 10).await;
    assert_eq!(invalid.unwrap().entries, []);
}

/// The newest dead letters are read without those before them.
pub async fn dead_letters_are_counted_and_paged_from_the_newest(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    assert_eq!(commands.count_dead().await.unwrap(), 0);
    assert_eq!(commands.dead_letters(None, 10).await.unwrap().entries, []);
    let mut expected = Vec::new();
    for number in 0..7 {
        expected.insert(0, push(&queue, "start", &format!("vm{number}")).await);
        let lease = leased(&queue, HOUR).await;
        commands.bury(lease, &"no".into()).await.unwrap();
        // MongoDB stores times in milliseconds.
        sleep(Duration::from_millis(2)).await;
    }
    push(&queue, "start", "alive").await;

    assert_eq!(commands.count_dead().await.unwrap(), 7);
    for limit in [0, 1, 2, 7, usize::MAX] {
        let (mut listed, mut next) = (Vec::new(), None);
        loop {
            let page = commands.dead_letters(next.as_ref(), limit).await.unwrap();
            assert!(page.entries.len() <= limit.max(1));
            assert!(page.entries.iter().all(|entry| entry.state == State::Dead));
            listed.extend(page.entries.into_iter().map(|entry| entry.command.id));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(listed, expected, "{limit}");
    }
    let invalid = commands
        .dead_letters(Some(&"?".to_owned().into()), 10)
        .await;
    assert_eq!(invalid.unwrap().entries, []);
}

/// Dead letters are deleted by the time since their death, not since their push.
pub async fn expired_dead_letters_are_deleted(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    let dead = push(&queue, "start", "a").await;
    let alive = push(&queue, "start", "b").await;
    sleep(4 * SOON).await;
    let lease = leased(&queue, HOUR).await;
    commands.bury(lease, &"no".into()).await.unwrap();

    assert_eq!(commands.delete_dead(HOUR).await.unwrap(), 0);
    assert!(commands.get(&dead).await.unwrap().is_some());
    sleep(2 * SOON).await;
    assert_eq!(commands.delete_dead(SOON).await.unwrap(), 1);

    assert!(commands.get(&dead).await.unwrap().is_none());
    assert!(commands.get(&alive).await.unwrap().is_some());
    assert_eq!(commands.delete_dead(NOW).await.unwrap(), 0);
}

/// The policy limits how long dead letters are kept.
pub async fn consumer_deletes_expired_dead_letters(fixture: &dyn Fixture) {
    let queue = fixture.queue().await.with_policy(Policy {
        keep_dead: Some(NOW),
        poll_interval: NOW,
        ..Policy::default()
    });
    push(&queue, "start", "vm").await;
    let lease = leased(&queue, HOUR).await;
    queue.commands().bury(lease, &"no".into()).await.unwrap();
    assert_eq!(entries(&queue).await.len(), 1);

    queue.consumer().await.unwrap().wait().await.unwrap();

    assert_eq!(entries(&queue).await, []);
}

/// Done, retried, dead, or returned.
pub async fn outcome_decides_what_happens_to_a_command(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let reason = || "locked".to_owned();
    let release = Outcome::Release {
        delay: HOUR,
        reason: reason(),
    };
    for (outcome, expected, state) in [
        (Outcome::Done, Disposition::Done, None),
        (
            Outcome::Retry(reason().into()),
            Disposition::Retry(queue.policy().backoff),
            Some("delayed"),
        ),
        (
            Outcome::Dead(reason().into()),
            Disposition::Dead,
            Some("dead"),
        ),
        (release, Disposition::Retry(HOUR), Some("delayed")),
    ] {
        let id = push(&queue, "start", &format!("{outcome:?}")).await;
        let lease = queue.lease().await.unwrap().unwrap();
        assert_eq!(lease.command.id, id);

        assert_eq!(queue.settle(lease, &outcome).await.unwrap(), expected);

        let entry = queue.commands().get(&id).await.unwrap();
        let found = entry.as_ref().map(|entry| match entry.state {
            State::Delayed(_) => "delayed",
            State::Dead => "dead",
            _ => "waiting",
        });
        assert_eq!(found, state, "{outcome:?}");
        let reason = entry.and_then(|entry| entry.reason);
        assert_eq!(reason.is_some(), state.is_some());
    }
}

/// A worker runs several commands at once, but only one of each server.
pub async fn handlers_run_concurrently_and_in_order(fixture: &dyn Fixture) {
    const SERVERS: usize = 3;
    let queue = without_polling(fixture).await;
    for verb in ["one", "two", "three"] {
        for server in 0..SERVERS {
            push(&queue, verb, &format!("vm{server}")).await;
        }
    }
    let done: Arc<Mutex<BTreeMap<String, Vec<String>>>> = Arc::default();
    let together = Arc::new(Barrier::new(SERVERS));
    let handler = {
        let done = Arc::clone(&done);
        move |lease: Arc<Lease>| {
            let (done, together) = (Arc::clone(&done), Arc::clone(&together));
            async move {
                together.wait().await;
                let Command { server, verb, .. } = lease.command.clone();
                done.lock().unwrap().entry(server).or_default().push(verb);
                Outcome::Done
            }
        }
    };

    let mut consumer = queue.consumer().await.unwrap();
    soon(consumer.run(SERVERS, handler, until_empty(&queue)))
        .await
        .unwrap();

    let done = done.lock().unwrap();
    assert_eq!(done.len(), SERVERS);
    assert!(done.values().all(|verbs| *verbs == ["one", "two", "three"]));
}

/// A handler that waits for another command does not prevent it from running.
pub async fn idle_handler_leaves_its_place_to_others(fixture: &dyn Fixture) {
    let queue = without_polling(fixture).await;
    push(&queue, "first", "a").await;
    push(&queue, "second", "b").await;
    push(&queue, "third", "c").await;
    let order: Arc<Mutex<Vec<String>>> = Arc::default();
    let is_second_done = Arc::new(Notify::new());
    let handler = {
        let order = Arc::clone(&order);
        move |lease: Arc<Lease>| {
            let (order, is_second_done) = (Arc::clone(&order), Arc::clone(&is_second_done));
            async move {
                match verb(&lease) {
                    "first" => lease.idle(is_second_done.notified()).await,
                    "second" => is_second_done.notify_one(),
                    _ => {}
                }
                order.lock().unwrap().push(verb(&lease).to_owned());
                Outcome::Done
            }
        }
    };

    let mut consumer = queue.consumer().await.unwrap();
    soon(consumer.run(1, handler, until_empty(&queue)))
        .await
        .unwrap();

    let order = order.lock().unwrap().clone();
    let at = |verb| order.iter().position(|it| it == verb).unwrap();
    assert_eq!(order.len(), 3);
    assert!(at("second") < at("first"), "{order:?}");
}

/// A panic is a failed attempt, and the worker goes on.
pub async fn handler_that_panics_has_failed(fixture: &dyn Fixture) {
    let queue = fixture.queue().await.with_policy(Policy {
        backoff: NOW,
        ..Policy::default()
    });
    push(&queue, "start", "vm").await;
    let handler = |lease: Arc<Lease>| async move {
        assert!(lease.attempt > 1, "expected by the test");
        Outcome::Done
    };

    let mut consumer = queue.consumer().await.unwrap();
    soon(consumer.run(1, handler, until_empty(&queue)))
        .await
        .unwrap();
}

/// A handler stops when another worker has its command.
pub async fn handler_is_dropped_when_its_lease_is_lost(fixture: &dyn Fixture) {
    let queue = fixture.queue().await.with_policy(Policy {
        lease: SOON,
        ..Policy::default()
    });
    let id = push(&queue, "start", "vm").await;
    let (thief, other) = (fixture.queue().await, id.clone());
    let handler = move |lease: Arc<Lease>| {
        let (thief, other) = (thief.clone(), other.clone());
        async move {
            if lease.command.id == other {
                // Loses its lease because another program resets the command.
                let stolen = Lease::new(lease.command.clone(), lease.token, 1, NOW);
                thief.commands().ack(stolen).await.unwrap();
                push(&thief, "next", "vm").await;
                pending::<()>().await;
            }
            Outcome::Done
        }
    };

    let mut consumer = queue.consumer().await.unwrap();
    soon(consumer.run(1, handler, until_empty(&queue)))
        .await
        .unwrap();
}

/// A handler that is running at a shutdown may finish.
pub async fn running_handlers_finish_after_shutdown(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "start", "vm").await;
    let started = Arc::new(Notify::new());
    let shutdown = Arc::clone(&started);
    let handler = move |_| {
        let started = Arc::clone(&started);
        async move {
            started.notify_one();
            sleep(SOON).await;
            Outcome::Done
        }
    };

    let mut consumer = queue.consumer().await.unwrap();
    soon(consumer.run(1, handler, shutdown.notified()))
        .await
        .unwrap();

    assert_eq!(entries(&queue).await, []);
}

/// A handler that does not finish in time is stopped, and another worker gets its command.
pub async fn cancelled_handler_releases_its_command(fixture: &dyn Fixture) {
    let queue = fixture.queue().await.with_policy(Policy {
        shutdown_grace: SOON,
        ..Policy::default()
    });
    push(&queue, "start", "vm").await;
    let started = Arc::new(Notify::new());
    let shutdown = Arc::clone(&started);
    let handler = move |_| {
        started.notify_one();
        pending::<Outcome>()
    };

    let mut consumer = queue.consumer().await.unwrap();
    soon(consumer.run(1, handler, shutdown.notified()))
        .await
        .unwrap();

    let entry = entries(&queue).await.remove(0);
    assert_eq!(entry.state, State::Waiting);
    assert_eq!(entry.reason.as_deref(), Some("the worker was stopped"));
    assert_eq!(leased(&queue, HOUR).await.attempt, 2);
}

/// Ends when the queue has no commands left.
async fn until_empty(queue: &Queue) {
    loop {
        match queue.commands().next_due().await {
            Ok(None) => return,
            Err(error) if !error.is_retryable() => panic!("{error:?}"),
            _ => sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Invalid commands are refused on push.
pub async fn invalid_command_is_not_pushed(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let with_args = Command {
        args: json!([1]),
        ..Command::new("start", "vm")
    };

    for command in [
        Command::new("", "vm"),
        Command::new("start", ""),
        Command::new("start", "vm\nkill"),
        Command::new("st\0rt", "vm"),
        with_args,
    ] {
        let refused = queue.push(&command).await;
        assert!(
            matches!(refused, Err(Error::Malformed { .. })),
            "{command:?}"
        );
    }
    assert_eq!(entries(&queue).await, []);
}

/// Invalid commands of other programs become dead letters and do not block the queue.
pub async fn invalid_commands_of_others_are_dead_letters(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    fixture.insert("", "vm", "").await;
    fixture.insert("start", "", "").await;
    fixture.insert("start", "vm\u{7}", "").await;
    fixture.insert("start", "vm", "{not json").await;
    fixture.insert("start", "vm", "7").await;
    fixture.insert("stop", "vm", r#"{"force": true}"#).await;

    let lease = queue.lease().await.unwrap().unwrap();

    assert_eq!((verb(&lease), lease.attempt), ("stop", 1));
    assert_eq!(lease.command.args, json!({"force": true}));
    let dead: Vec<_> = entries(&queue)
        .await
        .into_iter()
        .filter(|entry| entry.state == State::Dead)
        .filter_map(|entry| entry.reason)
        .collect();
    assert_eq!(dead.len(), 5, "{dead:?}");
}

/// Whenever a command is due now, a lease finds it, or buries one that makes no sense: consumers
/// would ask again at once.
pub async fn due_command_is_leased_or_buried(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let commands = queue.commands();
    let long = "x".repeat(1 << 16);
    for (verb, server, args) in [
        ("start", "a", ""),
        ("stop", "a", ""),
        ("", "", ""),
        ("stop", "b", "7"),
        ("start", "\u{0}", "{"),
        ("$cmd", "$for", "{\"$args\": null}"),
        (&long, &long, &long),
        ("start", "c", "null"),
    ] {
        fixture.insert(verb, server, args).await;
        assert_due_is_found(&queue).await;
        let delayed = Command::new("reboot", "d");
        queue.push_after(&delayed, SOON).await.unwrap();
        assert_due_is_found(&queue).await;
        let lease = leased(&queue, HOUR).await;
        assert_due_is_found(&queue).await;
        commands.release(lease, NOW, "locked").await.unwrap();
        assert_due_is_found(&queue).await;
        let lease = leased(&queue, HOUR).await;
        let id = lease.command.id.clone();
        commands.bury(lease, &"no".into()).await.unwrap();
        assert_due_is_found(&queue).await;
        commands.retry(&id).await.unwrap();
        assert_due_is_found(&queue).await;
    }
}

async fn assert_due_is_found(queue: &Queue) {
    let commands = queue.commands();
    if commands.next_due().await.unwrap() == Some(NOW) {
        let dead = commands.counts().await.unwrap().dead;
        match commands.lease(HOUR).await.unwrap() {
            Some(lease) => commands.release(lease, NOW, "").await.unwrap(),
            None => assert!(commands.counts().await.unwrap().dead > dead),
        }
    }
}

/// A command that waited too long is not executed.
pub async fn expired_command_is_a_dead_letter(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    push(&queue, "kill", "vm").await;

    let strict = queue.with_policy(Policy {
        max_age: Some(NOW),
        ..Policy::default()
    });

    assert!(strict.lease().await.unwrap().is_none());
    let dead = entries(&strict).await;
    assert_eq!(dead[0].state, State::Dead);
    assert!(dead[0].reason.as_ref().unwrap().contains("waited"));

    push(&strict, "stop", "vm").await;
    let mut refused = Vec::new();
    let pulled = strict.pull_with(|command, reason| {
        refused.push((command.verb.clone(), reason.to_owned()));
    });
    assert_eq!(pulled.await.unwrap(), None);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].0, "stop");
    assert!(refused[0].1.contains("waited"));
}

/// A command that crashes its workers is not retried indefinitely.
pub async fn command_that_crashes_workers_is_a_dead_letter(fixture: &dyn Fixture) {
    let queue = fixture.queue().await.with_policy(Policy {
        attempts: 2,
        lease: NOW,
        ..Policy::default()
    });
    push(&queue, "crash", "vm").await;

    assert_eq!(queue.lease().await.unwrap().unwrap().attempt, 1);
    assert_eq!(queue.lease().await.unwrap().unwrap().attempt, 2);
    assert!(queue.lease().await.unwrap().is_none());

    assert_eq!(entries(&queue).await[0].state, State::Dead);
}

/// A dead letter has the reason of its last failure.
pub async fn command_that_fails_too_often_is_a_dead_letter(fixture: &dyn Fixture) {
    let queue = fixture.queue().await.with_policy(Policy {
        attempts: 2,
        backoff: NOW,
        ..Policy::default()
    });
    push(&queue, "start", "vm").await;

    for reason in ["locked", "still locked"] {
        let lease = queue.lease().await.unwrap().unwrap();
        let outcome = Outcome::Retry(reason.into());
        queue.settle(lease, &outcome).await.unwrap();
    }

    let entries = entries(&queue).await;
    assert_eq!(entries[0].state, State::Dead);
    assert_eq!(entries[0].reason.as_deref(), Some("still locked"));
}

/// Concurrent pulls never return the same command.
pub async fn many_pullers_never_share_a_command(fixture: &dyn Fixture) {
    const COMMANDS: usize = 200;
    let queue = fixture.queue().await;
    let mut pushed = Vec::new();
    for number in 0..COMMANDS {
        pushed.push(push(&queue, "start", &format!("vm{number}")).await);
    }
    let mut pullers = JoinSet::new();
    for _ in 0..4 {
        let queue = fixture.queue().await;
        pullers.spawn(async move {
            let mut pulled = Vec::new();
            while let Some(command) = queue.pull().await.unwrap() {
                pulled.push(command.id);
            }
            pulled
        });
    }

    let mut pulled: Vec<_> = pullers.join_all().await.into_iter().flatten().collect();

    pulled.sort();
    pushed.sort();
    assert_eq!(pulled, pushed);
}

/// With any number of workers, the commands of a server are executed one by one and in
/// order.
pub async fn many_workers_keep_the_order_of_each_server(fixture: &dyn Fixture) {
    const EACH: usize = 20;
    const SERVERS: [&str; 4] = ["a", "b", "c", "d"];
    let queue = fixture.queue().await;
    let done: Arc<Mutex<BTreeMap<String, Vec<String>>>> = Arc::default();
    let mut workers = JoinSet::new();
    for _ in 0..6 {
        let mut consumer = fixture.queue().await.consumer().await.unwrap();
        let (queue, done) = (fixture.queue().await, Arc::clone(&done));
        workers.spawn(async move {
            loop {
                let lease = consumer.next().await.unwrap();
                let Command { verb, server, .. } = lease.command.clone();
                if verb == "end" {
                    return queue.ack(lease).await.unwrap();
                }
                done.lock().unwrap().entry(server).or_default().push(verb);
                queue.ack(lease).await.unwrap();
            }
        });
    }

    for number in 0..EACH {
        for server in SERVERS {
            push(&queue, &format!("step{number}"), server).await;
        }
    }
    for number in 0..6 {
        push(&queue, "end", &format!("worker{number}")).await;
    }
    // A worker that ends may leave commands behind its last one, which are executed here.
    timeout(HOUR, workers.join_all()).await.unwrap();
    while let Some(command) = queue.pull().await.unwrap() {
        let mut done = done.lock().unwrap();
        done.entry(command.server).or_default().push(command.verb);
    }

    let steps: Vec<_> = (0..EACH).map(|number| format!("step{number}")).collect();
    let done = done.lock().unwrap();
    for server in SERVERS {
        assert_eq!(done[server], steps, "{server}");
    }
}

/// A consumer waits until a command is pushed.
pub async fn push_wakes_a_consumer(fixture: &dyn Fixture) {
    let mut consumer = without_polling(fixture).await.consumer().await.unwrap();
    let waiting = tokio::spawn(async move { consumer.next().await.unwrap().command.id });

    let id = push(&fixture.queue().await, "start", "vm").await;

    assert_eq!(soon(waiting).await.unwrap(), id);
}

/// The signal of a push between a check and the wait is received.
pub async fn push_between_check_and_wait_wakes(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let mut signals = queue.signals().subscribe().await.unwrap();
    assert!(queue.lease().await.unwrap().is_none());

    push(&fixture.queue().await, "start", "vm").await;

    soon(signals.next()).await.unwrap();
    assert!(queue.lease().await.unwrap().is_some());
}

/// Pulling a command wakes consumers for the next command of its server.
pub async fn pull_wakes_consumers_for_the_next_command(fixture: &dyn Fixture) {
    let queue = without_polling(fixture).await;
    push(&queue, "stop", "vm").await;
    push(&queue, "start", "vm").await;
    let mut signals = queue.signals().subscribe().await.unwrap();

    queue.pull().await.unwrap().unwrap();

    soon(signals.next()).await.unwrap();
}

/// A consumer polls, in case a signal is lost.
pub async fn consumer_survives_lost_signals(fixture: &dyn Fixture) {
    let queue = fixture.queue().await.with_policy(Policy {
        poll_interval: SOON,
        ..Policy::default()
    });
    let mut consumer = queue.consumer().await.unwrap();
    let waiting = tokio::spawn(async move { consumer.next().await.unwrap().command.id });

    let command = Command::new("start", "vm");
    queue
        .commands()
        .push(&command, Duration::ZERO)
        .await
        .unwrap();

    assert_eq!(soon(waiting).await.unwrap(), command.id);
}

/// A consumer wakes at the end of a delay, without a signal.
pub async fn consumer_wakes_when_a_delay_ends(fixture: &dyn Fixture) {
    let queue = without_polling(fixture).await;
    push(&queue, "start", "vm").await;
    let lease = leased(&queue, HOUR).await;
    let mut consumer = queue.consumer().await.unwrap();
    queue.commands().release(lease, SOON, "").await.unwrap();

    let lease = soon(consumer.next()).await.unwrap();

    assert_eq!(lease.attempt, 2);
}

/// A consumer wakes when a lease expires, without a signal.
pub async fn consumer_wakes_when_a_lease_expires(fixture: &dyn Fixture) {
    let queue = without_polling(fixture).await;
    push(&queue, "start", "vm").await;
    let _disappeared = leased(&queue, SOON).await;
    let mut consumer = queue.consumer().await.unwrap();

    let lease = soon(consumer.next()).await.unwrap();

    assert_eq!(lease.attempt, 2);
}

/// A job may last longer than its lease.
pub async fn held_lease_is_renewed(fixture: &dyn Fixture) {
    let queue = fixture.queue().await.with_policy(Policy {
        lease: Duration::from_secs(1),
        ..Policy::default()
    });
    push(&queue, "create", "vm").await;
    let lease = queue.lease().await.unwrap().unwrap();

    let job = sleep(Duration::from_millis(1700));
    queue.hold(&lease, job).await.unwrap();

    assert!(queue.lease().await.unwrap().is_none());
    queue.ack(lease).await.unwrap();
}

/// A job is dropped once another worker has its command.
pub async fn job_is_dropped_when_its_lease_is_lost(fixture: &dyn Fixture) {
    let queue = fixture.queue().await.with_policy(Policy {
        lease: NOW,
        ..Policy::default()
    });
    push(&queue, "create", "vm").await;
    let lost = leased(&queue, NOW).await;
    let _newer = leased(&queue, HOUR).await;

    let held = soon(queue.hold(&lost, pending::<()>())).await;

    assert_lost(held);
}

/// A subscription begins with the next message.
pub async fn subscriber_receives_later_messages(fixture: &dyn Fixture) {
    let (queue, other) = (fixture.queue().await, fixture.queue().await);
    send(&other, "before").await;

    let mut subscription = queue.signals().subscribe().await.unwrap();
    send(&other, "one").await;
    send(&queue, "two").await;

    assert_eq!(receive(&mut subscription).await, "one");
    assert_eq!(receive(&mut subscription).await, "two");
}

/// Every subscriber receives every message.
pub async fn all_subscribers_receive_each_message(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let mut one = queue.signals().subscribe().await.unwrap();
    let mut two = fixture.queue().await.signals().subscribe().await.unwrap();

    send(&queue, "hello").await;

    assert_eq!(receive(&mut one).await, "hello");
    assert_eq!(receive(&mut two).await, "hello");
}

/// Messages are received as they were sent.
pub async fn unusual_strings_are_received_unchanged(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let mut subscription = queue.signals().subscribe().await.unwrap();

    for text in [
        "",
        "two\nlines",
        "nul\0",
        "\u{1F980} \"quoted\"",
        &"x".repeat(5000),
    ] {
        send(&queue, text).await;

        assert_eq!(receive(&mut subscription).await, text);
    }
}

/// A message has no practical limit of its length.
pub async fn long_messages_are_received_whole(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let mut subscription = queue.signals().subscribe().await.unwrap();
    let mut events = queue.events().subscribe().await.unwrap();
    let long = "x".repeat(9_000);
    let event = RawEvent::new("backup").with("text", long.as_str());

    queue.signals().send(&long).await.unwrap();
    queue.events().send(&event).await.unwrap();

    assert_eq!(
        soon(subscription.next()).await.unwrap(),
        Received::Message(long)
    );
    assert_eq!(soon(events.next()).await.unwrap(), Received::Message(event));
}

/// A slow subscriber may miss messages, but then receives `Lagged`, and the messages after.
pub async fn slow_subscriber_receives_lagged(fixture: &dyn Fixture) {
    const MESSAGES: usize = 3000;
    let queue = fixture.queue().await;
    let mut subscription = queue.signals().subscribe().await.unwrap();

    for number in 0..MESSAGES {
        send(&queue, &format!("{number:0100}")).await;
    }
    send(&queue, "end").await;

    let (mut received, mut gaps) = (0, 0);
    loop {
        match soon(subscription.next()).await.unwrap() {
            Received::Message(text) if text == "end" => break,
            Received::Message(_) => received += 1,
            Received::Lagged => gaps += 1,
        }
        assert!(gaps <= MESSAGES, "it lags without an end");
    }
    let lagged = gaps > 0;
    assert!(lagged || received == MESSAGES, "{received}");
}

/// A wait can be cancelled and repeated.
pub async fn dropped_wait_loses_no_message(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let mut subscription = queue.signals().subscribe().await.unwrap();

    for number in 0..50 {
        let text = number.to_string();
        let (_, cancelled) = tokio::join!(
            send(&queue, &text),
            timeout(Duration::from_micros(number * 10), subscription.next())
        );
        let received = match cancelled {
            Ok(received) => received.unwrap(),
            Err(_) => soon(subscription.next()).await.unwrap(),
        };
        assert_eq!(received, Received::Message(text));
    }
}

/// Events are separate from signals.
pub async fn events_are_received_as_sent(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let mut events = queue.events().subscribe().await.unwrap();
    let mut signals = queue.signals().subscribe().await.unwrap();
    let command = Command::new("start", "vm");
    let sent = [
        RawEvent::for_command("ended", &command).with("ok", true),
        RawEvent::new("alive").with("load", json!({"leases": 2})),
    ];

    send(&queue, "hello").await;
    for event in &sent {
        queue.events().send(event).await.unwrap();
    }

    for event in sent {
        assert_eq!(soon(events.next()).await.unwrap(), Received::Message(event));
    }
    assert_eq!(receive(&mut signals).await, "hello");
}

/// Messages can be read after they were sent, by subscribers that come later.
pub async fn newest_messages_are_kept_in_order(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    assert_eq!(queue.events().recent().await.unwrap(), []);
    let sent = [1, 2, 3].map(|number| RawEvent::new("alive").with("number", number));
    for event in &sent {
        queue.events().send(event).await.unwrap();
    }
    send(&queue, "hello").await;

    let other = fixture.queue().await;
    let mut later = other.events().subscribe().await.unwrap();

    assert_eq!(other.events().recent().await.unwrap(), sent);
    assert_eq!(other.signals().recent().await.unwrap(), ["hello"]);
    assert!(timeout(SOON, later.next()).await.is_err());
}

/// Waiters learn that a command was removed, pulled or retried, and by which user.
pub async fn removal_pull_and_retry_are_reported_with_the_user(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let mut events = queue.events().subscribe().await.unwrap();
    let mary = fixture.queue().await.with_user("mary");

    let removed = push(&queue, "start", "vm").await;
    assert!(mary.remove(&removed).await.unwrap());
    assert!(!mary.remove(&removed).await.unwrap());
    let pulled = push(&queue, "stop", "vm").await;
    assert!(mary.pull().await.unwrap().is_some());
    let retried = push(&queue, "sync", "vm").await;
    let lease = leased(&queue, HOUR).await;
    queue.commands().bury(lease, &"no".into()).await.unwrap();
    assert!(mary.retry(&retried).await.unwrap());
    assert!(queue.remove(&retried).await.unwrap());

    let by_mary = json!({ "end": "removed", "by": "mary" });
    let unknown = json!({ "end": "removed", "by": null });
    for (evt, id, verb, user, outcome) in [
        ("removed", &removed, "start", Some("mary"), Some(&by_mary)),
        ("pulled", &pulled, "stop", Some("mary"), Some(&by_mary)),
        ("retried", &retried, "sync", Some("mary"), None),
        ("removed", &retried, "sync", None, Some(&unknown)),
    ] {
        let Received::Message(event) = soon(events.next()).await.unwrap() else {
            panic!("a gap");
        };
        assert_eq!((&*event.evt, event.id.as_ref()), (evt, Some(id)));
        assert_eq!(event.server.as_deref(), Some("vm"));
        let field = |name| event.fields.get(name);
        assert_eq!(field("cmd"), Some(&json!(verb)));
        assert_eq!(field("user"), user.map(|user| json!(user)).as_ref());
        assert_eq!(field("outcome"), outcome);
    }
}

/// A command that had failed is still one that has failed when its dead letter is removed.
pub async fn removed_dead_letter_is_reported_with_its_outcome(fixture: &dyn Fixture) {
    let queue = fixture.queue().await;
    let id = push(&queue, "start", "vm").await;
    let lease = leased(&queue, HOUR).await;
    let outcome = json!({ "end": "failed", "code": "locked" });
    let reason = Reason::new("locked", outcome.clone());
    queue.commands().bury(lease, &reason).await.unwrap();

    assert!(queue.remove(&id).await.unwrap());

    let events = queue.events().recent().await.unwrap();
    let [event] = &*events else {
        panic!("{events:?}");
    };
    assert_eq!(event.evt, "removed");
    assert_eq!(event.fields["outcome"], outcome);
}

/// A queue without polling, so that consumers wake only for signals and deadlines.
async fn without_polling(fixture: &dyn Fixture) -> Queue {
    fixture.queue().await.with_policy(Policy {
        poll_interval: HOUR,
        ..Policy::default()
    })
}

async fn push(queue: &Queue, verb: &str, server: &str) -> CommandId {
    queue.push(&Command::new(verb, server)).await.unwrap()
}

async fn leased(queue: &Queue, duration: Duration) -> Lease {
    queue.commands().lease(duration).await.unwrap().unwrap()
}

async fn entries(queue: &Queue) -> Vec<Entry> {
    queue.list_all().await.unwrap()
}

async fn send(queue: &Queue, text: &str) {
    queue.signals().send(&text.to_owned()).await.unwrap();
}

async fn receive(subscription: &mut Box<dyn Subscription<String>>) -> String {
    match soon(subscription.next()).await.unwrap() {
        Received::Message(text) => text,
        Received::Lagged => panic!("lagged"),
    }
}

/// Fails instead of waiting indefinitely.
async fn soon<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(20);
    timeout(limit, future).await.expect("timed out")
}

fn verb(lease: &Lease) -> &str {
    &lease.command.verb
}

fn assert_lost<T: std::fmt::Debug>(done: Result<T, Error>) {
    assert!(matches!(done, Err(Error::LeaseLost { .. })), "{done:?}");
}
