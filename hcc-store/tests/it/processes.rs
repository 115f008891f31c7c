//! Concurrent processes, and processes that are killed.
//!
//! A test here starts itself again as a child, with its task in the environment.

use std::env;
use std::io::{BufRead, BufReader, Read, stdin};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use hcc_store::{Patch, Store, StoreExt, StoreUrl, open};
use rusqlite::Connection;

use crate::sqlite::TestDir;

const URL: &str = "HCC_STORE_TEST_URL";
const CHILD: &str = "HCC_STORE_TEST_CHILD";

#[tokio::test]
async fn one_of_many_processes_reserves_a_name() {
    const NAMES: usize = 30;
    if let Some(store) = in_child().await {
        // All begin when the parent closes their input.
        stdin().read_to_end(&mut Vec::new()).unwrap();
        for number in 0..NAMES {
            let name = format!("vm{number}");
            if store.reserve(&name).await.unwrap() {
                eprintln!("{name}");
            }
        }
        return;
    }
    let directory = TestDir::new();

    let mut children: Vec<Child> = (0..8)
        .map(|number| spawn("one_of_many_processes_reserves_a_name", &directory, number))
        .collect();
    for child in &mut children {
        drop(child.stdin.take());
    }

    let mut won: Vec<String> = children.iter_mut().flat_map(lines).collect();
    won.sort();
    let mut names: Vec<String> = (0..NAMES).map(|number| format!("vm{number}")).collect();
    names.sort();
    assert_eq!(won, names);
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(directory.store().list().await.unwrap().len(), NAMES);
}

#[tokio::test]
async fn acknowledged_writes_survive_kill_9() {
    if let Some(store) = in_child().await {
        let child = env::var(CHILD).unwrap();
        for number in 0.. {
            let name = format!("vm{child}-{number}");
            assert!(store.reserve(&name).await.unwrap());
            store.set(&name, Patch::new().status(&name)).await.unwrap();
            eprintln!("{name}");
        }
    }
    let directory = TestDir::new();
    let mut acknowledged = Vec::new();

    for round in 0..8 {
        let mut children = [0, 1].map(|other| {
            let number = 2 * round + other;
            spawn("acknowledged_writes_survive_kill_9", &directory, number)
        });
        let mut lines = children.each_mut().map(lines);
        // The first is killed after some writes, the second at the same time.
        acknowledged.extend(lines[0].by_ref().take(3 * round + 1));
        for child in &mut children {
            child.kill().unwrap();
        }
        acknowledged.extend(lines.into_iter().flatten());
        for child in &mut children {
            child.wait().unwrap();
        }
        assert_eq!(integrity(&directory.connection()), "ok");
    }

    let store = directory.store();
    for name in &acknowledged {
        let record = store.get(name).await.unwrap();
        assert_eq!(record.unwrap().status.as_ref(), Some(name));
    }
    let unacknowledged = store.list().await.unwrap().len() - acknowledged.len();
    assert!(unacknowledged <= 16, "{unacknowledged}");
}

/// Returns the store of a child; `None` in the parent.
async fn in_child() -> Option<Arc<dyn Store>> {
    let url: StoreUrl = env::var(URL).ok()?.parse().unwrap();
    Some(open(&url).await.unwrap())
}

/// Runs one test of this module as a child.
fn spawn(test: &str, directory: &TestDir, number: usize) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([&format!("processes::{test}"), "--exact", "--nocapture"])
        .env(URL, StoreUrl::sqlite(directory.path()).to_string())
        .env(CHILD, number.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns the complete lines that a child writes until it exits.
fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    std::iter::from_fn(move || {
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        line.strip_suffix('\n').map(str::to_owned)
    })
}

fn integrity(connection: &Connection) -> String {
    let check = "PRAGMA integrity_check";
    connection.query_row(check, [], |row| row.get(0)).unwrap()
}
