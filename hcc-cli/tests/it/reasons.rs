//! The API's reason reaches the person, and hints name the right place.

use std::fs;

use hcloud_sim::Sim;
use serde_json::Value;

use crate::user::{Run, TOKEN, User};

const CONFIG: &str = ".config/hcc/config.toml";

/// What must not be shown, as part of the user data.
const CANARY: &str = "canary-secret-7f3a";

/// Lets the API refuse to create a server.
fn refuse(user: &User, error: &str) {
    let fault = format!(r#"status=422 POST /v1/servers {{"error": {error}}}"#);
    user.fault(&fault);
}

async fn create(user: &User, more: &[&str]) -> Run {
    let args = ["create", "web1", "cx23", "debian-13", "fsn1"];
    user.hcc(&[&args, more].concat()).await
}

#[tokio::test]
async fn message_fields_limits_and_correlation_id_are_shown() {
    let user = User::of(Sim::builder()).await;

    for (error, line) in [
        (
            r#"{"code": "invalid_input", "message": "invalid input in field 'user_data'", "details":
                {"fields": [{"name": "user_data", "messages": ["Length must be between 0 and 32768."]}]}}"#,
            "hcc: POST /servers was refused: invalid input in field 'user_data': Length must be \
             between 0 and 32768. (invalid_input)",
        ),
        (
            r#"{"code": "invalid_input", "message": "server type is deprecated", "details": {"fields":
                [{"name": "server_type", "messages": ["server type 45 can not be ordered any more"]}]}}"#,
            "hcc: POST /servers was refused: server type is deprecated: server_type: server type 45 \
             can not be ordered any more (invalid_input)",
        ),
        (
            r#"{"code": "invalid_input", "message": "unsupported location for server type",
                "details": {}}"#,
            "hcc: POST /servers was refused: unsupported location for server type (invalid_input)",
        ),
        (
            r#"{"code": "resource_limit_exceeded", "message": "server limit exceeded", "details":
                {"limits": [{"name": "server_limit"}]}}"#,
            "hcc: POST /servers was refused: server limit exceeded: limit server_limit \
             (resource_limit_exceeded)",
        ),
        (r#"{"code": "server_error"}"#, "the API gave no reason"),
    ] {
        user.sim.clear_faults();
        refuse(&user, error);

        let run = create(&user, &[]).await;

        assert!(run.err.contains(line), "{run:?}");
        assert_eq!(run.err.matches("correlation id: ").count(), 1, "{run:?}");
        assert!(!run.err.contains("there is no"), "{run:?}");
    }
}

#[tokio::test]
async fn several_fields_have_a_line_each() {
    let user = User::of(Sim::builder()).await;
    refuse(
        &user,
        r#"{"code": "invalid_input", "message": "invalid input in fields 'labels', 'name'", "details":
            {"fields": [{"name": "labels", "messages": ["value exceeds 63 characters", "too many"]},
            {"name": "name", "messages": ["is odd"]}]}}"#,
    );

    let run = create(&user, &[]).await;

    let lines: Vec<_> = run.err.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "hcc: POST /servers was refused: invalid input in fields 'labels', 'name' (invalid_input)",
            "  labels: value exceeds 63 characters, too many",
            "  name: is odd",
        ]
    );
    assert!(lines[3].starts_with("correlation id: "), "{run:?}");
}

#[tokio::test]
async fn programs_get_what_the_api_said_as_json() {
    let user = User::of(Sim::builder()).await;
    refuse(
        &user,
        r#"{"code": "resource_limit_exceeded", "message": "no", "details": {"limits":
            [{"name": "server_limit"}], "fields": [{"name": "x", "messages": ["y"]}]}}"#,
    );

    let run = create(&user, &["-o", "json"]).await;

    let error: Value = serde_json::from_str(&run.err).unwrap();
    let api = &error["error"]["api"];
    assert_eq!(error["error"]["code"], "resource_limit_exceeded");
    assert_eq!(api["message"], "no");
    assert_eq!(api["limits"][0], "server_limit");
    assert_eq!(api["fields"][0]["name"], "x");
    assert_eq!(api["fields"][0]["messages"][0], "y");
    assert_eq!(api["correlation_id"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn user_data_that_the_api_quotes_is_not_shown() {
    let user = User::of(Sim::builder()).await;
    let file = user.write("user-data", &format!("#cloud-config\npassword: {CANARY}\n"));
    refuse(
        &user,
        &format!(
            r##"{{"code": "invalid_input", "message": "cannot parse '#cloud-config\npassword: {CANARY}\n'",
            "details": {{"fields": [{{"name": "user_data", "messages": ["{CANARY} is too weak"]}}]}}}}"##
        ),
    );

    for format in ["table", "json"] {
        let file = file.to_str().unwrap();
        let run = create(&user, &["--user-data", file, "-o", format]).await;

        assert!(run.err.contains("is too weak"), "{run:?}");
        assert!(!run.err.contains(CANARY), "{run:?}");
    }
}

