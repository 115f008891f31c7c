//! At most one server of a name, and no trace of a failed order.

use hcc_core::{CreateOptions, CreateOutcome, Error, ErrorKind, Settings};
use hcc_store::{Stage, Store};
use hcloud_sim::Sim;
use secrecy::ExposeSecret;

use crate::setup::{TOKEN, TestProject, name};

#[tokio::test]
async fn new_server_is_recorded_with_its_root_password() {
    let setup = TestProject::new(Sim::builder()).await;

    let made = setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap();

    assert!(matches!(made, CreateOutcome::Created(actions) if actions.len() == 2));
    let record = setup.record("web1").await.unwrap();
    assert_eq!(record.stage, Some(Stage::Created));
    assert_eq!(record.labels.unwrap()["managed"], "1");
    assert!(!record.pw.unwrap().expose_secret().is_empty());
    assert_eq!(record.act.unwrap()[0].command, "create_server");
}

#[tokio::test]
async fn server_without_wishes_is_the_cheapest_with_the_newest_debian() {
    let setup = TestProject::new(Sim::builder()).await;

    setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap();

    let record = setup.record("web1").await.unwrap();
    let types = setup.project.server_types().await.unwrap();
    let image = record.image.unwrap();
    assert_eq!(record.r#type.unwrap().name.unwrap(), types[0].name);
    assert_eq!(
        (image.os.unwrap(), image.ver.unwrap()),
        ("debian".to_owned(), "13".to_owned())
    );
}

#[tokio::test]
async fn order_says_more_than_the_settings_and_data_centres_are_locations() {
    let mut settings = Settings::default();
    settings.server_type = Some("cx33".to_owned());
    settings.location = Some("hel1".to_owned());
    settings.image = Some("ubuntu-24.04".to_owned());
    let setup = TestProject::with_settings(Sim::builder(), settings).await;
    let mut order = CreateOptions::default();
    order.location = Some("fsn1-dc14".to_owned());

    setup.project.create(&name("web1"), &order).await.unwrap();

    let record = setup.record("web1").await.unwrap();
    assert_eq!(record.dc.unwrap().name.unwrap(), "fsn1");
    assert_eq!(record.r#type.unwrap().name.unwrap(), "cx33");
    assert_eq!(record.image.unwrap().name.unwrap(), "ubuntu-24.04");
}

#[tokio::test]
async fn repeated_order_adopts_the_server() {
    let setup = TestProject::new(Sim::builder()).await;

    setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap();
    let again = setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap();

    assert!(matches!(again, CreateOutcome::Adopted));
    assert!(
        setup.record("web1").await.unwrap().pw.is_some(),
        "the password is kept"
    );
    assert_eq!(setup.servers("web1").await, 1);
}

#[tokio::test]
async fn server_of_somebody_else_is_not_adopted() {
    let setup = TestProject::new(Sim::builder().server("web1", &[])).await;

    let error = setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap_err();

    assert!(matches!(error, Error::NameTaken { .. }));
    assert!(setup.record("web1").await.is_none());
}

#[tokio::test]
async fn name_without_our_prefix_costs_no_request() {
    let mut settings = Settings::default();
    settings.prefix = Some("m-".to_owned());
    let setup = TestProject::with_settings(Sim::builder(), settings).await;

    let error = setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(setup.requests().is_empty());
}

#[tokio::test]
async fn what_hetzner_does_not_offer_is_named_and_leaves_no_record() {
    let setup = TestProject::new(Sim::builder()).await;
    type Wish = fn(&mut CreateOptions, String);
    let wishes: [(&str, Wish); 3] = [
        ("server type", |order, name| order.server_type = Some(name)),
        ("image", |order, name| order.image = Some(name)),
        ("location", |order, name| order.location = Some(name)),
    ];

    for (what, wish) in wishes {
        let mut order = CreateOptions::default();
        order.server_type = Some("cx23".to_owned());
        order.image = Some("debian-13".to_owned());
        wish(&mut order, "nonsense".to_owned());

        let error = setup
            .project
            .create(&name("web1"), &order)
            .await
            .unwrap_err();

        assert_eq!(error.to_string(), format!("{what} \"nonsense\" not found"));
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(setup.record("web1").await.is_none(), "{what}");
    }
}

/// Whatever goes wrong once, repeating the order ends with one server.
#[tokio::test]
async fn no_fault_makes_two_servers_or_leaves_a_ghost() {
    for fault in [
        "drop POST /v1/servers",
        "drop-after POST /v1/servers x1",
        "hang POST /v1/servers x1",
        "hang-after POST /v1/servers x1",
        "truncate POST /v1/servers x1",
        "malformed POST /v1/servers x1",
        "html POST /v1/servers x1",
        "status=502 POST /v1/servers",
        "status=504 POST /v1/servers x1",
        "error=resource_unavailable POST /v1/servers",
        "error=resource_limit_exceeded POST /v1/servers",
        "error=conflict POST /v1/servers x1",
        "rate-limit POST /v1/servers x1",
    ] {
        let setup = TestProject::new(Sim::builder()).await;
        setup.fault(fault);

        let first = setup
            .project
            .create(&name("web1"), &CreateOptions::default())
            .await;

        let made = setup.servers("web1").await;
        assert!(made <= 1, "{fault}");
        match &first {
            Ok(_) => assert_eq!(made, 1, "{fault}"),
            Err(error) => {
                assert!(setup.record("web1").await.is_none(), "{fault}");
                assert!(!format!("{error:#?}").contains(TOKEN), "{fault}");
            }
        }
        setup
            .project
            .create(&name("web1"), &CreateOptions::default())
            .await
            .unwrap();
        assert_eq!(setup.servers("web1").await, 1, "{fault}");
        let record = setup.record("web1").await.unwrap();
        assert_eq!(record.stage, Some(Stage::Created), "{fault}");
    }
}

#[tokio::test]
async fn order_is_sent_once_although_its_answer_is_lost() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("hang-after POST /v1/servers x1");

    let made = setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap();

    assert!(
        matches!(made, CreateOutcome::Adopted),
        "it was found by its name"
    );
    let orders = setup
        .requests()
        .iter()
        .filter(|request| *request == "POST /v1/servers")
        .count();
    assert_eq!(orders, 1);
}

/// Another worker's order may be carried out at this very moment.
#[tokio::test]
async fn name_of_a_server_that_cannot_be_seen_yet_is_tried_later() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("error=uniqueness_error POST x1");

    let order = CreateOptions::default();
    let error = setup
        .project
        .create(&name("web1"), &order)
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::TryLater);
    assert!(setup.record("web1").await.is_none(), "no ghost");
}

#[tokio::test]
async fn creation_that_was_cut_off_is_taken_up_by_the_next() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.store.reserve("web1").await.unwrap();

    setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap();

    assert_eq!(
        setup.record("web1").await.unwrap().stage,
        Some(Stage::Created)
    );
}

#[tokio::test]
async fn many_creators_of_one_name_make_one_server() {
    let setup = TestProject::new(Sim::builder()).await;
    let (name, order) = (name("web1"), CreateOptions::default());
    let creators = (0..8).map(|_| setup.project.create(&name, &order));

    let outcomes = futures_util::future::join_all(creators).await;

    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(setup.servers("web1").await, 1);
    assert!(setup.record("web1").await.unwrap().pw.is_some());
}

#[tokio::test]
async fn read_only_token_is_refused_as_not_set_up() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("error=token_readonly POST /v1/servers");

    let error = setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NotSetUp);
    assert_eq!(error.code(), "token_readonly");
    assert!(setup.record("web1").await.is_none());
}
