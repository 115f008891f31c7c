//! Updates of the records from Hetzner.

use hcc_core::{CreateOptions, Scope, SyncOutcome, SyncProgress};
use hcc_store::{Patch, Stage, Store, StoreExt};
use hcloud_api::UpdateServer;
use hcloud_sim::Sim;
use secrecy::ExposeSecret;

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

/// A project with three servers, the passwords of which are recorded.
async fn three_servers() -> TestProject {
    let setup = TestProject::new(Sim::builder().servers(3, MANAGED)).await;
    setup.project.sync(&Scope::All, false).await.unwrap();
    for vm in ["server-1", "server-2", "server-3"] {
        let password = Patch::new().root_password(Some(&vm.into()));
        setup.store.set(vm, password).await.unwrap();
    }
    setup
}

async fn names(setup: &TestProject) -> Vec<String> {
    let records = setup.store.list().await.unwrap();
    records.into_iter().map(|record| record.name).collect()
}

#[tokio::test]
async fn list_that_may_be_cut_removes_no_record_of_an_existing_server() {
    for (fault, servers) in [
        ("odd=/meta GET /v1/servers null", 120),
        ("odd=/meta GET /v1/servers", 120),
        ("odd=/meta/pagination GET /v1/servers null", 120),
        ("odd=/meta/pagination GET /v1/servers", 120),
        ("odd=/meta/pagination/total_entries GET /v1/servers null", 3),
        (r#"odd=/servers GET /v1/servers []"#, 3),
        ("odd=/meta/pagination/next_page GET /v1/servers null", 120),
    ] {
        let sim = Sim::builder().servers(servers, MANAGED);
        let setup = TestProject::with_long_timeout(sim).await;
        setup.project.sync(&Scope::All, false).await.unwrap();
        setup.store.set("gone", Patch::new().id(900)).await.unwrap();
        setup.fault(fault);

        let synced = setup.project.sync(&Scope::All, true).await;
        let marked = setup.project.sync(&Scope::All, false).await;

        for synced in [synced, marked].into_iter().flatten() {
            let is_lost = |it: &&hcc_core::SyncedRecord| {
                let is_missing = [SyncOutcome::Missing, SyncOutcome::Removed].contains(&it.record);
                is_missing && it.name != "gone"
            };
            assert!(!synced.iter().any(|it| is_lost(&it)), "{fault}: {synced:?}");
        }
        let left = names(&setup).await;
        assert!(left.len() >= servers, "{fault}: {left:?}");
    }
}

#[tokio::test]
async fn server_that_a_cut_list_lacks_is_requested_by_its_id() {
    let setup = three_servers().await;
    setup.store.set("gone", Patch::new().id(900)).await.unwrap();
    setup.fault("odd=/servers GET /v1/servers []");

    let synced = setup.project.sync(&Scope::Known, true).await.unwrap();

    let updated = |vm| (vm, SyncOutcome::Updated);
    assert_eq!(
        outcomes(&synced),
        [
            updated("server-1"),
            updated("server-2"),
            updated("server-3"),
            ("gone", SyncOutcome::Removed)
        ]
    );
}

#[tokio::test]
async fn server_with_an_odd_identity_keeps_its_record() {
    let odd = [
        "\"x\"", "\"\"", "-1", "1.5", "1e30", "true", "null", "[]", "0", "{}",
    ];
    for odd in odd {
        let both = format!(r#"{{ "id": {odd}, "name": {odd} }}"#);
        for (pointer, odd) in [
            ("/servers/0/id", odd),
            ("/servers/0/name", odd),
            ("/servers/0", &both),
        ] {
            let setup = three_servers().await;
            setup.fault(&format!("odd={pointer} GET /v1/servers {odd}"));

            setup.project.sync(&Scope::All, true).await.unwrap();

            let left = names(&setup).await;
            assert!(left.len() >= 3, "{pointer} {odd}: {left:?}");
        }
    }
}

#[tokio::test]
async fn list_of_which_nothing_can_be_decoded_is_an_error() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;
    setup.project.sync(&Scope::All, false).await.unwrap();
    setup.fault("odd=/servers/0/id GET /v1/servers");

    let synced = setup.project.sync(&Scope::All, true).await.unwrap_err();
    let listed = setup.project.list().await.unwrap_err();

    assert_eq!(synced.code(), "bad_answer");
    assert_eq!(listed.code(), "bad_answer");
    assert_eq!(names(&setup).await, ["web1"]);
}

async fn rename_at_hetzner(setup: &TestProject, old: &str, new: &str) {
    let api = setup.api();
    let id = api.servers().find(old).await.unwrap().unwrap().id;
    let change = UpdateServer {
        name: Some(new.to_owned()),
        ..UpdateServer::default()
    };
    api.servers().update(id, &change).await.unwrap();
}

/// Returns the password in a record, which is the first name of the server.
async fn password(setup: &TestProject, vm: &str) -> Option<String> {
    let record = setup.record(vm).await?;
    Some(record.pw?.expose_secret().to_owned())
}

#[tokio::test]
async fn record_follows_a_server_that_was_renamed() {
    for scope in [
        Scope::All,
        Scope::Known,
        Scope::Names(vec![name("server-1")]),
        Scope::Names(vec![name("server-1"), name("web1")]),
    ] {
        for prune in [false, true] {
            let setup = three_servers().await;
            rename_at_hetzner(&setup, "server-1", "web1").await;

            let synced = setup.project.sync(&scope, prune).await.unwrap();

            let expected = [
                ("server-1", SyncOutcome::Renamed),
                ("web1", SyncOutcome::Updated),
            ];
            let found = outcomes(&synced);
            assert!(expected.iter().all(|it| found.contains(it)), "{found:?}");
            assert_eq!(found.iter().filter(|(vm, _)| *vm == "web1").count(), 1);
            assert_eq!(password(&setup, "web1").await.unwrap(), "server-1");
            assert!(setup.record("server-1").await.is_none());
            assert_eq!(names(&setup).await.len(), 3);
        }
    }
}

#[tokio::test]
async fn records_follow_servers_that_exchanged_their_names() {
    let setup = three_servers().await;
    for (old, new) in [
        ("server-1", "other"),
        ("server-2", "server-1"),
        ("server-3", "server-2"),
        ("other", "server-3"),
    ] {
        rename_at_hetzner(&setup, old, new).await;
    }

    setup.project.sync(&Scope::All, true).await.unwrap();

    for (now, first) in [
        ("server-1", "server-2"),
        ("server-2", "server-3"),
        ("server-3", "server-1"),
    ] {
        assert_eq!(password(&setup, now).await.as_deref(), Some(first));
    }
    assert_eq!(names(&setup).await.len(), 3);
}

#[tokio::test]
async fn former_name_of_a_server_can_have_another_one() {
    let setup = three_servers().await;
    rename_at_hetzner(&setup, "server-1", "web1").await;
    rename_at_hetzner(&setup, "server-2", "server-1").await;

    let (reused, options) = (name("server-2"), CreateOptions::default());
    setup.project.create(&reused, &options).await.unwrap();
    let killed = setup.project.kill(&name("web9")).await.unwrap_err();
    setup.project.sync(&Scope::All, true).await.unwrap();

    assert_eq!(killed.code(), "no_such_server");
    assert_eq!(password(&setup, "web1").await.unwrap(), "server-1");
    assert_eq!(password(&setup, "server-1").await.unwrap(), "server-2");
    let new = password(&setup, "server-2").await.unwrap();
    assert!(!new.starts_with("server"));
    assert_eq!(names(&setup).await.len(), 4);
}

#[tokio::test]
async fn kill_by_the_former_name_of_a_server_is_refused() {
    let setup = three_servers().await;
    rename_at_hetzner(&setup, "server-1", "web1").await;

    let error = setup.project.kill(&name("server-1")).await.unwrap_err();

    assert_eq!(error.to_string(), "server server-1 was renamed to web1");
    assert!(password(&setup, "server-1").await.is_some());
}