#[tokio::test]
async fn problems_of_an_order_are_hints_after_the_reason() {
    let user = User::of(Sim::builder()).await;

    let run = user
        .hcc(&["create", "web1", "cax11", "debian-13", "ash"])
        .await;

    let lines: Vec<_> = run.err.lines().collect();
    assert!(
        lines[0].contains("unsupported location for server type"),
        "{run:?}"
    );
    assert_eq!(
        lines[1],
        "hint: server type \"cax11\" is not offered in ash, only in fsn1, nbg1, hel1"
    );
}

#[tokio::test]
async fn sources_of_defaults_are_named() {
    let user = User::of(Sim::builder()).await;
    let settings = format!(
        "type = \"cx99\"\n[profile.work]\nlocation = \"mars1\"\nendpoint = {:?}\ntoken = {TOKEN:?}\n",
        user.sim.endpoint()
    );
    let path = user.write(CONFIG, &settings);
    let path = path.display();

    let of_file = user.hcc(&["create", "web1"]).await;
    let of_profile = user.hcc(&["--profile", "work", "create", "web1"]).await;
    let mut of_variable = user.command(&["create", "web1", "cx23"]);
    of_variable.env("HCC_IMAGE", "nonsense");
    let of_variable = Run::of(of_variable).await;

    let (code, text) = of_file.failure();
    assert_eq!(code, 3);
    let expected = format!("hcc: server type \"cx99\" from {path} not found");
    assert!(text.starts_with(&expected), "{text}");
    let expected = format!("location \"mars1\" from profile work in {path} not found");
    assert!(of_profile.err.contains(&expected), "{of_profile:?}");
    assert!(
        of_profile
            .err
            .contains("hint: run hcc --profile work locations"),
        "{of_profile:?}"
    );
    let expected = "image \"nonsense\" from HCC_IMAGE not found";
    assert!(of_variable.err.contains(expected), "{of_variable:?}");
}

#[tokio::test]
async fn settings_that_cannot_be_ordered_are_refused_with_their_source() {
    let user = User::of(Sim::builder()).await;
    let legacy = user.write(
        ".hcloud-console.conf",
        r#"{"token": "tJUYTHDYWPh2E/E1 zJQzZdHUWPjY/uw0", "dc": "fsn1-dc14", "typ": "cx22",
            "os": "debian-13", "label": "ours", "prefix": "m-", "console": "-"}"#,
    );
    let mut of_variable = user.command(&["setup"]);
    of_variable.env("HCC_TYPE", "cx22");

    let of_variable = Run::of(of_variable).await;
    let of_flag = user
        .hcc(&["setup", "--type", "cax11", "--location", "ash"])
        .await;
    let imported = user.hcc(&["setup", "--import"]).await;

    for (run, text) in [
        (
            of_variable,
            "server type \"cx22\" from HCC_TYPE is deprecated".to_owned(),
        ),
        (
            of_flag,
            "server type \"cax11\" from --type is not offered in ash".to_owned(),
        ),
        (
            imported,
            format!(
                "server type \"cx22\" from {} is deprecated",
                legacy.display()
            ),
        ),
    ] {
        assert_eq!(run.code, Some(4), "{run:?}");
        assert!(run.err.contains(&text), "{text}: {run:?}");
    }
    assert!(!user.path(CONFIG).exists());
    user.ok(&["setup", "--import", "--type", "cx23"]).await;
}

