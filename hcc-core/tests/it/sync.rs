//! Updates of the records from Hetzner.

use hcc_core::{Scope, SyncOutcome, SyncProgress};
use hcc_store::{Patch, Stage, Store, StoreExt};
use hcloud_sim::Sim;

use crate::setup::{TestProject, name};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

fn outcomes(synced: &[hcc_core::SyncedRecord]) -> Vec<(&str, SyncOutcome)> {
    synced
        .iter()
        .map(|synced| (synced.name.as_str(), synced.record))
        .collect()
}

#[tokio::test]
async fn two_thousand_records_take_forty_requests_and_one_for_images() {
    let setup = TestProject::with_long_timeout(Sim::builder().servers(2000, MANAGED)).await;
    setup.project.sync(&Scope::All, false).await.unwrap();
    setup.sim.clear_requests();

    let synced = setup.project.sync(&Scope::Known, false).await.unwrap();

    assert!(
        synced.len() == 2000
            && synced
                .iter()
                .all(|synced| synced.record == SyncOutcome::Updated)
    );
    assert_eq!(setup.requests().len(), 41);
}

#[tokio::test]
async fn planning_a_sync_reports_each_page() {
    let setup = TestProject::with_long_timeout(Sim::builder().servers(120, MANAGED)).await;
    let mut reports = Vec::new();

    let plan = setup
        .project
        .plan_sync(&Scope::All, false, |progress| reports.push(progress));
    let synced = plan.await.unwrap().apply().await.unwrap();

    let fetching = |servers| SyncProgress::Fetching {
        servers,
        of: Some(120),
    };
    assert_eq!(reports, [fetching(50), fetching(100), fetching(120)]);
    assert_eq!(synced.len(), 120);
}

#[tokio::test]
async fn known_records_are_updated_and_missing_ones_kept() {
    let setup = TestProject::new(
        Sim::builder()
            .server("web1", MANAGED)
            .server("web2", MANAGED),
    )
    .await;
    setup
        .store
        .set("web1", Patch::new().status("stale"))
        .await
        .unwrap();
    setup
        .store
        .set("missing", Patch::new().status("stale"))
        .await
        .unwrap();

    let synced = setup.project.sync(&Scope::Known, false).await.unwrap();

    assert_eq!(
        outcomes(&synced),
        [
            ("web1", SyncOutcome::Updated),
            ("missing", SyncOutcome::Missing)
        ]
    );
    assert_eq!(
        setup.record("web1").await.unwrap().status.unwrap(),
        "running"
    );
    assert!(setup.record("web2").await.is_none(), "it had no record");
    assert!(setup.record("missing").await.is_some());
}

#[tokio::test]
async fn pruning_removes_records_without_server() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.store.reserve("interrupted").await.unwrap();

    let synced = setup.project.sync(&Scope::Known, true).await.unwrap();

    assert_eq!(outcomes(&synced), [("interrupted", SyncOutcome::Removed)]);
    assert!(setup.record("interrupted").await.is_none());
}

#[tokio::test]
async fn pruning_with_the_token_of_another_project_removes_nothing() {
    let setup = TestProject::new(Sim::builder().server("theirs", MANAGED)).await;
    for (number, vm) in ["web1", "web2"].into_iter().enumerate() {
        setup.store.reserve(vm).await.unwrap();
        let id = Patch::new().stage(Stage::Created).id(900 + number as u64);
        setup.store.set(vm, id).await.unwrap();
    }

    let error = setup.project.sync(&Scope::All, true).await.unwrap_err();

    assert_eq!(error.code(), "other_project", "{error}");
    let records = setup.store.list().await.unwrap();
    assert_eq!(records.len(), 2);

    let planned = setup.project.plan_sync(&Scope::All, true, |_| {}).await;
    let planned = planned.unwrap();
    assert_eq!(planned.removed().collect::<Vec<_>>(), ["web1", "web2"]);
    planned.apply().await.unwrap();
    let records = setup.store.list().await.unwrap();
    assert_eq!(records.len(), 1);
}

#[tokio::test]
async fn sync_from_scratch_adopts_managed_servers_only() {
    let setup = TestProject::new(
        Sim::builder()
            .server("managed", MANAGED)
            .server("other", &[]),
    )
    .await;

    let synced = setup.project.sync(&Scope::All, false).await.unwrap();

    assert_eq!(outcomes(&synced), [("managed", SyncOutcome::Adopted)]);
    let record = setup.record("managed").await.unwrap();
    assert_eq!(record.stage, None, "a sync does not set it");
    assert_eq!(record.dc.unwrap().loc.unwrap().country.unwrap(), "DE");
}

