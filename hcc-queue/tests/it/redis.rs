//! The Redis backend: the conformance suite and its own guarantees.

use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, process};

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, FromRedisValue, ToRedisArgs, cmd};
use async_trait::async_trait;
use hcc_queue::conformance::Fixture;
use hcc_queue::{Command, Error, Failure, Policy, Queue, Received, Redis, State, conformance};
use tempfile::TempDir;
use test_services::Redis as Service;
use tokio::time::timeout;

const MINUTE: Duration = Duration::from_secs(60);

/// A database for one test, on a server that tests share.
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

/// A connection, as of another program.
async fn connection(url: &str) -> MultiplexedConnection {
    let client = Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Runs a command, as another program does.
async fn run<T: FromRedisValue>(url: &str, name: &str, args: impl ToRedisArgs) -> T {
    let mut connection = connection(url).await;
    let mut command = cmd(name);
    command.arg(args);
    command.query_async(&mut connection).await.unwrap()
}

#[async_trait]
impl Fixture for Fresh {
    async fn queue(&self) -> Queue {
        self.open()
    }

    async fn insert(&self, verb: &str, server: &str, args: &str) {
        let fields = [("cmd", verb), ("for", server), ("args", args)];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let given: Vec<_> = given.flat_map(|(name, value)| [name, value]).collect();
        // An entry needs at least one field.
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
async fn another_program_can_choose_ids_and_repeat_pushes() {
    let fresh = Fresh::new();
    for _ in 0..2 {
        let entry = ("cmd", "*", "cmd", "start", "for", "web", "id", "order-7");
        let _: String = run(&fresh.url, "XADD", entry).await;
    }
    let entry = ("cmd", "*", "cmd", "stop", "for", "web", "id", "\u{7}");
    let given: String = run(&fresh.url, "XADD", entry).await;

    let entries = fresh.open().list_all().await.unwrap();

    let ids: Vec<_> = entries
        .iter()
        .map(|entry| entry.command.id.as_str())
        .collect();
    assert_eq!(ids, ["order-7", &given]);
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn invalid_utf_8_does_not_stop_the_queue() {
    let fresh = Fresh::new();
    let odd: &[u8] = b"\xff\0";
    let entry = ("cmd", "*", "cmd", odd, "for", odd, "args", odd, odd, odd);
    let _: String = run(&fresh.url, "XADD", entry).await;
    let queue = fresh.open();
    queue.push(&Command::new("start", "web")).await.unwrap();

    let command = queue.pull().await.unwrap().unwrap();

    assert_eq!(command.verb, "start");
    let entries = queue.list_all().await.unwrap();
    assert_eq!((entries.len(), entries[0].state), (1, State::Dead));
}

/// Values that make no sense, and those at the ends of their range.
const ODD_VALUES: [&[u8]; 12] = [
    b"",
    b"x",
    b"\xff\0",
    b"0",
    b"-1",
    b"0.5",
    b"1e3",
    b"0x10",
    b"nan",
    b"9223372036854775807",
    b"99999999999999999999999",
    b"2026-11-29T08:00:00Z",
];

#[tokio::test]
#[ignore = "needs Redis"]
async fn due_command_is_leased_or_buried_whatever_the_values_of_the_fields() {
    let fresh = Fresh::new();
    let queue = fresh.open();
    let commands = queue.commands();
    let mut expected = 1;
    for field in ["cmd", "for", "args", "by", "id", "due", "held", "token"] {
        for value in ODD_VALUES {
            let other = if field == "for" { "args" } else { "for" };
            let entry = ("cmd", "*", other, field, field, value, "dead", value);
            let _: String = run(&fresh.url, "XADD", entry).await;
            expected += 1;
        }
    }
    for field in [
        "at", "due", "held", "token", "attempts", "err", "dead", "died",
    ] {
        for value in ODD_VALUES {
            let server = format!("{field}{expected}");
            let id = queue.push(&Command::new("stop", server)).await.unwrap();
            let key = format!("cmd:id:{id}");
            let _: u64 = run(&fresh.url, "HSET", (key, field, value)).await;
            expected += 1;
        }
    }
    let last = "18446744073709551615-1";
    let entry = ("cmd", last, "cmd", "start", "for", "web");
    let _: String = run(&fresh.url, "XADD", entry).await;

    let verbs = crate::drain(&queue).await;

    assert!(verbs.contains(&"start".to_owned()));
    let left = queue.list_all().await.unwrap();
    assert_eq!(left.len() + verbs.len(), expected);
    commands.delete_dead(Duration::ZERO).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn markers_and_invalid_messages_are_tolerated() {
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
        let not_durable = open(&format!("{url}?durable=no"));
        assert_eq!(not_durable.push(&command).await.unwrap(), command.id);
    }
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn confirmed_commands_survive_a_kill_of_the_server() {
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

    let entries = open(&url).list_all().await.unwrap();
    let ids: Vec<_> = entries.into_iter().map(|entry| entry.command.id).collect();
    assert_eq!(ids, pushed);
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn subscription_continues_where_it_was_after_a_restart() {
    let server = Service::start();
    let url = server.fresh_url();
    let mut signals = open(&url).signals().subscribe().await.unwrap();
    let waiting = tokio::spawn(async move {
        let received = signals.next().await.unwrap();
        (received, signals)
    });

    server.process().restart();
    open(&url).signals().send(&"one".to_owned()).await.unwrap();

    let (received, mut signals) = timeout(MINUTE, waiting).await.unwrap().unwrap();
    assert_eq!(received, Received::Message("one".to_owned()));

    server.process().restart();
    open(&url).signals().send(&"two".to_owned()).await.unwrap();
    server.process().restart();

    let received = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(received, Received::Message("two".to_owned()));
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn subscription_lags_after_a_flush() {
    let server = Service::start();
    let url = server.fresh_url();
    let queue = open(&url);
    let mut signals = queue.signals().subscribe().await.unwrap();

    let _: String = run(&url, "FLUSHALL", "SYNC").await;

    let received = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(received, Received::Lagged);
    queue.signals().send(&"again".to_owned()).await.unwrap();
    let received = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(received, Received::Message("again".to_owned()));
    queue.push(&Command::new("start", "web")).await.unwrap();
    assert_eq!(queue.pull().await.unwrap().unwrap().verb, "start");
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn unreachable_server_is_reported() {
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
    let received = timeout(MINUTE, signals.next()).await.unwrap();
    assert_unreachable(received);
    server.process().restart();
    queue.push(&command).await.unwrap();
    let received = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(received, Received::Message("cmd".to_owned()));
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn calls_time_out_while_the_server_hangs() {
    let server = Service::start();
    let queue = open(&server.fresh_url());
    let command = Command::new("start", "web");
    queue.push(&command).await.unwrap();
    let mut signals = queue.signals().subscribe().await.unwrap();

    server.process().pause();

    let (pushed, received) = tokio::join!(
        timeout(MINUTE, queue.push(&command)),
        timeout(MINUTE, signals.next())
    );
    assert_unreachable(pushed.unwrap());
    assert_unreachable(received.unwrap());
    server.process().resume();
    queue.push(&command).await.unwrap();
    let received = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(received, Received::Message("cmd".to_owned()));
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn failed_login_is_reported_without_the_password() {
    let server = Service::with_settings(&["--requirepass", "right"]);
    let host = server.host();

    for login in ["", ":wrong@", "mary:wrong@"] {
        let queue = open(&format!("redis://{login}{host}/0"));
        let error = queue.lease().await.unwrap_err();

        assert_eq!(error.failure(), Some(Failure::Denied), "{error:?}");
        let shown = format!("{error} {error:?} {queue:?}");
        assert!(
            !shown.contains("wrong") && !shown.contains("mary"),
            "{shown}"
        );
    }
    let queue = open(&format!("redis://:right@{host}/0?durable=no"));
    assert!(queue.lease().await.unwrap().is_none());
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn database_of_another_program_is_not_changed() {
    let fresh = Fresh::new();
    let _: String = run(&fresh.url, "SET", ("cmd", "mine")).await;

    let pushed = fresh.open().push(&Command::new("start", "web")).await;

    let failure = pushed.as_ref().err().and_then(Error::failure);
    let wrong_file = Failure::WrongFile { expected: "queue" };
    assert_eq!(failure, Some(wrong_file), "{pushed:?}");
    let kept: String = run(&fresh.url, "GET", "cmd").await;
    assert_eq!(kept, "mine");
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn full_memory_is_reported_and_loses_nothing() {
    let server = Service::start();
    let url = server.fresh_url();
    let queue = open(&url);
    queue.push(&Command::new("start", "web")).await.unwrap();
    let lease = queue.lease().await.unwrap().unwrap();
    let _: String = run(&url, "CONFIG", ("SET", "maxmemory", "1")).await;

    let pushed = queue.push(&Command::new("stop", "web")).await;

    let failure = pushed.as_ref().err().and_then(Error::failure);
    assert_eq!(failure, Some(Failure::Full), "{pushed:?}");
    queue.ack(lease).await.unwrap();
    let _: String = run(&url, "CONFIG", ("SET", "maxmemory", "0")).await;
    assert!(queue.list_all().await.unwrap().is_empty());
}

fn assert_unreachable<T: std::fmt::Debug>(done: Result<T, Error>) {
    let unreachable = done.as_ref().err().and_then(Error::failure) == Some(Failure::Unreachable);
    assert!(unreachable, "{done:?}");
    assert!(done.unwrap_err().is_retryable());
}

/// This test runs itself as a child process: the certificates are set in the environment.
#[tokio::test]
#[ignore = "needs Redis"]
async fn tls_connections_trust_the_given_certificates() {
    const URL: &str = "HCC_QUEUE_TEST_TLS_URL";
    if let Ok(url) = env::var(URL) {
        let queue = open(&url);
        queue.signals().subscribe().await.unwrap();
        queue.push(&Command::new("start", "web")).await.unwrap();
        assert_eq!(queue.pull().await.unwrap().unwrap().server, "web");
        return;
    }
    let directory = TempDir::new().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(file("other"), other.cert.pem()).unwrap();
    let server = Service::with_settings_for(|address| {
        let own = rcgen::generate_simple_self_signed([address.to_owned()]).unwrap();
        fs::write(file("certificate"), own.cert.pem()).unwrap();
        fs::write(file("key"), own.signing_key.serialize_pem()).unwrap();
        let (certificate, key) = (file("certificate"), file("key"));
        let settings = format!(
            "--appendonly yes --appendfsync always --tls-port 6380 --tls-auth-clients no \
             --tls-cert-file {certificate} --tls-key-file {key}"
        );
        settings.split(' ').map(str::to_owned).collect()
    });
    let url = server.fresh_url().replace("redis:", "rediss:");
    let url = url.replace(":6379/", ":6380/");

    let is_trusted = |certificates: &str| {
        let path = concat!(
            module_path!(),
            "::tls_connections_trust_the_given_certificates"
        );
        let (_, path) = path.split_once("::").unwrap();
        let child = process::Command::new(env::current_exe().unwrap())
            .args([path, "--exact", "--include-ignored"])
            .env(URL, &url)
            .env("SSL_CERT_FILE", file(certificates))
            .env_remove("SSL_CERT_DIR")
            .output();
        child.unwrap().status.success()
    };

    assert!(is_trusted("certificate"));
    assert!(!is_trusted("other"));
}
