//! The SQLite backend.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use hcc_store::conformance::Fixture;
use hcc_store::conformance::accounts::AccountsFixture;
use hcc_store::{
    Accounts, AuditEntry, AuditQuery, Failure, Fields, IfMissing, Order, Patch, Precondition,
    Record, Revision, Schedule, Schedules, SessionKey, Sqlite, Store, StoreExt, User, Write,
    accounts_conformance, conformance,
};
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    MALFORMED_SCHEDULES, MALFORMED_USERS, assert_blocked, fields_of_schedule, fields_of_user,
};

/// A temporary directory with a store.
pub(crate) struct TestDir(TempDir);

impl TestDir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("hcc.db")
    }

    pub(crate) fn store(&self) -> Sqlite {
        Sqlite::new(self.path())
    }

    /// Opens the file as another program would.
    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

#[async_trait]
impl Fixture for TestDir {
    async fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store())
    }

    async fn insert(&self, document: Value) {
        // The store creates the table.
        self.store().update("", Patch::new()).await.unwrap();
        let sql = "INSERT INTO vms (doc) VALUES (?1)";
        self.connection()
            .execute(sql, [document.to_string()])
            .unwrap();
    }

    async fn document(&self, name: &str) -> Option<Value> {
        let sql = "SELECT doc FROM vms WHERE name = ?1";
        let text: Option<String> = self
            .connection()
            .query_row(sql, [name], |row| row.get(0))
            .optional()
            .unwrap();
        text.map(|text| serde_json::from_str(&text).unwrap())
    }
}

#[async_trait]
impl AccountsFixture for TestDir {
    async fn accounts(&self) -> Arc<dyn Accounts> {
        Arc::new(self.store())
    }
}

conformance!(TestDir::new());
accounts_conformance!(TestDir::new());

#[tokio::test]
async fn file_is_private_to_its_owner_or_to_the_group_of_a_shared_directory() {
    for (directory_mode, file_mode) in [(0o700, 0o600), (0o755, 0o600), (0o2770, 0o660)] {
        let directory = TestDir::new();
        fs::set_permissions(directory.0.path(), Permissions::from_mode(directory_mode)).unwrap();

        directory.store().reserve("vm").await.unwrap();

        let mode = fs::metadata(directory.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, file_mode, "in {directory_mode:o}");
    }
}

#[tokio::test]
async fn numbers_of_other_programs_are_kept_exactly() {
    let directory = TestDir::new();
    directory.store().reserve("vm").await.unwrap();
    let add = "UPDATE vms SET doc = json_set(doc, '$.exact', json('0.10000000000000000000000001'))";
    directory.connection().execute_batch(add).unwrap();

    let patch = Patch::new().status("running");
    directory.store().set("vm", patch).await.unwrap();

    let text: String = directory
        .connection()
        .query_row("SELECT doc FROM vms", [], |row| row.get(0))
        .unwrap();
    assert!(text.contains("0.10000000000000000000000001"), "{text}");
}

#[tokio::test]
async fn fields_of_other_programs_in_a_user_are_kept() {
    let directory = TestDir::new();
    directory
        .store()
        .put_user(&User::new("mary"))
        .await
        .unwrap();
    let add = "UPDATE users SET doc = json_set(doc, '$.mail', 'mary@example.org')";
    directory.connection().execute_batch(add).unwrap();

    let user = directory.store().user("mary").await.unwrap().unwrap();
    assert!(directory.store().put_user(&user).await.unwrap());

    let sql = "SELECT doc ->> '$.mail' FROM users WHERE doc ->> '$.rev' = 2";
    let mail: String = (directory.connection().query_row(sql, [], |row| row.get(0))).unwrap();
    assert_eq!(mail, "mary@example.org");
}

