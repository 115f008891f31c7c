//! The test suite of users, sessions and the audit trail.

use std::time::{Duration, SystemTime};

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    Accounts, AuditCursor, AuditEntry, AuditProject, AuditQuery, RateLimit, SecondFactor, Session,
    SessionKey, Sessions, Token, Tokens, User,
};

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
        $crate::conformance! { @cases $fixture, [$(#[$attribute])*], [$crate::conformance::accounts],
            empty_database_has_no_users
            user_is_read_as_it_was_stored
            users_are_listed_by_name
            one_of_many_tasks_creates_a_user
            outdated_user_is_not_stored
            removed_user_is_not_stored_again
            permissions_are_replaced_as_a_whole
            session_is_found_by_its_key_until_it_expires
            expiry_of_a_session_can_be_changed
            sessions_of_a_user_are_listed
            all_sessions_of_a_user_can_be_ended
            expired_sessions_are_removed
            sessions_end_when_their_user_is_removed
            new_user_does_not_inherit_sessions
            second_factor_and_passkeys_are_stored_and_removed
            token_is_found_by_its_key_until_it_expires
            tokens_are_listed_by_kind_and_user
            use_of_a_token_is_noted
            one_of_many_tasks_removes_a_token
            expired_tokens_are_removed
            tokens_end_with_their_user
            burst_is_allowed_and_then_one_event_per_interval
            limits_are_shared_by_all_processes
            settings_are_read_as_they_were_stored
            old_entries_of_the_audit_are_pruned
            audit_is_read_newest_first
            audit_pages_are_complete_and_disjoint
            audit_is_filtered_by_user_and_server
            audit_is_filtered_by_project
            unusual_strings_in_the_audit_are_stored_unchanged
            page_size_is_limited
            invalid_cursor_yields_an_empty_page
            secrets_of_accounts_are_not_in_debug
        }
    };
}

/// Reading an empty database is not an error.
pub async fn empty_database_has_no_users(fixture: &dyn AccountsFixture) {
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

/// Another process reads the same user.
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

/// Users are sorted by the bytes of their names.
pub async fn users_are_listed_by_name(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    for name in ["zoe", "adam", "Mary", "mary"] {
        assert!(accounts.put_user(&User::new(name)).await.unwrap());
    }

    let users = accounts.users().await.unwrap();

    let names: Vec<_> = users.iter().map(|user| &*user.name).collect();
    assert_eq!(names, ["Mary", "adam", "mary", "zoe"]);
}

/// Of concurrent calls that create a user, one succeeds.
pub async fn one_of_many_tasks_creates_a_user(fixture: &dyn AccountsFixture) {
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let accounts = fixture.accounts().await;
        tasks.spawn(async move { accounts.put_user(&User::new("mary")).await.unwrap() });
    }

    let winners = tasks.join_all().await;

    assert_eq!(winners.into_iter().filter(|won| *won).count(), 1);
}

/// Of two concurrent changes, the second fails.
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

/// A change does not restore a user removed in the meantime.
pub async fn removed_user_is_not_stored_again(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    accounts.put_user(&User::new("mary")).await.unwrap();
    let read = accounts.user("mary").await.unwrap().unwrap();
    assert!(accounts.remove_user("mary").await.unwrap());

    assert!(!accounts.put_user(&read).await.unwrap());

    assert!(accounts.user("mary").await.unwrap().is_none());
}