#[tokio::test]
async fn setting_that_cannot_be_ordered_is_refused_and_others_are_warned_of() {
    let user = User::of(Sim::builder()).await;
    let text = "type = \"cx22\"\n";
    let path = user.write(CONFIG, text);
    let set = async |key, value| user.hcc(&["config", "set", key, value]).await;

    let refused = set("type", "cx99").await;
    let deprecated = set("type", "cx32").await;
    let unchanged = fs::read_to_string(&path).unwrap();
    let other = set("image", "debian-12").await;
    let sold_out = set("type", "cax11").await;
    let warned = set("location", "hel1").await;
    let mismatch = set("location", "ash").await;

    assert_eq!(
        (refused.code, deprecated.code),
        (Some(3), Some(4)),
        "{deprecated:?}"
    );
    assert_eq!(unchanged, text);
    assert_eq!(other.code, Some(0), "{other:?}");
    let warning = format!(
        "hcc: warning: server type \"cx22\" from {} is deprecated",
        path.display()
    );
    assert!(other.err.contains(&warning), "{other:?}");
    assert_eq!(sold_out.code, Some(0), "{sold_out:?}");
    assert_eq!(warned.code, Some(0), "{warned:?}");
    assert!(
        warned
            .err
            .contains("is sold out in hel1; available in fsn1"),
        "{warned:?}"
    );
    assert_eq!(mismatch.code, Some(4), "{mismatch:?}");
    assert!(
        mismatch.err.contains("is not offered in ash, only in"),
        "{mismatch:?}"
    );
}

#[tokio::test]
async fn each_name_of_a_list_is_checked_like_a_single_one() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["types"]).await;
    let set = async |key, value| user.hcc(&["config", "set", key, value]).await;

    for (key, value, exit, message) in [
        ("type", "cx23, cpx22", 0, ""),
        ("location", "fsn1,nbg1,", 0, ""),
        ("type", "cx23,cx24", 3, "server type \"cx24\" not found"),
        ("type", "cx23,cx24", 3, "did you mean cx22?"),
        ("type", "cx22,cx23", 4, "server type \"cx22\" is deprecated"),
        ("location", "fsn1,mars1", 3, "location \"mars1\" not found"),
        ("location", "fsn1,ash", 4, "is not offered in ash, only in"),
        (
            "type",
            " , ",
            2,
            "invalid value for type: it must not be empty",
        ),
        ("type", "cx23 cpx22", 2, "names are separated by commas"),
    ] {
        let run = set(key, value).await;

        assert_eq!(run.code, Some(exit), "{key} {value}: {run:?}");
        assert!(run.err.contains(message), "{key} {value}: {run:?}");
    }
    for (types, locations, exit, message) in [
        ("cx23,cpx22", "fsn1,nbg1", 0, ""),
        (
            "cx23,cx24",
            "fsn1",
            3,
            "server type \"cx24\" from --type not found",
        ),
        ("cax11", "fsn1,ash", 4, "from --type is not offered in ash"),
        (",", "fsn1", 2, "it must not be empty (from --type)"),
    ] {
        let args = ["setup", "--yes", "--type", types, "--location", locations];
        let run = user.hcc(&args).await;

        assert_eq!(run.code, Some(exit), "{types} {locations}: {run:?}");
        assert!(run.err.contains(message), "{types} {locations}: {run:?}");
    }
    let get = user.ok(&["config", "get", "type"]).await;
    assert_eq!(get, "cx23,cpx22\n");
    for (variable, check, found) in [
        ("cx23,cpx22", "ok", "cx23, cpx22, fsn1, nbg1 can be ordered"),
        ("cx23,cx24", "warning", "\"cx24\" from HCC_TYPE not found"),
        (",", "failed", "server type \",\" from HCC_TYPE not found"),
    ] {
        let mut doctor = user.command(&["doctor", "-o", "json"]);
        doctor.env("HCC_TYPE", variable);

        let run = Run::of(doctor).await;

        let findings: Value = serde_json::from_str(&run.out).unwrap();
        let mut findings = findings.as_array().unwrap().iter();
        let defaults = findings.find(|it| it["about"] == "defaults").unwrap();
        assert_eq!(defaults["check"], check, "{variable}: {defaults}");
        let text = defaults["finding"].as_str().unwrap();
        assert!(text.contains(found), "{variable}: {text}");
    }
    let mut create = user.command(&["create", "web1"]);
    create.env("HCC_IMAGE", "nonsense");
    let create = Run::of(create).await;
    let (code, text) = create.failure();
    assert_eq!(code, 3);
    assert!(
        text.starts_with("hcc: image \"nonsense\" from HCC_IMAGE not found"),
        "{text}"
    );
}

