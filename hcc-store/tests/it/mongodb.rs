//! The MongoDB backend, and documents of other programs.

mod partial_rights;
mod replica_set;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use hcc_store::conformance::Fixture;
use hcc_store::conformance::accounts::AccountsFixture;
use hcc_store::{
    Accounts, Attachment, AuditEntry, AuditQuery, Error, Failure, Fields, IfMissing, Mongodb,
    Patch, Revision, Schedule, Schedules, Session, SessionKey, Store, StoreExt, StoreUrl, Token,
    User, Write,
};
use hcc_store::{accounts_conformance, conformance, open, open_accounts, open_in};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Decimal128, Document, RawDocumentBuf, doc};
use mongodb::{Client, Collection, Database};
use serde_json::Value;
use test_services::{Mongod, invalid_utf8};

use crate::{
    MALFORMED_SCHEDULES, MALFORMED_USERS, assert_blocked, fields_of_schedule, fields_of_user,
};

conformance!(Fresh::new().await, #[ignore = "needs MongoDB"]);
accounts_conformance!(Fresh::new().await, #[ignore = "needs MongoDB"]);

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn records_of_another_collection_have_attachments_of_their_own() {
    let fresh = Fresh::new().await;
    let shop = fresh.store().await;
    let lab = open_in(&fresh.url, "lab_vms").await.unwrap();
    let until = SystemTime::now() + Duration::from_secs(600);

    for kind in Attachment::ALL {
        let of = |project: &str| Value::from(format!("{kind:?} of {project}"));
        shop.attach(kind, "web", &of("shop"), until).await.unwrap();
        assert_eq!(lab.attachment(kind, "web").await.unwrap(), None);
        lab.attach(kind, "web", &of("lab"), until).await.unwrap();

        for (project, store) in [("shop", &shop), ("lab", &lab)] {
            let taken = store.take_attachment(kind, "web").await.unwrap();
            assert_eq!(taken, Some(of(project)));
        }
    }
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn malformed_schedules_are_reported_and_do_not_hide_others() {
    let fresh = Fresh::new().await;
    let store = fresh.store().await;
    let mut stop = Schedule::new("a7", "web1", "stop", "0 20 * * *");
    stop.next = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_362_000));
    assert!(store.put_schedule(&stop).await.unwrap());
    let schedules = fresh.database.collection::<Document>("schedules");
    let mut expected = Vec::new();
    let mut insert = async |id: Bson, fields: Document, field: &str, reason: &str| {
        let mut document = doc! { "_id": &id };
        document.extend(fields);
        schedules.insert_one(document).await.unwrap();
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        expected.push((id, field.to_owned(), reason.to_owned()));
    };
    for (number, (field, value, reason)) in MALFORMED_SCHEDULES.iter().enumerate() {
        let fields = parsed(&fields_of_schedule(field, value));
        insert(format!("odd{number}").into(), fields, field, reason).await;
    }
    let mut dated = doc! { "for": "web1", "cmd": "stop", "cron": "0 20 * * *" };
    dated.insert("next", DateTime::now());
    let reason = "expected a number of seconds, not an object";
    insert(7.into(), dated, "next", reason).await;

    let read = store.schedules(Schedules::All).await.unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let due = store.schedules(Schedules::DueBy(now)).await.unwrap();
    let next = store.next_schedule(now).await.unwrap();
    let malformed = store.malformed_schedules().await.unwrap();

    assert_eq!(read, [stop.next_revision()]);
    assert_eq!(due, []);
    assert_eq!(next, stop.next);
    let found = malformed.into_iter().map(|it| (it.id, it.field, it.reason));
    let mut found: Vec<_> = found.collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    for (id, ..) in expected {
        assert!(store.remove_schedule(&id).await.unwrap(), "{id}");
    }
    assert_eq!(store.malformed_schedules().await.unwrap(), []);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn whole_numbers_are_stored_in_the_smallest_type_that_holds_them() {
    let fresh = Fresh::new().await;
    let store = fresh.store().await;
    let labels = [("example.com/role".to_owned(), "$db".to_owned())].into();
    let outcome = |cmd: &str| hcc_store::Outcome {
        cmd: cmd.to_owned(),
        ok: true,
        err: None,
        at: std::time::UNIX_EPOCH + Duration::from_secs(7),
        by: None,
        id: None,
        outcome: None,
    };
    let action = hcc_store::Action {
        progress: 1 << 40,
        resources: vec![hcc_store::Resource {
            id: 44,
            ..Default::default()
        }],
        ..Default::default()
    };

    let patch = Patch::new()
        .labels(&labels)
        .last(&outcome("$start"))
        .created(None, &[action]);
    store.set("vm", patch).await.unwrap();

    let document = fresh.vms().find_one(doc! {}).await.unwrap().unwrap();
    let act = document.get_array("act").unwrap()[0].as_document().unwrap();
    assert_eq!(act.get("progress"), Some(&Bson::Int64(1 << 40)));
    let resource = act.get_array("resources").unwrap()[0]
        .as_document()
        .unwrap();
    assert_eq!(resource.get("id"), Some(&Bson::Int32(44)));
    let last = document.get_document("last").unwrap();
    assert_eq!(last.get("at"), Some(&Bson::Double(7.0)));
    assert_eq!(last.get("cmd"), Some(&"$start".into()));
    let labels = doc! { "example.com/role": "$db" };
    assert_eq!(document.get("labels"), Some(&labels.into()));
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn values_that_json_cannot_represent_survive_every_write() {
    let fresh = Fresh::new().await;
    let foreign = doc! {
        "name": "vm",
        "owner": ObjectId::new(),
        "since": DateTime::from_millis(1_795_362_267_712),
        "price": "3.79".parse::<Decimal128>().unwrap(),
        "whole": Bson::Double(2.0),
        "long": Bson::Int64(2),
        "image": { "scanned": DateTime::from_millis(7) },
    };
    fresh.vms().insert_one(&foreign).await.unwrap();
    let store = fresh.store().await;

    store
        .set("vm", Patch::new().status("running"))
        .await
        .unwrap();

    let record = store.get("vm").await.unwrap().unwrap();
    assert!(record.extra.get("since").is_some());
    let mut document = fresh.vms().find_one(doc! {}).await.unwrap().unwrap();
    document.remove("_id");
    assert!(document.remove("hcc_updated").is_some());
    assert_eq!(document.remove("status"), Some("running".into()));
    assert_eq!(document, foreign);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn document_without_a_string_name_is_ignored() {
    let fresh = Fresh::new().await;
    let foreign = [
        doc! {},
        doc! { "name": null },
        doc! { "name": 5 },
        doc! { "name": 5 },
    ];
    fresh.vms().insert_many(&foreign).await.unwrap();
    let store = fresh.store().await;

    assert!(store.reserve("vm").await.unwrap());

    assert_eq!(store.list().await.unwrap().len(), 1);
    assert_eq!(fresh.vms().count_documents(doc! {}).await.unwrap(), 5);
}

/// Parses the fields of a document, with the numbers that JSON lacks.
fn parsed(fields: &str) -> Document {
    let fields = fields
        .replace("-Infinity", r#"{ "$numberDouble": "-Infinity" }"#)
        .replace("NaN", r#"{ "$numberDouble": "NaN" }"#);
    serde_json::from_str(&format!("{{ {fields} }}")).unwrap()
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn malformed_users_are_blocked_and_hide_no_other() {
    let fresh = Fresh::new().await;
    let users = fresh.database.collection::<Document>("users");
    let mut names = Vec::new();
    let mut insert = async |fields: Document| {
        let name = format!("odd{}", names.len());
        let mut document = doc! { "_id": &name, "name": &name };
        document.extend(fields);
        users.insert_one(document).await.unwrap();
        names.push(name);
    };
    for (field, value) in MALFORMED_USERS {
        insert(parsed(&fields_of_user(field, value))).await;
    }
    for name in [r#""mary""#, "5", "null"] {
        insert(parsed(&fields_of_user("name", name))).await;
    }
    let nameless = doc! { "_id": "nameless", "rights": { "admin": true }, "rev": 1 };
    users.insert_one(nameless).await.unwrap();
    names.push("nameless".to_owned());
    let bytes =
        doc! { "_id": "bytes", "name": "bytes", "password": "bad!", "rev": 1, "disabled": 7 };
    let collection = users.clone_with_type::<RawDocumentBuf>();
    collection.insert_one(invalid_utf8(&bytes)).await.unwrap();
    names.push("bytes".to_owned());

    assert_blocked(&*fresh.accounts().await, &names).await;
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn numbers_that_json_lacks_are_not_read_as_null() {
    let fresh = Fresh::new().await;
    let users = fresh.database.collection::<Document>("users");
    let rights =
        r#""rights": { "grants": [{ "labels": NaN, "until": -Infinity }], "snapshots": NaN }"#;
    let mut mary = doc! { "_id": "mary", "name": "mary", "passkeys": f64::INFINITY, "rev": 1 };
    mary.extend(parsed(rights));
    users.insert_one(mary).await.unwrap();

    let mary = fresh.accounts().await.user("mary").await.unwrap().unwrap();

    assert!(mary.passkeys.is_object());
    for field in ["/grants/0/labels", "/grants/0/until", "/snapshots"] {
        assert!(mary.rights.pointer(field).unwrap().is_object(), "{field}");
    }
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn malformed_tokens_sessions_and_entries_hide_no_other() {
    let fresh = Fresh::new().await;
    let accounts = fresh.accounts().await;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let later = now + Duration::from_secs(60);
    let key = |name: &str| SessionKey::of(&name.into());
    let token = Token {
        key: key("good"),
        kind: "api".to_owned(),
        user: "mary".to_owned(),
        name: "laptop".to_owned(),
        data: Value::Null,
        since: now,
        until: None,
        used: None,
    };
    accounts.put_token(&token).await.unwrap();
    let session = Session {
        key: key("good"),
        user: "mary".to_owned(),
        since: now,
        until: later,
    };
    accounts.begin_session(&session).await.unwrap();
    let entry = AuditEntry {
        at: now,
        by: Some("mary".to_owned()),
        ip: None,
        what: "start".to_owned(),
        server: None,
        project: None,
        outcome: "ok".to_owned(),
    };
    let append = async |entry: &AuditEntry| accounts.append(entry).await.unwrap();
    append(&entry).await;
    for (collection, field, value) in [
        ("tokens", "until", f64::NAN.into()),
        ("tokens", "until", "never".into()),
        ("tokens", "since", Bson::Null),
        ("tokens", "name", 5.into()),
        ("sessions", "since", f64::NAN.into()),
        ("sessions", "since", "x".into()),
        ("audit", "what", f64::NAN.into()),
        ("audit", "by", f64::NAN.into()),
        ("audit", "outcome", Bson::Null),
        ("audit", "ip", "x".into()),
    ] {
        let documents = fresh.database.collection::<Document>(collection);
        let mut odd = documents.find_one(doc! {}).await.unwrap().unwrap();
        let name = format!("{collection} {field} {value}");
        match collection {
            "audit" => odd.remove("_id"),
            _ => {
                odd.insert("key", key(&name).as_str());
                odd.insert("_id", key(&name).as_str())
            }
        };
        odd.insert(field, value);
        documents.insert_one(odd).await.unwrap();
        assert_eq!(accounts.token(&key(&name), now).await.unwrap(), None);
        assert_eq!(accounts.session(&key(&name), now).await.unwrap(), None);
    }
    let unlimited = doc! { "$set": { "data": f64::NAN } };
    let tokens = fresh.database.collection::<Document>("tokens");
    let of_good = doc! { "_id": key("good").as_str() };
    tokens.update_one(of_good, unlimited).await.unwrap();
    append(&entry).await;

    let found = accounts.tokens("api", Some("mary"), now).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(!found[0].data.is_null());
    assert_eq!(accounts.sessions("mary", now).await.unwrap(), [session]);
    let mut query = AuditQuery {
        limit: 2,
        ..AuditQuery::default()
    };
    let mut entries = Vec::new();
    loop {
        let page = accounts.audit(&query).await.unwrap();
        entries.extend(page.entries);
        query.before = page.older;
        if query.before.is_none() {
            break;
        }
    }
    assert_eq!(entries, [entry.clone(), entry]);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn record_with_values_of_any_type_hides_no_other() {
    let fresh = Fresh::new().await;
    let odd = [
        Bson::Null,
        true.into(),
        i64::MIN.into(),
        f64::NAN.into(),
        "".into(),
        "x".into(),
        DateTime::MIN.into(),
        DateTime::MAX.into(),
        vec![Bson::Null, doc! { "id": "x" }.into()].into(),
        doc! { "id": [], "name": 7, "$x": { "": Bson::MinKey } }.into(),
        Bson::Undefined,
        Bson::Decimal128("NaN".parse().unwrap()),
        Bson::Symbol("x".to_owned()),
    ];
    let mut expected = vec!["web".to_owned()];
    for field in [
        "id", "stage", "status", "created", "ip4", "ip6", "image", "type", "io", "dc", "rescue",
        "labels", "lock", "prot", "pw", "act", "url", "auth", "ts", "synced", "last", "unknown",
    ] {
        for (index, value) in odd.iter().enumerate() {
            let name = format!("{field}{index}");
            let document = doc! { "name": &name, field: value };
            fresh.vms().insert_one(document).await.unwrap();
            expected.push(name);
        }
    }
    fresh
        .vms()
        .insert_one(doc! { "name": "web" })
        .await
        .unwrap();
    let store = fresh.store().await;

    let records = store.list().await.unwrap();

    let mut names: Vec<_> = records.into_iter().map(|record| record.name).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for name in &expected {
        let record = store.get(name).await.unwrap().unwrap();
        assert!(!format!("{record:?}").is_empty());
        let patch = Patch::new().status("off");
        store.set(name, patch).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn duplicates_are_listed_and_repaired_without_losing_fields() {
    let fresh = Fresh::new().await;
    let twice = [
        doc! { "name": "vm", "id": 44, "status": "off", "owner": "mary" },
        doc! { "name": "other", "id": 45 },
        doc! { "name": "vm", "status": "running", "note": "kept" },
    ];
    fresh.vms().insert_many(&twice).await.unwrap();
    let store = fresh.backend().await;

    let error = store.reserve("vm2").await.unwrap_err();
    assert!(
        matches!(&error, Error::Duplicates { names, .. } if *names == ["vm"]),
        "{error:?}"
    );
    assert_eq!(store.list().await.unwrap().len(), 3);
    assert!(
        store
            .update("other", Patch::new().status("off"))
            .await
            .unwrap()
    );

    assert_eq!(store.repair().await.unwrap(), ["vm"]);

    assert!(store.reserve("vm2").await.unwrap());
    let mut document = fresh
        .vms()
        .find_one(doc! { "name": "vm" })
        .await
        .unwrap()
        .unwrap();
    document.remove("_id");
    assert_eq!(
        document,
        doc! { "name": "vm", "id": 44, "status": "running", "owner": "mary", "note": "kept" }
    );
    assert_eq!(store.list().await.unwrap().len(), 3);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn thousands_of_writes_are_sent_in_few_commands() {
    // A separate server, as other tests send commands to the shared one.
    let server = Mongod::start();
    let url = server.url("hetzner");
    let client = Client::with_uri_str(&url).await.unwrap();
    let store = open(&url.parse().unwrap()).await.unwrap();
    store.reserve("vm0").await.unwrap();
    let commands = async || {
        let status = doc! { "serverStatus": 1 };
        let status = client.database("admin").run_command(status).await.unwrap();
        let updates = status
            .get_document("metrics")
            .unwrap()
            .get_document("commands")
            .unwrap();
        let updates = updates.get_document("update").unwrap();
        updates.get_i64("total").unwrap()
    };
    let write = |vm| {
        let patch = Patch::new().status("running");
        Write::new(format!("vm{vm}"), patch, IfMissing::Insert)
    };
    let writes: Vec<_> = (0..5000).map(write).collect();

    let before = commands().await;
    assert_eq!(store.write(&writes).await.unwrap(), 5000);

    assert_eq!(commands().await - before, 20);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn acknowledged_writes_survive_kill_9_of_the_server() {
    let server = Mongod::start();
    let url: StoreUrl = server.url("hetzner").parse().unwrap();
    let store = open(&url).await.unwrap();
    for vm in 0..20 {
        assert!(store.reserve(&format!("vm{vm}")).await.unwrap());
        let patch = Patch::new().status("running");
        store.set(&format!("vm{vm}"), patch).await.unwrap();
    }

    server.restart();

    let store = open(&url).await.unwrap();
    let records = store.list().await.unwrap();
    assert_eq!(records.len(), 20);
    assert!(
        records
            .iter()
            .all(|record| record.status.as_deref() == Some("running"))
    );
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn wrong_password_is_reported_and_not_shown() {
    let fresh = Fresh::new().await;
    let url = fresh
        .address
        .replace("mongodb://", "mongodb://mary:secret@");
    let store = open(&url.parse().unwrap()).await.unwrap();

    let error = store.list().await.unwrap_err();

    assert_eq!(error.failure(), Some(Failure::Denied), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn record_is_found_by_index() {
    let fresh = Fresh::new().await;
    let store = fresh.store().await;
    let write = |vm| Write::new(format!("vm{vm}"), Patch::new(), IfMissing::Insert);
    let writes: Vec<_> = (0..100).map(write).collect();
    store.write(&writes).await.unwrap();

    let find = doc! { "find": "vms", "filter": { "name": "vm7" } };
    let explain = doc! { "explain": find, "verbosity": "executionStats" };
    let plan = fresh.database.run_command(explain).await.unwrap();

    let stats = plan.get_document("executionStats").unwrap();
    assert_eq!(stats.get_i32("totalDocsExamined").unwrap(), 1);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn update_by_another_program_is_seen_from_the_beginning() {
    let fresh = Fresh::new().await;
    let store = fresh.store().await;
    store.set("vm", Patch::new().status("off")).await.unwrap();
    let first = store
        .changes(&Revision::default(), Fields::SUMMARY)
        .await
        .unwrap();
    let update = doc! { "$set": { "status": "running" } };
    fresh
        .vms()
        .update_one(doc! { "name": "vm" }, update)
        .await
        .unwrap();

    let since = store
        .changes(&first.revision, Fields::SUMMARY)
        .await
        .unwrap();
    let all = store
        .changes(&Revision::default(), Fields::SUMMARY)
        .await
        .unwrap();

    assert!(since.records.is_empty());
    assert_eq!(all.records[0].status.as_deref(), Some("running"));
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn changes_are_found_by_an_index() {
    let fresh = Fresh::new().await;
    let store = fresh.store().await;
    let write = |vm| Write::new(format!("vm{vm}"), Patch::new(), IfMissing::Insert);
    let writes: Vec<_> = (0..100).map(write).collect();
    store.write(&writes).await.unwrap();
    let newest = fresh.vms().find_one(doc! { "name": "vm99" }).await.unwrap();
    let newest = newest.unwrap().get_f64("hcc_updated").unwrap();
    store.set("vm7", Patch::new()).await.unwrap();

    let filter = doc! { "hcc_updated": { "$gt": newest } };
    let explain =
        doc! { "explain": { "find": "vms", "filter": filter }, "verbosity": "executionStats" };
    let plan = fresh.database.run_command(explain).await.unwrap();

    let stats = plan.get_document("executionStats").unwrap();
    assert_eq!(stats.get_i32("totalDocsExamined").unwrap(), 1);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn fields_of_other_programs_in_a_user_are_kept() {
    let fresh = Fresh::new().await;
    let store = fresh.backend().await;
    store.put_user(&User::new("mary")).await.unwrap();
    let users: Collection<Document> = fresh.database.collection("users");
    let note = doc! { "$set": { "since": DateTime::from_millis(7) } };
    users
        .update_one(doc! { "_id": "mary" }, note)
        .await
        .unwrap();

    let user = store.user("mary").await.unwrap().unwrap();
    assert!(store.put_user(&user).await.unwrap());

    let document = users.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(
        document,
        doc! {
            "_id": "mary", "name": "mary", "rights": Bson::Null, "disabled": false,
            "password": Bson::Null, "second_factor": Bson::Null, "passkeys": Bson::Null, "rev": 2, "since": DateTime::from_millis(7),
        }
    );
}

#[tokio::test]
async fn unreachable_server_is_reported_within_seconds() {
    let url: StoreUrl = "mongodb://mary:secret@127.0.0.1:1/hetzner".parse().unwrap();
    let store = open(&url).await.unwrap();
    let started = Instant::now();

    let error = store.list().await.unwrap_err();

    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(error.failure(), Some(Failure::Unreachable), "{error:?}");
    assert!(error.is_retryable());
    assert_eq!(
        error.to_string(),
        "mongodb://mary@127.0.0.1:1/hetzner does not answer"
    );
    assert!(!format!("{error:?} {store:?}").contains("secret"));
}

#[tokio::test]
async fn malformed_url_is_refused_without_its_password() {
    let url: StoreUrl = "mongodb://mary:se/cret@host:x/hetzner".parse().unwrap();

    let error = open(&url).await.unwrap_err();

    assert_eq!(error.failure(), Some(Failure::MalformedUrl), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("cret"));
}

/// A database used by one test.
struct Fresh {
    /// The URL with the password, which a [`StoreUrl`] does not show.
    address: String,
    url: StoreUrl,
    database: Database,
    _server: test_services::TestDatabase,
}

impl Fresh {
    async fn new() -> Self {
        let server = test_services::TestDatabase::new();
        let client = Client::with_uri_str(&server.url).await.unwrap();
        Self {
            database: client.default_database().unwrap(),
            url: server.url.parse().unwrap(),
            address: server.url.clone(),
            _server: server,
        }
    }

    fn vms(&self) -> Collection<Document> {
        self.database.collection("vms")
    }

    async fn backend(&self) -> Mongodb {
        Mongodb::new(&self.url).await.unwrap()
    }
}

#[async_trait]
impl Fixture for Fresh {
    async fn store(&self) -> Arc<dyn Store> {
        open(&self.url).await.unwrap()
    }

    async fn insert(&self, document: Value) {
        let document = mongodb::bson::serialize_to_document(&document).unwrap();
        self.vms().insert_one(document).await.unwrap();
    }

    async fn document(&self, name: &str) -> Option<Value> {
        let mut document = self.vms().find_one(doc! { "name": name }).await.unwrap()?;
        document.remove("_id");
        document.remove("hcc_updated");
        Some(serde_json::to_value(document).unwrap())
    }
}

#[async_trait]
impl AccountsFixture for Fresh {
    async fn accounts(&self) -> Arc<dyn Accounts> {
        open_accounts(&self.url).await.unwrap()
    }
}
