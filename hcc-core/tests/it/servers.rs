//! Power, labels, console and deletion.

use futures_util::TryStreamExt;
use hcc_core::{
    CreateOptions, DeleteOutcome, Error, ErrorKind, Guard, Power, Presence, Scope, SyncOutcome,
    SyncedRecord,
};
use hcc_store::{Patch, Store, StoreExt};
use hcloud_api::{LabelSelector, ListServers};
use hcloud_sim::Sim;
use secrecy::ExposeSecret;

use crate::setup::{TestProject, actions, name};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

#[tokio::test]
async fn each_power_verb_requests_its_own_action() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;

    for (power, action) in [
        (Power::Stop, "shutdown"),
        (Power::Start, "poweron"),
        (Power::Reboot, "reboot"),
        (Power::Reset, "reset"),
        (Power::Force, "poweroff"),
    ] {
        let started = setup.project.power(&name("web1"), power).await.unwrap();
        let minute = std::time::Duration::from_secs(60);
        setup
            .project
            .wait(vec![started], minute, |_| {})
            .await
            .unwrap();

        let requests = setup.requests();
        let request = requests
            .iter()
            .rev()
            .find(|request| request.starts_with("POST"))
            .unwrap();
        assert!(
            request.ends_with(&format!("/actions/{action}")),
            "{power:?}: {request}"
        );
    }
}

#[tokio::test]
async fn servers_without_the_label_are_not_changed() {
    let setup = TestProject::new(Sim::builder().server("web1", &[])).await;
    let web1 = name("web1");
    let project = &setup.project;

    let errors = [
        project
            .power(&web1, Power::Force)
            .await
            .map(drop)
            .unwrap_err(),
        project.console(&web1).await.map(drop).unwrap_err(),
        project.kill(&web1).await.map(drop).unwrap_err(),
        project.unmanage(&web1).await.unwrap_err(),
    ];

    for error in errors {
        assert!(matches!(error, Error::NotManaged { .. }), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
    assert!(
        setup
            .requests()
            .iter()
            .all(|request| request.starts_with("GET"))
    );
}

#[tokio::test]
async fn guard_can_be_lifted_for_one_run() {
    let setup = TestProject::new(Sim::builder().server("web1", &[])).await;
    let project = setup.project.clone().with_guard(Guard::Any);

    assert!(project.power(&name("web1"), Power::Force).await.is_ok());
}

#[tokio::test]
async fn unknown_servers_are_not_found() {
    let setup = TestProject::new(Sim::builder()).await;
    let none = name("none");
    let project = &setup.project;

    let errors = [
        project
            .power(&none, Power::Start)
            .await
            .map(drop)
            .unwrap_err(),
        project.console(&none).await.map(drop).unwrap_err(),
        project.kill(&none).await.map(drop).unwrap_err(),
        project.manage(&none).await.unwrap_err(),
        project.unmanage(&none).await.unwrap_err(),
    ];

    assert!(
        errors
            .iter()
            .all(|error| matches!(error, Error::NoSuchServer { .. })),
        "{errors:?}"
    );
}

#[tokio::test]
async fn label_is_added_and_removed() {
    let setup = TestProject::new(Sim::builder().server("web1", &[("env", "prod")])).await;
    let web1 = name("web1");

    setup.project.manage(&web1).await.unwrap();
    let managed = setup.record("web1").await.unwrap().labels.unwrap();
    setup.project.unmanage(&web1).await.unwrap();
    let unmanaged = setup.record("web1").await.unwrap().labels.unwrap();

    assert_eq!(
        (managed["managed"].as_str(), managed["env"].as_str()),
        ("1", "prod")
    );
    assert!(!unmanaged.contains_key("managed"));
    assert_eq!(unmanaged["env"], "prod");
}

#[tokio::test]
async fn console_is_recorded_and_its_link_works_for_any_page() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;

    let console = setup.project.console(&name("web1")).await.unwrap();

    let record = setup.record("web1").await.unwrap();
    let (url, password) = (
        console.url.expose_secret(),
        console.password.expose_secret(),
    );
    assert_eq!(record.url.unwrap().expose_secret(), url);
    assert_eq!(record.auth.unwrap().expose_secret(), password);
    assert!(
        record.ts.is_some() && record.status.is_some(),
        "the record is complete"
    );
    for base in ["https://example.org/l.html", "https://example.org/l.html?"] {
        let link = console.link(Some(base));
        assert_eq!(
            link.expose_secret(),
            format!("https://example.org/l.html?{url}#{password}")
        );
    }
    let debug = format!("{console:?}");
    assert!(!debug.contains(url) && !debug.contains(password));
}

#[tokio::test]
async fn killed_server_is_removed_from_hetzner_and_the_records() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;
    setup.project.manage(&name("web1")).await.unwrap();

    kill_and_conclude(&setup).await.unwrap();

    assert!(setup.record("web1").await.is_none());
    assert_eq!(setup.servers("web1").await, 0);
}

