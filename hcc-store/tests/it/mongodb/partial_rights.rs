//! Users who may not do everything: what the server refuses quotes the command, and no error does.

use std::error::Error as StdError;
use std::time::{Duration, SystemTime};

use hcc_store::{
    Accounts, AuditEntry, AuditQuery, Failure, IfMissing, Mongodb, Patch, Precondition, Result,
    Session, SessionKey, Sessions, Store, StoreExt, User, Write,
};
use mongodb::bson::Document;
use secrecy::SecretString;
use test_services::GuardedMongod;

/// What no error may contain: passwords, of users and of servers, and stored values.
const CANARY: &str = "canary-7f3a";

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn refused_operations_do_not_quote_commands_or_passwords() {
    let server = GuardedMongod::start().await;
    let vms = server.database.collection::<Document>("vms");
    let inserts = [GuardedMongod::READS, &["insert"]].concat();
    let all = [GuardedMongod::READS, &["insert", "update", "remove"]].concat();
    for (user, may) in [
        ("nothing", vec![]),
        ("reader", vec![("", GuardedMongod::READS)]),
        ("inserter", vec![("", &*inserts)]),
        ("other", vec![("cmd", &*all)]),
        ("records", vec![("vms", &*all)]),
    ] {
        let _ = vms.drop().await;
        let url = server.user(user, CANARY, &may).await;
        let store = Mongodb::new(&url.parse().unwrap()).await.unwrap();

        let refused = refused(&store).await;

        let complete = user == "records";
        assert_eq!(refused.is_empty(), complete, "{user}: {refused:?}");
        let accounts = refused_accounts(&store).await;
        assert!(!accounts.is_empty(), "{user}");
        let host = url.split('@').nth(1).unwrap();
        for shown in refused.into_iter().chain(accounts) {
            assert!(shown.contains(host), "{user}: {shown}");
            assert!(shown.contains("refused access"), "{user}: {shown}");
            assert!(shown.contains("(code 13)"), "{user}: {shown}");
        }
    }
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn wrong_password_of_an_existing_user_is_not_shown() {
    let server = GuardedMongod::start().await;
    let url = server
        .user("mary", "right", &[("", GuardedMongod::READS)])
        .await;
    let url = url.replace(":right@", &format!(":{CANARY}@"));
    let store = Mongodb::new(&url.parse().unwrap()).await.unwrap();

    for shown in refused(&store).await {
        assert!(shown.contains("authentication failed"), "{shown}");
    }
}

/// Calls everything with canaries, and returns how the failures are shown.
async fn refused(store: &Mongodb) -> Vec<String> {
    let canary = SecretString::from(CANARY);
    let now = SystemTime::now();
    let patch = Patch::new()
        .created(Some(&canary), &[])
        .console(&canary, &canary, now);
    let mut refused = Vec::new();
    let insert = [Write::new("web1", patch.clone(), IfMissing::Insert)];
    let update = [Write::new("web1", patch.clone(), IfMissing::Skip)];
    collect(&mut refused, store.reserve("web1").await);
    collect(&mut refused, store.write(&insert).await);
    collect(&mut refused, store.write(&update).await);
    collect(&mut refused, store.set("web1", patch).await);
    collect(&mut refused, store.get("web1").await);
    collect(&mut refused, store.list().await);
    collect(&mut refused, store.statuses().await);
    collect(&mut refused, store.repair().await);
    collect(&mut refused, store.remove("web1", Precondition::Any).await);
    refused
}

async fn refused_accounts(store: &Mongodb) -> Vec<String> {
    let canary = SecretString::from(CANARY);
    let mut refused = Vec::new();
    let mut user = User::new("mary");
    user.password = Some(canary.clone());
    collect(&mut refused, store.put_user(&user).await);
    collect(&mut refused, store.user("mary").await);
    collect(&mut refused, store.users().await);
    collect(&mut refused, store.remove_user("mary").await);
    let until = SystemTime::now() + Duration::from_secs(60);
    let key = SessionKey::of(&canary);
    let session = Session {
        key: key.clone(),
        user: CANARY.to_owned(),
        since: SystemTime::now(),
        until,
    };
    collect(&mut refused, store.begin_session(&session).await);
    collect(&mut refused, store.session(&key, SystemTime::now()).await);
    collect(&mut refused, store.extend_session(&key, until).await);
    collect(&mut refused, store.end_sessions(Sessions::Of(CANARY)).await);
    let entry = AuditEntry {
        at: SystemTime::now(),
        by: Some(CANARY.to_owned()),
        ip: None,
        what: "login".to_owned(),
        server: None,
        project: None,
        outcome: "ok".to_owned(),
    };
    collect(&mut refused, store.append(&entry).await);
    collect(&mut refused, store.audit(&AuditQuery::default()).await);
    refused
}

/// Keeps how a failure is shown: its messages and debug output, and those of its causes.
fn collect<T>(refused: &mut Vec<String>, done: Result<T>) {
    let Err(error) = done else { return };
    let mut shown = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        shown += &format!(": {error} {error:?}");
        cause = error.source();
    }
    assert_eq!(error.failure(), Some(Failure::Denied), "{shown}");
    assert!(!shown.contains(CANARY), "{shown}");
    refused.push(shown);
}