#[tokio::test]
async fn named_servers_are_updated_adopted_removed_or_unknown() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED).server("web2", &[])).await;
    setup
        .store
        .set("web1", Patch::new().status("stale"))
        .await
        .unwrap();
    setup
        .store
        .set("missing", Patch::new().status("stale"))
        .await
        .unwrap();
    let names = ["web1", "web2", "missing", "none"].map(name).to_vec();

    let synced = setup
        .project
        .sync(&Scope::Names(names), false)
        .await
        .unwrap();

    assert_eq!(
        outcomes(&synced),
        [
            ("web1", SyncOutcome::Updated),
            ("missing", SyncOutcome::Removed),
            ("web2", SyncOutcome::Adopted),
            ("none", SyncOutcome::Unknown),
        ]
    );
    assert!(setup.record("missing").await.is_none());
}

#[tokio::test]
async fn one_name_takes_one_small_request() {
    let setup = TestProject::new(Sim::builder().servers(120, MANAGED)).await;

    setup
        .project
        .sync(&Scope::Names(vec![name("server-7")]), false)
        .await
        .unwrap();

    let requests = setup.sim.requests();
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0]
            .query
            .as_deref()
            .unwrap()
            .contains("name=server-7")
    );
}

#[tokio::test]
async fn creation_interrupted_after_the_request_becomes_a_record() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;
    setup.store.reserve("web1").await.unwrap();

    setup.project.sync(&Scope::Known, true).await.unwrap();

    let record = setup.record("web1").await.unwrap();
    assert_eq!(record.stage, Some(Stage::Created));
    assert!(record.id.is_some());
}

#[tokio::test]
async fn failed_request_changes_no_record() {
    let setup = TestProject::new(Sim::builder()).await;
    setup
        .store
        .set("web1", Patch::new().status("running"))
        .await
        .unwrap();
    setup.fault("status=502 GET");

    assert!(setup.project.sync(&Scope::Known, true).await.is_err());

    assert_eq!(
        setup.record("web1").await.unwrap().status.unwrap(),
        "running"
    );
}

#[tokio::test]
async fn record_of_a_server_that_cannot_be_decoded_is_kept() {
    let setup = TestProject::new(Sim::builder().servers(2, MANAGED)).await;
    setup.project.sync(&Scope::All, false).await.unwrap();
    setup.fault("odd=/servers/0/name GET /v1/servers");

    let synced = setup.project.sync(&Scope::Known, true).await.unwrap();

    assert_eq!(
        outcomes(&synced),
        [
            ("server-1", SyncOutcome::Unreadable),
            ("server-2", SyncOutcome::Updated)
        ]
    );
    assert!(setup.record("server-1").await.is_some());
}

#[tokio::test]
async fn names_with_the_token_of_another_project_remove_nothing() {
    for (theirs, records) in [
        (Sim::builder(), &["web1", "web2"][..]),
        (Sim::builder().server("theirs", MANAGED), &["web1"]),
        (Sim::builder().server("theirs", MANAGED), &["web1", "web2"]),
    ] {
        let setup = TestProject::new(theirs).await;
        for (number, vm) in records.iter().enumerate() {
            let id = Patch::new().stage(Stage::Created).id(900 + number as u64);
            setup.store.set(vm, id).await.unwrap();
        }
        let named = Scope::Names(vec![name("web1")]);

        let synced = setup.project.sync(&named, false).await.unwrap_err();
        let killed = setup.project.kill(&name("web1")).await.unwrap_err();

        for error in [synced, killed] {
            assert_eq!(error.code(), "other_project", "{error}");
        }
        assert_eq!(setup.store.list().await.unwrap().len(), records.len());
        assert!(setup.project.remove_record(&name("web1")).await.unwrap());
        assert!(setup.record("web1").await.is_none());
    }
}

#[tokio::test]
async fn only_server_of_a_project_can_be_gone() {
    let setup = TestProject::new(Sim::builder()).await;
    let id = Patch::new().stage(Stage::Created).id(900);
    setup.store.set("web1", id).await.unwrap();

    setup.project.kill(&name("web1")).await.unwrap();

    assert!(setup.record("web1").await.is_none());
}

#[tokio::test]
async fn names_of_gone_servers_are_removed_if_the_project_has_another_one() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;
    setup.project.sync(&Scope::All, false).await.unwrap();
    for gone in ["web2", "web3"] {
        let id = Patch::new().stage(Stage::Created).id(900);
        setup.store.set(gone, id).await.unwrap();
    }

    let named = Scope::Names(vec![name("web2")]);
    let synced = setup.project.sync(&named, false).await.unwrap();
    setup.project.kill(&name("web3")).await.unwrap();

    assert_eq!(outcomes(&synced), [("web2", SyncOutcome::Removed)]);
    let left = setup.store.list().await.unwrap();
    assert_eq!(left.len(), 1);
}
