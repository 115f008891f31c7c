//! Records in a replica set whose members fail.

use std::time::{Duration, Instant};

use hcc_store::{Failure, Patch, StoreExt, open};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use test_services::ReplicaSet;
use tokio::time::timeout;

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn writes_continue_after_the_primary_is_killed() {
    let set = ReplicaSet::start().await;
    assert_writes_continue(&set, async || set.primary().await.kill()).await;
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn writes_continue_after_the_primary_steps_down() {
    let set = ReplicaSet::start().await;
    assert_writes_continue(&set, async || set.step_down().await).await;
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn writes_continue_after_the_primary_is_stopped() {
    let set = ReplicaSet::start().await;
    assert_writes_continue(&set, async || set.primary().await.pause()).await;
}

/// A call that waits for a stopped primary ends soon after another member was elected.
#[tokio::test]
#[ignore = "needs MongoDB"]
async fn pending_call_to_a_replaced_primary_ends() {
    let set = ReplicaSet::start().await;
    let store = open(&set.fresh_url().parse().unwrap()).await.unwrap();
    store.reserve("vm").await.unwrap();
    set.primary().await.pause();
    let started = Instant::now();

    let pending = store.set("vm", Patch::new().status("off")).await;

    // The election takes two to four seconds.
    assert!(started.elapsed() < Duration::from_secs(9), "{started:?}");
    if let Err(error) = pending {
        assert_eq!(error.failure(), Some(Failure::Unreachable), "{error:?}");
    }
}

/// A secondary may not have applied the write yet, and one that is stopped never answers.
#[tokio::test]
#[ignore = "needs MongoDB"]
async fn reads_see_acknowledged_writes_whatever_the_read_preference() {
    let set = ReplicaSet::start().await;
    let url = format!("{}&readPreference=secondary", set.fresh_url());
    let store = open(&url.parse().unwrap()).await.unwrap();
    store.reserve("vm").await.unwrap();
    let primary = set.primary().await.url("");
    let mut secondaries = set
        .members()
        .iter()
        .filter(|member| member.url("") != primary);
    secondaries.next().unwrap().pause();

    for number in 0..50 {
        let status = number.to_string();
        store.set("vm", Patch::new().status(&status)).await.unwrap();

        let record = store.get("vm").await.unwrap().unwrap();
        assert_eq!(record.status, Some(status));
    }
}

/// Without a majority, nothing is acknowledged, even if the default of the set is one member.
#[tokio::test]
#[ignore = "needs MongoDB"]
async fn write_without_a_majority_is_not_acknowledged() {
    let set = ReplicaSet::start().await;
    let admin = Client::with_uri_str(set.url("")).await.unwrap();
    let default = doc! { "setDefaultRWConcern": 1, "defaultWriteConcern": { "w": 1 } };
    admin.database("admin").run_command(default).await.unwrap();
    let store = open(&set.fresh_url().parse().unwrap()).await.unwrap();
    store.reserve("vm").await.unwrap();
    let primary = set.primary().await.url("");
    for member in set.members() {
        if member.url("") != primary {
            member.pause();
        }
    }

    let written = store.set("vm", Patch::new().status("off")).await;

    let error = written.unwrap_err();
    assert_eq!(error.failure(), Some(Failure::Unreachable), "{error:?}");
}

/// Writes, lets something happen to the set, and writes again until that is acknowledged.
async fn assert_writes_continue(set: &ReplicaSet, happen: impl AsyncFnOnce()) {
    let url = set.fresh_url();
    let store = open(&url.parse().unwrap()).await.unwrap();
    for vm in 0..20 {
        assert!(store.reserve(&format!("vm{vm}")).await.unwrap());
    }

    happen().await;

    let writes = async {
        while let Err(error) = store.set("vm0", Patch::new().status("running")).await {
            assert!(error.is_retryable(), "{error:?}");
        }
        while let Err(error) = store.reserve("new").await {
            assert!(error.is_retryable(), "{error:?}");
        }
    };
    timeout(Duration::from_secs(40), writes).await.unwrap();
    // Another process sees everything that was acknowledged.
    let store = open(&url.parse().unwrap()).await.unwrap();
    assert_eq!(store.list().await.unwrap().len(), 21);
    let record = store.get("vm0").await.unwrap().unwrap();
    assert_eq!(record.status.as_deref(), Some("running"));
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn errors_do_not_quote_documents() {
    let server = test_services::TestDatabase::new();
    let client = Client::with_uri_str(&server.url).await.unwrap();
    let database = client.default_database().unwrap();
    let strict = doc! { "$jsonSchema": { "properties": { "status": { "maxLength": 3 } } } };
    let create = database.create_collection("vms").validator(strict);
    create.await.unwrap();
    let rejected = database.collection::<Document>("vms");
    let store = open(&server.url.parse().unwrap()).await.unwrap();

    let error = store.set("vm", Patch::new().status("canary")).await;

    let error = error.unwrap_err();
    let shown = format!("{error:?} {}", full_message(&error));
    assert_eq!(error.failure(), Some(Failure::Failed), "{shown}");
    assert!(
        !shown.contains("canary") && shown.contains("121"),
        "{shown}"
    );
    assert_eq!(rejected.count_documents(doc! {}).await.unwrap(), 0);
}

/// Returns the messages of an error and all its causes.
fn full_message(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