/// Deletes web1, waits for its action, and concludes.
async fn kill_and_conclude(setup: &TestProject) -> hcc_core::Result<()> {
    let web1 = name("web1");
    let killed = setup.project.kill(&web1).await?;
    let DeleteOutcome::Deleted { id, action, .. } = killed else {
        panic!("{killed:?}");
    };
    let record = setup.record("web1").await.unwrap();
    assert_eq!(record.status.as_deref(), Some("deleting"));
    setup.wait(action.iter().cloned().collect()).await?;
    let project = &setup.project;
    project.conclude_kill(&web1, id, action.as_ref()).await
}

#[tokio::test]
async fn record_is_kept_until_the_server_is_gone() {
    for fault in ["fail-action DELETE", "odd=/action DELETE x1"] {
        let setup = TestProject::new(Sim::builder()).await;
        let created = setup.create(&CreateOptions::default()).await.unwrap();
        setup.wait(actions(created)).await.unwrap();
        setup.fault(fault);

        let killed = kill_and_conclude(&setup).await;

        if fault.starts_with("fail") {
            let error = killed.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Failed, "{error:?}");
        }
        if setup.servers("web1").await == 1 {
            assert!(setup.record("web1").await.unwrap().pw.is_some(), "{fault}");
        }
    }
}

#[tokio::test]
async fn record_of_a_killed_server_is_removed_by_a_later_kill_or_sync() {
    for is_synced in [false, true] {
        // Both are gone, as with the token of another project.
        let setup = TestProject::new(Sim::builder().servers(2, MANAGED)).await;
        setup.project.sync(&Scope::All, false).await.unwrap();
        for vm in ["server-1", "server-2"] {
            let killed = setup.project.kill(&name(vm)).await.unwrap();
            let DeleteOutcome::Deleted { action, .. } = killed else {
                panic!("{killed:?}");
            };
            setup.wait(action.into_iter().collect()).await.unwrap();
            assert!(setup.record(vm).await.is_some());
        }

        if is_synced {
            let synced = setup.project.sync(&Scope::Known, false).await.unwrap();
            let is_removed = |it: &SyncedRecord| it.record == SyncOutcome::Removed;
            assert!(synced.iter().all(is_removed), "{synced:?}");
        } else {
            for vm in ["server-1", "server-2"] {
                setup.project.kill(&name(vm)).await.unwrap();
            }
        }

        assert!(setup.store.list().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn new_server_has_nothing_of_a_killed_one_whose_record_was_left() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;
    setup.project.sync(&Scope::All, false).await.unwrap();
    let window = Patch::new().root_password(Some(&"old".into()));
    setup.store.set("web1", window).await.unwrap();
    let killed = setup.project.kill(&name("web1")).await.unwrap();
    let DeleteOutcome::Deleted { id, action, .. } = killed else {
        panic!("{killed:?}");
    };
    setup.wait(action.into_iter().collect()).await.unwrap();
    setup.fault("error=resource_limit_exceeded POST /v1/servers x1");

    setup.create(&CreateOptions::default()).await.unwrap_err();
    assert!(
        setup.record("web1").await.is_none(),
        "it is free for another creation"
    );
    setup.create(&CreateOptions::default()).await.unwrap();

    let record = setup.record("web1").await.unwrap();
    assert_ne!(record.id, Some(id.number()));
    assert_ne!(record.pw.unwrap().expose_secret(), "old");
}

#[tokio::test]
async fn killing_a_missing_server_removes_its_record() {
    let setup = TestProject::new(Sim::builder()).await;
    setup
        .store
        .set("missing", Patch::new().status("running"))
        .await
        .unwrap();

    let outcome = setup.project.kill(&name("missing")).await.unwrap();

    assert!(matches!(outcome, DeleteOutcome::Gone));
    assert!(setup.record("missing").await.is_none());
}

#[tokio::test]
async fn refused_deletion_keeps_the_record() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;
    setup.project.manage(&name("web1")).await.unwrap();
    setup.fault("error=protected DELETE");

    let error = setup.project.kill(&name("web1")).await.unwrap_err();

    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Refused, "protected")
    );
    assert!(setup.record("web1").await.is_some());
}