#[tokio::test]
async fn hint_names_the_source_of_the_token() {
    let user = User::of(Sim::builder()).await;
    let wrong = user.write("token", "canary-token-wrong");
    let config = user.path(CONFIG);
    let hcloud = user.write(
        ".config/hcloud/cli.toml",
        "active_context = \"prod\"\n[[contexts]]\nname = \"prod\"\ntoken = \"canary-token-wrong\"\n",
    );
    let list = |args: &[&str], variable: Option<(&str, &str)>| {
        let mut command = user.command_without_token(&[args, &["list"]].concat());
        command.envs(variable);
        Run::of(command)
    };

    let variable = list(&[], Some(("HCLOUD_TOKEN", "canary-token-wrong"))).await;
    let file = list(&["--token-file", wrong.to_str().unwrap()], None).await;
    let command = list(&[], Some(("HCC_TOKEN_COMMAND", "echo canary-token-wrong"))).await;
    let context = list(&[], None).await;
    user.write(
        CONFIG,
        &format!(
            "token = \"canary-token-wrong\"\n[profile.none]\n[profile.work]\ntoken = \
             \"canary-token-bad\"\nendpoint = {:?}\n",
            user.sim.endpoint()
        ),
    );
    let settings = list(&[], None).await;
    let profile = list(&["--profile", "work"], None).await;
    let none = list(&["--profile", "none"], None).await;

    for (run, hint) in [
        (
            variable,
            "the token is from HCLOUD_TOKEN; set another one there".to_owned(),
        ),
        (
            file,
            format!(
                "the token is from {} (token_file of --token-file); write another one there",
                wrong.display()
            ),
        ),
        (
            command,
            "the token is from the token_command of HCC_TOKEN_COMMAND; check what it prints"
                .to_owned(),
        ),
        (
            context,
            format!(
                "the token is from context prod in {}; replace it there, or run hcc setup",
                hcloud.display()
            ),
        ),
        (
            settings,
            format!(
                "the token is from {}; run hcc setup to set another one",
                config.display()
            ),
        ),
        (
            profile,
            format!(
                "the token is from profile work in {}; run hcc --profile work setup to set another one",
                config.display()
            ),
        ),
        (none, "run hcc --profile none setup".to_owned()),
    ] {
        assert_eq!(run.code, Some(5), "{run:?}");
        assert!(
            run.err.contains(&format!("hint: {hint}\n")),
            "{hint}: {run:?}"
        );
        assert!(!run.err.contains("canary"), "{run:?}");
    }
}

#[tokio::test]
async fn doctor_warns_of_defaults_that_cannot_be_ordered() {
    let user = User::of(Sim::builder()).await;
    user.write(CONFIG, "type = \"cx22\"\nlocation = \"fsn1\"\n");

    let run = user.hcc(&["doctor", "-o", "json"]).await;

    let findings: Value = serde_json::from_str(&run.out).unwrap();
    let defaults = findings.as_array().unwrap().iter();
    let defaults = defaults.filter(|found| found["about"] == "defaults");
    let defaults = defaults.collect::<Vec<_>>();
    assert_eq!(defaults[0]["check"], "warning", "{run:?}");
    let found = defaults[0]["finding"].as_str().unwrap();
    assert!(
        found.contains("is deprecated") && found.contains(CONFIG),
        "{found}"
    );
}

#[tokio::test]
async fn server_whose_name_is_digits_is_found() {
    let user = User::of(Sim::builder().server("12345", &[("managed", "1")])).await;

    let id = user.id("12345").await;
    user.ok(&["sync", "12345"]).await;
    user.ok(&["stop", "12345"]).await;
    user.ok(&["create", "67890"]).await;
    user.ok(&["kill", "12345", "-y"]).await;
    let of_id = user.hcc(&["stop", &id.to_string()]).await;

    assert_eq!(
        of_id.failure().0,
        3,
        "servers are known by their names only"
    );
    let left = user
        .ok(&["list", "-o", "noheader", "-o", "columns=name"])
        .await;
    assert_eq!(left, "67890\n");
}
