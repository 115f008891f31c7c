//! The test suite of all backends, one function per guarantee.
//!
//! [`conformance!`](crate::conformance!) defines a test for each of them, which gets an empty
//! database as a [`Fixture`] and panics if the guarantee is violated. Cases are added as bugs are
//! found, so this interface is not stable.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

#[cfg(feature = "accounts")]
pub mod accounts;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    Action, Attachment, Changes, DataCentre, Fields, IfMissing, Image, Location, Memory, Missed,
    Order, Outcome, Patch, Precondition, Price, Protection, Record, Resource, Revision, Schedule,
    ScheduleOutcome, Schedules, ServerSnapshot, ServerType, Stage, Store, StoreExt, Traffic, Write,
};

/// A database under test: empty at first, and removed when dropped.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Opens the store, as another process would.
    async fn store(&self) -> Arc<dyn Store>;

    /// Inserts a document as another program does, without this crate.
    async fn insert(&self, document: Value);

    /// Returns the document as another program sees it, without the fields by which the backend
    /// itself finds it.
    async fn document(&self, name: &str) -> Option<Value>;
}

/// Defines one test per case: `conformance!(fresh_fixture().await)`.
///
/// Attributes after the fixture are applied to each test:
/// `conformance!(fixture().await, #[ignore = "needs a server"])`.
#[macro_export]
macro_rules! conformance {
    ($fixture:expr $(, #[$attribute:meta])*) => {
        $crate::conformance! { @cases $fixture, [$(#[$attribute])*], [$crate::conformance],
            absent_record_is_none
            records_are_listed_the_oldest_first
            statuses_are_listed_with_only_their_names
            records_are_counted
            many_records_are_found_by_their_names
            requested_fields_are_read_and_no_others
            summary_has_no_secrets
            stream_is_in_the_order_of_names_or_of_insertion
            stream_goes_on_while_records_change
            changes_since_the_beginning_are_all_records
            changes_are_what_was_written_since
            every_kind_of_write_is_a_change
            removed_records_are_among_the_changes
            insertions_and_removals_of_other_programs_are_changes
            revision_of_another_store_is_the_beginning
            follower_of_the_changes_misses_none
            reservation_is_a_stage_and_a_name
            reserved_name_is_taken
            one_of_many_tasks_reserves_a_name
            reservation_leaves_a_record_alone
            write_inserts_a_record_if_requested
            skipped_write_inserts_none
            later_write_of_one_call_wins
            writes_set_only_their_own_fields
            concurrent_writes_of_different_fields_are_all_kept
            documents_are_those_of_the_original
            documents_of_the_original_are_read
            absent_parts_are_null
            foreign_fields_survive_every_write
            foreign_fields_inside_known_ones_survive
            fields_of_unexpected_type_are_kept_and_shown
            field_of_unexpected_type_is_replaced_when_set
            whole_doubles_are_read_as_whole_numbers
            labels_are_replaced_as_a_whole
            unusual_strings_are_stored_unchanged
            unknown_stage_is_kept
            removal_checks_its_precondition
            removed_record_can_be_inserted_again
            thousands_of_writes_in_one_call
            readers_see_whole_writes
            secrets_are_not_in_debug
            renamed_record_keeps_all_its_fields
            record_is_renamed_only_if_it_is_the_expected_one_and_the_name_is_free
            attached_document_is_returned_until_it_expires
            attached_document_is_taken_once
            schedules_are_found_by_id_server_and_due_time
            schedule_is_stored_if_it_is_unchanged
            one_of_many_tasks_stores_a_schedule
            removed_schedule_is_gone
            database_reports_its_name_and_version
        }
    };
    (@cases $fixture:expr, $attributes:tt, $module:tt, $($case:ident)*) => {
        $($crate::conformance! { @case $fixture, $attributes, $module, $case })*
    };
    (@case $fixture:expr, [$(#[$attribute:meta])*], [$($module:tt)*], $case:ident) => {
        #[::tokio::test(flavor = "multi_thread")]
        $(#[$attribute])*
        async fn $case() {
            $($module)*::$case(&$fixture).await;
        }
    };
}

/// The version is shown when problems are diagnosed.
pub async fn database_reports_its_name_and_version(fixture: &dyn Fixture) {
    let store = fixture.store().await;

    let version = store.version().await.unwrap();

    let (name, number) = version.split_once(' ').unwrap();
    assert!(!name.is_empty());
    assert!(
        number.starts_with(|c: char| c.is_ascii_digit()),
        "{version}"
    );
}

/// A name without a record is not an error.
pub async fn absent_record_is_none(fixture: &dyn Fixture) {
    let store = fixture.store().await;

    assert!(store.get("vm").await.unwrap().is_none());
    assert!(store.list().await.unwrap().is_empty());
    assert!(!store.remove("vm", Precondition::Any).await.unwrap());
    assert!(!store.update("vm", running()).await.unwrap());
}

/// The order is that of insertion, even if a record is changed later.
pub async fn records_are_listed_the_oldest_first(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    store.reserve("zoe").await.unwrap();
    store.set("adam", running()).await.unwrap();
    store.reserve("mary").await.unwrap();

    store.set("zoe", created("root password")).await.unwrap();

    assert_eq!(names(&*store).await, ["zoe", "adam", "mary"]);
}

/// A status that is not a string is `None`, as in a record.
pub async fn statuses_are_listed_with_only_their_names(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    assert_eq!(store.statuses().await.unwrap(), []);
    store.reserve("zoe").await.unwrap();
    store.set("adam", running()).await.unwrap();
    fixture.insert(json!({"name": "mary", "status": 7})).await;

    let listed: Vec<_> = store.list().await.unwrap();
    let listed = listed
        .into_iter()
        .map(|record| (record.name, record.status));

    let statuses = store.statuses().await.unwrap();
    assert_eq!(statuses, listed.collect::<Vec<_>>());
    let running = Some("running".to_owned());
    let expected = [("zoe", None), ("adam", running), ("mary", None)];
    assert_eq!(
        statuses,
        expected.map(|(name, status)| (name.to_owned(), status))
    );
}

/// The number is that of the listed records.
pub async fn records_are_counted(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    assert_eq!(store.count().await.unwrap(), 0);
    store.reserve("reserved").await.unwrap();
    store.set("vm", running()).await.unwrap();
    fixture.insert(original()).await;

    assert_eq!(store.count().await.unwrap(), 3);
    store.remove("vm", Precondition::Any).await.unwrap();

    assert_eq!(store.count().await.unwrap(), 2);
}

/// Names without a record are left out, and a name that is given twice is found once.
pub async fn many_records_are_found_by_their_names(fixture: &dyn Fixture) {
    const MANY: usize = 2_500;
    let store = fixture.store().await;
    assert!(many(&*store, &["vm1"]).await.is_empty());
    let write = |vm| Write::new(format!("vm{vm}"), running(), IfMissing::Insert);
    let writes: Vec<_> = (0..MANY + 1).map(write).collect();
    store.write(&writes).await.unwrap();
    let requested: Vec<String> = (1..=MANY).map(|vm| format!("vm{vm}")).collect();
    let mut requested: Vec<&str> = requested.iter().map(String::as_str).collect();
    requested.extend(["gone", "vm7", "", "%"]);

    let found = many(&*store, &requested).await;

    let mut expected: Vec<String> = (1..=MANY).map(|vm| format!("vm{vm}")).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(many(&*store, &[]).await.is_empty());
}

/// Every way to read records has the requested fields of own and other programs, and no others.
pub async fn requested_fields_are_read_and_no_others(fixture: &dyn Fixture) {
    const FIELDS: Fields = Fields::Only(&["id", "image", "owner"]);
    let mut document = original();
    document["owner"] = json!("mary");
    document["note"] = json!("not requested");
    fixture.insert(document).await;
    let store = fixture.store().await;

    for record in [
        store.get_many(&["m-vm1"], FIELDS).await.unwrap().remove(0),
        collected(&*store, FIELDS).await.remove(0),
        all_changes(&*store, FIELDS).await.records.remove(0),
    ] {
        assert_eq!((record.name.as_str(), record.id), ("m-vm1", Some(44)));
        assert_eq!(record.image, snapshot().image);
        assert_eq!(record.extra.get("owner"), Some(&json!("mary")));
        assert_eq!(record.extra.iter().count(), 1, "{:?}", record.extra);
        assert!(record.status.is_none() && record.r#type.is_none() && record.labels.is_none());
        assert!(record.pw.is_none() && record.url.is_none() && record.synced.is_none());
    }
    let names = collected(&*store, Fields::NAME).await;
    assert_eq!((names[0].name.as_str(), names[0].id), ("m-vm1", None));
    let all = collected(&*store, Fields::All).await.remove(0);
    assert!(all.pw.is_some() && all.extra.iter().count() == 2);
}

/// What lists show contains neither passwords nor what other programs store.
pub async fn summary_has_no_secrets(fixture: &dyn Fixture) {
    let mut document = original();
    document["card"] = json!("hunter2");
    fixture.insert(document).await;
    let store = fixture.store().await;

    let record = collected(&*store, Fields::SUMMARY).await.remove(0);

    assert!(record.pw.is_none() && record.url.is_none() && record.auth.is_none());
    assert!(record.act.is_none() && record.extra.is_empty());
    assert_eq!(record.status, Some(snapshot().status));
    assert_eq!(record.dc, Some(snapshot().dc));
    assert!(record.ts.is_some());
}

/// The order is that of the bytes of the names, whenever the records were inserted.
pub async fn stream_is_in_the_order_of_names_or_of_insertion(fixture: &dyn Fixture) {
    const MANY: usize = 1_500;
    let store = fixture.store().await;
    assert!(collected(&*store, Fields::All).await.is_empty());
    let mut names: Vec<String> = (0..MANY).rev().map(|vm| format!("vm{vm}")).collect();
    let odd = [
        "Zoe", "a b", "web-1", "web1", "web.1", "ä", "😀", "\u{ffff}", "%", "_", "a",
    ];
    names.extend(odd.map(str::to_owned));
    let write = |name: &String| Write::new(name, running(), IfMissing::Insert);
    let writes: Vec<_> = names.iter().map(write).collect();
    store.write(&writes).await.unwrap();

    let streamed = collected(&*store, Fields::NAME).await;

    let streamed: Vec<String> = streamed.into_iter().map(|record| record.name).collect();
    let oldest_first = store
        .stream(Order::Inserted, Fields::NAME)
        .map_ok(|it| it.name);
    assert_eq!(oldest_first.try_collect::<Vec<_>>().await.unwrap(), names);
    names.sort_unstable();
    assert_eq!(streamed, names);
}

/// Calls and writes are possible while a stream is open. What was there before is in it once.
pub async fn stream_goes_on_while_records_change(fixture: &dyn Fixture) {
    const MANY: usize = 1_500;
    let store = fixture.store().await;
    let names: Vec<String> = (0..MANY).map(|vm| format!("vm{vm:04}")).collect();
    let write = |name: &String| Write::new(name, running(), IfMissing::Insert);
    let writes: Vec<_> = names.iter().map(write).collect();
    store.write(&writes).await.unwrap();

    let mut stream = store.stream(Order::Name, Fields::All);
    let mut streamed = Vec::new();
    while let Some(record) = stream.try_next().await.unwrap() {
        if streamed.len() == 10 {
            store.set("vm0005", created("root password")).await.unwrap();
            store.reserve("vm0005a").await.unwrap();
            store.reserve("vm2").await.unwrap();
        }
        streamed.push(record.name);
    }

    streamed.retain(|name| !["vm0005a", "vm2"].contains(&name.as_str()));
    assert_eq!(streamed, names);
}

/// The first call returns everything.
pub async fn changes_since_the_beginning_are_all_records(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let none = all_changes(&*store, Fields::All).await;
    assert!(none.is_complete && none.records.is_empty() && none.removed.is_empty());
    fixture.insert(original()).await;
    store.reserve("vm").await.unwrap();

    let all = all_changes(&*store, Fields::All).await;

    assert!(all.is_complete && all.removed.is_empty());
    assert_eq!(sorted(&all.records), ["m-vm1", "vm"]);
}

/// Each change is returned once, with what the record has become.
pub async fn changes_are_what_was_written_since(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    for name in ["a", "b", "c"] {
        store.set(name, running()).await.unwrap();
    }
    let first = all_changes(&*store, Fields::All).await;
    // Another process writes.
    let other = fixture.store().await;
    other.set("b", Patch::new().status("off")).await.unwrap();
    other.set("new", running()).await.unwrap();

    let second = store.changes(&first.revision, Fields::All).await.unwrap();

    assert!(!second.is_complete && second.removed.is_empty());
    assert_eq!(sorted(&second.records), ["b", "new"]);
    let b = second.records.iter().find(|record| record.name == "b");
    assert_eq!(b.unwrap().status.as_deref(), Some("off"));
    let third = store.changes(&second.revision, Fields::All).await.unwrap();
    assert!(!third.is_complete && third.removed.is_empty());
    assert_eq!(sorted(&third.records), [""; 0]);
    // The same revision can be used again.
    let again = store.changes(&first.revision, Fields::NAME).await.unwrap();
    assert_eq!(sorted(&again.records), ["b", "new"]);
}

/// A write is a change, whatever its fields.
pub async fn every_kind_of_write_is_a_change(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    store.set("vm", running()).await.unwrap();
    let mut revision = all_changes(&*store, Fields::All).await.revision;

    for patch in every_patch().into_iter().chain([Patch::new().no_console()]) {
        store.update("vm", patch.clone()).await.unwrap();
        let changes = store.changes(&revision, Fields::All).await.unwrap();
        assert_eq!(sorted(&changes.records), ["vm"], "{patch:?}");
        revision = changes.revision;
    }
    store.reserve("reserved").await.unwrap();
    let changes = store.changes(&revision, Fields::All).await.unwrap();
    assert_eq!(sorted(&changes.records), ["reserved"]);
}

/// A removal is reported, unless the record was inserted again.
pub async fn removed_records_are_among_the_changes(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    for name in ["gone", "again", "kept"] {
        store.set(name, running()).await.unwrap();
    }
    let first = all_changes(&*store, Fields::All).await;
    let other = fixture.store().await;
    for name in ["gone", "again"] {
        assert!(other.remove(name, Precondition::Any).await.unwrap());
    }
    other
        .set("again", Patch::new().status("off"))
        .await
        .unwrap();

    let changes = store.changes(&first.revision, Fields::All).await.unwrap();

    assert!(!changes.is_complete);
    assert_eq!(changes.removed, ["gone"]);
    assert_eq!(sorted(&changes.records), ["again"]);
    let next = store.changes(&changes.revision, Fields::All).await.unwrap();
    assert!(next.removed.is_empty() && next.records.is_empty());
}

/// A program without this crate inserts a document, and this crate removes it.
pub async fn insertions_and_removals_of_other_programs_are_changes(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    store.set("vm", running()).await.unwrap();
    let first = all_changes(&*store, Fields::All).await;
    fixture.insert(original()).await;

    let second = store.changes(&first.revision, Fields::All).await.unwrap();
    let removed = store.remove("m-vm1", Precondition::Id(44)).await.unwrap();
    let third = store.changes(&second.revision, Fields::All).await.unwrap();

    assert_eq!(sorted(&second.records), ["m-vm1"]);
    assert!(second.removed.is_empty() && removed);
    assert_eq!(third.removed, ["m-vm1"]);
}

/// It cannot say what has changed here.
pub async fn revision_of_another_store_is_the_beginning(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    store.set("vm", running()).await.unwrap();
    let other = Memory::default();
    other.set("vm", running()).await.unwrap();
    let foreign = all_changes(&other, Fields::All).await.revision;

    let changes = store.changes(&foreign, Fields::All).await.unwrap();

    assert!(changes.is_complete);
    assert_eq!(sorted(&changes.records), ["vm"]);
}

/// What follows the changes, while several processes write and remove, has the same records in the
/// end.
pub async fn follower_of_the_changes_misses_none(fixture: &dyn Fixture) {
    const ROUNDS: usize = 40;
    let store = fixture.store().await;
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let store = fixture.store().await;
        writers.spawn(async move {
            for round in 0..ROUNDS {
                let name = format!("vm{}", (round * 7 + writer) % 15);
                let patch = Patch::new().status(&format!("{writer}/{round}"));
                store.set(&name, patch).await.unwrap();
                if round % 5 == writer {
                    store.remove(&name, Precondition::Any).await.unwrap();
                }
            }
        });
    }

    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut revision = Revision::default();
    loop {
        let is_last = writers.is_empty();
        let changes = store.changes(&revision, Fields::All).await.unwrap();
        if changes.is_complete {
            known.clear();
        }
        for name in changes.removed {
            known.remove(&name);
        }
        known.extend(changes.records.into_iter().map(|it| (it.name, it.status)));
        revision = changes.revision;
        if is_last {
            break;
        }
        if let Some(written) = writers.try_join_next() {
            written.unwrap();
        }
        tokio::task::yield_now().await;
    }

    let records = store.list().await.unwrap().into_iter();
    let expected: BTreeMap<_, _> = records.map(|it| (it.name, it.status)).collect();
    assert_eq!(known, expected);
}

/// The document of a reservation is what the original wrote.
pub async fn reservation_is_a_stage_and_a_name(fixture: &dyn Fixture) {
    let store = fixture.store().await;

    assert!(store.reserve("vm").await.unwrap());

    let document = fixture.document("vm").await.unwrap();
    assert_eq!(document, json!({"stage": "new", "name": "vm"}));
    let record = store.get("vm").await.unwrap().unwrap();
    assert_eq!((record.stage, record.id), (Some(Stage::New), None));
}

/// A name is reserved once, across processes.
pub async fn reserved_name_is_taken(fixture: &dyn Fixture) {
    assert!(fixture.store().await.reserve("vm").await.unwrap());

    assert!(!fixture.store().await.reserve("vm").await.unwrap());
}

/// Of concurrent reservations of a name, one succeeds.
pub async fn one_of_many_tasks_reserves_a_name(fixture: &dyn Fixture) {
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let store = fixture.store().await;
        tasks.spawn(async move { store.reserve("vm").await.unwrap() });
    }

    let winners = tasks.join_all().await;

    assert_eq!(winners.into_iter().filter(|won| *won).count(), 1);
    assert_eq!(names(&*fixture.store().await).await, ["vm"]);
}

/// Reserving a name that has a record does not change the record.
pub async fn reservation_leaves_a_record_alone(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    store.set("vm", created("root password")).await.unwrap();
    let before = fixture.document("vm").await;

    assert!(!store.reserve("vm").await.unwrap());

    assert_eq!(fixture.document("vm").await, before);
}

/// A write with [`IfMissing::Insert`] inserts a missing record.
pub async fn write_inserts_a_record_if_requested(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let write = Write::new("vm", running(), IfMissing::Insert);

    assert_eq!(store.write(&[write]).await.unwrap(), 1);

    let document = fixture.document("vm").await.unwrap();
    assert_eq!(document, json!({"name": "vm", "status": "running"}));
}

/// A write with [`IfMissing::Skip`] does not insert a record that was removed.
pub async fn skipped_write_inserts_none(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    store.reserve("there").await.unwrap();
    let writes = ["gone", "there"].map(|name| Write::new(name, running(), IfMissing::Skip));

    assert_eq!(store.write(&writes).await.unwrap(), 1);

    assert_eq!(names(&*store).await, ["there"]);
}

/// Writes of one call are applied in order.
pub async fn later_write_of_one_call_wins(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let write = |status| Write::new("vm", Patch::new().status(status), IfMissing::Insert);

    let written = store.write(&[write("starting"), write("running")]).await;

    assert_eq!(written.unwrap(), 2);
    let record = store.get("vm").await.unwrap().unwrap();
    assert_eq!(record.status.as_deref(), Some("running"));
}

/// Fields that a patch does not name are kept.
pub async fn writes_set_only_their_own_fields(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    store.set("vm", created("root password")).await.unwrap();
    store.set("vm", console("console password")).await.unwrap();

    store
        .set("vm", Patch::new().snapshot(&snapshot()))
        .await
        .unwrap();
    store
        .set("vm", Patch::new().last(&outcome()))
        .await
        .unwrap();

    let record = store.get("vm").await.unwrap().unwrap();
    assert_eq!(record.stage, Some(Stage::Created));
    assert_eq!(record.pw.unwrap().expose_secret(), "root password");
    assert_eq!(record.auth.unwrap().expose_secret(), "console password");
    assert_eq!(record.id, Some(44));
    assert_eq!(record.last, Some(outcome()));
}

/// A concurrent sync and console request are both stored.
pub async fn concurrent_writes_of_different_fields_are_all_kept(fixture: &dyn Fixture) {
    const RECORDS: usize = 20;
    let patches = [
        Patch::new().snapshot(&snapshot()),
        console("console password"),
        created("root password"),
        Patch::new().last(&outcome()),
    ];
    let mut tasks = JoinSet::new();
    for patch in patches {
        let store = fixture.store().await;
        tasks.spawn(async move {
            for vm in 0..RECORDS {
                store.set(&format!("vm{vm}"), patch.clone()).await.unwrap();
            }
        });
    }

    tasks.join_all().await;

    let records = fixture.store().await.list().await.unwrap();
    assert_eq!(records.len(), RECORDS);
    for record in records {
        assert!(record.id.is_some() && record.url.is_some());
        assert!(record.pw.is_some() && record.last.is_some());
    }
}

/// Names and types of all fields are those that existing programs use.
pub async fn documents_are_those_of_the_original(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let original = original();
    let at = Duration::from_secs_f64(original["ts"].as_f64().unwrap());
    let pw = original["pw"].as_str().unwrap().into();
    let url = original["url"].as_str().unwrap().into();
    let auth = original["auth"].as_str().unwrap().into();

    let patch = Patch::new()
        .snapshot(&snapshot())
        .stage(Stage::Created)
        .created(
            Some(&pw),
            &[action("create_server"), action("start_server")],
        )
        .console(&url, &auth, SystemTime::UNIX_EPOCH + at);
    store.set("m-vm1", patch).await.unwrap();

    let mut document = fixture.document("m-vm1").await.unwrap();
    let fields = document.as_object_mut().unwrap();
    let added = fields.remove("synced");
    for field in ["net", "volumes", "iso", "window"] {
        assert!(fields.remove(field).is_some(), "{field}");
    }
    assert_eq!(document, original);
    assert!(added.unwrap().is_f64());
}

/// All fields of records written by the original are read.
pub async fn documents_of_the_original_are_read(fixture: &dyn Fixture) {
    fixture.insert(original()).await;

    let record = fixture.store().await.get("m-vm1").await.unwrap().unwrap();

    let snapshot = snapshot();
    assert_eq!(record.id, Some(snapshot.id));
    assert_eq!(record.stage, Some(Stage::Created));
    assert_eq!(record.created, snapshot.created);
    assert_eq!(record.ip6, snapshot.ip6);
    assert_eq!(record.image, snapshot.image);
    assert_eq!(record.r#type, Some(snapshot.r#type));
    assert_eq!(record.io, Some(snapshot.io));
    assert_eq!(record.dc, Some(snapshot.dc));
    assert_eq!(record.labels, Some(snapshot.labels));
    assert_eq!(record.prot, Some(snapshot.prot));
    assert_eq!(
        record.act.unwrap(),
        [action("create_server"), action("start_server")]
    );
    assert!(record.url.unwrap().expose_secret().starts_with("wss://"));
    assert!(record.ts > Some(SystemTime::UNIX_EPOCH));
    assert!(record.extra.is_empty());
}

/// A missing address, image or password is stored as null.
pub async fn absent_parts_are_null(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let bare = ServerSnapshot {
        ip4: None,
        ip6: None,
        image: None,
        ..snapshot()
    };

    let patch = Patch::new().snapshot(&bare).created(None, &[]);
    store.set("vm", patch).await.unwrap();

    let document = fixture.document("vm").await.unwrap();
    for field in ["ip4", "ip6", "image", "pw"] {
        assert_eq!(document.get(field), Some(&Value::Null), "{field}");
    }
    let record = store.get("vm").await.unwrap().unwrap();
    assert!(record.ip4.is_none() && record.image.is_none() && record.extra.is_empty());
}

/// No write removes or changes fields of other programs.
pub async fn foreign_fields_survive_every_write(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let foreign = json!({
        "owner": "mary",
        "quota": 1.5,
        "whole": 2.0,
        "big": 9_007_199_254_740_993_u64,
        "negative": -1,
        "nothing": null,
        "rights": [{"user": "bob", "may": ["start", null, 1]}, []],
        "billing": {"plan": {"name": "$small", "since": "2026-11-22"}, "": {}},
        "$unusual": "$status",
    });
    let mut document = foreign.clone();
    document["name"] = json!("vm");
    fixture.insert(document).await;

    assert!(!store.reserve("vm").await.unwrap());
    for patch in every_patch() {
        store.set("vm", patch).await.unwrap();
    }

    let document = fixture.document("vm").await.unwrap();
    let record = store.get("vm").await.unwrap().unwrap();
    for (field, value) in foreign.as_object().unwrap() {
        assert_eq!(document.get(field), Some(value), "{field}");
        assert_eq!(record.extra.get(field), Some(value), "{field}");
    }
    assert_eq!(
        record.extra.iter().count(),
        foreign.as_object().unwrap().len()
    );
}

/// The same holds for fields that another program adds inside a known field.
pub async fn foreign_fields_inside_known_ones_survive(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let mut document = original();
    document["image"]["note"] = json!("blessed");
    document["dc"]["loc"]["rack"] = json!({"row": 7});
    fixture.insert(document).await;

    let patch = Patch::new().snapshot(&ServerSnapshot {
        image: Some(Image {
            name: Some("debian-13".to_owned()),
            ..Image::default()
        }),
        ..snapshot()
    });
    store.set("m-vm1", patch).await.unwrap();

    let document = fixture.document("m-vm1").await.unwrap();
    assert_eq!(document["image"]["name"], "debian-13");
    assert_eq!(document["image"]["os"], Value::Null);
    assert_eq!(document["image"]["note"], "blessed");
    assert_eq!(document["dc"]["loc"]["rack"], json!({"row": 7}));
}

/// A known field with an unexpected value does not affect other fields.
pub async fn fields_of_unexpected_type_are_kept_and_shown(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let strange = json!({
        "id": "forty-four",
        "stage": 7,
        "status": {"now": "running"},
        "image": "debian-13",
        "labels": ["managed"],
        "act": {},
        "ts": "yesterday",
        "pw": 5,
        "last": true,
    });
    let mut document = strange.clone();
    document["name"] = json!("strange");
    fixture.insert(document).await;
    store.reserve("plain").await.unwrap();

    store
        .set("strange", Patch::new().labels(&labels()))
        .await
        .unwrap();

    let records = store.list().await.unwrap();
    assert_eq!(records.len(), 2);
    assert!(records[0].id.is_none() && records[0].image.is_none());
    assert_eq!(records[0].labels, Some(labels()));
    for (field, value) in strange.as_object().unwrap() {
        if field != "labels" {
            assert_eq!(records[0].extra.get(field), Some(value), "{field}");
        }
    }
}

/// A known field can be set whatever its old value is.
pub async fn field_of_unexpected_type_is_replaced_when_set(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let strange = json!({
        "name": "vm", "id": [1], "image": [{"id": 1}], "type": null, "dc": {"loc": "fsn1"}, "io": 3,
    });
    fixture.insert(strange).await;

    store
        .set("vm", Patch::new().snapshot(&snapshot()))
        .await
        .unwrap();

    let record = store.get("vm").await.unwrap().unwrap();
    assert_eq!(record.id, Some(44));
    assert_eq!(record.image, snapshot().image);
    assert_eq!(record.r#type, Some(snapshot().r#type));
    assert_eq!(record.dc, Some(snapshot().dc));
    assert_eq!(record.io, Some(snapshot().io));
}

/// JavaScript programs store every number as a double.
pub async fn whole_doubles_are_read_as_whole_numbers(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    fixture
        .insert(json!({"name": "vm", "id": 44.0, "io": {"max": 21_990_232_555_520.0}, "ts": 5}))
        .await;

    let record = store.get("vm").await.unwrap().unwrap();

    assert_eq!(record.id, Some(44));
    assert_eq!(record.io.unwrap().max, Some(21_990_232_555_520));
    assert_eq!(
        record.ts,
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(5))
    );
    assert!(store.remove("vm", Precondition::Id(44)).await.unwrap());
}

/// Removed labels do not remain in the record.
pub async fn labels_are_replaced_as_a_whole(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    store
        .set("vm", Patch::new().snapshot(&snapshot()))
        .await
        .unwrap();
    let labels: BTreeMap<_, _> = [("example.com/role".to_owned(), "$db".to_owned())].into();

    store.set("vm", Patch::new().labels(&labels)).await.unwrap();

    let record = store.get("vm").await.unwrap().unwrap();
    assert_eq!(record.labels, Some(labels));
}

/// Names and values may be any string.
pub async fn unusual_strings_are_stored_unchanged(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let strings = [
        "zoë-ß-日本-🦀",
        "it's \"quoted\"",
        "$name",
        "$$NOW",
        "a.b.c",
        "back\\slash",
        "new\nline",
        "",
    ];

    for string in strings {
        assert!(store.reserve(string).await.unwrap(), "{string:?}");
        store
            .set(string, Patch::new().status(string))
            .await
            .unwrap();
    }

    assert_eq!(names(&*store).await, strings);
    for string in strings {
        let record = store.get(string).await.unwrap().unwrap();
        assert_eq!(record.status.as_deref(), Some(string));
        assert!(store.remove(string, Precondition::Reserved).await.unwrap());
    }
}

/// The stage of a newer release or another program is kept.
pub async fn unknown_stage_is_kept(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    fixture
        .insert(json!({"name": "vm", "stage": "resizing"}))
        .await;

    let stage = store.get("vm").await.unwrap().unwrap().stage.unwrap();
    store.set("copy", Patch::new().stage(stage)).await.unwrap();

    let document = fixture.document("copy").await.unwrap();
    assert_eq!(document["stage"], "resizing");
}

/// [`Precondition`] keeps a record other than the intended one.
pub async fn removal_checks_its_precondition(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    store.reserve("reserved").await.unwrap();
    store
        .set("created", created("root password"))
        .await
        .unwrap();
    store
        .set("created", Patch::new().snapshot(&snapshot()))
        .await
        .unwrap();
    fixture
        .insert(json!({"name": "null", "stage": "new", "id": null}))
        .await;

    assert!(
        !store
            .remove("reserved", Precondition::Id(44))
            .await
            .unwrap()
    );
    assert!(!store.remove("created", Precondition::Id(45)).await.unwrap());
    assert!(
        !store
            .remove("created", Precondition::Reserved)
            .await
            .unwrap()
    );
    assert_eq!(names(&*store).await, ["reserved", "created", "null"]);

    assert!(
        store
            .remove("reserved", Precondition::Reserved)
            .await
            .unwrap()
    );
    assert!(store.remove("created", Precondition::Id(44)).await.unwrap());
    assert!(store.remove("null", Precondition::Reserved).await.unwrap());
    assert!(names(&*store).await.is_empty());
}

/// A name is free again after its record is removed, and the new record is listed last.
pub async fn removed_record_can_be_inserted_again(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    for name in ["first", "second"] {
        store.set(name, created("root password")).await.unwrap();
    }

    assert!(store.remove("first", Precondition::Any).await.unwrap());
    assert!(store.reserve("first").await.unwrap());

    let document = fixture.document("first").await.unwrap();
    assert_eq!(document, json!({"stage": "new", "name": "first"}));
    assert_eq!(names(&*store).await, ["second", "first"]);
}

/// A sync of many servers is one call, whether their records exist or not.
pub async fn thousands_of_writes_in_one_call(fixture: &dyn Fixture) {
    const MANY: u64 = 5_000;
    let store = fixture.store().await;
    let sync = |status: &str| -> Vec<Write> {
        let write = |id| {
            let snapshot = ServerSnapshot {
                id,
                status: status.to_owned(),
                ..snapshot()
            };
            let patch = Patch::new().snapshot(&snapshot);
            Write::new(format!("vm{id}"), patch, IfMissing::Insert)
        };
        (0..MANY).map(write).collect()
    };

    assert_eq!(store.write(&sync("off")).await.unwrap(), MANY as usize);
    assert_eq!(store.write(&sync("running")).await.unwrap(), MANY as usize);

    let records = store.list().await.unwrap();
    assert_eq!(records.len(), MANY as usize);
    for (id, record) in (0..MANY).zip(&records) {
        assert_eq!(record.id, Some(id));
        assert_eq!(record.status.as_deref(), Some("running"));
    }
}

/// A rename moves the whole document, and replaces a reservation of the new name.
pub async fn renamed_record_keeps_all_its_fields(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let foreign = json!({ "name": "old", "owner": { "user": "mary" }, "quota": 1.5 });
    fixture.insert(foreign).await;
    store.set("old", Patch::new().id(7)).await.unwrap();
    assert!(store.reserve("new").await.unwrap());
    let before = store
        .changes(&Revision::default(), Fields::NAME)
        .await
        .unwrap();

    assert!(store.rename("old", "new", 7).await.unwrap());

    let mut document = fixture.document("new").await.unwrap();
    document.as_object_mut().unwrap().remove("hcc_updated");
    let expected = json!({ "name": "new", "owner": { "user": "mary" }, "quota": 1.5, "id": 7 });
    assert_eq!(document, expected);
    assert_eq!(names(&*store).await, ["new"]);
    let changes = store.changes(&before.revision, Fields::NAME).await.unwrap();
    assert!(changes.records.iter().any(|record| record.name == "new"));
    assert!(changes.is_complete || changes.removed == ["old"]);
}

/// A record of another server, or of another name, is never overwritten.
pub async fn record_is_renamed_only_if_it_is_the_expected_one_and_the_name_is_free(
    fixture: &dyn Fixture,
) {
    let store = fixture.store().await;
    for (name, id) in [("old", 7), ("taken", 8)] {
        store.set(name, Patch::new().id(id)).await.unwrap();
    }

    for (from, to, id) in [("old", "new", 9), ("old", "taken", 7), ("absent", "new", 7)] {
        assert!(
            !store.rename(from, to, id).await.unwrap(),
            "{from} {to} {id}"
        );
    }

    assert_eq!(names(&*store).await, ["old", "taken"]);
}

/// Documents in addition to the records expire, and are replaced as a whole.
pub async fn attached_document_is_returned_until_it_expires(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let later = SystemTime::now() + Duration::from_secs(3600);
    let document = json!({ "cpu": [[1.5, "$7"], [2, null]], "at": 1_795_362_267_250_u64 });

    assert_eq!(
        store.attachment(Attachment::Metrics, "vm").await.unwrap(),
        None
    );
    for document in [&json!({ "old": true }), &document] {
        let attached = store.attach(Attachment::Metrics, "vm", document, later);
        attached.await.unwrap();
    }
    let past = SystemTime::UNIX_EPOCH;
    store
        .attach(Attachment::Secret, "vm", &document, past)
        .await
        .unwrap();

    let found = store.attachment(Attachment::Metrics, "vm").await.unwrap();
    assert_eq!(found, Some(document));
    assert_eq!(
        store.attachment(Attachment::Secret, "vm").await.unwrap(),
        None
    );
    assert_eq!(
        store
            .take_attachment(Attachment::Secret, "other")
            .await
            .unwrap(),
        None
    );
    assert_eq!(store.expire_attachments().await.unwrap(), 1);
    assert!(
        store
            .attachment(Attachment::Metrics, "vm")
            .await
            .unwrap()
            .is_some()
    );
}

/// Of many callers, one takes a document.
pub async fn attached_document_is_taken_once(fixture: &dyn Fixture) {
    let later = SystemTime::now() + Duration::from_secs(3600);
    let secret = json!({ "password": "root password" });
    let store = fixture.store().await;
    store
        .attach(Attachment::Secret, "7", &secret, later)
        .await
        .unwrap();

    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = fixture.store().await;
        tasks.spawn(async move {
            store
                .take_attachment(Attachment::Secret, "7")
                .await
                .unwrap()
        });
    }

    let taken: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken, [secret]);
    assert_eq!(
        store.attachment(Attachment::Secret, "7").await.unwrap(),
        None
    );
}

/// A schedule has all its fields, those of other programs included, and is found by each of its keys.
pub async fn schedules_are_found_by_id_server_and_due_time(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let mut stop = Schedule::new("a7", "web1", "stop", "0 20 * * 1-5");
    stop.tz = "Europe/Berlin".to_owned();
    stop.next = Some(at(1_795_362_000));
    let mut nightly = Schedule::new("b7", "web1", "snapshot", "0 3 * * *");
    nightly.args = json!({ "do": "create", "labels": { "$a.b": "7" } });
    nightly.by = Some("anna".to_owned());
    nightly.missed = Missed::Once;
    nightly.grace = Duration::from_secs(60);
    nightly.keep = Some(7);
    nightly.next = Some(at(1_795_362_001));
    nightly.done = Some(at(1_795_275_601));
    nightly.failed = vec![at(1_795_189_201)];
    nightly.last = Some(ScheduleOutcome {
        due: at(1_795_275_601),
        at: at(1_795_275_602),
        ok: true,
        err: Some("snapshot 7".to_owned()),
        code: None,
    });
    nightly
        .extra
        .insert("owner".to_owned(), json!({ "team": 7 }));
    let mut paused = Schedule::new("c7", "web2", "start", "0 7 * * *");
    paused.paused = true;
    paused.why = Some("the server was deleted".to_owned());
    let next = async |after| store.next_schedule(after).await.unwrap();
    assert_eq!(next(SystemTime::UNIX_EPOCH).await, None);
    for schedule in [&stop, &nightly, &paused] {
        assert!(store.put_schedule(schedule).await.unwrap());
    }

    let store = fixture.store().await;
    let found = async |which| {
        let found = store.schedules(which).await.unwrap().into_iter();
        let mut ids: Vec<String> = found.map(|schedule| schedule.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(found(Schedules::All).await, ["a7", "b7", "c7"]);
    assert_eq!(found(Schedules::Server("web1")).await, ["a7", "b7"]);
    let due = at(1_795_362_000);
    assert_eq!(found(Schedules::DueBy(due)).await, ["a7"]);
    let next = async |after| store.next_schedule(after).await.unwrap();
    assert_eq!(next(SystemTime::UNIX_EPOCH).await, Some(due));
    assert_eq!(next(due).await, Some(at(1_795_362_001)));
    assert_eq!(next(at(1_795_362_001)).await, None);
    assert_eq!(store.malformed_schedules().await.unwrap(), []);
    let read = store.schedules(Schedules::Id("b7")).await.unwrap();
    assert_eq!(read, [nightly.next_revision()]);

    let unplanned = Schedule::new("d7", "web2", "start", "0 7 * * *");
    assert!(store.put_schedule(&unplanned).await.unwrap());
    assert_eq!(found(Schedules::DueBy(due)).await, ["a7", "d7"]);
}

/// A schedule that was changed or removed since it was read is not stored.
pub async fn schedule_is_stored_if_it_is_unchanged(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let new = Schedule::new("a7", "web1", "stop", "0 20 * * *");
    let read = async || {
        let read = store.schedules(Schedules::Id("a7")).await.unwrap();
        read.into_iter().next().unwrap()
    };

    assert!(store.put_schedule(&new).await.unwrap());
    assert!(!store.put_schedule(&new).await.unwrap());
    let mut first = read().await;
    let mut second = first.clone();
    first.paused = true;
    second.keep = Some(7);
    assert!(store.put_schedule(&first).await.unwrap());
    assert!(!store.put_schedule(&second).await.unwrap());
    let mut third = read().await;
    assert!(third.paused && third.keep.is_none());
    third.paused = false;
    assert!(store.put_schedule(&third).await.unwrap());
    let last = read().await;
    assert!(store.remove_schedule("a7").await.unwrap());
    assert!(!store.put_schedule(&last).await.unwrap());
    assert_eq!(store.schedules(Schedules::All).await.unwrap(), []);
}

/// Of concurrent changes of one revision, one is stored.
pub async fn one_of_many_tasks_stores_a_schedule(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    let new = Schedule::new("a7", "web1", "stop", "0 20 * * *");
    assert!(store.put_schedule(&new).await.unwrap());
    let read = store.schedules(Schedules::Id("a7")).await.unwrap();

    let mut tasks = JoinSet::new();
    for keep in 0..8 {
        let store = fixture.store().await;
        let mut schedule = read[0].clone();
        schedule.keep = Some(keep);
        tasks.spawn(async move { store.put_schedule(&schedule).await.unwrap() });
    }

    let stored = tasks.join_all().await;
    assert_eq!(stored.into_iter().filter(|stored| *stored).count(), 1);
}

/// A removal reports whether there was something to remove.
pub async fn removed_schedule_is_gone(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    assert!(!store.remove_schedule("a7").await.unwrap());
    for id in ["a7", "b7"] {
        let schedule = Schedule::new(id, "web1", "stop", "0 20 * * *");
        assert!(store.put_schedule(&schedule).await.unwrap());
    }

    assert!(store.remove_schedule("a7").await.unwrap());

    assert!(!store.remove_schedule("a7").await.unwrap());
    let left = store.schedules(Schedules::All).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, "b7");
}

/// A concurrent reader sees each record before or after a write.
pub async fn readers_see_whole_writes(fixture: &dyn Fixture) {
    let writer = fixture.store().await;
    let reader = fixture.store().await;
    let writes = |password: &str| {
        let write = |vm| Write::new(format!("vm{vm}"), console(password), IfMissing::Insert);
        (0..20).map(write).collect::<Vec<_>>()
    };
    writer.write(&writes("0")).await.unwrap();
    let writing = tokio::spawn(async move {
        for round in 1..50 {
            writer.write(&writes(&round.to_string())).await.unwrap();
        }
    });

    while !writing.is_finished() {
        let records = reader.list().await.unwrap();
        assert_eq!(records.len(), 20);
        for record in records {
            let (url, auth) = (record.url.unwrap(), record.auth.unwrap());
            assert!(
                url.expose_secret()
                    .ends_with(&format!("={}", auth.expose_secret()))
            );
        }
    }
    writing.await.unwrap();
}

/// The debug output of records, patches and stores contains no secrets.
pub async fn secrets_are_not_in_debug(fixture: &dyn Fixture) {
    let store = fixture.store().await;
    fixture
        .insert(json!({"name": "vm", "billing": {"card": "hunter2"}}))
        .await;
    let patch = created("hunter2").snapshot(&snapshot());
    let writes = [
        Write::new("vm", patch, IfMissing::Skip),
        Write::new("vm", console("hunter2"), IfMissing::Skip),
    ];
    store.write(&writes).await.unwrap();

    let record = store.get("vm").await.unwrap().unwrap();
    let shown = format!("{record:?} {writes:?} {store:?}");

    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        shown.contains("ubuntu-24.04") && shown.contains("billing"),
        "{shown}"
    );
}

async fn many(store: &dyn Store, names: &[&str]) -> Vec<String> {
    sorted(&store.get_many(names, Fields::All).await.unwrap())
}

async fn collected(store: &dyn Store, fields: Fields) -> Vec<Record> {
    store
        .stream(Order::Name, fields)
        .try_collect()
        .await
        .unwrap()
}

async fn all_changes(store: &dyn Store, fields: Fields) -> Changes {
    store.changes(&Revision::default(), fields).await.unwrap()
}

fn sorted(records: &[Record]) -> Vec<String> {
    let mut names: Vec<String> = records.iter().map(|record| record.name.clone()).collect();
    names.sort_unstable();
    names
}

async fn names(store: &dyn Store) -> Vec<String> {
    let records = store.list().await.unwrap();
    records
        .into_iter()
        .map(|record: Record| record.name)
        .collect()
}

fn running() -> Patch {
    Patch::new().status("running")
}

fn created(password: &str) -> Patch {
    Patch::new()
        .stage(Stage::Created)
        .created(Some(&password.into()), &[action("create_server")])
}

fn console(password: &str) -> Patch {
    let url = format!("wss://web-console.hetzner.cloud/?token={password}");
    Patch::new().console(&url.into(), &password.into(), SystemTime::UNIX_EPOCH)
}

fn every_patch() -> [Patch; 6] {
    [
        Patch::new().snapshot(&snapshot()),
        created("root password"),
        console("console password"),
        Patch::new().last(&outcome()),
        Patch::new().labels(&labels()),
        running(),
    ]
}

fn labels() -> BTreeMap<String, String> {
    [("managed".to_owned(), "1".to_owned())].into()
}

fn action(command: &str) -> Action {
    Action {
        command: command.to_owned(),
        status: "running".to_owned(),
        progress: 0,
        resources: vec![Resource {
            id: 44,
            r#type: "server".to_owned(),
        }],
    }
}

fn outcome() -> Outcome {
    Outcome {
        cmd: "start".to_owned(),
        ok: false,
        err: Some("the server is locked".to_owned()),
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_362_267_500),
        by: None,
        id: Some("7".to_owned()),
        outcome: Some(json!({ "end": "failed", "code": "locked" })),
    }
}

/// A record as the original leaves it after `create`, `sync` and `console`.
fn original() -> Value {
    serde_json::from_str(include_str!("conformance/original.json")).unwrap()
}

/// What Hetzner reports of the server in [`original`].
fn snapshot() -> ServerSnapshot {
    let some = |value: &str| Some(value.to_owned());
    ServerSnapshot {
        id: 44,
        status: "running".to_owned(),
        created: some("2026-11-22 15:44:18+00:00"),
        ip4: some("10.0.0.44"),
        ip6: some("2001:db8:0:2c::/64"),
        image: Some(Image {
            id: Some(4713),
            name: some("ubuntu-24.04"),
            desc: some("Ubuntu 24.04 64 bit"),
            r#type: some("system"),
            os: some("ubuntu"),
            ver: some("24.04"),
            fast: Some(true),
            stat: some("available"),
            labels: BTreeMap::new(),
        }),
        r#type: ServerType {
            id: Some(2),
            name: some("cx22"),
            desc: some("CX22"),
            cpus: Some(2),
            mem: Some(4.0),
            gb: Some(40),
            disk: some("local"),
            cpu: some("shared"),
            price: Some(Price::Here("3.7900000000000000".to_owned())),
        },
        io: Traffic {
            r#in: Some(123_456),
            out: Some(123_456),
            max: Some(21_990_232_555_520),
        },
        dc: DataCentre {
            id: Some(4),
            name: some("fsn1-dc14"),
            desc: some("Falkenstein virtual DC 14"),
            loc: Some(Location {
                id: Some(1),
                name: some("fsn1"),
                description: some("Falkenstein DC Park 1"),
                country: some("DE"),
                city: some("Falkenstein"),
                latitude: Some(50.47612),
                longitude: Some(12.370071),
                network_zone: some("eu-central"),
            }),
        },
        rescue: false,
        labels: labels(),
        lock: false,
        prot: Protection::default(),
        net: Vec::new(),
        volumes: Vec::new(),
        iso: None,
        window: None,
        snapshots: None,
        backups: None,
        synced: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_362_267_250),
    }
}
