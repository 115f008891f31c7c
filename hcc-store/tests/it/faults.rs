//! What is wrong with a file is said in one line that names it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hcc_store::{Error, Failure, IfMissing, Patch, Precondition, Sqlite, Store, StoreExt, Write};
use tempfile::TempDir;

use crate::sqlite::Folder;

#[tokio::test]
async fn looking_for_records_makes_no_file() {
    let folder = Folder::new();
    let store = folder.store();

    assert!(store.list().await.unwrap().is_empty());
    assert!(store.get("vm").await.unwrap().is_none());
    assert!(!store.remove("vm", Precondition::Any).await.unwrap());

    assert!(!folder.path().exists());
}

#[tokio::test]
async fn file_and_folders_are_for_their_owner_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("share/hcc/hcc.db");

    Sqlite::new(&path).reserve("vm").await.unwrap();

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn file_that_appears_later_is_seen() {
    let folder = Folder::new();
    let store = folder.store();
    assert!(store.list().await.unwrap().is_empty());

    folder.store().reserve("vm").await.unwrap();

    assert_eq!(store.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn file_that_was_never_filled_is_an_empty_store() {
    let folder = Folder::new();
    fs::write(folder.path(), "").unwrap();

    assert!(folder.store().list().await.unwrap().is_empty());
    assert!(folder.store().reserve("vm").await.unwrap());
}

#[tokio::test]
async fn folder_is_no_store() {
    let folder = TempDir::new().unwrap();

    let error = Sqlite::new(folder.path()).list().await.unwrap_err();

    assert_eq!(error.failure(), Some(Failure::CannotOpen), "{error:?}");
    assert_names(&error, folder.path());
}

#[tokio::test]
async fn path_through_a_file_cannot_be_opened() {
    let folder = Folder::new();
    fs::write(folder.path(), "").unwrap();
    let store = Sqlite::new(folder.path().join("hcc.db"));

    let read = store.list().await.unwrap_err();
    assert_eq!(read.failure(), Some(Failure::CannotOpen));
    let written = store.reserve("vm").await.unwrap_err();
    assert_eq!(written.failure(), Some(Failure::CannotOpen));
}

#[tokio::test]
async fn text_file_is_no_store_and_is_left_alone() {
    let folder = Folder::new();
    let text = "dear diary\n".repeat(1000);
    fs::write(folder.path(), &text).unwrap();

    let error = folder.store().reserve("vm").await.unwrap_err();

    let expected = "store";
    assert_eq!(error.failure(), Some(Failure::WrongFile { expected }));
    assert_names(&error, &folder.path());
    assert_eq!(fs::read_to_string(folder.path()).unwrap(), text);
}

#[tokio::test]
async fn database_of_another_program_is_left_alone() {
    let folder = Folder::new();
    let other = folder.connection();
    other
        .execute_batch("CREATE TABLE places (url TEXT)")
        .unwrap();
    let before = fs::read(folder.path()).unwrap();

    let error = folder.store().reserve("vm").await.unwrap_err();

    let expected = "store";
    assert_eq!(error.failure(), Some(Failure::WrongFile { expected }));
    assert_eq!(fs::read(folder.path()).unwrap(), before);
}

#[tokio::test]
async fn newer_format_is_refused_with_both_numbers() {
    let folder = Folder::new();
    folder.store().reserve("vm").await.unwrap();
    let newer = "PRAGMA user_version = 7";
    folder.connection().execute_batch(newer).unwrap();

    let error = folder.store().list().await.unwrap_err();

    let (found, supported) = (7, 2);
    assert_eq!(
        error.failure(),
        Some(Failure::UnsupportedFormat { found, supported })
    );
    assert_names(&error, &folder.path());
}

#[tokio::test]
async fn damaged_file_is_reported() {
    let folder = Folder::new();
    fill(&folder.store(), 0..200).await.unwrap();
    let mut bytes = fs::read(folder.path()).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page.fill(0xa5);
    }
    fs::write(folder.path(), bytes).unwrap();

    let error = folder.store().list().await.unwrap_err();

    assert_eq!(error.failure(), Some(Failure::Corrupt), "{error:?}");
    assert_names(&error, &folder.path());
}

#[tokio::test]
async fn lock_that_is_held_too_long_is_reported_and_harms_nothing() {
    let folder = Folder::new();
    folder.store().reserve("vm").await.unwrap();
    let other = folder.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let store = Sqlite::with_timeout(folder.path(), Duration::from_millis(20));

    let error = store
        .set("vm", Patch::new().status("off"))
        .await
        .unwrap_err();

    assert_eq!(error.failure(), Some(Failure::Busy), "{error:?}");
    assert!(error.is_retryable());
    assert_names(&error, &folder.path());
    assert_eq!(store.list().await.unwrap().len(), 1);
    other.execute_batch("ROLLBACK").unwrap();
    store.set("vm", Patch::new().status("off")).await.unwrap();
}

#[tokio::test]
async fn dropped_call_leaves_a_store_that_works() {
    let folder = Folder::new();
    let store = folder.store();

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
#[ignore = "needs root, to mount a small file system"]
async fn full_disk_loses_nothing() {
    let disk = SmallDisk::new();
    let store = Sqlite::new(disk.0.path().join("hcc.db"));
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
    let again = Sqlite::new(disk.0.path().join("hcc.db"));
    assert_eq!(again.list().await.unwrap().len(), stored);
}

#[tokio::test]
#[ignore = "needs root, to mount a small file system"]
async fn read_only_disk_is_reported() {
    let disk = SmallDisk::new();
    let path = disk.0.path().join("hcc.db");
    Sqlite::new(&path).reserve("vm").await.unwrap();
    mount(&["-o", "remount,ro"], disk.0.path());

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

/// The message is one line and says which file it is about.
fn assert_names(error: &Error, path: &Path) {
    let message = error.to_string();
    assert!(message.contains(path.to_str().unwrap()), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

/// A file system of half a MiB, unmounted in the end.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        mount(&["-t", "tmpfs", "-o", "size=512k", "none"], folder.path());
        Self(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let lazily = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(lazily.unwrap().success());
    }
}

fn mount(arguments: &[&str], at: &Path) {
    let status = Command::new("mount").args(arguments).arg(at).status();
    assert!(status.unwrap().success());
}
