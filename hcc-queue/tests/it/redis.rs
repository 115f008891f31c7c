//! The Redis backend keeps the contract, and what is its own.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, FromRedisValue, ToRedisArgs, cmd};
use async_trait::async_trait;
use hcc_queue::conformance::Bench;
use hcc_queue::{Command, Error, Failure, Policy, Queue, Received, Redis, State, conformance};
use test_services::Redis as Service;
use tokio::time::timeout;

const MINUTE: Duration = Duration::from_secs(60);

/// A database of its own on a server that tests share.
struct Fresh {
    url: String,
    _server: Arc<Service>,
}

impl Fresh {
    fn new() -> Self {
        let server = Service::shared();
        Self {
            url: server.fresh_url(),
            _server: server,
        }
    }

    fn open(&self) -> Queue {
        open(&self.url)
    }
}

fn open(url: &str) -> Queue {
    Redis::new(&url.parse().unwrap()).unwrap().queue()
}

/// What another program opens.
async fn connection(url: &str) -> MultiplexedConnection {
    let client = Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// What another program does.
async fn run<T: FromRedisValue>(url: &str, name: &str, args: impl ToRedisArgs) -> T {
    let mut connection = connection(url).await;
    let mut command = cmd(name);
    command.arg(args);
    command.query_async(&mut connection).await.unwrap()
}

#[async_trait]
impl Bench for Fresh {
    async fn queue(&self) -> Queue {
        self.open()
    }

    async fn insert(&self, verb: &str, server: &str, args: &str) {
        let fields = [("cmd", verb), ("for", server), ("args", args)];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let given: Vec<_> = given.flat_map(|(name, value)| [name, value]).collect();
        // An entry needs one field at least.
        let entry = ("cmd", "*", "lang", "any", given);
        run::<String>(&self.url, "XADD", entry).await;
    }
}

conformance!(Fresh::new(), #[ignore = "needs Redis"]);

#[tokio::test]
#[ignore = "needs Redis"]
async fn another_program_needs_two_entries() {
    let fresh = Fresh::new();
    let queue = fresh.open().with_policy(Policy {
        poll_interval: 60 * MINUTE,
        ..Policy::default()
    });
    let mut consumer = queue.consumer().await.unwrap();
    let waiting = tokio::spawn(async move { consumer.next().await.unwrap().command });

    let entry = ("cmd", "*", "cmd", "console", "for", "vm1", "by", "mary");
    let id: String = run(&fresh.url, "XADD", entry).await;
    let _: String = run(&fresh.url, "XADD", ("msg", "*", "msg", "cmd")).await;

    let command = timeout(MINUTE, waiting).await.unwrap().unwrap();
    let expected = Command {
        id: id.into(),
        by: Some("mary".to_owned()),
        at: command.at,
        ..Command::new("console", "vm1")
    };
    assert_eq!(command, expected);
    assert!(command.at.is_some());
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn another_program_chooses_ids_and_may_repeat_itself() {
    let fresh = Fresh::new();
    for _ in 0..2 {
        let entry = ("cmd", "*", "cmd", "start", "for", "web", "id", "order-7");
        let _: String = run(&fresh.url, "XADD", entry).await;
    }
    let entry = ("cmd", "*", "cmd", "stop", "for", "web", "id", "\u{7}");
    let given: String = run(&fresh.url, "XADD", entry).await;

    let entries = fresh.open().commands().list().await.unwrap();

    let ids: Vec<_> = entries
        .iter()
        .map(|entry| entry.command.id.as_str())
        .collect();
    assert_eq!(ids, ["order-7", &given]);
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn bytes_that_are_no_text_do_not_stop_the_queue() {
    let fresh = Fresh::new();
    let odd: &[u8] = b"\xff\0";
    let entry = ("cmd", "*", "cmd", odd, "for", odd, "args", odd, odd, odd);
    let _: String = run(&fresh.url, "XADD", entry).await;
    let queue = fresh.open();
    queue.push(&Command::new("start", "web")).await.unwrap();

    let command = queue.pull().await.unwrap().unwrap();

    assert_eq!(command.verb, "start");
    let entries = queue.commands().list().await.unwrap();
    assert_eq!((entries.len(), entries[0].state), (1, State::Dead));
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn markers_and_nonsense_among_the_messages_are_borne() {
    let fresh = Fresh::new();
    let mut events = fresh.open().events().subscribe().await.unwrap();
    let mut signals = fresh.open().signals().subscribe().await.unwrap();

    for stream in ["msg", "evt"] {
        let _: String = run(&fresh.url, "XADD", (stream, "*", "null", "")).await;
        let _: String = run(&fresh.url, "XADD", (stream, "*", stream, "no JSON")).await;
    }

    let signal = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(signal, Received::Message("no JSON".to_owned()));
    let event = timeout(MINUTE, events.next()).await.unwrap().unwrap();
    assert_eq!(event, Received::Lagged);
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn server_that_may_lose_commands_is_refused() {
    let always = ["--appendonly", "yes", "--appendfsync", "always"];
    let evicting = ["--maxmemory-policy", "allkeys-lru"];
    for settings in [
        &["--appendonly", "no"][..],
        &["--appendonly", "yes", "--appendfsync", "everysec"],
        &[always, [evicting[0], evicting[1], "--maxmemory", "1gb"]].concat(),
        &[&always[..], &["--rename-command", "CONFIG", "hidden"]].concat(),
    ] {
        let server = Service::with_settings(settings);
        let url = server.fresh_url();
        let command = Command::new("start", "web");

        let refused = open(&url).push(&command).await;

        assert!(
            matches!(refused, Err(Error::NotDurable { .. })),
            "{settings:?}: {refused:?}"
        );
        let careless = open(&format!("{url}?durable=no"));
        assert_eq!(careless.push(&command).await.unwrap(), command.id);
    }
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn what_was_confirmed_survives_a_kill_of_the_server() {
    let server = Service::start();
    let url = server.fresh_url();
    let mut pushed = Vec::new();
    for round in 0..3 {
        let queue = open(&url);
        for number in 0..20 {
            let command = Command::new(format!("step{round}"), format!("vm{number}"));
            pushed.push(queue.push(&command).await.unwrap());
        }
        let lease = queue.lease().await.unwrap().unwrap();
        let id = lease.command.id.clone();
        queue.ack(lease).await.unwrap();
        pushed.retain(|pushed| *pushed != id);

        server.process().restart();
    }

    let entries = open(&url).commands().list().await.unwrap();
    let ids: Vec<_> = entries.into_iter().map(|entry| entry.command.id).collect();
    assert_eq!(ids, pushed);
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn subscription_goes_on_where_it_was_when_the_server_returns() {
    let server = Service::start();
    let url = server.fresh_url();
    let mut signals = open(&url).signals().subscribe().await.unwrap();
    let waiting = tokio::spawn(async move {
        let heard = signals.next().await.unwrap();
        (heard, signals)
    });

    server.process().restart();
    open(&url).signals().send(&"one".to_owned()).await.unwrap();

    let (heard, mut signals) = timeout(MINUTE, waiting).await.unwrap().unwrap();
    assert_eq!(heard, Received::Message("one".to_owned()));

    server.process().restart();
    open(&url).signals().send(&"two".to_owned()).await.unwrap();
    server.process().restart();

    let heard = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(heard, Received::Message("two".to_owned()));
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn subscription_tells_that_all_was_flushed() {
    let server = Service::start();
    let url = server.fresh_url();
    let queue = open(&url);
    let mut signals = queue.signals().subscribe().await.unwrap();

    let _: String = run(&url, "FLUSHALL", "SYNC").await;

    let heard = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(heard, Received::Lagged);
    queue.signals().send(&"again".to_owned()).await.unwrap();
    let heard = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(heard, Received::Message("again".to_owned()));
    queue.push(&Command::new("start", "web")).await.unwrap();
    assert_eq!(queue.pull().await.unwrap().unwrap().verb, "start");
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn server_that_is_away_is_said_to_be() {
    let server = Service::start();
    let url = server.fresh_url();
    let queue = open(&url);
    let command = Command::new("start", "web");
    queue.push(&command).await.unwrap();
    let mut signals = queue.signals().subscribe().await.unwrap();

    server.process().kill();

    for queue in [&queue, &open(&url)] {
        assert_unreachable(queue.push(&command).await);
    }
    let heard = timeout(MINUTE, signals.next()).await.unwrap();
    assert_unreachable(heard);
    server.process().restart();
    queue.push(&command).await.unwrap();
    let heard = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(heard, Received::Message("cmd".to_owned()));
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn server_that_stands_still_is_given_up_for_a_while() {
    let server = Service::start();
    let queue = open(&server.fresh_url());
    let command = Command::new("start", "web");
    queue.push(&command).await.unwrap();
    let mut signals = queue.signals().subscribe().await.unwrap();

    server.process().pause();

    let (pushed, heard) = tokio::join!(
        timeout(MINUTE, queue.push(&command)),
        timeout(MINUTE, signals.next())
    );
    assert_unreachable(pushed.unwrap());
    assert_unreachable(heard.unwrap());
    server.process().resume();
    queue.push(&command).await.unwrap();
    let heard = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(heard, Received::Message("cmd".to_owned()));
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn refused_login_is_said_without_it() {
    let server = Service::with_settings(&["--requirepass", "right"]);
    let host = server.host();

    for login in ["", ":wrong@", "mary:wrong@"] {
        let queue = open(&format!("redis://{login}{host}/0"));
        let error = queue.lease().await.unwrap_err();

        assert!(error.failure() == Some(Failure::Denied), "{error:?}");
        let told = format!("{error} {error:?} {queue:?}");
        assert!(!told.contains("wrong") && !told.contains("mary"), "{told}");
    }
    let queue = open(&format!("redis://:right@{host}/0?durable=no"));
    assert!(queue.lease().await.unwrap().is_none());
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn database_of_another_program_is_left_alone() {
    let fresh = Fresh::new();
    let _: String = run(&fresh.url, "SET", ("cmd", "mine")).await;

    let pushed = fresh.open().push(&Command::new("start", "web")).await;

    assert!(
        pushed.as_ref().err().and_then(Error::failure)
            == Some(Failure::WrongFile { expected: "queue" }),
        "{pushed:?}"
    );
    let kept: String = run(&fresh.url, "GET", "cmd").await;
    assert_eq!(kept, "mine");
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn full_memory_is_said_and_harms_nothing() {
    let server = Service::start();
    let url = server.fresh_url();
    let queue = open(&url);
    queue.push(&Command::new("start", "web")).await.unwrap();
    let lease = queue.lease().await.unwrap().unwrap();
    let _: String = run(&url, "CONFIG", ("SET", "maxmemory", "1")).await;

    let pushed = queue.push(&Command::new("stop", "web")).await;

    assert!(
        pushed.as_ref().err().and_then(Error::failure) == Some(Failure::Full),
        "{pushed:?}"
    );
    queue.ack(lease).await.unwrap();
    let _: String = run(&url, "CONFIG", ("SET", "maxmemory", "0")).await;
    assert!(queue.commands().list().await.unwrap().is_empty());
}

fn assert_unreachable<T: std::fmt::Debug>(done: Result<T, Error>) {
    let unreachable = done.as_ref().err().and_then(Error::failure) == Some(Failure::Unreachable);
    assert!(unreachable, "{done:?}");
    assert!(done.unwrap_err().is_retryable());
}
