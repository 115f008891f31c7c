//! What Hetzner refuses to create, and why.

use hcc_core::{CreateOptions, Error, ErrorKind, OfferReason, Project, ResourceKind, Settings};
use hcloud_api::{Client, CreateSshKey, ErrorCode, SshKey};
use hcloud_sim::Sim;
use secrecy::ExposeSecret;

use crate::setup::{TestProject, name};

fn cx23() -> CreateOptions {
    CreateOptions::default()
        .with_server_type("cx23")
        .with_image("debian-13")
        .with_location("fsn1")
}

/// Adds an SSH key; names of different lengths have different keys.
async fn ssh_key(setup: &TestProject, name: &str) -> SshKey {
    let end = char::from(b'a' + name.len() as u8);
    let key = format!(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0pHh3Xh2f9o0w5Zk8qf1YyGdQ7b1u3y8bQ2t4r{end}v8x"
    );
    let key = CreateSshKey::new(name, key);
    setup.api().ssh_keys().create(&key).await.unwrap()
}

async fn refused(setup: &TestProject, options: &CreateOptions) -> Error {
    let error = setup.project.create(&name("web1"), options).await;
    error.unwrap_err()
}

/// Returns the text of an error with its causes.
fn all_text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn quote_includes_the_address_and_backups() {
    let setup = TestProject::new(Sim::builder()).await;
    let mut options = CreateOptions::default()
        .with_server_type("cx23")
        .with_location("fsn1");
    let plain = setup.project.quote(&name("web1"), &options).await.unwrap();
    let server = plain.price.unwrap().price_monthly.gross.unwrap();
    let server = server.to_f64().unwrap();

    for (without_ipv4, backups, monthly) in [
        (true, false, server),
        (false, false, server + 0.595),
        (true, true, server * 1.2),
        (false, true, server * 1.2 + 0.595),
    ] {
        (options.without_ipv4, options.backups) = (without_ipv4, backups);
        setup.sim.clear_requests();
        let quote = setup.project.quote(&name("web1"), &options).await.unwrap();

        let total = quote.total.unwrap();
        assert!((total.monthly_gross - monthly).abs() < 1e-9, "{total:?}");
        assert!(
            total.hourly_gross < total.monthly_gross / 300.0,
            "{total:?}"
        );
        let requests = setup.requests();
        let pricing = requests.iter().filter(|it| it.ends_with("/pricing"));
        assert_eq!(pricing.count(), 1, "{requests:?}");
    }

    setup.fault("odd=/pricing/primary_ips GET /v1/pricing");
    let quote = setup.project.quote(&name("web1"), &options).await.unwrap();
    assert_eq!((quote.total, quote.price.is_some()), (None, true));
}

#[tokio::test]
async fn the_missing_ssh_key_is_named_and_not_the_first_one() {
    let setup = TestProject::new(Sim::builder()).await;
    ssh_key(&setup, "good").await;
    let options = cx23().with_ssh_key("good").with_ssh_key("missing");

    let error = refused(&setup, &options.with_ssh_key("4711")).await;

    assert_eq!(
        error.to_string(),
        "SSH key \"missing\" not found; SSH key \"4711\" not found"
    );
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::NotFound, "not_offered")
    );
    let text = all_text(&error);
    assert!(text.contains("SSH key 'missing' not found"), "{text}");
    assert!(error.api_reason().unwrap().correlation_id.is_some());
}

#[tokio::test]
async fn what_exists_is_never_reported_as_missing() {
    let setup = TestProject::new(Sim::builder()).await;

    for (options, reason, problem) in [
        (
            cx23().with_server_type("cax11").with_location("ash"),
            "unsupported location for server type",
            "server type \"cax11\" is not offered in ash, only in fsn1, nbg1, hel1",
        ),
        (
            cx23().with_server_type("cx22"),
            "server type is deprecated",
            "server type \"cx22\" is deprecated; it cannot be ordered in fsn1 since 2026-01-01",
        ),
        (
            cx23().with_server_type("cax11").with_location("hel1"),
            "currently unavailable",
            "server type \"cax11\" is sold out in hel1; available in fsn1, nbg1",
        ),
    ] {
        let error = refused(&setup, &options).await;

        let text = all_text(&error);
        assert!(text.contains(reason), "{text}");
        assert!(!text.contains("not found"), "{text}");
        let Error::CreateRefused(refused) = error else {
            panic!("{text}");
        };
        assert_eq!(refused.problems.len(), 1, "{text}");
        assert_eq!(refused.problems[0].to_string(), problem);
    }
    assert!(setup.record("web1").await.is_none());
}

