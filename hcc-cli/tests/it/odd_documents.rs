//! Documents that other programs have stored, with fields of the wrong type.

use std::path::Path;

use hcloud_sim::Sim;
use serde_json::{Value, json};
use test_services::TestDatabase;
use tokio::process::Command;

use crate::on_mongodb::python;
use crate::service::Service;
use crate::user::{Run, User};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

/// Runs a Python program with an argument.
async fn run_python(program: &str, argument: impl AsRef<std::ffi::OsStr>) -> String {
    let mut command = Command::new(python());
    command.arg("-c").arg(program).arg(argument);
    let run = Run::of(command).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    run.out
}

/// Executes SQL as another program.
async fn execute(path: &Path, sql: &str) {
    let program = format!(
        "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as db: db.executescript({})",
        json!(sql)
    );
    run_python(&program, path).await;
}

/// Schedules with one field of the wrong type each, and its name.
fn odd_schedules() -> Vec<(Value, &'static str)> {
    let with = |field: &'static str, value: Value| {
        let mut schedule = json!({ "for": "web1", "cmd": "stop", "cron": "0 20 * * *" });
        schedule[field] = value;
        (schedule, field)
    };
    vec![
        with("cron", Value::Null),
        with("cron", json!(5)),
        with("tz", json!(1)),
        with("grace", json!("5m")),
        with("paused", json!(0)),
        with("paused", json!("yes")),
        with("next", json!("tomorrow")),
        (json!({ "for": "web1", "cmd": "stop" }), "cron"),
    ]
}

/// Lists and removes odd schedules while a worker carries out another one.
async fn odd_schedules_are_listed_and_removed(user: &User, store: Option<&str>) {
    let hcc = async |args: &[&str]| {
        let mut hcc = user.command(args);
        hcc.envs(store.map(|store| ("HCC_STORE", store)));
        Run::of(hcc).await
    };
    let mut command = user.command(&["worker"]);
    command.envs(store.map(|store| ("HCC_STORE", store)));
    let mut service = Service::start(command);
    service.line("command succeeded").await;
    assert_eq!(service.stop().await, Some(0));
    let skipped = service.seen.lines();
    let skipped: Vec<_> = skipped
        .filter(|it| it.contains("malformed schedule skipped"))
        .collect();
    assert!(!skipped.is_empty(), "{}", service.seen);
    assert!(
        skipped
            .iter()
            .all(|it| it.contains("field=") && it.contains("reason="))
    );

    let listed = hcc(&["schedule", "list", "-o", "json"]).await;
    let table = hcc(&["schedule", "list"]).await;

    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    let listed = listed.as_array().unwrap();
    let odd = odd_schedules();
    assert_eq!(listed.len(), odd.len() + 1, "{listed:?}");
    for (number, (_, field)) in odd.iter().enumerate() {
        let id = format!("odd{number}");
        let found = listed.iter().find(|it| it["id"] == id).unwrap();
        assert_eq!(found["malformed"]["field"], *field, "{found}");
        assert!(table.out.contains(&format!("malformed: {field}: ")));
        let paused = hcc(&["schedule", "pause", &id]).await;
        let (code, text) = paused.failure();
        assert_eq!(code, 4, "{text}");
        assert!(
            text.contains(&format!("{id} is malformed: {field}: ")),
            "{text}"
        );
        assert!(
            text.contains(&format!("run hcc schedule remove {id}")),
            "{text}"
        );
        assert_eq!(hcc(&["schedule", "remove", &id]).await.code, Some(0));
    }
    let left = hcc(&[
        "schedule",
        "list",
        "-o",
        "columns=id,last",
        "-o",
        "noheader",
    ])
    .await;
    assert_eq!(left.out, "good  ok\n");
}

const GOOD: &str = r#""for": "web1", "cmd": "sync", "cron": "0 20 * * *""#;

