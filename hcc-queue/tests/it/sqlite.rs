//! The SQLite backend: the conformance suite and its own guarantees.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hcc_queue::conformance::Fixture;
use hcc_queue::{Command, Error, Failure, Policy, Queue, Received, Sqlite, State, conformance};
use rusqlite::Connection;
use tempfile::TempDir;
use test_services::wait_until;
use tokio::task::JoinSet;
use tokio::time::timeout;

const MINUTE: Duration = Duration::from_secs(60);

/// A queue in its own directory.
pub(crate) struct Directory(TempDir);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("queue.db")
    }

    pub(crate) fn open(&self) -> Queue {
        Sqlite::new(self.path()).queue()
    }

    /// A connection, as of another program.
    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    fn live(&self, name: &str) -> PathBuf {
        self.0.path().join("queue.db-live").join(name)
    }

    /// Creates the tables.
    async fn create(&self) {
        self.open().init().await.unwrap();
    }
}

#[async_trait]
impl Fixture for Directory {
    async fn queue(&self) -> Queue {
        self.open()
    }

    async fn insert(&self, verb: &str, server: &str, args: &str) {
        self.create().await;
        let sql = r#"INSERT INTO cmd (cmd, "for", args)
            VALUES (nullif(?1, ''), nullif(?2, ''), nullif(?3, ''))"#;
        let values = [verb, server, args];
        self.connection().execute(sql, values).unwrap();
    }
}

conformance!(Directory::new());

#[tokio::test]
async fn another_program_needs_a_row_and_a_line() {
    let directory = Directory::new();
    directory.create().await;
    let queue = directory.open().with_policy(Policy {
        poll_interval: 60 * MINUTE,
        ..Policy::default()
    });
    let mut consumer = queue.consumer().await.unwrap();
    let waiting = tokio::spawn(async move { consumer.next().await.unwrap().command });

    let sql = r#"INSERT INTO cmd (cmd, "for") VALUES ('start', 'web')"#;
    directory.connection().execute_batch(sql).unwrap();
    let mut log = OpenOptions::new();
    let mut log = log.append(true).open(directory.live("msg")).unwrap();
    log.write_all(b"cmd\n").unwrap();

    let command = timeout(MINUTE, waiting).await.unwrap().unwrap();
    assert_eq!((&*command.verb, &*command.server), ("start", "web"));
    assert!(command.at.is_some());
}

#[tokio::test]
async fn values_of_any_type_do_not_stop_the_queue() {
    let directory = Directory::new();
    directory.create().await;
    let sql = r#"INSERT INTO cmd (cmd, "for", args, "by", at)
        VALUES (x'ff00', 7, x'ff', 0.5, 'yesterday'), ('start', 'web', NULL, 1, 1e300);
        INSERT INTO cmd (cmd, "for") VALUES ('stop', 'db')"#;
    directory.connection().execute_batch(sql).unwrap();

    let command = directory.open().pull().await.unwrap().unwrap();

    assert_eq!((&*command.verb, &*command.server), ("start", "web"));
    assert_eq!((command.by.as_deref(), command.at), (Some("1"), None));
    let next = directory.open().pull().await.unwrap().unwrap();
    assert_eq!(next.verb, "stop");
}

/// A value of each type, and those at the ends of their range.
const ODD_VALUES: [&str; 12] = [
    "NULL",
    "0",
    "7",
    "-1",
    "9223372036854775807",
    "0.5",
    "9e999",
    "''",
    "'x'",
    "'2026-11-29T08:00:00Z'",
    "x''",
    "x'ff00'",
];