#[tokio::test]
async fn refusal_without_an_explanation_has_the_words_of_hetzner_only() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault(
        r#"status=422 POST /v1/servers {"error": {"code": "invalid_input", "message":
        "image has incompatible architecture", "details": {"fields": [{"name": "image",
        "messages": ["image has incompatible architecture"]}]}}}"#,
    );

    let error = refused(&setup, &cx23()).await;

    assert_eq!(
        all_text(&error),
        "POST /servers was refused: image has incompatible architecture (invalid_input)"
    );
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn reason_of_hetzner_is_not_replaced_by_another_problem() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault(
        r#"status=422 POST /v1/servers {"error": {"code": "invalid_input", "message":
        "invalid input in field 'labels'", "details": {"fields": [{"name": "labels",
        "messages": ["value exceeds 63 characters"]}]}}}"#,
    );

    let error = refused(&setup, &cx23().with_ssh_key("missing")).await;

    let reason = error.api_reason().unwrap();
    assert_eq!(error.code(), "invalid_input");
    assert_eq!(reason.fields[0].name, "labels");
    assert_eq!(reason.lines, ["labels: value exceeds 63 characters"]);
    assert!(all_text(&error).contains("value exceeds 63 characters"));
}

#[tokio::test]
async fn origin_of_a_setting_is_named() {
    let settings = Settings::default()
        .with_server_type("cx99")
        .with_image("debian-13")
        .with_location("fsn1")
        .with_origin(ResourceKind::ServerType, "HCC_TYPE");
    let setup = TestProject::with_settings(Sim::builder(), settings).await;

    let of_setting = refused(&setup, &CreateOptions::default()).await;
    let of_option = refused(&setup, &CreateOptions::default().with_server_type("cx98")).await;

    assert_eq!(
        of_setting.to_string(),
        "server type \"cx99\" from HCC_TYPE not found"
    );
    assert_eq!(of_option.to_string(), "server type \"cx98\" not found");
}

#[tokio::test]
async fn unknown_location_is_named_although_the_type_is_a_default() {
    let setup = TestProject::new(Sim::builder()).await;

    let error = refused(&setup, &CreateOptions::default().with_location("mars1")).await;

    assert_eq!(error.to_string(), "location \"mars1\" not found");
}

#[tokio::test]
async fn ssh_key_whose_name_is_digits_is_found_and_an_id_wins() {
    let setup = TestProject::new(Sim::builder()).await;
    let other = ssh_key(&setup, "another-key").await;
    let digits = ssh_key(&setup, "12345").await;
    let of_the_id = ssh_key(&setup, &other.id.to_string()).await;
    assert_ne!(digits.id, other.id);

    let dry = Client::builder(setup.sim.token())
        .endpoint(setup.sim.endpoint())
        .dry_run(true)
        .build()
        .unwrap();
    let project = Project::new(dry, setup.store.clone(), Settings::default());
    let sent = async |key: &str| {
        let options = cx23().with_ssh_key(key);
        let error = project.create(&name("web1"), &options).await.unwrap_err();
        let Some(hcloud_api::Error::DryRun { body, .. }) = error.api() else {
            panic!("{error:?}");
        };
        let body = body.as_ref().unwrap().expose_secret();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["ssh_keys"][0].clone()
    };

    assert_eq!(sent("12345").await, digits.id.number());
    assert_eq!(sent(&of_the_id.name).await, other.id.number());
    assert_eq!(sent("another-key").await, "another-key");
    assert_eq!(sent("99999").await, 99999);
}

