//! What a server or a file refuses often quotes the command, and no error does.

use std::error::Error as StdError;
use std::time::Duration;

use hcc_queue::{Command, Error, Lease, Outcome, Queue, Reason, Result};
use rusqlite::Connection;
use serde_json::json;
use test_services::Redis;

use crate::sqlite::Directory;

/// What no error may contain: passwords, of users and of servers, and user data.
const CANARY: &str = "canary-7f3a";

#[tokio::test]
async fn trigger_that_quotes_values_is_not_shown() {
    let directory = Directory::new();
    let leases = leased(&directory.open()).await;
    for table in ["cmd", "cmd_dead"] {
        for event in ["INSERT", "UPDATE", "DELETE"] {
            let row = if event == "DELETE" { "old" } else { "new" };
            let sql = format!(
                "CREATE TRIGGER refuse_{table}_{event} BEFORE {event} ON {table}
                BEGIN SELECT RAISE(ABORT, {row}.args || {row}.\"by\"); END"
            );
            directory.connection().execute_batch(&sql).unwrap();
        }
    }

    let refused = refused(&directory.open(), leases).await;

    assert!(refused.len() >= 7, "{refused:#?}");
    for shown in refused {
        assert!(shown.contains("queue.db failed"), "{shown}");
    }
}

#[tokio::test]
async fn constraint_that_quotes_values_is_not_shown() {
    let directory = Directory::new();
    let leases = leased(&directory.open()).await;
    let index = format!("CREATE UNIQUE INDEX \"{CANARY}\" ON cmd (1)");
    let connection: Connection = directory.connection();
    connection
        .execute_batch("DELETE FROM cmd WHERE seq > 1")
        .unwrap();
    connection.execute_batch(&index).unwrap();

    let refused = refused(&directory.open(), leases).await;

    assert!(!refused.is_empty());
}

#[tokio::test]
#[ignore = "needs Redis"]
async fn redis_user_of_partial_rights_learns_no_values() {
    let server = Redis::start();
    let host = server.host();
    for (user, rights) in [
        ("nothing", "-@all"),
        ("noscripts", "+@all -@scripting ~* &*"),
        ("onekey", "+@all ~msg &*"),
        (
            "reader",
            "+@read +eval +evalsha +script|load +config|get +time ~* &*",
        ),
        ("nosettings", "+@all -config ~* &*"),
    ] {
        let url = server.fresh_url();
        let leases = leased(&hcc_queue::open(&url.parse().unwrap()).await.unwrap()).await;
        acl(&url, &format!("{user} on >{CANARY} {rights}")).await;
        let number = url.rsplit('/').next().unwrap();
        let theirs = format!("redis://{user}:{CANARY}@{host}/{number}");
        let queue = hcc_queue::open(&theirs.parse().unwrap()).await.unwrap();

        let refused = refused(&queue, leases).await;

        assert!(refused.len() >= 5, "{user}: {refused:#?}");
        for shown in refused {
            assert!(shown.contains(&host), "{user}: {shown}");
            assert!(!shown.contains(user), "{user}: {shown}");
            let expected = match user {
                "nothing" | "nosettings" => "CONFIG GET",
                "reader" => "",
                _ => "refused access",
            };
            assert!(shown.contains(expected), "{user}: {shown}");
        }
    }
}

async fn acl(url: &str, user: &str) {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd("ACL");
    command
        .arg("SETUSER")
        .arg(user.split(' ').collect::<Vec<_>>());
    let _: String = command.query_async(&mut connection).await.unwrap();
}

#[cfg(feature = "mongodb")]
#[tokio::test]
#[ignore = "needs MongoDB"]
async fn mongodb_user_of_partial_rights_learns_no_values() {
    use mongodb::bson::Document;
    use test_services::GuardedMongod;

    let server = GuardedMongod::start().await;
    let all = [GuardedMongod::READS, &["insert", "update", "remove"]].concat();
    let inserts = [GuardedMongod::READS, &["insert"]].concat();
    let owner = server.user("owner", "right", &[("", &*all)]).await;
    for (user, may) in [
        ("nothing", vec![]),
        ("reader", vec![("", GuardedMongod::READS)]),
        ("inserter", vec![("", &*inserts)]),
        ("signals", vec![("msg", &*all)]),
        ("commands", vec![("cmd", &*all)]),
    ] {
        let cmd = server.database.collection::<Document>("cmd");
        let _ = cmd.drop().await;
        let leases = leased(&hcc_queue::open(&owner.parse().unwrap()).await.unwrap()).await;
        let url = server.user(user, CANARY, &may).await;
        let queue = hcc_queue::open(&url.parse().unwrap()).await.unwrap();

        let refused = refused(&queue, leases).await;

        assert!(!refused.is_empty(), "{user}");
        let host = url.split('@').nth(1).unwrap();
        for shown in refused {
            assert!(shown.contains(host), "{user}: {shown}");
            assert!(shown.contains("refused access"), "{user}: {shown}");
            assert!(shown.contains("(code 13)"), "{user}: {shown}");
        }
    }
}

/// Pushes commands with canaries, and leases them.
async fn leased(queue: &Queue) -> Vec<Lease> {
    let mut leases = Vec::new();
    for number in 0..5 {
        queue
            .push(&create(&format!("leased{number}")))
            .await
            .unwrap();
    }
    while let Some(lease) = queue.lease().await.unwrap() {
        leases.push(lease);
    }
    leases
}

/// A command with user data.
fn create(server: &str) -> Command {
    Command {
        args: json!({ "user_data": CANARY }),
        by: Some(CANARY.to_owned()),
        ..Command::new("create", server)
    }
}

/// Calls everything with canaries, and returns how the failures are shown. `leases` are those of
/// another user.
async fn refused(queue: &Queue, leases: Vec<Lease>) -> Vec<String> {
    let mut refused = Vec::new();
    let command = create("web1");
    collect(&mut refused, queue.push(&command).await);
    let later = Duration::from_secs(60);
    collect(&mut refused, queue.push_after(&command, later).await);
    collect(&mut refused, queue.lease().await);
    collect(&mut refused, queue.pull().await);
    collect(&mut refused, queue.list_all().await);
    collect(&mut refused, queue.commands().counts().await);
    collect(&mut refused, queue.commands().next_due().await);
    collect(&mut refused, queue.commands().first("web1").await);
    collect(&mut refused, queue.commands().get(&command.id).await);
    collect(&mut refused, queue.commands().delete_dead(later).await);
    collect(&mut refused, queue.retry(&command.id).await);
    collect(&mut refused, queue.remove(&command.id).await);
    collect(&mut refused, queue.consumer().await);
    collect(&mut refused, queue.signals().send(&CANARY.to_owned()).await);
    collect(&mut refused, queue.signals().recent().await);
    collect(&mut refused, queue.events().recent().await);
    let mut leases = leases.into_iter();
    let mut lease = || leases.next().expect("there are enough leases");
    let commands = queue.commands();
    let reason = Reason::new(CANARY, json!({ "message": CANARY }));
    collect(&mut refused, commands.extend(&lease(), later).await);
    collect(&mut refused, commands.release(lease(), later, CANARY).await);
    collect(&mut refused, commands.bury(lease(), &reason).await);
    let failed = Outcome::Retry(CANARY.into());
    collect(&mut refused, queue.settle(lease(), &failed).await);
    collect(&mut refused, queue.ack(lease()).await);
    refused
}

/// Keeps how a failure is shown: its messages and debug output, and those of its causes.
fn collect<T>(refused: &mut Vec<String>, done: Result<T>) {
    match done {
        Ok(_) | Err(Error::LeaseLost { .. }) => {}
        Err(error) => refused.push(shown(&error)),
    }
}

fn shown(error: &Error) -> String {
    let mut shown = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        shown += &format!(": {error} {error:?}");
        cause = error.source();
    }
    assert!(!shown.contains(CANARY), "{shown}");
    shown
}