#[tokio::test]
async fn odd_row_becomes_a_dead_letter_and_the_queue_goes_on() {
    for (columns, values, reason) in [
        ("token", "9223372036854775807", "the token is too large"),
        ("token", "0.5", "the token is too large"),
        ("due", "'2026-11-29T08:00:00Z'", "the time when it is due"),
        ("due", "x'00'", "the time when it is due"),
        ("id", "x'6162'", "the id is not a string"),
        ("id", "CAST(x'ff' AS TEXT)", "the id is not a string"),
    ] {
        let directory = Directory::new();
        directory.create().await;
        let sql = format!(
            r#"INSERT INTO cmd (cmd, "for", {columns}) VALUES ('start', 'web', {values});
            INSERT INTO cmd (cmd, "for") VALUES ('stop', 'web'), ('stop', 'db')"#
        );
        directory.connection().execute_batch(&sql).unwrap();
        let queue = directory.open();

        for server in ["web", "db"] {
            let command = queue.pull().await.unwrap().unwrap();
            assert_eq!((&*command.verb, &*command.server), ("stop", server));
        }

        let entries = queue.list_all().await.unwrap();
        assert_eq!(entries.len(), 1, "{columns} = {values}");
        assert_eq!(entries[0].state, State::Dead);
        let shown = entries[0].reason.as_deref().unwrap();
        assert!(shown.starts_with(reason), "{columns} = {values}: {shown}");
        let retried = queue.retry(&entries[0].command.id).await.unwrap();
        assert!(retried, "{columns} = {values}");
    }
}

#[tokio::test]
async fn due_command_is_leased_or_buried_whatever_the_types_of_the_columns() {
    let directory = Directory::new();
    directory.create().await;
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut insert = String::new();
    for column in [
        "id", "cmd", "\"for\"", "args", "\"by\"", "at", "due", "held", "token", "attempts", "err",
    ] {
        for value in ODD_VALUES {
            let other = random.choice(ODD_VALUES).unwrap();
            let server = if column == "\"for\"" {
                "args"
            } else {
                "\"for\""
            };
            insert += &format!(
                "INSERT OR IGNORE INTO cmd ({column}, {server}) VALUES ({value}, {other});"
            );
        }
    }
    insert += r#"INSERT INTO cmd (cmd, "for") VALUES ('start', 'web')"#;
    directory.connection().execute_batch(&insert).unwrap();
    let queue = directory.open();
    let commands = queue.commands();

    println!("seed {seed}");
    let verbs = crate::drain(&queue).await;

    assert!(verbs.contains(&"start".to_owned()));
    let due = commands.next_due().await.unwrap();
    assert!(due.is_none_or(|due| due > 1000 * MINUTE), "{due:?}");
}