/// Removed permissions do not remain.
pub async fn permissions_are_replaced_as_a_whole(fixture: &dyn AccountsFixture) {
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

/// A session is valid until it expires.
pub async fn session_is_found_by_its_key_until_it_expires(fixture: &dyn AccountsFixture) {
    let session = session("token", "mary", 10);

    let begun = fixture.accounts().await.begin_session(&session).await;
    begun.unwrap();

    let accounts = fixture.accounts().await;
    let find = async |token, now| accounts.session(&key(token), at(now)).await.unwrap();
    assert_eq!(find("token", 9).await, Some(session));
    assert_eq!(find("token", 10).await, None);
    assert_eq!(find("another", 9).await, None);
}

/// A session can be extended or shortened.
pub async fn expiry_of_a_session_can_be_changed(fixture: &dyn AccountsFixture) {
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

/// Sessions that have not expired are listed, newest first.
pub async fn sessions_of_a_user_are_listed(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let old = session("a", "mary", 10);
    let new = Session {
        since: at(5),
        ..session("b", "mary", 20)
    };
    for session in [&old, &new, &session("c", "zoe", 20)] {
        accounts.begin_session(session).await.unwrap();
    }

    let list = async |user, now| accounts.sessions(user, at(now)).await.unwrap();
    assert_eq!(list("mary", 9).await, [new.clone(), old]);
    assert_eq!(list("mary", 10).await, [new]);
    assert_eq!(list("adam", 0).await, []);
}

/// One session can be ended, or all sessions of a user.
pub async fn all_sessions_of_a_user_can_be_ended(fixture: &dyn AccountsFixture) {
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

/// Expired sessions are removed, others are kept.
pub async fn expired_sessions_are_removed(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    for (token, until) in [("a", 9), ("b", 10), ("c", 11)] {
        let session = session(token, "mary", until);
        accounts.begin_session(&session).await.unwrap();
    }

    let ended = accounts.end_sessions(Sessions::EndedBy(at(10))).await;

    assert_eq!(ended.unwrap(), 2);
    assert!(accounts.session(&key("c"), at(10)).await.unwrap().is_some());
}

/// Removing a user logs them out.
pub async fn sessions_end_when_their_user_is_removed(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    accounts.put_user(&User::new("mary")).await.unwrap();
    let session = session("token", "mary", 10);
    accounts.begin_session(&session).await.unwrap();

    assert!(accounts.remove_user("mary").await.unwrap());

    let found = accounts.session(&session.key, at(0)).await.unwrap();
    assert_eq!(found, None);
}

/// A new user with the name of a former one does not get their sessions.
pub async fn new_user_does_not_inherit_sessions(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let session = session("token", "mary", 10);
    accounts.begin_session(&session).await.unwrap();

    assert!(accounts.put_user(&User::new("mary")).await.unwrap());

    let found = accounts.session(&session.key, at(0)).await.unwrap();
    assert_eq!(found, None);
    accounts.begin_session(&session).await.unwrap();
    assert!(!accounts.put_user(&User::new("mary")).await.unwrap());
    let found = accounts.session(&session.key, at(0)).await.unwrap();
    assert_eq!(found, Some(session), "an existing user keeps them");
}

/// A second factor is stored with the user, and gone when it is switched off.
pub async fn second_factor_and_passkeys_are_stored_and_removed(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let mut user = User::new("mary");
    user.second_factor = Some(SecondFactor {
        secret: "JBSWY3DPEHPK3PXP".into(),
        recovery: vec![key("one"), key("two")],
    });
    user.passkeys = json!([{"name": "laptop"}]);
    accounts.put_user(&user).await.unwrap();

    let mut user = accounts.user("mary").await.unwrap().unwrap();
    let second_factor = user.second_factor.take().unwrap();
    assert_eq!(second_factor.secret.expose_secret(), "JBSWY3DPEHPK3PXP");
    assert_eq!(second_factor.recovery, [key("one"), key("two")]);
    assert_eq!(user.passkeys, json!([{"name": "laptop"}]));

    user.passkeys = json!(null);
    assert!(accounts.put_user(&user).await.unwrap());
    let user = accounts.user("mary").await.unwrap().unwrap();
    assert!(user.second_factor.is_none() && user.passkeys.is_null());
}

/// A token is valid until it expires, or without a limit.
pub async fn token_is_found_by_its_key_until_it_expires(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let mut limited = token("limited", "api", "mary", Some(10));
    limited.data = json!({"$x.y": [1, null]});
    let unlimited = token("unlimited", "api", "mary", None);
    for token in [&limited, &unlimited] {
        accounts.put_token(token).await.unwrap();
    }

    let accounts = fixture.accounts().await;
    let find = async |token, now| accounts.token(&key(token), at(now)).await.unwrap();
    assert_eq!(find("limited", 9).await, Some(limited));
    assert_eq!(find("limited", 10).await, None);
    assert_eq!(find("unlimited", 1_000_000).await, Some(unlimited));
    assert_eq!(find("another", 9).await, None);
}

/// Tokens of one kind are listed without those of another, newest first.
pub async fn tokens_are_listed_by_kind_and_user(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    for (name, kind, user, since, until) in [
        ("a", "api", "mary", 0, None),
        ("b", "api", "mary", 1, Some(10)),
        ("c", "api", "zoe", 2, None),
        ("d", "invitation", "mary", 3, Some(10)),
    ] {
        let token = Token {
            since: at(since),
            ..token(name, kind, user, until)
        };
        accounts.put_token(&token).await.unwrap();
    }
    let list = async |kind, user, now| {
        let tokens = accounts.tokens(kind, user, at(now)).await.unwrap();
        let names = tokens.into_iter().map(|token| token.name);
        names.collect::<Vec<_>>().join(" ")
    };

    assert_eq!(list("api", Some("mary"), 9).await, "b a");
    assert_eq!(list("api", Some("mary"), 10).await, "a");
    assert_eq!(list("api", None, 9).await, "c b a");
    assert_eq!(list("invitation", None, 9).await, "d");
    assert_eq!(list("login", None, 9).await, "");
}

/// The time of the last use replaces the one before.
pub async fn use_of_a_token_is_noted(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let stored = token("a", "api", "mary", None);
    accounts.put_token(&stored).await.unwrap();

    for used in [5, 7] {
        assert!(accounts.use_token(&key("a"), at(used)).await.unwrap());

        let found = accounts.token(&key("a"), at(9)).await.unwrap();
        assert_eq!(found.unwrap().used, Some(at(used)));
    }
    assert!(!accounts.use_token(&key("b"), at(5)).await.unwrap());
}

/// A token that is valid once is used once.
pub async fn one_of_many_tasks_removes_a_token(fixture: &dyn AccountsFixture) {
    let stored = token("a", "invitation", "mary", Some(10));
    let put = fixture.accounts().await.put_token(&stored).await;
    put.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let accounts = fixture.accounts().await;
        tasks.spawn(async move {
            let key = key("a");
            accounts.remove_tokens(Tokens::Key(&key)).await.unwrap()
        });
    }

    let removed = tasks.join_all().await;

    assert_eq!(removed.into_iter().sum::<usize>(), 1);
}

/// Expired tokens are removed, others are kept.
pub async fn expired_tokens_are_removed(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    for (name, until) in [
        ("a", Some(9)),
        ("b", Some(10)),
        ("c", Some(11)),
        ("d", None),
    ] {
        let token = token(name, "api", "mary", until);
        accounts.put_token(&token).await.unwrap();
    }

    let removed = accounts.remove_tokens(Tokens::EndedBy(at(10))).await;

    assert_eq!(removed.unwrap(), 2);
    assert_eq!(accounts.tokens("api", None, at(0)).await.unwrap().len(), 2);
}

/// Tokens of a removed user are gone, also for a new user of that name.
pub async fn tokens_end_with_their_user(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    accounts.put_user(&User::new("mary")).await.unwrap();
    let stored = token("a", "api", "mary", None);
    accounts.put_token(&stored).await.unwrap();
    accounts.remove_user("mary").await.unwrap();
    assert_eq!(accounts.token(&key("a"), at(0)).await.unwrap(), None);

    accounts.put_token(&stored).await.unwrap();
    accounts.put_user(&User::new("mary")).await.unwrap();
    assert_eq!(accounts.token(&key("a"), at(0)).await.unwrap(), None);
}

/// Entries are read unchanged, newest first.
pub async fn audit_is_read_newest_first(fixture: &dyn AccountsFixture) {
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

/// Each entry is on one page, even if entries are appended in the meantime.
pub async fn audit_pages_are_complete_and_disjoint(fixture: &dyn AccountsFixture) {
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

/// Entries are filtered by user, by server, and by both.
pub async fn audit_is_filtered_by_user_and_server(fixture: &dyn AccountsFixture) {
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
    assert_eq!(read(Some("unknown"), None).await, "");
}

/// Servers of two projects may have the same name: their entries are told apart.
pub async fn audit_is_filtered_by_project(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    for (what, project) in [("login", None), ("start", Some("a")), ("stop", Some("A"))] {
        let entry = AuditEntry {
            project: project.map(str::to_owned),
            ..entry("mary", what, Some("web"))
        };
        accounts.append(&entry).await.unwrap();
    }
    let read = async |project: AuditProject| {
        let query = AuditQuery {
            server: Some("web".to_owned()),
            project,
            ..all()
        };
        let entries = accounts.audit(&query).await.unwrap().entries;
        let read = entries.into_iter().map(|entry| {
            let project = entry.project.unwrap_or("-".to_owned());
            format!("{} {project}", entry.what)
        });
        read.collect::<Vec<_>>().join(", ")
    };

    let named = |name: &str| AuditProject::Named(name.to_owned());
    assert_eq!(read(AuditProject::Home).await, "login -");
    assert_eq!(read(named("a")).await, "start a");
    assert_eq!(read(named("A")).await, "stop A");
    assert_eq!(read(named("")).await, "");
    assert_eq!(read(AuditProject::Any).await, "stop A, start a, login -");
}

/// User input is not interpreted as a part of a query.
pub async fn unusual_strings_in_the_audit_are_stored_unchanged(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let unusual = "'; DROP TABLE users; -- $where {\"$ne\": null}\n<script>";
    accounts
        .append(&entry("mary", "login", None))
        .await
        .unwrap();
    accounts
        .append(&entry(unusual, "login", Some(unusual)))
        .await
        .unwrap();

    let query = AuditQuery {
        by: Some(unusual.to_owned()),
        server: Some(unusual.to_owned()),
        ..all()
    };
    let page = accounts.audit(&query).await.unwrap();

    assert_eq!(page.entries, [entry(unusual, "login", Some(unusual))]);
}

/// The size of a page is limited, whatever the query.
pub async fn page_size_is_limited(fixture: &dyn AccountsFixture) {
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
    assert_eq!(query.page_size(), AuditQuery::MAX_PAGE);
}

/// A cursor is a part of a URL and may be any string.
pub async fn invalid_cursor_yields_an_empty_page(fixture: &dyn AccountsFixture) {
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

/// A key has a burst, and then one event per interval. Refunded events do not count.
pub async fn burst_is_allowed_and_then_one_event_per_interval(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let limit = RateLimit::new(3, Duration::from_secs(2));
    let count = async |key, now| accounts.count(key, limit, at(now)).await.unwrap();

    for _ in 0..3 {
        assert_eq!(count("login $mary.é", 0).await, None);
    }
    let wait = Some(Duration::from_secs(2));
    assert_eq!(count("login $mary.é", 0).await, wait);
    assert_eq!(count("login zoe", 0).await, None);
    assert_eq!(count("login $mary.é", 2).await, None);
    assert_eq!(count("login $mary.é", 2).await, wait);

    accounts.refund("login $mary.é", limit).await.unwrap();
    accounts.refund("unknown", limit).await.unwrap();
    assert_eq!(count("login $mary.é", 2).await, None);
    assert_eq!(count("login $mary.é", 2).await, wait);
    assert_eq!(count("login $mary.é", 9).await, None);
}

/// Of concurrent events of several processes, as many as the burst are allowed.
pub async fn limits_are_shared_by_all_processes(fixture: &dyn AccountsFixture) {
    let limit = RateLimit::new(7, Duration::from_secs(60));
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let accounts = fixture.accounts().await;
        tasks.spawn(async move { accounts.count("key", limit, at(0)).await.unwrap() });
    }

    let waits = tasks.join_all().await;

    assert_eq!(waits.iter().filter(|wait| wait.is_none()).count(), 7);
}

/// A setting has the last value that any process stored; null removes it.
pub async fn settings_are_read_as_they_were_stored(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    assert_eq!(accounts.setting("audit").await.unwrap(), None);

    for value in [json!({"days": 90, "$x.y": [null, 1.5]}), json!(false)] {
        accounts.put_setting("audit", &value).await.unwrap();
        let other = fixture.accounts().await;
        assert_eq!(other.setting("audit").await.unwrap(), Some(value));
    }
    accounts.put_setting("audit", &json!(null)).await.unwrap();
    assert_eq!(accounts.setting("audit").await.unwrap(), None);
}

/// Old entries are removed, and a cursor from before still leads to those that are left.
pub async fn old_entries_of_the_audit_are_pruned(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    assert_eq!(accounts.prune_audit(at(9)).await.unwrap(), 0);
    for second in 0..6 {
        let mut entry = entry("mary", &format!("what{second}"), None);
        entry.at = at(second);
        accounts.append(&entry).await.unwrap();
    }
    let first = AuditQuery {
        limit: 2,
        ..AuditQuery::default()
    };
    let before = accounts.audit(&first).await.unwrap().older;

    assert_eq!(accounts.prune_audit(at(2)).await.unwrap(), 2);

    let rest = AuditQuery { before, ..all() };
    let rest = accounts.audit(&rest).await.unwrap();
    let what: Vec<_> = rest.entries.iter().map(|entry| &*entry.what).collect();
    assert_eq!(what, ["what3", "what2"]);
    assert_eq!(accounts.prune_audit(at(9)).await.unwrap(), 4);
    assert_eq!(accounts.audit(&all()).await.unwrap().entries, []);
    accounts.append(&entry("mary", "next", None)).await.unwrap();
    assert_eq!(accounts.audit(&all()).await.unwrap().entries.len(), 1);
}

/// The debug output contains no password hash and no session key.
pub async fn secrets_of_accounts_are_not_in_debug(fixture: &dyn AccountsFixture) {
    let accounts = fixture.accounts().await;
    let mut user = User::new("mary");
    user.password = Some("canary".into());
    user.second_factor = Some(SecondFactor {
        secret: "canary".into(),
        recovery: Vec::new(),
    });
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

fn token(token: &str, kind: &str, user: &str, until: Option<u64>) -> Token {
    Token {
        key: key(token),
        kind: kind.to_owned(),
        user: user.to_owned(),
        name: token.to_owned(),
        data: json!(null),
        since: at(0),
        until: until.map(at),
        used: None,
    }
}

fn entry(by: &str, what: &str, server: Option<&str>) -> AuditEntry {
    AuditEntry {
        at: at(0),
        by: Some(by.to_owned()),
        ip: "192.0.2.1".parse().ok(),
        what: what.to_owned(),
        server: server.map(str::to_owned),
        project: None,
        outcome: "ok".to_owned(),
    }
}