#[tokio::test]
async fn record_that_cannot_be_decoded_does_not_hide_the_others() {
    let directory = TestDir::new();
    let store = directory.store();
    for name in ["binary", "text", "json5", "vm"] {
        store.reserve(name).await.unwrap();
    }
    let change = r#"
        UPDATE vms SET doc = jsonb_set(doc, '$.status', 'off') WHERE name = 'binary';
        UPDATE vms SET doc = CAST(doc AS BLOB) WHERE name = 'text';
        UPDATE vms SET doc = '{name: "json5"}' WHERE name = 'json5'"#;
    directory.connection().execute_batch(change).unwrap();

    let names: Vec<_> = store.list().await.unwrap();
    let names: Vec<_> = names.iter().map(|record| record.name.as_str()).collect();
    assert!(
        names.starts_with(&["binary"]) && names.ends_with(&["vm"]),
        "{names:?}"
    );
    let binary = store.get("binary").await.unwrap().unwrap();
    assert_eq!(binary.status.as_deref(), Some("off"));

    let running = Patch::new().status("running");
    let write = |name: &str| Write::new(name, running.clone(), IfMissing::Skip);
    let written = store.write(&["binary", "json5", "vm"].map(write)).await;
    assert_eq!(written.unwrap(), 2);
    let error = store.write(&[write("json5")]).await.unwrap_err();
    assert_eq!(error.failure(), Some(Failure::Corrupt));
    let statuses = store.statuses().await.unwrap();
    assert_eq!(statuses.len(), 4);
}

#[tokio::test]
async fn audit_trail_cannot_be_changed_by_accident() {
    let directory = TestDir::new();
    let entry = AuditEntry {
        at: std::time::UNIX_EPOCH,
        by: None,
        ip: None,
        what: "login".to_owned(),
        server: None,
        project: None,
        outcome: "ok".to_owned(),
    };
    directory.store().append(&entry).await.unwrap();

    for sql in ["DELETE FROM audit", "UPDATE audit SET doc = '{}'"] {
        let error = directory.connection().execute_batch(sql).unwrap_err();
        assert!(error.to_string().contains("the audit trail is kept"));
    }
}

#[tokio::test]
async fn every_change_by_sql_is_among_the_changes() {
    let directory = TestDir::new();
    let store = directory.store();
    for name in ["changed", "removed", "renamed", "replaced", "kept"] {
        store.reserve(name).await.unwrap();
    }
    let all = store.changes(&Revision::default(), Fields::All).await;
    let mut revision = all.unwrap().revision;

    for (sql, changed, removed) in [
        (
            "UPDATE vms SET doc = json_set(doc, '$.owner', 'mary') WHERE name = 'changed'",
            vec!["changed"],
            vec![],
        ),
        (
            "UPDATE OR IGNORE vms SET doc = json_set(doc, '$.owner', 'bob') WHERE name = 'changed'",
            vec!["changed"],
            vec![],
        ),
        (
            "DELETE FROM vms WHERE name = 'removed'",
            vec![],
            vec!["removed"],
        ),
        (
            "UPDATE vms SET doc = json_set(doc, '$.name', 'new') WHERE name = 'renamed'",
            vec!["new"],
            vec!["renamed"],
        ),
        (
            "INSERT OR REPLACE INTO vms (doc) VALUES ('{\"name\": \"replaced\"}')",
            vec!["replaced"],
            vec![],
        ),
        (
            "INSERT OR IGNORE INTO vms (doc) VALUES ('{\"name\": \"ignored\"}')",
            vec!["ignored"],
            vec![],
        ),
        (
            "INSERT OR IGNORE INTO vms (doc) VALUES ('{\"name\": \"removed\"}')",
            vec!["removed"],
            vec![],
        ),
    ] {
        directory.connection().execute_batch(sql).unwrap();
        let changes = store.changes(&revision, Fields::All).await.unwrap();
        let names: Vec<_> = changes.records.iter().map(|it| it.name.as_str()).collect();
        assert!(!changes.is_complete, "{sql}");
        assert_eq!(
            (names, changes.removed),
            (changed, removed.into_iter().map(str::to_owned).collect()),
            "{sql}"
        );
        revision = changes.revision;
    }
}

#[tokio::test]
async fn old_removals_are_forgotten_and_a_revision_from_before_is_the_beginning() {
    let directory = TestDir::new();
    let store = directory.store();
    store.reserve("vm").await.unwrap();
    store.reserve("gone").await.unwrap();
    let all = store.changes(&Revision::default(), Fields::All).await;
    let revision = all.unwrap().revision;
    store.remove("gone", Precondition::Any).await.unwrap();
    let later = "UPDATE changes SET rev = rev + 100010 WHERE name = 'vm'";
    directory.connection().execute_batch(later).unwrap();
    store.reserve("another").await.unwrap();
    store.remove("another", Precondition::Any).await.unwrap();

    let changes = store.changes(&revision, Fields::All).await.unwrap();

    assert!(changes.is_complete);
    assert_eq!(changes.records.len(), 1);
    let sql = "SELECT group_concat(name) FROM changes WHERE gone";
    let left: String = (directory.connection().query_row(sql, [], |row| row.get(0))).unwrap();
    assert_eq!(left, "another");
}