#[tokio::test]
async fn reading_creates_no_file() {
    let directory = Directory::new();

    assert!(directory.open().lease().await.unwrap().is_none());
    assert!(directory.open().list_all().await.unwrap().is_empty());

    assert_eq!(fs::read_dir(directory.0.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn files_belong_to_their_owner_or_to_the_group_of_their_directory() {
    for (directory_mode, file_mode, live_mode) in [
        (0o700, 0o600, 0o700),
        (0o755, 0o600, 0o700),
        (0o2770, 0o660, 0o2770),
    ] {
        let directory = Directory::new();
        fs::set_permissions(directory.0.path(), Permissions::from_mode(directory_mode)).unwrap();

        directory
            .open()
            .push(&Command::new("start", "web"))
            .await
            .unwrap();
        // So long that it is replaced.
        fs::write(directory.live("msg"), [b'\n'; 100_000]).unwrap();
        directory
            .open()
            .signals()
            .send(&"again".to_owned())
            .await
            .unwrap();

        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(directory.path()), file_mode, "in {directory_mode:o}");
        assert_eq!(mode(directory.live("")), live_mode, "in {directory_mode:o}");
        assert_eq!(
            mode(directory.live("lock")),
            file_mode,
            "in {directory_mode:o}"
        );
        assert_eq!(
            mode(directory.live("msg")),
            file_mode,
            "in {directory_mode:o}"
        );
    }
}

#[tokio::test]
async fn file_of_another_program_is_not_changed() {
    let directory = Directory::new();
    directory
        .connection()
        .execute_batch("CREATE TABLE cmd (id)")
        .unwrap();

    let pushed = directory.open().push(&Command::new("start", "web")).await;

    let failure = pushed.as_ref().err().and_then(Error::failure);
    let wrong_file = Failure::WrongFile { expected: "queue" };
    assert_eq!(failure, Some(wrong_file), "{pushed:?}");
}

#[tokio::test]
async fn writer_that_times_out_does_not_write_later() {
    let directory = Directory::new();
    directory.create().await;
    let lock = File::open(directory.live("lock")).unwrap();
    lock.lock().unwrap();
    let queue = Sqlite::with_timeout(directory.path(), Duration::from_millis(20)).queue();

    let pushed = queue.push(&Command::new("late", "web")).await;

    let error = pushed.unwrap_err();
    assert_eq!(error.failure(), Some(Failure::Busy), "{error:?}");
    assert!(error.is_retryable());
    lock.unlock().unwrap();
    let other = directory.open();
    other.push(&Command::new("start", "web")).await.unwrap();
    assert_eq!(other.list_all().await.unwrap().len(), 1);
}

/// Without turns, the writer that has just released the lock would nearly always be faster.
#[tokio::test(flavor = "multi_thread")]
async fn writer_that_waits_is_next() {
    let directory = Directory::new();
    directory.create().await;
    let [lock, next] = ["lock", "next"].map(|name| File::open(directory.live(name)).unwrap());
    for round in 1..=20 {
        lock.lock().unwrap();
        let queue = directory.open();
        let command = Command::new("start", format!("vm{round}"));
        let waiting = tokio::spawn(async move { queue.push(&command).await.unwrap() });
        let is_waiting = async || match next.try_lock() {
            Ok(()) => next.unlock().is_err(),
            Err(_) => true,
        };
        wait_until(is_waiting, true).await;

        // As a process does that writes without a pause.
        lock.unlock().unwrap();
        next.lock().unwrap();
        lock.lock().unwrap();
        next.unlock().unwrap();

        let count = "SELECT count(*) FROM cmd";
        let connection = directory.connection();
        let count: i64 = connection.query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(count, round);
        lock.unlock().unwrap();
        waiting.await.unwrap();
    }
}

/// Also if this crate never sends.
#[tokio::test]
async fn file_of_signals_is_bounded_by_its_subscribers() {
    const LIMIT: u64 = 1_000;
    let directory = Directory::new();
    let queue = Sqlite::new(directory.path())
        .with_signal_bytes(LIMIT)
        .queue();
    let mut signals = queue.signals().subscribe().await.unwrap();

    for number in 0..1_000 {
        let mut log = OpenOptions::new()
            .append(true)
            .open(directory.live("msg"))
            .unwrap();
        log.write_all(format!("\"{number}\"\n").as_bytes()).unwrap();
        let received = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
        assert_eq!(received, Received::Message(number.to_string()));
        while let Ok(received) = timeout(Duration::ZERO, signals.next()).await {
            assert_eq!(received.unwrap(), Received::Lagged);
        }
        let size = fs::metadata(directory.live("msg")).unwrap().len();
        assert!(size < LIMIT + 10, "{size}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_received_once_while_files_are_replaced() {
    const SENDERS: usize = 4;
    const EACH: usize = 1000;
    let directory = Directory::new();
    let mut signals = directory.open().signals().subscribe().await.unwrap();
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let queue = directory.open();
        senders.spawn(async move {
            // Together they exceed the maximum size of a file several times.
            for number in 0..EACH {
                let text = format!("{sender} {number} {:0100}", 0);
                queue.signals().send(&text).await.unwrap();
            }
        });
    }
    let queue = directory.open();
    tokio::spawn(async move {
        senders.join_all().await;
        queue.signals().send(&"end".to_owned()).await.unwrap();
    });

    let mut next = [0; SENDERS];
    let mut lagged = [false; SENDERS];
    loop {
        let text = match timeout(MINUTE, signals.next()).await.unwrap().unwrap() {
            Received::Message(text) if text == "end" => break,
            Received::Message(text) => text,
            Received::Lagged => {
                lagged = [true; SENDERS];
                continue;
            }
        };
        let mut words = text.split(' ');
        let mut number = || words.next().unwrap().parse::<usize>().unwrap();
        let (sender, number) = (number(), number());
        assert!(number >= next[sender], "{text} came twice");
        assert!(
            number == next[sender] || lagged[sender],
            "gap before {text}"
        );
        next[sender] = number + 1;
        lagged[sender] = false;
    }
}

#[tokio::test]
async fn sender_that_waits_too_long_times_out() {
    let directory = Directory::new();
    let queue = Sqlite::with_timeout(directory.path(), Duration::from_millis(20)).queue();
    queue.signals().send(&"first".to_owned()).await.unwrap();
    let log = File::open(directory.live("msg")).unwrap();
    log.lock().unwrap();
    let mut signals = directory.open().signals().subscribe().await.unwrap();

    let sent = queue.signals().send(&"late".to_owned()).await;

    let error = sent.unwrap_err();
    assert_eq!(error.failure(), Some(Failure::Busy), "{error:?}");
    assert!(error.is_retryable());
    // It may still be sent, and is sent here.
    log.unlock().unwrap();
    let received = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
    assert_eq!(received, Received::Message("late".to_owned()));
}

#[tokio::test]
async fn subscription_survives_the_loss_of_its_files() {
    let directory = Directory::new();
    let queue = directory.open();
    let mut signals = queue.signals().subscribe().await.unwrap();

    for _ in 0..3 {
        fs::remove_dir_all(directory.live("")).unwrap();
        queue.signals().send(&"again".to_owned()).await.unwrap();

        let mut received = Received::Lagged;
        while received == Received::Lagged {
            received = timeout(MINUTE, signals.next()).await.unwrap().unwrap();
        }
        assert_eq!(received, Received::Message("again".to_owned()));
    }
}

#[tokio::test]
async fn created_queue_takes_rows_and_lines_of_other_programs() {
    let directory = Directory::new();

    directory.open().init().await.unwrap();

    for name in ["msg", "evt"] {
        assert!(directory.live(name).is_file(), "{name}");
    }
    let sql = r#"INSERT INTO cmd (cmd, "for") VALUES ('start', 'web')"#;
    directory.connection().execute_batch(sql).unwrap();
    let command = directory.open().pull().await.unwrap().unwrap();
    let now = SystemTime::now();
    let at = command.at.unwrap();
    assert!(at > now - MINUTE && at < now + MINUTE, "{at:?}");
}

/// The documented push works with the SQLite of old systems.
#[tokio::test]
async fn tables_need_only_functions_of_sqlite_3_35() {
    const FUNCTIONS: [&str; 6] = ["lower", "hex", "randomblob", "julianday", "min", "cmd"];
    let directory = Directory::new();
    directory.create().await;

    let connection = directory.connection();
    let mut query = connection
        .prepare("SELECT lower(sql) FROM sqlite_schema WHERE sql IS NOT NULL")
        .unwrap();
    let all = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let all: Vec<_> = all.map(Result::unwrap).collect();

    assert!(all.len() > 5);
    for sql in all {
        assert!(!sql.ends_with("strict"), "{sql}");
        for (end, _) in sql.match_indices('(') {
            let before = |c: char| !c.is_ascii_alphanumeric() && c != '_';
            let name = sql[..end].rsplit(before).next().unwrap();
            assert!(
                name.is_empty() || FUNCTIONS.contains(&name),
                "{name}( in {sql}"
            );
        }
    }
}

#[tokio::test]
async fn file_of_an_older_release_is_upgraded_with_all_that_is_in_it() {
    let directory = Directory::new();
    directory.create().await;
    let older = r#"
        ALTER TABLE cmd_dead DROP COLUMN outcome;
        DROP INDEX cmd_holder;
        ALTER TABLE cmd DROP COLUMN holder;
        INSERT INTO cmd (cmd, "for", due, held, token) VALUES
            ('stop', 'web', 1e11, TRUE, 7),
            ('start', 'web', NULL, FALSE, 0),
            ('start', 'db', NULL, FALSE, 0);
        PRAGMA user_version = 1;
        INSERT INTO cmd_dead (id, cmd, "for", token, attempts, err)
            VALUES ('7', 'start', 'web', 1, 1, 'server is locked');
    "#;
    directory.connection().execute_batch(older).unwrap();

    let queue = directory.open();
    let entry = queue.commands().get(&"7".into()).await.unwrap().unwrap();

    assert_eq!(entry.reason.as_deref(), Some("server is locked"));
    assert!(entry.outcome.is_null());
    assert!(queue.retry(&"7".into()).await.unwrap());
    let lease = queue.lease().await.unwrap().unwrap();
    assert_eq!(
        (&*lease.command.verb, &*lease.command.server),
        ("start", "db")
    );
    assert!(queue.lease().await.unwrap().is_none());
}