#[tokio::test]
#[ignore = "needs Python"]
async fn odd_schedules_can_be_removed_from_sqlite() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["sync", "--all"]).await;
    let rows = odd_schedules().into_iter().enumerate();
    let rows = rows.map(|(number, (mut schedule, _))| {
        schedule["id"] = format!("odd{number}").into();
        format!("INSERT INTO schedules (doc) VALUES ('{schedule}');\n")
    });
    let mut sql: String = rows.collect();
    sql += &format!(
        "INSERT INTO schedules (doc)
        SELECT json_set('{{ {GOOD} }}', '$.id', 'good', '$.next', unixepoch());"
    );
    execute(&user.path(".local/share/hcc/hcc.db"), &sql).await;

    odd_schedules_are_listed_and_removed(&user, None).await;
}

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn odd_schedules_can_be_removed_from_mongodb() {
    let server = TestDatabase::new();
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    let mut sync = user.command(&["sync", "--all"]);
    sync.env("HCC_STORE", &server.url);
    assert_eq!(Run::of(sync).await.code, Some(0));
    let odd = odd_schedules().into_iter().map(|(schedule, _)| schedule);
    let odd: Value = odd.collect();
    let program = format!(
        "import json, pymongo, sys, time
schedules = pymongo.MongoClient(sys.argv[1]).get_default_database().schedules
for number, schedule in enumerate(json.loads({})):
    schedules.insert_one({{'_id': f'odd{{number}}'}} | schedule)
schedules.insert_one({{'_id': 'good', {GOOD}, 'next': time.time()}})",
        json!(odd.to_string())
    );
    run_python(&program, &server.url).await;

    odd_schedules_are_listed_and_removed(&user, Some(&server.url)).await;
}

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn dead_letter_of_an_odd_command_names_the_field() {
    let server = TestDatabase::new();
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    let hcc = async |args: &[&str]| {
        let mut hcc = user.command(args);
        hcc.env("HCC_STORE", &server.url);
        Run::of(hcc).await
    };
    hcc(&["queue", "init"]).await;
    let program = "import pymongo, sys
cmd = pymongo.MongoClient(sys.argv[1]).get_default_database().cmd
cmd.insert_one({'cmd': 5, 'for': 'web1'})
cmd.insert_one({'cmd': 'stop', 'for': 7})
cmd.insert_one({'cmd': 'stop', 'for': 'web1', 'by': 7})";
    run_python(program, &server.url).await;

    let pulled = hcc(&["pull"]).await;
    let listed = hcc(&["queue", "list", "-o", "columns=state,why", "-o", "noheader"]).await;

    assert_eq!((pulled.code, &*pulled.out), (Some(1), ""));
    for field in ["cmd", "for", "by"] {
        let line = format!("dead   its field \"{field}\" is not a string");
        assert!(
            listed.out.contains(line.trim_start_matches("dead   ")),
            "{listed:?}"
        );
    }
    assert_eq!(
        listed
            .out
            .lines()
            .filter(|it| it.starts_with("dead"))
            .count(),
        3
    );
}

#[tokio::test]
#[ignore = "needs Python"]
async fn pull_says_how_many_commands_have_expired() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    for verb in ["start", "stop"] {
        user.ok(&["push", verb, "web1"]).await;
    }
    let queue = user.path(".local/share/hcc/queue.db");
    execute(&queue, "UPDATE cmd SET at = at - 7200").await;

    let none = user.hcc(&["pull"]).await;

    assert_eq!((none.code, &*none.out), (Some(1), ""));
    let start =
        "hcc: 2 commands moved to the dead letters, such as start web1: expired: it waited ";
    assert!(none.err.starts_with(start), "{none:?}");
    assert!(none.err.contains("hint: run hcc queue list"), "{none:?}");

    user.ok(&["queue", "drop", "--dead"]).await;
    user.ok(&["push", "start", "web1"]).await;
    execute(&queue, "UPDATE cmd SET at = at - 7200").await;
    user.ok(&["push", "stop", "web1"]).await;
    let one = user.hcc(&["pull"]).await;
    assert_eq!((one.code, &*one.out), (Some(0), "stop web1\n"));
    assert!(
        one.err
            .starts_with("hcc: 1 command moved to the dead letters: start web1: expired: ")
    );
}
