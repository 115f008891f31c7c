//! Files with problems are reported in one line that names the file.

use std::error::Error as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use hcc_store::{Error, Failure, IfMissing, Patch, Precondition, Sqlite, Store, StoreExt, Write};
use tempfile::TempDir;
use test_services::SmallDisk;

use crate::sqlite::TestDir;

#[tokio::test]
async fn reading_a_missing_file_creates_none() {
    let directory = TestDir::new();
    let store = directory.store();

    assert!(store.list().await.unwrap().is_empty());
    assert!(store.get("vm").await.unwrap().is_none());
    assert!(!store.remove("vm", Precondition::Any).await.unwrap());

    assert!(!directory.path().exists());
}

#[tokio::test]
async fn file_and_directories_are_private_to_their_owner() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("share/hcc/hcc.db");

    Sqlite::new(&path).reserve("vm").await.unwrap();

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn file_that_is_created_later_is_read() {
    let directory = TestDir::new();
    let store = directory.store();
    assert!(store.list().await.unwrap().is_empty());

    directory.store().reserve("vm").await.unwrap();

    assert_eq!(store.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn empty_file_is_an_empty_store() {
    let directory = TestDir::new();
    fs::write(directory.path(), "").unwrap();

    assert!(directory.store().list().await.unwrap().is_empty());
    assert!(directory.store().reserve("vm").await.unwrap());
}

#[tokio::test]
async fn directory_is_not_a_store() {
    let directory = TempDir::new().unwrap();

    let error = Sqlite::new(directory.path()).list().await.unwrap_err();

    assert_eq!(error.failure(), Some(Failure::CannotOpen), "{error:?}");
    assert_names(&error, directory.path());
}

#[tokio::test]
async fn path_through_a_file_cannot_be_opened() {
    let directory = TestDir::new();
    fs::write(directory.path(), "").unwrap();
    let store = Sqlite::new(directory.path().join("hcc.db"));

    let read = store.list().await.unwrap_err();
    assert_eq!(read.failure(), Some(Failure::CannotOpen));
    let written = store.reserve("vm").await.unwrap_err();
    assert_eq!(written.failure(), Some(Failure::CannotOpen));
}

#[tokio::test]
async fn text_file_is_refused_and_unchanged() {
    let directory = TestDir::new();
    let text = "dear diary\n".repeat(1000);
    fs::write(directory.path(), &text).unwrap();

    let error = directory.store().reserve("vm").await.unwrap_err();

    let expected = "store";
    assert_eq!(error.failure(), Some(Failure::WrongFile { expected }));
    assert_names(&error, &directory.path());
    assert_eq!(fs::read_to_string(directory.path()).unwrap(), text);
}

#[tokio::test]
async fn database_of_another_program_is_refused_and_unchanged() {
    let directory = TestDir::new();
    let other = directory.connection();
    other
        .execute_batch("CREATE TABLE places (url TEXT)")
        .unwrap();
    let before = fs::read(directory.path()).unwrap();

    let error = directory.store().reserve("vm").await.unwrap_err();

    let expected = "store";
    assert_eq!(error.failure(), Some(Failure::WrongFile { expected }));
    assert_eq!(fs::read(directory.path()).unwrap(), before);
}

#[tokio::test]
async fn newer_format_is_refused_with_both_numbers() {
    let directory = TestDir::new();
    directory.store().reserve("vm").await.unwrap();
    let newer = "PRAGMA user_version = 8";
    directory.connection().execute_batch(newer).unwrap();

    let error = directory.store().list().await.unwrap_err();

    let (found, supported) = (8, 7);
    assert_eq!(
        error.failure(),
        Some(Failure::UnsupportedFormat { found, supported })
    );
    assert_names(&error, &directory.path());
}

#[tokio::test]
async fn damaged_file_is_reported() {
    let directory = TestDir::new();
    fill(&directory.store(), 0..200).await.unwrap();
    let mut bytes = fs::read(directory.path()).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page.fill(0xa5);
    }
    fs::write(directory.path(), bytes).unwrap();

    let error = directory.store().list().await.unwrap_err();

    assert_eq!(error.failure(), Some(Failure::Corrupt), "{error:?}");
    assert_names(&error, &directory.path());
}

#[tokio::test]
async fn lock_timeout_is_reported_and_loses_nothing() {
    let directory = TestDir::new();
    directory.store().reserve("vm").await.unwrap();
    let other = directory.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let store = Sqlite::with_timeout(directory.path(), Duration::from_millis(20));

    let error = store
        .set("vm", Patch::new().status("off"))
        .await
        .unwrap_err();

    assert_eq!(error.failure(), Some(Failure::Busy), "{error:?}");
    assert!(error.is_retryable());
    assert_names(&error, &directory.path());
    assert_eq!(store.list().await.unwrap().len(), 1);
    other.execute_batch("ROLLBACK").unwrap();
    store.set("vm", Patch::new().status("off")).await.unwrap();
}

#[tokio::test]
async fn call_that_times_out_has_no_effect_later() {
    let directory = TestDir::new();
    directory.store().reserve("vm").await.unwrap();
    let lock = fs::File::open(directory.path().parent().unwrap()).unwrap();
    lock.lock().unwrap();
    let store = Sqlite::with_timeout(directory.path(), Duration::from_millis(20));

    let written = store.reserve("late").await.unwrap_err();
    // The thread of the first call still waits for the lock.
    let read = store.list().await.unwrap_err();

    for error in [written, read] {
        assert_eq!(error.failure(), Some(Failure::Busy), "{error:?}");
    }
    lock.unlock().unwrap();
    assert!(directory.store().reserve("next").await.unwrap());
    assert_eq!(directory.store().list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn store_works_after_a_call_is_dropped() {
    let directory = TestDir::new();
    let store = directory.store();

    for _ in 0..20 {
        let call = fill(&store, 0..50);
        let _ = tokio::time::timeout(Duration::from_micros(300), call).await;
    }

    let records = store.list().await.unwrap().len();
    assert!(records == 0 || records == 50, "{records}");
    fill(&store, 0..50).await.unwrap();
    assert_eq!(store.list().await.unwrap().len(), 50);
}

#[tokio::test]
async fn trigger_that_quotes_values_is_not_shown() {
    let directory = TestDir::new();
    let store = directory.store();
    store.reserve("vm").await.unwrap();
    let quote = |event, row| {
        format!(
            "CREATE TRIGGER refuse_{event} BEFORE {event} ON vms
            BEGIN SELECT RAISE(ABORT, {row}.doc || 'canary'); END"
        )
    };
    for (event, row) in [("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old")] {
        directory
            .connection()
            .execute_batch(&quote(event, row))
            .unwrap();
    }

    let canary = "canary".into();
    let patch = Patch::new().created(Some(&canary), &[]);
    for error in [
        store.set("vm", patch.clone()).await.unwrap_err(),
        store.set("vm2", patch).await.unwrap_err(),
        store.remove("vm", Precondition::Any).await.unwrap_err(),
    ] {
        assert_eq!(error.failure(), Some(Failure::Failed));
        assert_names(&error, &directory.path());
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
#[ignore = "needs root, to mount a small file system"]
async fn full_disk_loses_nothing() {
    let disk = SmallDisk::new(512);
    let store = Sqlite::new(disk.path().join("hcc.db"));
    let mut stored = 0;

    let error = loop {
        match fill(&store, stored..stored + 10).await {
            Ok(()) => stored += 10,
            Err(error) => break error,
        }
    };

    assert_eq!(error.failure(), Some(Failure::Full), "{error:?}");
    assert!(stored > 0);
    assert_eq!(store.list().await.unwrap().len(), stored);
    drop(store);
    let again = Sqlite::new(disk.path().join("hcc.db"));
    assert_eq!(again.list().await.unwrap().len(), stored);
}

#[tokio::test]
#[ignore = "needs root, to mount a small file system"]
async fn full_disk_is_named_and_can_be_read() {
    let disk = SmallDisk::new(512);
    let path = disk.path().join("hcc.db");
    fill(&Sqlite::new(&path), 0..10).await.unwrap();
    let open = Sqlite::new(&path);
    assert_eq!(open.list().await.unwrap().len(), 10);
    disk.fill();

    for store in [open, Sqlite::new(&path), Sqlite::new(&path)] {
        let written = fill(&store, 10..60).await.unwrap_err();
        assert_eq!(written.failure(), Some(Failure::Full), "{written:?}");
        let message = format!("{written}: {}", written.source().unwrap());
        assert_eq!(
            message,
            format!(
                "sqlite:{} has no space left: the disk is full",
                path.display()
            )
        );
        assert_eq!(store.list().await.unwrap().len(), 10);
        assert!(store.get("vm3").await.unwrap().is_some());
    }
    disk.free();
    fill(&Sqlite::new(&path), 10..20).await.unwrap();
}

#[tokio::test]
#[ignore = "needs root, to mount a small file system"]
async fn read_only_disk_is_reported() {
    let disk = SmallDisk::new(512);
    let path = disk.path().join("hcc.db");
    Sqlite::new(&path).reserve("vm").await.unwrap();
    disk.make_read_only();

    let store = Sqlite::new(&path);
    let read = store.list().await.unwrap_err();
    let written = store.reserve("vm2").await.unwrap_err();

    for error in [read, written] {
        assert_eq!(error.failure(), Some(Failure::ReadOnly), "{error:?}");
        assert_names(&error, &path);
    }
}

/// Writes records of about two KiB each.
async fn fill(store: &Sqlite, numbers: std::ops::Range<usize>) -> Result<(), Error> {
    let patch = Patch::new().status(&"x".repeat(2000));
    let write = |number| Write::new(format!("vm{number}"), patch.clone(), IfMissing::Insert);
    let writes: Vec<_> = numbers.map(write).collect();
    store.write(&writes).await.map(drop)
}

/// Asserts that the message is one line that names the file.
fn assert_names(error: &Error, path: &Path) {
    let message = error.to_string();
    assert!(message.contains(path.to_str().unwrap()), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}