#[tokio::test]
async fn servers_are_selected_by_hetzner_if_records_cannot_be_selected() {
    let labels: [(&str, &[(&str, &str)]); 4] = [
        ("prod", &[("env", "prod")]),
        ("test", &[("env", "test")]),
        ("none", &[]),
        ("old", &[("env", "prod"), ("old", "1")]),
    ];
    let sim = labels.iter().fold(Sim::builder(), |sim, (name, labels)| {
        sim.server(*name, labels)
    });
    let setup = TestProject::new(sim).await;
    setup.store.reserve("record").await.unwrap();
    for (selector, expected, by_hetzner) in [
        ("env", &["prod", "test", "old"][..], true),
        ("!env", &["none", "record"], false),
        ("env=prod", &["prod", "old"], true),
        ("env==prod", &["prod", "old"], true),
        ("env!=prod", &["test", "none", "record"], false),
        ("env in (test,none)", &["test"], true),
        (
            "env notin (test,none)",
            &["prod", "none", "old", "record"],
            false,
        ),
        ("env=prod,!old", &["prod"], true),
        ("env,env!=test", &["prod", "old"], true),
    ] {
        setup.sim.clear_requests();
        let selected: LabelSelector = selector.parse().unwrap();

        let pages = setup.project.list_pages(Some(&selected));
        let listed: Vec<_> = pages.try_concat().await.unwrap();

        let names: Vec<_> = listed.iter().map(|server| &*server.name).collect();
        assert_eq!(names, expected, "{selector}");
        let requests = setup.sim.requests();
        let queries = requests.iter().filter_map(|request| request.query.as_ref());
        let is_sent = queries
            .into_iter()
            .any(|query| query.contains("label_selector="));
        assert_eq!(is_sent, by_hetzner, "{requests:?}");
        // Hetzner selects the same servers.
        let filter = ListServers {
            label_selector: Some(selected),
            ..ListServers::default()
        };
        let servers = setup.api().servers().list(&filter).all().await.unwrap();
        let of_api: Vec<_> = servers.iter().map(|server| &*server.name).collect();
        let remote = expected.iter().filter(|name| **name != "record");
        assert_eq!(of_api, remote.copied().collect::<Vec<_>>(), "{selector}");
    }
}

#[tokio::test]
async fn list_reports_presence() {
    let setup =
        TestProject::new(Sim::builder().server("both", MANAGED).server("remote", &[])).await;
    setup.project.manage(&name("both")).await.unwrap();
    setup.store.reserve("local").await.unwrap();

    let listed = setup.project.list().await.unwrap();

    let known: Vec<_> = listed
        .iter()
        .map(|server| (server.name.as_str(), server.known))
        .collect();
    assert_eq!(
        known,
        [
            ("both", Presence::Both),
            ("remote", Presence::Remote),
            ("local", Presence::Local)
        ]
    );
}

#[tokio::test]
async fn errors_are_classified() {
    for (fault, kind, code) in [
        (
            "error=unauthorized GET",
            ErrorKind::NotSetUp,
            "unauthorized",
        ),
        ("html GET", ErrorKind::Failed, "bad_answer"),
        ("truncate GET", ErrorKind::Failed, "bad_answer"),
        ("status=502 GET", ErrorKind::TryLater, "bad_gateway"),
        ("hang GET", ErrorKind::TryLater, "no_answer"),
        ("error=locked POST", ErrorKind::TryLater, "locked"),
    ] {
        let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;
        setup.fault(fault);

        let error = setup
            .project
            .power(&name("web1"), Power::Stop)
            .await
            .unwrap_err();

        assert_eq!(
            (error.kind(), error.code()),
            (kind, code),
            "{fault}: {error:?}"
        );
    }
}
