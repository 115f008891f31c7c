//! The queue in a SQLite file that other programs write to.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use bolero::{TypeGenerator, check};
use fuzz::{Part, text};
use hcc_queue::{Command, Queue, Received, Sqlite};
use rusqlite::types::Value;
use rusqlite::{Connection, ToSql};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::block_on;

const MINUTE: Duration = Duration::from_secs(60);

/// A value of a column.
#[derive(Clone, Debug, TypeGenerator)]
pub(crate) enum Column {
    Default,
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Column {
    /// The expression and its value; a string may be invalid UTF-8.
    pub(crate) fn sql(&self) -> Option<(&'static str, Value)> {
        Some(match self {
            Self::Default => return None,
            Self::Null => ("?", Value::Null),
            Self::Integer(number) => ("?", Value::Integer(*number)),
            Self::Real(number) => ("?", Value::Real(*number)),
            Self::Text(bytes) => ("CAST(? AS TEXT)", Value::Blob(bytes.clone())),
            Self::Blob(bytes) => ("?", Value::Blob(bytes.clone())),
        })
    }
}

fn insert(connection: &Connection, row: &[Column; 13]) {
    const COLUMNS: [&str; 13] = [
        "id", "cmd", "\"for\"", "args", "\"by\"", "at", "first", "due", "held", "token",
        "attempts", "err", "seq",
    ];
    let row = COLUMNS.iter().zip(row);
    let row: Vec<_> = row
        .filter_map(|(column, value)| Some((column, value.sql()?)))
        .collect();
    let names: Vec<_> = row.iter().map(|(name, _)| **name).collect();
    let places: Vec<_> = row.iter().map(|(_, (place, _))| *place).collect();
    let values: Vec<&dyn ToSql> = row.iter().map(|(_, (_, value))| value as _).collect();
    if !names.is_empty() {
        let sql = format!(
            "INSERT INTO cmd ({}) VALUES ({})",
            names.join(","),
            places.join(",")
        );
        // The table refuses some values.
        let _ = connection.execute(&sql, &*values);
    }
}

/// Opens a file as another program, which does not wait for the disk.
pub(crate) fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    let pragma = "PRAGMA synchronous = OFF";
    connection.execute_batch(pragma).unwrap();
    connection
}

async fn create() -> (TempDir, Queue) {
    let directory = tempfile::tempdir().unwrap();
    let queue = Sqlite::new(directory.path().join("queue.db")).queue();
    queue.retry(&"none".into()).await.unwrap();
    (directory, queue)
}

#[test]
fn commands() {
    check!()
        .with_type::<Vec<[Column; 13]>>()
        .for_each(|rows| block_on(check_commands(rows)));
}

async fn check_commands(rows: &[[Column; 13]]) {
    let (directory, queue) = create().await;
    let connection = open(&directory.path().join("queue.db"));
    for row in rows {
        insert(&connection, row);
    }
    check_queue(&queue).await;
}

/// Whatever is due is leased or buried, a good command among it.
pub(crate) async fn check_queue(queue: &Queue) {
    let command = Command::new("start", "a-server-of-its-own");
    queue.push(&command).await.unwrap();
    let commands = queue.commands();

    let mut is_leased = false;
    while commands.next_due().await.unwrap() == Some(Duration::ZERO) {
        let dead = commands.counts().await.unwrap().dead;
        match commands.lease(MINUTE).await.unwrap() {
            Some(lease) => {
                is_leased |= lease.command.id == command.id;
                commands.ack(lease).await.unwrap();
            }
            None => assert!(commands.counts().await.unwrap().dead > dead),
        }
    }

    assert!(is_leased);
    queue.list_all().await.unwrap();
}

#[test]
fn messages() {
    const WORDS: [&str; 8] = ["\"cmd\"", "\n", "null", "{", "}", "\"", "\\u00", "[1]"];
    check!().with_type::<Vec<Part>>().for_each(|parts| {
        block_on(async {
            let (directory, queue) = create().await;
            let mut subscription = queue.signals().subscribe().await.unwrap();
            let path = directory.path().join("queue.db-live/msg");
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            writeln!(file, "{}", text(parts, &WORDS)).unwrap();
            let next = "the next one".to_owned();
            queue.signals().send(&next).await.unwrap();

            let received = async {
                while subscription.next().await.unwrap() != Received::Message(next.clone()) {}
            };
            timeout(MINUTE, received).await.unwrap();
        });
    });
}
