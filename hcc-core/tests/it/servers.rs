//! Power, labels, console and deletion.

use hcc_core::{Error, ErrorKind, Guard, Killed, Known, Power};
use hcc_store::{Patch, Store, StoreExt};
use hcloud_sim::Sim;
use secrecy::ExposeSecret;

use crate::project::{Project, name};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

#[tokio::test]
async fn each_power_verb_asks_for_its_own_action() {
    let project = Project::new(Sim::builder().server("web1", MANAGED)).await;

    for (power, action) in [
        (Power::Stop, "shutdown"),
        (Power::Start, "poweron"),
        (Power::Reboot, "reboot"),
        (Power::Reset, "reset"),
        (Power::Force, "poweroff"),
    ] {
        let started = project
            .middleware
            .power(&name("web1"), power)
            .await
            .unwrap();
        let minute = std::time::Duration::from_secs(60);
        project
            .middleware
            .wait(vec![started], minute, |_| {})
            .await
            .unwrap();

        let requests = project.requests();
        let asked = requests
            .iter()
            .rev()
            .find(|request| request.starts_with("POST"))
            .unwrap();
        assert!(
            asked.ends_with(&format!("/actions/{action}")),
            "{power:?}: {asked}"
        );
    }
}

#[tokio::test]
async fn servers_without_our_label_are_not_touched() {
    let project = Project::new(Sim::builder().server("web1", &[])).await;
    let web1 = name("web1");
    let middleware = &project.middleware;

    let refusals = [
        middleware
            .power(&web1, Power::Force)
            .await
            .map(drop)
            .unwrap_err(),
        middleware.console(&web1).await.map(drop).unwrap_err(),
        middleware.kill(&web1).await.map(drop).unwrap_err(),
        middleware.untag(&web1).await.unwrap_err(),
    ];

    for error in refusals {
        assert!(matches!(error, Error::NotManaged { .. }), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
    assert!(
        project
            .requests()
            .iter()
            .all(|request| request.starts_with("GET"))
    );
}

#[tokio::test]
async fn guard_can_be_lifted_for_one_run() {
    let project = Project::new(Sim::builder().server("web1", &[])).await;
    let middleware = project.middleware.clone().guarded_by(Guard::Any);

    assert!(middleware.power(&name("web1"), Power::Force).await.is_ok());
}

#[tokio::test]
async fn unknown_servers_are_not_found() {
    let project = Project::new(Sim::builder()).await;
    let none = name("none");
    let middleware = &project.middleware;

    let errors = [
        middleware
            .power(&none, Power::Start)
            .await
            .map(drop)
            .unwrap_err(),
        middleware.console(&none).await.map(drop).unwrap_err(),
        middleware.kill(&none).await.map(drop).unwrap_err(),
        middleware.tag(&none).await.unwrap_err(),
        middleware.untag(&none).await.unwrap_err(),
    ];

    assert!(
        errors
            .iter()
            .all(|error| matches!(error, Error::NoSuchServer { .. })),
        "{errors:?}"
    );
}

#[tokio::test]
async fn tagging_manages_and_untagging_releases() {
    let project = Project::new(Sim::builder().server("web1", &[("env", "prod")])).await;
    let web1 = name("web1");

    project.middleware.tag(&web1).await.unwrap();
    let tagged = project.record("web1").await.unwrap().labels.unwrap();
    project.middleware.untag(&web1).await.unwrap();
    let untagged = project.record("web1").await.unwrap().labels.unwrap();

    assert_eq!(
        (tagged["managed"].as_str(), tagged["env"].as_str()),
        ("1", "prod")
    );
    assert!(!untagged.contains_key("managed"));
    assert_eq!(untagged["env"], "prod");
}

#[tokio::test]
async fn console_is_recorded_and_its_link_suits_any_page() {
    let project = Project::new(Sim::builder().server("web1", MANAGED)).await;

    let console = project.middleware.console(&name("web1")).await.unwrap();

    let record = project.record("web1").await.unwrap();
    let (url, password) = (
        console.url.expose_secret(),
        console.password.expose_secret(),
    );
    assert_eq!(record.url.unwrap().expose_secret(), url);
    assert_eq!(record.auth.unwrap().expose_secret(), password);
    assert!(
        record.ts.is_some() && record.status.is_some(),
        "the record is a whole one"
    );
    for base in ["https://example.org/l.html", "https://example.org/l.html?"] {
        let link = console.link(Some(base));
        assert_eq!(
            link.expose_secret(),
            format!("https://example.org/l.html?{url}#{password}")
        );
    }
    let shown = format!("{console:?}");
    assert!(!shown.contains(url) && !shown.contains(password));
}

#[tokio::test]
async fn killed_server_is_gone_from_hetzner_and_the_records() {
    let project = Project::new(Sim::builder().server("web1", MANAGED)).await;
    project.middleware.tag(&name("web1")).await.unwrap();

    let killed = project.middleware.kill(&name("web1")).await.unwrap();

    assert!(matches!(killed, Killed::Deleted(Some(_))));
    assert!(project.record("web1").await.is_none());
    assert_eq!(project.servers("web1").await, 0);
}

#[tokio::test]
async fn killing_what_is_gone_clears_its_record() {
    let project = Project::new(Sim::builder()).await;
    project
        .store
        .set("ghost", Patch::new().status("running"))
        .await
        .unwrap();

    let killed = project.middleware.kill(&name("ghost")).await.unwrap();

    assert!(matches!(killed, Killed::Gone));
    assert!(project.record("ghost").await.is_none());
}

#[tokio::test]
async fn refused_deletion_keeps_the_record() {
    let project = Project::new(Sim::builder().server("web1", MANAGED)).await;
    project.middleware.tag(&name("web1")).await.unwrap();
    project.fault("error=protected DELETE");

    let error = project.middleware.kill(&name("web1")).await.unwrap_err();

    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Refused, "protected")
    );
    assert!(project.record("web1").await.is_some());
}

#[tokio::test]
async fn list_tells_who_knows_a_server() {
    let project = Project::new(Sim::builder().server("both", MANAGED).server("remote", &[])).await;
    project.middleware.tag(&name("both")).await.unwrap();
    project.store.reserve("local").await.unwrap();

    let listed = project.middleware.list().await.unwrap();

    let known: Vec<_> = listed
        .iter()
        .map(|server| (server.name.as_str(), server.known))
        .collect();
    assert_eq!(
        known,
        [
            ("both", Known::Both),
            ("remote", Known::Remote),
            ("local", Known::Local)
        ]
    );
}

#[tokio::test]
async fn failures_are_sorted_by_what_the_user_would_do() {
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
        let project = Project::new(Sim::builder().server("web1", MANAGED)).await;
        project.fault(fault);

        let error = project
            .middleware
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
