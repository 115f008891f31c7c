//! What every backend must do, one function per promise.
//!
//! [`conformance!`](crate::conformance!) stamps a test for each of them. Each
//! gets a fresh, empty queue as a [`Bench`] and panics when the promise is
//! broken. Cases are added as bugs are found, so this is no stable interface.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::{
    Command, CommandId, Entry, Error, Lease, Policy, Queue, RawEvent, Received, State, Subscription,
};

/// A queue under test: fresh and empty, and gone when dropped.
#[async_trait]
pub trait Bench: Send + Sync {
    /// Opens the queue, as one more process would.
    async fn queue(&self) -> Queue;

    /// Adds a command as another program does, without this crate: with whatever
    /// verb, server and text of arguments.
    async fn insert(&self, verb: &str, server: &str, args: &str);
}

/// Stamps one test per case: `conformance!(fresh_bench().await)`.
///
/// Attributes after the bench are put on each test:
/// `conformance!(bench().await, #[ignore = "needs a server"])`.
#[macro_export]
macro_rules! conformance {
    ($bench:expr $(, #[$attribute:meta])*) => {
        $crate::conformance! { @cases $bench, [$(#[$attribute])*],
            database_says_its_name_and_version
            empty_queue_has_nothing_to_lease
            command_arrives_as_it_was_pushed
            commands_of_many_servers_come_in_order
            commands_of_one_server_wait_for_each_other
            delayed_command_holds_up_its_server_alone
            one_of_many_tasks_leases_a_command
            lease_that_ran_out_returns_the_command
            lease_that_ran_out_is_good_until_another
            stale_lease_changes_nothing
            finished_command_cannot_be_finished_again
            extended_lease_keeps_others_out
            released_command_returns_with_its_reason
            released_command_waits_as_long_as_it_should
            buried_command_is_a_dead_letter
            retried_command_begins_anew
            removal_spares_what_a_worker_has
            removal_lets_the_next_command_of_its_server_go
            same_wish_is_kept_once
            other_wishes_are_all_kept
            wishes_of_two_people_are_kept_apart
            wish_is_new_once_a_worker_has_had_it
            repeated_push_changes_nothing
            states_are_shown
            one_command_is_found_by_its_id
            malformed_command_is_not_pushed
            malformed_commands_of_others_die_and_the_queue_goes_on
            command_too_old_dies
            command_that_kills_its_workers_dies
            command_that_fails_too_often_dies
            many_pullers_never_share_a_command
            many_workers_keep_the_order_of_each_server
            push_wakes_a_consumer
            push_between_look_and_wait_wakes
            pull_wakes_those_who_wait_for_its_server
            consumer_survives_lost_signals
            consumer_wakes_when_a_delay_ends
            consumer_wakes_when_a_lease_runs_out
            held_lease_is_renewed
            job_is_dropped_when_its_lease_is_lost
            subscriber_hears_what_is_sent_after
            all_subscribers_hear
            odd_texts_are_heard_as_they_are
            slow_subscriber_hears_that_it_lags
            dropped_wait_loses_no_message
            events_are_heard_as_told
        }
    };
    (@cases $bench:expr, $attributes:tt, $($case:ident)*) => {
        $($crate::conformance! { @case $bench, $attributes, $case })*
    };
    (@case $bench:expr, [$(#[$attribute:meta])*], $case:ident) => {
        #[::tokio::test(flavor = "multi_thread")]
        $(#[$attribute])*
        async fn $case() {
            $crate::conformance::$case(&$bench).await;
        }
    };
}

const NOW: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_millis(50);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A person who looks for the cause of trouble wants to know what is there.
pub async fn database_says_its_name_and_version(bench: &dyn Bench) {
    let queue = bench.queue().await;

    let version = queue.commands().version().await.unwrap();

    let (name, number) = version.split_once(' ').unwrap();
    assert!(!name.is_empty());
    assert!(
        number.starts_with(|c: char| c.is_ascii_digit()),
        "{version}"
    );
}

/// Looking into a queue that nobody has used is normal.
pub async fn empty_queue_has_nothing_to_lease(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let commands = queue.commands();

    assert!(commands.lease(HOUR).await.unwrap().is_none());
    assert_eq!(commands.next_due().await.unwrap(), None);
    assert_eq!(commands.list().await.unwrap(), []);
    assert_eq!(queue.pull().await.unwrap(), None);
    assert!(!queue.retry(&"x".into()).await.unwrap());
    assert!(!queue.remove(&"x".into()).await.unwrap());
}

/// Whatever a command says, another process reads the same.
pub async fn command_arrives_as_it_was_pushed(bench: &dyn Bench) {
    let pushed = Command {
        args: json!({"text": "a\0\n\u{1F980}", "deep": [{"n": 0.1}], "long": "x".repeat(1 << 20)}),
        by: Some("mary\n".to_owned()),
        ..Command::new("créer", "web 1")
    };
    let before = SystemTime::now();

    let id = bench.queue().await.push(&pushed).await.unwrap();

    let lease = leased(&bench.queue().await, HOUR).await;
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

/// First in, first out.
pub async fn commands_of_many_servers_come_in_order(bench: &dyn Bench) {
    let queue = bench.queue().await;
    for server in ["zoe", "adam", "mary"] {
        push(&queue, "start", server).await;
    }

    let mut servers = Vec::new();
    while let Some(command) = queue.pull().await.unwrap() {
        servers.push(command.server);
    }

    assert_eq!(servers, ["zoe", "adam", "mary"]);
}

/// The second command of a server is leased when the first is gone.
pub async fn commands_of_one_server_wait_for_each_other(bench: &dyn Bench) {
    let queue = bench.queue().await;
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
    queue.bury(start, "no").await.unwrap();
    assert_eq!(verb(&leased(&queue, HOUR).await), "kill");
}

/// A command that is to be tried again later keeps its place.
pub async fn delayed_command_holds_up_its_server_alone(bench: &dyn Bench) {
    let queue = bench.queue().await;
    push(&queue, "stop", "a").await;
    push(&queue, "start", "a").await;
    let lease = leased(&queue, HOUR).await;
    push(&queue, "start", "b").await;

    let commands = queue.commands();
    commands.release(lease, HOUR, "locked").await.unwrap();

    assert_eq!(leased(&queue, HOUR).await.command.server, "b");
    assert!(queue.lease().await.unwrap().is_none());
}

/// Of all who want a command at the same time, one gets it.
pub async fn one_of_many_tasks_leases_a_command(bench: &dyn Bench) {
    push(&bench.queue().await, "start", "vm").await;
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let queue = bench.queue().await;
        tasks.spawn(async move { queue.commands().lease(HOUR).await.unwrap().is_some() });
    }

    let winners = tasks.join_all().await;

    assert_eq!(winners.into_iter().filter(|won| *won).count(), 1);
}

/// A worker that vanished loses its command to another.
pub async fn lease_that_ran_out_returns_the_command(bench: &dyn Bench) {
    let queue = bench.queue().await;
    push(&queue, "start", "vm").await;

    let first = leased(&queue, NOW).await;
    let second = leased(&queue, HOUR).await;

    assert_eq!(first.command, second.command);
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert!(second.token > first.token);
    assert!(queue.lease().await.unwrap().is_none());
}

/// A worker that was late, but alone, has done the work.
pub async fn lease_that_ran_out_is_good_until_another(bench: &dyn Bench) {
    let queue = bench.queue().await;
    push(&queue, "start", "vm").await;
    let lease = leased(&queue, NOW).await;

    queue.ack(lease).await.unwrap();

    assert_eq!(entries(&queue).await, []);
}

/// Who lost a command to another can do nothing to it.
pub async fn stale_lease_changes_nothing(bench: &dyn Bench) {
    let queue = bench.queue().await;
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
    assert_lost(commands.bury(bury, "stale").await);

    let after = entries(&queue).await;
    assert_eq!(after.len(), 1);
    assert_eq!((&after[0].why, after[0].attempts), (&None, 4));
    assert_eq!(after[0].command, before[0].command);
    assert!(queue.lease().await.unwrap().is_none());
    queue.ack(good).await.unwrap();
}

/// A command that is gone, or was given back, is nobody's any more.
pub async fn finished_command_cannot_be_finished_again(bench: &dyn Bench) {
    let queue = bench.queue().await;
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
    assert_lost(commands.bury(copy(), "").await);
    assert_eq!(entries(&queue).await, []);
}

/// A worker that needs longer says so.
pub async fn extended_lease_keeps_others_out(bench: &dyn Bench) {
    let queue = bench.queue().await;
    push(&queue, "create", "vm").await;
    let lease = leased(&queue, NOW).await;

    queue.commands().extend(&lease, HOUR).await.unwrap();

    assert!(queue.lease().await.unwrap().is_none());
    queue.ack(lease).await.unwrap();
}

/// What is given back can be had at once, and says why it was.
pub async fn released_command_returns_with_its_reason(bench: &dyn Bench) {
    let queue = bench.queue().await;
    push(&queue, "start", "vm").await;
    let first = leased(&queue, HOUR).await;

    let released = queue.commands().release(first, NOW, "locked");
    released.await.unwrap();

    assert_eq!(entries(&queue).await[0].why.as_deref(), Some("locked"));
    assert_eq!(leased(&queue, HOUR).await.attempt, 2);
}

/// Nobody gets a command before its time, and everybody can ask when that is.
pub async fn released_command_waits_as_long_as_it_should(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let commands = queue.commands();
    push(&queue, "start", "vm").await;
    assert_eq!(commands.next_due().await.unwrap(), Some(NOW));
    let lease = leased(&queue, HOUR).await;

    commands.release(lease, HOUR, "locked").await.unwrap();

    assert!(queue.lease().await.unwrap().is_none());
    let due = commands.next_due().await.unwrap().unwrap();
    assert!(due > HOUR / 2 && due <= HOUR, "{due:?}");
}

/// The dead are kept, for a person to look at.
pub async fn buried_command_is_a_dead_letter(bench: &dyn Bench) {
    let queue = bench.queue().await;
    push(&queue, "dance", "vm").await;
    let lease = leased(&queue, HOUR).await;
    let command = lease.command.clone();

    queue.bury(lease, "nobody knows how").await.unwrap();

    assert!(queue.lease().await.unwrap().is_none());
    let why = Some("nobody knows how".to_owned());
    assert_eq!(
        bench.queue().await.commands().list().await.unwrap(),
        [Entry::new(command, 1, State::Dead, why)]
    );
}

/// A person who has repaired the cause may try again, with all attempts.
pub async fn retried_command_begins_anew(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let command = Command {
        args: json!({"type": "cx22"}),
        by: Some("mary".to_owned()),
        ..Command::new("create", "vm")
    };
    queue.push(&command).await.unwrap();
    let first = leased(&queue, HOUR).await;
    let token = first.token;
    queue.bury(first, "no money").await.unwrap();
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

/// Nobody takes away what a worker is doing.
pub async fn removal_spares_what_a_worker_has(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let [had, waiting, dead] = [
        push(&queue, "start", "a").await,
        push(&queue, "start", "b").await,
        push(&queue, "start", "c").await,
    ];
    let lease = leased(&queue, HOUR).await;
    let back = leased(&queue, HOUR).await;
    let last = leased(&queue, HOUR).await;
    queue.commands().release(back, HOUR, "").await.unwrap();
    queue.bury(last, "").await.unwrap();

    assert!(!queue.remove(&had).await.unwrap());
    assert!(queue.remove(&waiting).await.unwrap());
    assert!(queue.remove(&dead).await.unwrap());

    assert!(!queue.remove(&dead).await.unwrap());
    queue.ack(lease).await.unwrap();
    assert_eq!(entries(&queue).await, []);
}

/// Who waited behind a command that was removed waits no more.
pub async fn removal_lets_the_next_command_of_its_server_go(bench: &dyn Bench) {
    let queue = bench.queue().await;
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

/// Many clicks are one command, and all learn its id.
pub async fn same_wish_is_kept_once(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let click = || Command {
        args: json!({"a": 1, "b": [2]}),
        by: Some("mary".to_owned()),
        ..Command::new("console", "vm")
    };
    let first = queue.push(&click()).await.unwrap();

    let again = queue.push(&click()).await.unwrap();

    assert_eq!(again, first);
    assert_eq!(entries(&queue).await.len(), 1);
}

/// Start, stop, start is not start, stop.
pub async fn other_wishes_are_all_kept(bench: &dyn Bench) {
    let queue = bench.queue().await;
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

/// What one may do, another may not: nobody's wish is carried out as another's.
pub async fn wishes_of_two_people_are_kept_apart(bench: &dyn Bench) {
    let queue = bench.queue().await;
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

/// Who asks while it is being done wants it done after.
pub async fn wish_is_new_once_a_worker_has_had_it(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let first = push(&queue, "sync", "vm").await;
    let lease = leased(&queue, HOUR).await;

    let second = push(&queue, "sync", "vm").await;

    assert_ne!(first, second);
    queue.ack(lease).await.unwrap();
    assert_eq!(leased(&queue, HOUR).await.command.id, second);
}

/// Who does not know whether a push arrived pushes again.
pub async fn repeated_push_changes_nothing(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let command = Command::new("start", "vm");
    for _ in 0..2 {
        assert_eq!(queue.push(&command).await.unwrap(), command.id);
    }
    let lease = leased(&queue, HOUR).await;
    queue.push(&command).await.unwrap();
    assert_eq!(entries(&queue).await.len(), 1);

    queue.bury(lease, "no").await.unwrap();
    queue.push(&command).await.unwrap();

    let entries = entries(&queue).await;
    assert_eq!((entries.len(), entries[0].state), (1, State::Dead));
}

/// Who looks into the queue sees what everything waits for.
pub async fn states_are_shown(bench: &dyn Bench) {
    let queue = bench.queue().await;
    for server in ["a", "b", "c", "d", "e"] {
        push(&queue, "start", server).await;
    }
    let commands = queue.commands();
    commands.bury(leased(&queue, HOUR).await, "").await.unwrap();
    let delayed = leased(&queue, HOUR).await;
    let _held = leased(&queue, HOUR).await;
    commands.release(delayed, HOUR, "").await.unwrap();
    let _ran_out = leased(&queue, NOW).await;

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

/// Who pushed a command can follow it to its end.
pub async fn one_command_is_found_by_its_id(bench: &dyn Bench) {
    let queue = bench.queue().await;
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
    assert_eq!(entry.why.as_deref(), Some("locked"));
    assert!(entry.command.is_duplicate_of(&command));

    let lease = leased(&queue, HOUR).await;
    commands.bury(lease, "no money").await.unwrap();
    let entry = commands.get(&id).await.unwrap().unwrap();
    assert_eq!((entry.state, entry.attempts), (State::Dead, 2));
    assert_eq!(entry.why.as_deref(), Some("no money"));

    assert!(queue.remove(&id).await.unwrap());
    assert_eq!(state().await, None);
}

/// Nonsense of our own is refused where it is made.
pub async fn malformed_command_is_not_pushed(bench: &dyn Bench) {
    let queue = bench.queue().await;
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

/// Nonsense of others is put aside, and what is behind it is carried out.
pub async fn malformed_commands_of_others_die_and_the_queue_goes_on(bench: &dyn Bench) {
    let queue = bench.queue().await;
    bench.insert("", "vm", "").await;
    bench.insert("start", "", "").await;
    bench.insert("start", "vm\u{7}", "").await;
    bench.insert("start", "vm", "{not json").await;
    bench.insert("start", "vm", "7").await;
    bench.insert("stop", "vm", r#"{"force": true}"#).await;

    let lease = queue.lease().await.unwrap().unwrap();

    assert_eq!((verb(&lease), lease.attempt), ("stop", 1));
    assert_eq!(lease.command.args, json!({"force": true}));
    let dead: Vec<_> = entries(&queue)
        .await
        .into_iter()
        .filter(|entry| entry.state == State::Dead)
        .filter_map(|entry| entry.why)
        .collect();
    assert_eq!(dead.len(), 5, "{dead:?}");
}

/// Yesterday's `kill` is not carried out today.
pub async fn command_too_old_dies(bench: &dyn Bench) {
    let queue = bench.queue().await;
    push(&queue, "kill", "vm").await;

    let hasty = queue.with_policy(Policy {
        max_age: NOW,
        ..Policy::default()
    });

    assert!(hasty.lease().await.unwrap().is_none());
    let entries = entries(&hasty).await;
    assert_eq!(entries[0].state, State::Dead);
    assert!(entries[0].why.as_ref().unwrap().contains("waited"));
}

/// A command that no worker survives is not tried for ever.
pub async fn command_that_kills_its_workers_dies(bench: &dyn Bench) {
    let queue = bench.queue().await.with_policy(Policy {
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

/// The last failure is the reason of death.
pub async fn command_that_fails_too_often_dies(bench: &dyn Bench) {
    let queue = bench.queue().await.with_policy(Policy {
        attempts: 2,
        backoff: NOW,
        ..Policy::default()
    });
    push(&queue, "start", "vm").await;

    for why in ["locked", "still locked"] {
        let lease = queue.lease().await.unwrap().unwrap();
        queue.fail(lease, why).await.unwrap();
    }

    let entries = entries(&queue).await;
    assert_eq!(entries[0].state, State::Dead);
    assert_eq!(entries[0].why.as_deref(), Some("still locked"));
}

/// Scripts that pull at the same time never do the same.
pub async fn many_pullers_never_share_a_command(bench: &dyn Bench) {
    const COMMANDS: usize = 200;
    let queue = bench.queue().await;
    let mut pushed = Vec::new();
    for number in 0..COMMANDS {
        pushed.push(push(&queue, "start", &format!("vm{number}")).await);
    }
    let mut pullers = JoinSet::new();
    for _ in 0..4 {
        let queue = bench.queue().await;
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

/// However many workers there are, each server sees its commands one by one and
/// in their order.
pub async fn many_workers_keep_the_order_of_each_server(bench: &dyn Bench) {
    const EACH: usize = 20;
    const SERVERS: [&str; 4] = ["a", "b", "c", "d"];
    let queue = bench.queue().await;
    let done: Arc<Mutex<BTreeMap<String, Vec<String>>>> = Arc::default();
    let mut workers = JoinSet::new();
    for _ in 0..6 {
        let mut consumer = bench.queue().await.consumer().await.unwrap();
        let (queue, done) = (bench.queue().await, Arc::clone(&done));
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
    // A worker that ends leaves what is behind its last command to others, so
    // the last of them does what is left.
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

/// A consumer sleeps until somebody pushes, however long that is.
pub async fn push_wakes_a_consumer(bench: &dyn Bench) {
    let mut consumer = sleepy(bench).await.consumer().await.unwrap();
    let waiting = tokio::spawn(async move { consumer.next().await.unwrap().command.id });

    let id = push(&bench.queue().await, "start", "vm").await;

    assert_eq!(soon(waiting).await.unwrap(), id);
}

/// The signal of a push that comes after a look, but before the wait, is heard.
pub async fn push_between_look_and_wait_wakes(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let mut signals = queue.signals().subscribe().await.unwrap();
    assert!(queue.lease().await.unwrap().is_none());

    push(&bench.queue().await, "start", "vm").await;

    soon(signals.next()).await.unwrap();
    assert!(queue.lease().await.unwrap().is_some());
}

/// What was behind a pulled command can be had by somebody who waits already.
pub async fn pull_wakes_those_who_wait_for_its_server(bench: &dyn Bench) {
    let queue = sleepy(bench).await;
    push(&queue, "stop", "vm").await;
    push(&queue, "start", "vm").await;
    let mut signals = queue.signals().subscribe().await.unwrap();

    queue.pull().await.unwrap().unwrap();

    soon(signals.next()).await.unwrap();
}

/// No command waits for a signal that never comes.
pub async fn consumer_survives_lost_signals(bench: &dyn Bench) {
    let queue = bench.queue().await.with_policy(Policy {
        poll_interval: SOON,
        ..Policy::default()
    });
    let mut consumer = queue.consumer().await.unwrap();
    let waiting = tokio::spawn(async move { consumer.next().await.unwrap().command.id });

    let command = Command::new("start", "vm");
    queue.commands().push(&command).await.unwrap();

    assert_eq!(soon(waiting).await.unwrap(), command.id);
}

/// Nobody signals that a delay is over; the consumer knows.
pub async fn consumer_wakes_when_a_delay_ends(bench: &dyn Bench) {
    let queue = sleepy(bench).await;
    push(&queue, "start", "vm").await;
    let lease = leased(&queue, HOUR).await;
    let mut consumer = queue.consumer().await.unwrap();
    queue.commands().release(lease, SOON, "").await.unwrap();

    let lease = soon(consumer.next()).await.unwrap();

    assert_eq!(lease.attempt, 2);
}

/// Nobody signals that a worker has vanished; the consumer knows.
pub async fn consumer_wakes_when_a_lease_runs_out(bench: &dyn Bench) {
    let queue = sleepy(bench).await;
    push(&queue, "start", "vm").await;
    let _vanished = leased(&queue, SOON).await;
    let mut consumer = queue.consumer().await.unwrap();

    let lease = soon(consumer.next()).await.unwrap();

    assert_eq!(lease.attempt, 2);
}

/// A job that lasts longer than a lease keeps its command.
pub async fn held_lease_is_renewed(bench: &dyn Bench) {
    let queue = bench.queue().await.with_policy(Policy {
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

/// A worker that lost its command stops working on it.
pub async fn job_is_dropped_when_its_lease_is_lost(bench: &dyn Bench) {
    let queue = bench.queue().await.with_policy(Policy {
        lease: NOW,
        ..Policy::default()
    });
    push(&queue, "create", "vm").await;
    let lost = leased(&queue, NOW).await;
    let _newer = leased(&queue, HOUR).await;

    let held = soon(queue.hold(&lost, pending::<()>())).await;

    assert_lost(held);
}

/// A subscription begins with what comes next.
pub async fn subscriber_hears_what_is_sent_after(bench: &dyn Bench) {
    let (queue, other) = (bench.queue().await, bench.queue().await);
    send(&other, "before").await;

    let mut subscription = queue.signals().subscribe().await.unwrap();
    send(&other, "one").await;
    send(&queue, "two").await;

    assert_eq!(hear(&mut subscription).await, "one");
    assert_eq!(hear(&mut subscription).await, "two");
}

/// No listener takes a message from another.
pub async fn all_subscribers_hear(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let mut one = queue.signals().subscribe().await.unwrap();
    let mut two = bench.queue().await.signals().subscribe().await.unwrap();

    send(&queue, "hello").await;

    assert_eq!(hear(&mut one).await, "hello");
    assert_eq!(hear(&mut two).await, "hello");
}

/// A text is heard as it was sent.
pub async fn odd_texts_are_heard_as_they_are(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let mut subscription = queue.signals().subscribe().await.unwrap();

    for text in [
        "",
        "two\nlines",
        "nul\0",
        "\u{1F980} \"quoted\"",
        &"x".repeat(5000),
    ] {
        send(&queue, text).await;

        assert_eq!(hear(&mut subscription).await, text);
    }
}

/// Who cannot keep up may miss messages, but not without being told, and hears
/// what comes after.
pub async fn slow_subscriber_hears_that_it_lags(bench: &dyn Bench) {
    const MESSAGES: usize = 3000;
    let queue = bench.queue().await;
    let mut subscription = queue.signals().subscribe().await.unwrap();

    for number in 0..MESSAGES {
        send(&queue, &format!("{number:0100}")).await;
    }
    send(&queue, "end").await;

    let (mut heard, mut lagged) = (0, false);
    loop {
        match soon(subscription.next()).await.unwrap() {
            Received::Message(text) if text == "end" => break,
            Received::Message(_) => heard += 1,
            Received::Lagged => lagged = true,
        }
    }
    assert!(lagged || heard == MESSAGES, "{heard}");
}

/// A wait may be given up and begun again.
pub async fn dropped_wait_loses_no_message(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let mut subscription = queue.signals().subscribe().await.unwrap();

    for number in 0..50 {
        let text = number.to_string();
        let (_, given_up) = tokio::join!(
            send(&queue, &text),
            timeout(Duration::from_micros(number * 10), subscription.next())
        );
        let heard = match given_up {
            Ok(heard) => heard.unwrap(),
            Err(_) => soon(subscription.next()).await.unwrap(),
        };
        assert_eq!(heard, Received::Message(text));
    }
}

/// Events go the other way, and do not mix with signals.
pub async fn events_are_heard_as_told(bench: &dyn Bench) {
    let queue = bench.queue().await;
    let mut events = queue.events().subscribe().await.unwrap();
    let mut signals = queue.signals().subscribe().await.unwrap();
    let command = Command::new("start", "vm");
    let told = [
        RawEvent::of("ended", &command).with("ok", true),
        RawEvent::new("alive").with("load", json!({"leases": 2})),
    ];

    send(&queue, "hello").await;
    for event in &told {
        queue.events().send(event).await.unwrap();
    }

    for event in told {
        assert_eq!(soon(events.next()).await.unwrap(), Received::Message(event));
    }
    assert_eq!(hear(&mut signals).await, "hello");
}

/// A queue whose consumers do not look for themselves while a test runs.
async fn sleepy(bench: &dyn Bench) -> Queue {
    bench.queue().await.with_policy(Policy {
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
    queue.commands().list().await.unwrap()
}

async fn send(queue: &Queue, text: &str) {
    queue.signals().send(&text.to_owned()).await.unwrap();
}

async fn hear(subscription: &mut Box<dyn Subscription<String>>) -> String {
    match soon(subscription.next()).await.unwrap() {
        Received::Message(text) => text,
        Received::Lagged => panic!("lagged"),
    }
}

/// Fails instead of waiting for ever.
async fn soon<F: Future>(future: F) -> F::Output {
    let patience = Duration::from_secs(20);
    timeout(patience, future).await.expect("nothing happened")
}

fn verb(lease: &Lease) -> &str {
    &lease.command.verb
}

fn assert_lost<T: std::fmt::Debug>(done: Result<T, Error>) {
    assert!(matches!(done, Err(Error::LeaseLost { .. })), "{done:?}");
}