#[tokio::test]
async fn name_that_is_not_utf8_does_not_hide_the_others() {
    let directory = TestDir::new();
    let store = directory.store();
    let names: Vec<String> = (0..600).map(|vm| format!("vm{vm:03}")).collect();
    let write = |name| Write::new(name, Patch::new(), IfMissing::Insert);
    let writes: Vec<_> = names.iter().map(write).collect();
    store.write(&writes).await.unwrap();
    let odd = "INSERT INTO vms (doc) VALUES
        (CAST(x'7b226e616d65223a22766d32' || x'ff' || x'227d' AS TEXT))";
    directory.connection().execute_batch(odd).unwrap();

    let streamed: Vec<Record> = store
        .stream(Order::Name, Fields::NAME)
        .try_collect()
        .await
        .unwrap();

    let streamed: Vec<String> = streamed.into_iter().map(|record| record.name).collect();
    assert_eq!(streamed, names);
}

#[tokio::test]
async fn file_of_the_first_format_is_upgraded() {
    let directory = TestDir::new();
    directory.connection().execute_batch(FIRST_FORMAT).unwrap();

    assert!(
        directory
            .store()
            .put_user(&User::new("mary"))
            .await
            .unwrap()
    );

    assert!(directory.store().get("vm").await.unwrap().is_some());
    assert_eq!(directory.store().users().await.unwrap().len(), 1);
    let store = directory.store();
    let all = store.changes(&Revision::default(), Fields::All).await;
    let all = all.unwrap();
    assert_eq!(all.records.len(), 1);
    store.remove("vm", Precondition::Any).await.unwrap();
    let changes = store.changes(&all.revision, Fields::All).await.unwrap();
    assert_eq!(changes.removed, ["vm"]);
}

/// A file as written by the first release.
const FIRST_FORMAT: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA application_id = 0x68636373;
    PRAGMA user_version = 1;
    CREATE TABLE vms (
        id INTEGER PRIMARY KEY,
        doc TEXT NOT NULL CHECK (json_type(doc, '$.name') = 'text'),
        name TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (doc ->> '$.name') STORED
    );
    INSERT INTO vms (doc) VALUES ('{\"name\": \"vm\"}')";

#[tokio::test]
async fn malformed_schedules_are_reported_and_do_not_hide_others() {
    let directory = TestDir::new();
    let store = directory.store();
    let mut stop = Schedule::new("a7", "web1", "stop", "0 20 * * *");
    stop.next = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_362_000));
    assert!(store.put_schedule(&stop).await.unwrap());
    let connection = directory.connection();
    let mut expected = Vec::new();
    for (number, (field, value, reason)) in MALFORMED_SCHEDULES.iter().enumerate() {
        let id = format!("odd{number}");
        let fields = fields_of_schedule(field, value);
        let document = format!(r#"{{ "id": "{id}", {fields} }}"#);
        let sql = "INSERT INTO schedules (doc) VALUES (?1)";
        connection.execute(sql, [document]).unwrap();
        expected.push((id, (*field).to_owned(), (*reason).to_owned()));
    }

    let read = store.schedules(Schedules::All).await.unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let due = store.schedules(Schedules::DueBy(now)).await.unwrap();
    let next = store.next_schedule(now).await.unwrap();
    let malformed = store.malformed_schedules().await.unwrap();

    assert_eq!(read, [stop.next_revision()]);
    assert_eq!(due, []);
    assert_eq!(next, stop.next);
    let found = malformed.into_iter().map(|it| (it.id, it.field, it.reason));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    for (id, ..) in expected {
        assert!(store.remove_schedule(&id).await.unwrap(), "{id}");
    }
    assert_eq!(store.malformed_schedules().await.unwrap(), []);
}