#[tokio::test]
async fn settings_are_compared_with_the_offers() {
    for (settings, problem, is_permanent) in [
        (
            Settings::default()
                .with_server_type("cax11")
                .with_location("ash"),
            "server type \"cax11\" is not offered in ash, only in fsn1, nbg1, hel1",
            true,
        ),
        (
            Settings::default().with_server_type("cx22"),
            "server type \"cx22\" is deprecated; it cannot be ordered since 2026-01-01",
            true,
        ),
        (
            Settings::default()
                .with_server_type("cax11")
                .with_location("hel1-dc2"),
            "server type \"cax11\" is sold out in hel1; available in fsn1, nbg1",
            false,
        ),
        (
            Settings::default().with_image("nonsense"),
            "image \"nonsense\" not found",
            true,
        ),
        (
            Settings::default().with_image("4711"),
            "image \"4711\" not found",
            true,
        ),
        (
            Settings::default()
                .with_location("mars1")
                .with_server_type("cx23"),
            "location \"mars1\" not found",
            true,
        ),
    ] {
        let setup = TestProject::with_settings(Sim::builder(), settings).await;

        let problems = setup.project.check_offers(&CreateOptions::default()).await;

        let problems = problems.unwrap();
        assert_eq!(problems.len(), 1, "{problem}: {problems:?}");
        assert_eq!(problems[0].to_string(), problem);
        assert_eq!(problems[0].is_permanent(), is_permanent, "{problem}");
    }
}

#[tokio::test]
async fn each_type_and_location_of_a_list_must_be_orderable() {
    for (types, locations, problems) in [
        ("cx23,cpx22", "fsn1,nbg1", &[][..]),
        // One of them is enough.
        ("cax11, cx23", "hel1", &[]),
        ("cax11,cpx11", "fsn1,ash", &[]),
        ("cx23,cx99", "fsn1", &["server type \"cx99\" not found"]),
        ("cx23", "fsn1,mars1", &["location \"mars1\" not found"]),
        (
            "cx22,cx23",
            "fsn1",
            &["server type \"cx22\" is deprecated; it cannot be ordered in fsn1 since 2026-01-01"],
        ),
        (
            "cax11",
            "fsn1,ash",
            &["server type \"cax11\" is not offered in ash, only in fsn1, nbg1, hel1"],
        ),
        (
            "cax11,cax21",
            "hel1",
            &["server type \"cax11\" is sold out in hel1; available in fsn1, nbg1"],
        ),
    ] {
        let settings = Settings::default()
            .with_server_type(types)
            .with_location(locations);
        let setup = TestProject::with_settings(Sim::builder(), settings).await;

        let found = setup.project.check_offers(&CreateOptions::default()).await;

        let found: Vec<_> = found.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, problems, "{types} {locations}");
    }
}

#[tokio::test]
async fn image_for_another_architecture_is_a_problem() {
    let setup = TestProject::new(Sim::builder()).await;
    let images = setup.project.images().await.unwrap();
    let arm = images
        .iter()
        .find(|image| image.architecture == hcloud_api::Architecture::Arm)
        .unwrap();
    let options = cx23().with_image(arm.id.to_string());

    let problems = setup.project.check_offers(&options).await.unwrap();
    let error = refused(&setup, &options).await;

    assert!(matches!(
        problems[0].reason,
        OfferReason::OtherArchitecture { .. }
    ));
    assert!(
        problems[0]
            .to_string()
            .ends_with("is for arm, but server type cx23 is x86")
    );
    assert_eq!(error.api().unwrap().code(), Some(&ErrorCode::InvalidInput));
}

#[tokio::test]
async fn what_can_be_ordered_has_no_problem() {
    let setup = TestProject::new(Sim::builder()).await;
    ssh_key(&setup, "good").await;

    for options in [
        CreateOptions::default(),
        cx23(),
        cx23().with_ssh_key("good").with_location("fsn1-dc14"),
        cx23().with_server_type("cax11"),
    ] {
        let problems = setup.project.check_offers(&options).await.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
    }
}
