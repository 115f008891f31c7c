//! Copying into the records.

use hcc_core::{Fate, Scope, SyncProgress};
use hcc_store::{Patch, Stage, Store, StoreExt};
use hcloud_sim::Sim;

use crate::project::{Project, name};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

fn fates(synced: &[hcc_core::Synced]) -> Vec<(&str, Fate)> {
    synced
        .iter()
        .map(|synced| (synced.name.as_str(), synced.record))
        .collect()
}

#[tokio::test]
async fn two_thousand_records_cost_forty_requests() {
    let project = Project::patient(Sim::builder().servers(2000, MANAGED)).await;
    project.middleware.sync(&Scope::All, false).await.unwrap();
    project.sim.forget_requests();

    let synced = project.middleware.sync(&Scope::Known, false).await.unwrap();

    assert!(synced.len() == 2000 && synced.iter().all(|synced| synced.record == Fate::Updated));
    assert_eq!(project.requests().len(), 40);
}

#[tokio::test]
async fn sync_tells_of_each_page_and_then_of_the_records() {
    let project = Project::patient(Sim::builder().servers(120, MANAGED)).await;
    let mut told = Vec::new();

    let sync = project
        .middleware
        .sync_telling(&Scope::All, false, |progress| told.push(progress));
    sync.await.unwrap();

    let asking = |servers| SyncProgress::Asking {
        servers,
        of: Some(120),
    };
    assert_eq!(
        told,
        [
            asking(50),
            asking(100),
            asking(120),
            SyncProgress::Writing { records: 120 }
        ]
    );
}

#[tokio::test]
async fn known_records_are_updated_and_missing_ones_kept() {
    let project = Project::new(
        Sim::builder()
            .server("web1", MANAGED)
            .server("web2", MANAGED),
    )
    .await;
    project
        .store
        .set("web1", Patch::new().status("stale"))
        .await
        .unwrap();
    project
        .store
        .set("ghost", Patch::new().status("stale"))
        .await
        .unwrap();

    let synced = project.middleware.sync(&Scope::Known, false).await.unwrap();

    assert_eq!(
        fates(&synced),
        [("web1", Fate::Updated), ("ghost", Fate::Missing)]
    );
    assert_eq!(
        project.record("web1").await.unwrap().status.unwrap(),
        "running"
    );
    assert!(project.record("web2").await.is_none(), "it was not known");
    assert!(project.record("ghost").await.is_some());
}

#[tokio::test]
async fn pruning_removes_what_is_gone() {
    let project = Project::new(Sim::builder()).await;
    project.store.reserve("cut-off").await.unwrap();

    let synced = project.middleware.sync(&Scope::Known, true).await.unwrap();

    assert_eq!(fates(&synced), [("cut-off", Fate::Removed)]);
    assert!(project.record("cut-off").await.is_none());
}

#[tokio::test]
async fn sync_from_scratch_adopts_managed_servers_only() {
    let project = Project::new(Sim::builder().server("ours", MANAGED).server("theirs", &[])).await;

    let synced = project.middleware.sync(&Scope::All, false).await.unwrap();

    assert_eq!(fates(&synced), [("ours", Fate::Adopted)]);
    let record = project.record("ours").await.unwrap();
    assert_eq!(record.stage, None, "as a sync has always left it");
    assert_eq!(record.dc.unwrap().loc.unwrap().country.unwrap(), "DE");
}

#[tokio::test]
async fn named_servers_are_updated_adopted_removed_or_unknown() {
    let project = Project::new(Sim::builder().server("web1", MANAGED).server("web2", &[])).await;
    project
        .store
        .set("web1", Patch::new().status("stale"))
        .await
        .unwrap();
    project
        .store
        .set("ghost", Patch::new().status("stale"))
        .await
        .unwrap();
    let names = ["web1", "web2", "ghost", "none"].map(name).to_vec();

    let synced = project
        .middleware
        .sync(&Scope::Names(names), false)
        .await
        .unwrap();

    assert_eq!(
        fates(&synced),
        [
            ("web1", Fate::Updated),
            ("ghost", Fate::Removed),
            ("web2", Fate::Adopted),
            ("none", Fate::Unknown),
        ]
    );
    assert!(project.record("ghost").await.is_none());
}

#[tokio::test]
async fn one_name_costs_one_small_request() {
    let project = Project::new(Sim::builder().servers(120, MANAGED)).await;

    project
        .middleware
        .sync(&Scope::Names(vec![name("server-7")]), false)
        .await
        .unwrap();

    let requests = project.sim.requests();
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
async fn creation_that_was_cut_off_after_the_order_becomes_a_record() {
    let project = Project::new(Sim::builder().server("web1", MANAGED)).await;
    project.store.reserve("web1").await.unwrap();

    project.middleware.sync(&Scope::Known, true).await.unwrap();

    let record = project.record("web1").await.unwrap();
    assert_eq!(record.stage, Some(Stage::Created));
    assert!(record.id.is_some());
}

#[tokio::test]
async fn unreachable_hetzner_changes_no_record() {
    let project = Project::new(Sim::builder()).await;
    project
        .store
        .set("web1", Patch::new().status("running"))
        .await
        .unwrap();
    project.fault("status=502 GET");

    assert!(project.middleware.sync(&Scope::Known, true).await.is_err());

    assert_eq!(
        project.record("web1").await.unwrap().status.unwrap(),
        "running"
    );
}