#[tokio::test]
async fn file_that_is_replaced_or_removed_is_opened_again() {
    let directory = TestDir::new();
    let backup = directory.0.path().join("backup.db");
    let store = directory.store();
    store.set("web1", Patch::new()).await.unwrap();
    let vacuum = format!("VACUUM INTO '{}'", backup.display());
    directory.connection().execute(&vacuum, []).unwrap();
    store.set("web2", Patch::new()).await.unwrap();
    let remove_all = || {
        for end in ["", "-wal", "-shm"] {
            let mut path = directory.path().into_os_string();
            path.push(end);
            let _ = fs::remove_file(path);
        }
    };
    let names = async || {
        let list = directory.store().list().await.unwrap();
        list.into_iter().map(|it| it.name).collect::<Vec<_>>()
    };

    remove_all();
    fs::rename(&backup, directory.path()).unwrap();

    assert!(store.get("web2").await.unwrap().is_none());
    store.set("web3", Patch::new()).await.unwrap();
    assert_eq!(names().await, ["web1", "web3"]);

    remove_all();

    assert!(store.list().await.unwrap().is_empty());
    store.set("web4", Patch::new()).await.unwrap();
    assert_eq!(names().await, ["web4"]);
}

#[tokio::test]
async fn malformed_users_are_blocked_and_hide_no_other() {
    let directory = TestDir::new();
    let store = directory.store();
    store.update("", Patch::new()).await.unwrap();
    let connection = directory.connection();
    let mut names = Vec::new();
    let rights = ("rights", r#"{ "snapshots": NaN }"#);
    for (field, value) in MALFORMED_USERS.iter().chain([&rights]) {
        let name = format!("odd{}", names.len());
        let document = format!(
            r#"{{ "name": "{name}", {} }}"#,
            fields_of_user(field, value)
        );
        let sql = "INSERT INTO users (doc) VALUES (?1)";
        connection.execute(sql, [document]).unwrap();
        names.push(name);
    }
    let bytes = b"{ \"name\": \"bytes\", \"rev\": 1, \"password\": \"\xff\" }".to_vec();
    let sql = "INSERT INTO users (doc) VALUES (CAST(?1 AS TEXT))";
    connection.execute(sql, [bytes]).unwrap();
    names.push("bytes".to_owned());

    assert_blocked(&store, &names).await;
}

#[tokio::test]
async fn malformed_tokens_sessions_and_entries_hide_no_other() {
    let directory = TestDir::new();
    let store = directory.store();
    store.update("", Patch::new()).await.unwrap();
    let connection = directory.connection();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let key = |name: &str| SessionKey::of(&name.into());
    let token =
        r#""kind": "api", "user": "mary", "name": "x", "since": 0, "until": null, "used": null"#;
    let session = r#""user": "mary", "since": 0, "until": 1e10"#;
    let entry = r#""what": "start", "by": "mary", "ip": null, "server": null, "at": 0"#;
    let insert = |table: &str, name: &str, fields: &str| {
        let sql = format!("INSERT INTO {table} (doc) VALUES (?1)");
        let key = key(name);
        let document = format!(r#"{{ "key": "{}", {fields} }}"#, key.as_str());
        connection.execute(&sql, [document]).unwrap();
    };
    insert("tokens", "good", &format!(r#"{token}, "data": null"#));
    insert("sessions", "good", session);
    insert("audit", "", &format!(r#"{entry}, "outcome": "ok""#));
    for name in ["1", "2"] {
        let data = ["NaN", "null, \"since\": \"x\""][usize::from(name == "1")];
        insert("tokens", name, &format!(r#"{token}, "data": {data}"#));
        insert("sessions", name, &session.replace(": 0", ": Infinity"));
        insert("audit", "", entry);
        assert_eq!(store.token(&key(name), now).await.unwrap(), None);
        assert_eq!(store.session(&key(name), now).await.unwrap(), None);
    }

    assert!(!store.use_token(&key("2"), now).await.unwrap());
    assert!(store.use_token(&key("good"), now).await.unwrap());
    assert_eq!(store.token(&key("2"), now).await.unwrap(), None);
    assert_eq!(store.tokens("api", None, now).await.unwrap().len(), 1);
    assert_eq!(store.sessions("mary", now).await.unwrap().len(), 1);
    let query = AuditQuery {
        limit: 2,
        ..AuditQuery::default()
    };
    let newest = store.audit(&query).await.unwrap();
    assert_eq!(newest.entries, []);
    let before = newest.older;
    let oldest = store.audit(&AuditQuery { before, ..query }).await.unwrap();
    assert_eq!(oldest.entries.len(), 1);
}
