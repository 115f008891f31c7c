//! What every backend must do with users, sessions and the audit trail.

use std::time::{Duration, SystemTime};

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{Accounts, AuditCursor, AuditEntry, AuditQuery, Session, SessionKey, Sessions, User};

/// A database under test: fresh and empty, and removed when dropped.
#[async_trait]
pub trait AccountsFixture: Send + Sync {
    /// Opens the accounts, as another process would.
    async fn accounts(&self) -> Arc<dyn Accounts>;
}

/// Defines one test per case, as [`conformance!`](crate::conformance!) does for records.
#[macro_export]
macro_rules! accounts_conformance {
    ($fixture:expr $(, #[$attribute:meta])*) => {
        $crate::accounts_conformance! { @cases $fixture, [$(#[$attribute])*],
            nobody_is_a_user_at_first
            user_is_read_as_it_was_stored
            users_are_listed_by_name
            one_of_many_tasks_makes_a_user
            outdated_user_is_not_stored
            removed_user_is_not_stored_again
            right_that_is_taken_is_gone
            session_is_found_by_its_key_until_it_ends
            session_can_end_later_or_sooner
            sessions_of_one_user_end_together
            sessions_that_have_ended_are_removed
            sessions_end_with_their_user
            new_user_has_no_sessions_of_an_old_one
            audit_is_read_the_newest_first
            pages_of_the_audit_meet
            audit_of_one_user_and_one_server_is_read
            odd_texts_in_the_audit_stay_as_they_are
            page_is_never_longer_than_the_longest
            cursor_that_is_none_leads_to_the_end
            secrets_of_accounts_are_not_in_debug
        }
    };
    (@cases $fixture:expr, $attributes:tt, $($case:ident)*) => {
        $($crate::accounts_conformance! { @case $fixture, $attributes, $case })*
    };
    (@case $fixture:expr, [$(#[$attribute:meta])*], $case:ident) => {
        #[::tokio::test(flavor = "multi_thread")]
        $(#[$attribute])*
        async fn $case() {
            $crate::conformance::accounts::$case(&$fixture).await;
        }
    };
}

/// Asking in an empty database is normal.
pub async fn nobody_is_a_user_at_first(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;

    assert!(accounts.user("mary").await.unwrap().is_none());
    assert!(accounts.users().await.unwrap().is_empty());
    assert!(!accounts.remove_user("mary").await.unwrap());
    assert!(accounts.session(&key("t"), at(0)).await.unwrap().is_none());
    assert!(!accounts.extend_session(&key("t"), at(9)).await.unwrap());
    let ended = accounts.end_sessions(Sessions::Of("mary")).await;
    assert_eq!(ended.unwrap(), 0);
    let page = accounts.audit(&all()).await.unwrap();
    assert_eq!((page.entries, page.older), (vec![], None));
}

/// Whatever a user is, another process reads the same.
pub async fn user_is_read_as_it_was_stored(fixture: &dyn AccountsFixture) {
    let user = User {
        password: Some("$argon2id$v=19$…".into()),
        rights: json!({"grants": [{"servers": "$web.*", "may": ["view"]}], "waiting": 5}),
        disabled: true,
        ..User::new("O'Mary.$x 🦀")
    };

    assert!(fixture.accounts().await.put_user(&user).await.unwrap());

    let read = fixture.accounts().await.user(&user.name).await.unwrap();
    let read = read.unwrap();
    assert_eq!(read.password.unwrap().expose_secret(), "$argon2id$v=19$…");
    assert_eq!((read.rights, read.disabled), (user.rights, true));
    assert_eq!((read.name, read.rev), (user.name, 1));
}

/// The order is that of the alphabet, by bytes.
pub async fn users_are_listed_by_name(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    for name in ["zoe", "adam", "Mary", "mary"] {
        assert!(accounts.put_user(&User::new(name)).await.unwrap());
    }

    let users = accounts.users().await.unwrap();

    let names: Vec<_> = users.iter().map(|user| &*user.name).collect();
    assert_eq!(names, ["Mary", "adam", "mary", "zoe"]);
}

/// A name is taken once, whoever else wants it at the same time.
pub async fn one_of_many_tasks_makes_a_user(fixture: &dyn AccountsFixture) {
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let accounts = fixture.accounts().await;
        tasks.spawn(async move { accounts.put_user(&User::new("mary")).await.unwrap() });
    }

    let winners = tasks.join_all().await;

    assert_eq!(winners.into_iter().filter(|won| *won).count(), 1);
}

/// Of two who change what they have read, the second is told.
pub async fn outdated_user_is_not_stored(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    accounts.put_user(&User::new("mary")).await.unwrap();
    let read = accounts.user("mary").await.unwrap().unwrap();
    let disabled = User {
        disabled: true,
        ..read.clone()
    };
    assert!(accounts.put_user(&disabled).await.unwrap());

    assert!(!accounts.put_user(&read).await.unwrap());

    let user = accounts.user("mary").await.unwrap().unwrap();
    assert_eq!((user.disabled, user.rev), (true, 2));
}

/// A change does not bring back who was removed meanwhile.
pub async fn removed_user_is_not_stored_again(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    accounts.put_user(&User::new("mary")).await.unwrap();
    let read = accounts.user("mary").await.unwrap().unwrap();
    assert!(accounts.remove_user("mary").await.unwrap());

    assert!(!accounts.put_user(&read).await.unwrap());

    assert!(accounts.user("mary").await.unwrap().is_none());
}

/// Rights are replaced as a whole: nothing of the old ones stays.
pub async fn right_that_is_taken_is_gone(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let mut user = User::new("mary");
    user.rights = json!({"admin": true, "grants": []});
    user.password = Some("hash".into());
    accounts.put_user(&user).await.unwrap();

    let mut user = accounts.user("mary").await.unwrap().unwrap();
    user.rights = json!({"grants": []});
    user.password = None;
    assert!(accounts.put_user(&user).await.unwrap());

    let user = accounts.user("mary").await.unwrap().unwrap();
    assert_eq!(user.rights, json!({"grants": []}));
    assert!(user.password.is_none());
}

/// A session is good until it ends, and not a moment longer.
pub async fn session_is_found_by_its_key_until_it_ends(fixture: &dyn AccountsFixture) {
    let session = session("token", "mary", 10);

    let begun = fixture.accounts().await.begin_session(&session).await;
    begun.unwrap();

    let accounts = fixture.accounts().await;
    let find = async |token, now| accounts.session(&key(token), at(now)).await.unwrap();
    assert_eq!(find("token", 9).await, Some(session));
    assert_eq!(find("token", 10).await, None);
    assert_eq!(find("another", 9).await, None);
}

/// The end of a session can be moved both ways.
pub async fn session_can_end_later_or_sooner(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let session = session("token", "mary", 10);
    accounts.begin_session(&session).await.unwrap();

    for until in [20, 15] {
        assert!(
            accounts
                .extend_session(&session.key, at(until))
                .await
                .unwrap()
        );

        let found = accounts.session(&session.key, at(until - 1)).await.unwrap();
        assert_eq!(found.unwrap().until, at(until));
        let found = accounts.session(&session.key, at(until)).await.unwrap();
        assert_eq!(found, None);
    }
}

/// One session can be ended, or all that somebody has.
pub async fn sessions_of_one_user_end_together(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    for (token, user) in [("a", "mary"), ("b", "mary"), ("c", "mary"), ("d", "zoe")] {
        let session = session(token, user, 10);
        accounts.begin_session(&session).await.unwrap();
    }

    let one = accounts.end_sessions(Sessions::Key(&key("b"))).await;
    assert_eq!(one.unwrap(), 1);
    assert!(accounts.session(&key("a"), at(0)).await.unwrap().is_some());
    let others = accounts.end_sessions(Sessions::Of("mary")).await;
    assert_eq!(others.unwrap(), 2);

    assert!(accounts.session(&key("a"), at(0)).await.unwrap().is_none());
    assert!(accounts.session(&key("d"), at(0)).await.unwrap().is_some());
}

/// What has ended makes room; what has not stays.
pub async fn sessions_that_have_ended_are_removed(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    for (token, until) in [("a", 9), ("b", 10), ("c", 11)] {
        let session = session(token, "mary", until);
        accounts.begin_session(&session).await.unwrap();
    }

    let ended = accounts.end_sessions(Sessions::EndedBy(at(10))).await;

    assert_eq!(ended.unwrap(), 2);
    assert!(accounts.session(&key("c"), at(10)).await.unwrap().is_some());
}

/// Who is removed is logged out.
pub async fn sessions_end_with_their_user(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    accounts.put_user(&User::new("mary")).await.unwrap();
    let session = session("token", "mary", 10);
    accounts.begin_session(&session).await.unwrap();

    assert!(accounts.remove_user("mary").await.unwrap());

    let found = accounts.session(&session.key, at(0)).await.unwrap();
    assert_eq!(found, None);
}

/// Who gets the name of somebody else does not get their sessions.
pub async fn new_user_has_no_sessions_of_an_old_one(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let session = session("token", "mary", 10);
    accounts.begin_session(&session).await.unwrap();

    assert!(accounts.put_user(&User::new("mary")).await.unwrap());

    let found = accounts.session(&session.key, at(0)).await.unwrap();
    assert_eq!(found, None);
    accounts.begin_session(&session).await.unwrap();
    assert!(!accounts.put_user(&User::new("mary")).await.unwrap());
    let found = accounts.session(&session.key, at(0)).await.unwrap();
    assert_eq!(found, Some(session), "who is not new keeps them");
}

/// What was appended is read as it was, the newest first.
pub async fn audit_is_read_the_newest_first(fixture: &dyn AccountsFixture) {
    let entries = [
        entry("mary", "start", Some("web")),
        AuditEntry {
            by: None,
            ip: None,
            outcome: "wrong password".to_owned(),
            ..entry("", "login", None)
        },
        AuditEntry {
            ip: "2001:db8::1".parse().ok(),
            ..entry("zoe", "kill", Some("$web"))
        },
    ];
    let accounts = fixture.accounts().await;
    for entry in &entries {
        accounts.append(entry).await.unwrap();
    }

    let page = fixture.accounts().await.audit(&all()).await.unwrap();

    let newest_first: Vec<_> = entries.into_iter().rev().collect();
    assert_eq!((page.entries, page.older), (newest_first, None));
}

/// Page after page, each entry is read once, also while others come.
pub async fn pages_of_the_audit_meet(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    for number in 0..5 {
        let entry = entry("mary", &number.to_string(), None);
        accounts.append(&entry).await.unwrap();
    }
    let mut query = AuditQuery { limit: 2, ..all() };
    let mut read = Vec::new();

    loop {
        let page = accounts.audit(&query).await.unwrap();
        assert!(page.entries.len() <= 2);
        read.extend(page.entries.into_iter().map(|entry| entry.what));
        accounts.append(&entry("zoe", "new", None)).await.unwrap();
        let Some(older) = page.older else { break };
        query.before = Some(older.to_string().into());
    }

    assert_eq!(read, ["4", "3", "2", "1", "0"]);
}

/// What one user did, or what was done with one server, is found.
pub async fn audit_of_one_user_and_one_server_is_read(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    for (by, what, server) in [
        ("mary", "login", None),
        ("mary", "start", Some("web")),
        ("zoe", "stop", Some("web")),
        ("mary", "kill", Some("db")),
    ] {
        accounts.append(&entry(by, what, server)).await.unwrap();
    }
    let read = async |by: Option<&str>, server: Option<&str>| {
        let query = AuditQuery {
            by: by.map(str::to_owned),
            server: server.map(str::to_owned),
            ..all()
        };
        let entries = accounts.audit(&query).await.unwrap().entries;
        let verbs = entries.into_iter().map(|entry| entry.what);
        verbs.collect::<Vec<_>>().join(" ")
    };

    assert_eq!(read(Some("mary"), None).await, "kill start login");
    assert_eq!(read(None, Some("web")).await, "stop start");
    assert_eq!(read(Some("mary"), Some("web")).await, "start");
    assert_eq!(read(Some("nobody"), None).await, "");
}

/// What somebody typed into a form is no part of a query.
pub async fn odd_texts_in_the_audit_stay_as_they_are(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let odd = "'; DROP TABLE users; -- $where {\"$ne\": null}\n<script>";
    accounts
        .append(&entry("mary", "login", None))
        .await
        .unwrap();
    accounts
        .append(&entry(odd, "login", Some(odd)))
        .await
        .unwrap();

    let query = AuditQuery {
        by: Some(odd.to_owned()),
        server: Some(odd.to_owned()),
        ..all()
    };
    let page = accounts.audit(&query).await.unwrap();

    assert_eq!(page.entries, [entry(odd, "login", Some(odd))]);
}

/// Whatever is asked for, memory has a bound.
pub async fn page_is_never_longer_than_the_longest(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    accounts
        .append(&entry("mary", "login", None))
        .await
        .unwrap();

    for (limit, expected) in [(usize::MAX, 1), (0, 0)] {
        let query = AuditQuery { limit, ..all() };
        let page = accounts.audit(&query).await.unwrap();
        assert_eq!(page.entries.len(), expected);
    }
    let query = AuditQuery {
        limit: usize::MAX,
        ..all()
    };
    assert_eq!(query.limit(), AuditQuery::MAX_PAGE);
}

/// A cursor comes out of an address, and may be anything.
pub async fn cursor_that_is_none_leads_to_the_end(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    accounts
        .append(&entry("mary", "login", None))
        .await
        .unwrap();

    for text in ["", "-1", "0", "../x", "$gt", "99999999999999999999999"] {
        let query = AuditQuery {
            before: Some(AuditCursor::from(text.to_owned())),
            ..all()
        };
        let page = accounts.audit(&query).await.unwrap();
        assert_eq!(page.entries, [], "{text}");
    }
}

/// Neither a hash of a password nor a key of a session is shown.
pub async fn secrets_of_accounts_are_not_in_debug(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let mut user = User::new("mary");
    user.password = Some("canary".into());
    accounts.put_user(&user).await.unwrap();

    let user = accounts.user("mary").await.unwrap();

    let shown = format!("{user:?} {accounts:?} {:?}", key("token"));
    assert!(shown.contains("mary"));
    assert!(!shown.contains("canary") && !shown.contains(key("token").as_str()));
}

fn all() -> AuditQuery {
    AuditQuery {
        limit: AuditQuery::MAX_PAGE,
        ..AuditQuery::default()
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_362_267 + seconds)
}

fn key(token: &str) -> SessionKey {
    SessionKey::of(&SecretString::from(token))
}

fn session(token: &str, user: &str, until: u64) -> Session {
    Session {
        key: key(token),
        user: user.to_owned(),
        since: at(0),
        until: at(until),
    }
}

fn entry(by: &str, what: &str, server: Option<&str>) -> AuditEntry {
    AuditEntry {
        at: at(0),
        by: Some(by.to_owned()),
        ip: "192.0.2.1".parse().ok(),
        what: what.to_owned(),
        server: server.map(str::to_owned),
        outcome: "ok".to_owned(),
    }
}
