//! Sources of settings, and changing them.

use std::fs;

use hcloud_sim::Sim;
use serde_json::Value;

use crate::user::{Run, TOKEN, User, mode, set_mode};

const CONFIG: &str = ".config/hcc/config.toml";

#[tokio::test]
async fn setup_in_a_script_writes_a_private_file() {
    let user = User::of(Sim::builder()).await;

    user.ok(&[
        "setup",
        "--type",
        "cx23",
        "--location",
        "fsn1-dc14",
        "--prefix",
        "m-",
    ])
    .await;

    let path = user.path(CONFIG);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(text.contains(&format!("token = \"{TOKEN}\"")), "{text}");
    let created = Run::of(user.command_without_token(&["create", "m-web1"])).await;
    assert_eq!(created.code, Some(0), "{created:?}");
    let refused = Run::of(user.command_without_token(&["create", "web1"])).await;
    assert_eq!(refused.failure().0, 2);
}

#[tokio::test]
async fn setup_writes_nothing_that_the_api_refuses() {
    let user = User::of(Sim::builder()).await;
    let mut wrong = user.command_without_token(&["setup"]);
    wrong.env("HCLOUD_TOKEN", "canary-token-wrong");

    let wrong = Run::of(wrong).await;
    let unknown = user.hcc(&["setup", "--image", "nonsense"]).await;

    assert_eq!(wrong.failure().0, 5);
    assert_eq!(unknown.failure().0, 3);
    assert!(!user.path(CONFIG).exists());
}

#[tokio::test]
async fn settings_of_server_py_are_imported_with_their_token() {
    let token = "t".repeat(64);
    let user = User::of(Sim::builder().read_only_token(&token)).await;
    user.write(
        ".hcloud-console.conf",
        r#"{"token": "tJUYTHDYWPh2E/E1 zJQzZdHUWPjY/uw0", "dc": "fsn1-dc14", "typ": "cx23",
            "os": "debian-13", "label": "ours", "prefix": "m-", "console": "-"}"#,
    );

    let run = Run::of(user.command_without_token(&["setup", "--import"])).await;

    assert_eq!(run.code, Some(0), "{run:?}");
    let text = fs::read_to_string(user.path(CONFIG)).unwrap();
    assert!(
        text.contains(&token) && text.contains("label = \"ours\""),
        "{text}"
    );
    assert!(text.contains("location = \"fsn1\""), "{text}");
}

#[tokio::test]
async fn settings_readable_by_other_users_are_refused() {
    let user = User::of(Sim::builder()).await;
    let path = user.write(CONFIG, &format!("token = \"{TOKEN}\"\n"));
    set_mode(&path, 0o644);

    let run = user.hcc(&["list"]).await;

    let (code, line) = run.failure();
    assert_eq!(code, 5);
    assert!(line.contains("chmod 600"), "{line}");
}

#[tokio::test]
async fn malformed_settings_are_refused_without_printing_the_token() {
    let user = User::of(Sim::builder()).await;
    user.write(CONFIG, &format!("location = \"fsn1\"\ntoken = {TOKEN}\n"));

    let run = user.hcc(&["list"]).await;

    let (code, line) = run.failure();
    assert_eq!(code, 5);
    assert!(line.contains("config.toml, line 2: "), "{line}");
}

#[tokio::test]
async fn token_can_come_from_a_file_a_command_or_the_official_cli() {
    let user = User::of(Sim::builder()).await;
    let file = user.write("token", &format!("{TOKEN}\n"));

    let by_flag = user.command_without_token(&["list", "--token-file", file.to_str().unwrap()]);
    assert_eq!(Run::of(by_flag).await.code, Some(0));

    user.write(
        CONFIG,
        &format!("token_command = 'cat {}'\n", file.display()),
    );
    let by_command = user.command_without_token(&["list"]);
    assert_eq!(Run::of(by_command).await.code, Some(0));

    user.write(CONFIG, "");
    user.write(
        ".config/hcloud/cli.toml",
        &format!(
            "active_context = \"prod\"\n\n[[contexts]]\nname = \"prod\"\ntoken = \"{TOKEN}\"\n"
        ),
    );
    let by_context = user.command_without_token(&["list"]);
    assert_eq!(Run::of(by_context).await.code, Some(0));
    let unknown = user.command_without_token(&["list", "--context", "none"]);
    assert_eq!(Run::of(unknown).await.failure().0, 5);
}

#[tokio::test]
async fn environment_overrides_the_file_and_flags_override_both() {
    let user = User::of(Sim::builder()).await;
    user.write(
        CONFIG,
        &format!("token = \"{TOKEN}\"\nprefix = \"file-\"\n"),
    );
    let run = |args: &[&str]| {
        let mut command = user.command(args);
        command.env("HCC_PREFIX", "env-");
        Run::of(command)
    };

    let by_environment = run(&["create", "web1"]).await;
    let by_flag = run(&["create", "web1", "--prefix", "flag-"]).await;

    assert!(
        by_environment.err.contains("start with env-"),
        "{by_environment:?}"
    );
    assert!(by_flag.err.contains("start with flag-"), "{by_flag:?}");
}

#[tokio::test]
async fn every_setting_can_be_set_in_the_environment() {
    let user = User::of(Sim::builder()).await;
    let mut create = user.command(&["create", "e-web1", "--dry-run", "-o", "json"]);
    create
        .env("HCC_TYPE", "cx33")
        .env("HCC_IMAGE", "debian-12")
        .env("HCC_LOCATION", "fsn1")
        .env("HCC_LABEL", "ours")
        .env("HCC_PREFIX", "e-");

    let create = Run::of(create).await;

    let body = serde_json::from_str::<Value>(&create.out).unwrap()["body"].take();
    assert_eq!(body["server_type"], "cx33");
    assert_eq!(body["image"], "debian-12");
    assert_eq!(body["location"], "fsn1");
    assert!(body["labels"].get("ours").is_some(), "{body}");
}

#[tokio::test]
async fn contexts_have_the_precedence_of_the_official_cli() {
    let user = User::of(Sim::builder()).await;
    let elsewhere = Sim::builder().token("elsewhere").start().await.unwrap();
    user.write(
        ".config/hcloud/cli.toml",
        &format!(
            "active_context = \"\"\n\n[[contexts]]\nname = \"here\"\ntoken = \"{TOKEN}\"\n\n\
             [[contexts]]\nname = \"there\"\ntoken = \"elsewhere\"\n\
             [contexts.preferences]\nendpoint = \"{}\"\n",
            elsewhere.endpoint()
        ),
    );
    let list = |context: &str| {
        let mut list = user.command_without_token(&["list"]);
        list.env("HCLOUD_CONTEXT", context)
            .env("HCLOUD_TOKEN", "wrong");
        list
    };

    let named = Run::of(list("here")).await;
    let mut there = list("there");
    there.env_remove("HCLOUD_ENDPOINT");
    let there = Run::of(there).await;
    let unnamed = Run::of(list("")).await;

    assert_eq!(named.code, Some(0), "{named:?}");
    assert_eq!(there.code, Some(0), "{there:?}");
    assert_eq!(unnamed.failure().0, 5);
}

#[tokio::test]
async fn records_of_two_projects_are_separate() {
    const MANAGED: &[(&str, &str)] = &[("managed", "1")];
    let user = User::of(Sim::builder().server("ours", MANAGED)).await;
    let other = Sim::builder().server("theirs", MANAGED).token("other");
    let other = other.start().await.unwrap();
    user.write(
        CONFIG,
        &format!(
            "[profile.other]\ntoken = \"other\"\nendpoint = \"{}\"\n",
            other.endpoint()
        ),
    );
    user.write(
        ".config/hcloud/cli.toml",
        &format!("[[contexts]]\nname = \"here\"\ntoken = \"{TOKEN}\"\n"),
    );
    let sync = async |project: &[&str]| {
        let mut sync = user.command(project);
        // A variable for the usual project does not apply to a profile.
        sync.args(["sync", "--all", "-o", "noheader", "-o", "columns=name"]);
        sync.env(
            "HCC_STORE",
            format!("sqlite:{}", user.path("usual.db").display()),
        );
        Run::of(sync).await
    };

    let usual = sync(&[]).await;
    let in_profile = sync(&["--profile", "other"]).await;
    let in_context = user
        .ok(&["--context", "here", "list", "--cached", "-o", "json"])
        .await;
    let unknown = user.hcc(&["--profile", "othre", "list"]).await;

    assert_eq!(usual.out, "ours\n", "{usual:?}");
    assert_eq!(in_profile.out, "theirs\n", "{in_profile:?}");
    assert!(user.path(".local/share/hcc/profiles/other/hcc.db").exists());
    assert_eq!(in_context, "[]\n");
    let (code, line) = unknown.failure();
    assert_eq!(code, 5);
    assert!(line.ends_with("profiles: other"), "{line}");
}

#[tokio::test]
async fn setup_adds_a_profile_to_the_file() {
    let user = User::of(Sim::builder()).await;
    user.write(CONFIG, "# mine\nlabel = \"ours\" # for now\n");

    user.ok(&["--profile", "test", "setup", "--type", "cx23"])
        .await;

    let text = fs::read_to_string(user.path(CONFIG)).unwrap();
    assert!(
        text.starts_with("# mine\nlabel = \"ours\" # for now\n\n[profile.test]\n"),
        "{text}"
    );
    let list = user.command_without_token(&["list", "--profile", "test"]);
    assert_eq!(Run::of(list).await.code, Some(0));
}

#[tokio::test]
async fn settings_are_checked_before_they_are_written() {
    let user = User::of(Sim::builder()).await;
    user.write(CONFIG, &format!("token = \"{TOKEN}\"\n"));

    for (args, code, message) in [
        (
            &["config", "set", "label", "a b"][..],
            2,
            "invalid value for label",
        ),
        (&["config", "set", "store", "hcc.db"], 2, "sqlite:PATH"),
        (&["config", "set", "location", "mars1"], 3, "\"mars1\""),
        (&["config", "set", "token", "secret"], 2, "stdin"),
        (&["config", "set", "tokne", "x"], 2, "tokne"),
        (&["config", "unset", "image"], 3, "image is not set"),
    ] {
        let run = user.hcc(args).await;

        assert_eq!(run.code, Some(code), "{args:?}: {run:?}");
        assert!(run.err.contains(message), "{args:?}: {run:?}");
    }
    let text = fs::read_to_string(user.path(CONFIG)).unwrap();
    assert_eq!(text, format!("token = \"{TOKEN}\"\n"));
}

#[tokio::test]
async fn setting_is_set_printed_and_removed() {
    let user = User::of(Sim::builder()).await;

    user.ok(&["config", "set", "location", "hel1"]).await;
    let set = user.ok(&["config", "get", "location"]).await;
    user.ok(&["config", "unset", "location"]).await;
    let unset = user.hcc(&["config", "get", "location"]).await;
    let path = user.ok(&["config", "path"]).await;

    assert_eq!(set, "hel1\n");
    assert_eq!(unset.failure().0, 3);
    assert_eq!(path.trim_end(), user.path(CONFIG).to_str().unwrap());
}

#[tokio::test]
async fn token_is_read_from_standard_input_and_printed_only_on_request() {
    let user = User::of(Sim::builder()).await;
    user.write(CONFIG, "token_command = \"false\"\n");
    let piped = |token: &str| {
        user.bash(&format!(
            "unset HCLOUD_TOKEN; echo {token} | hcc config set token"
        ))
    };

    let wrong = Run::of(piped("canary-tokem")).await;
    let right = Run::of(piped(TOKEN)).await;

    assert_eq!(wrong.failure().0, 5);
    assert_eq!(right.code, Some(0), "{right:?}");
    let text = fs::read_to_string(user.path(CONFIG)).unwrap();
    assert_eq!(text, format!("token = \"{TOKEN}\"\n"));
    let get = |args: &[&str]| Run::of(user.command_without_token(args));
    assert_eq!(get(&["config", "get", "token"]).await.failure().0, 4);
    let list = get(&["config", "list"]).await;
    assert!(
        list.out.contains("(hidden)") && !list.out.contains(TOKEN),
        "{list:?}"
    );
    let shown = get(&["config", "get", "token", "--show-secrets"]).await;
    assert_eq!(shown.out.trim_end(), TOKEN);
}

#[tokio::test]
async fn list_of_settings_has_the_source_of_each() {
    let user = User::of(Sim::builder()).await;
    user.write(
        CONFIG,
        "location = \"hel1\"\nstore = \"mongodb://mary:pw@h/db\"\n",
    );
    let mut list = user.command(&["config", "list", "--prefix", "m-", "-o", "json"]);
    list.env("HCC_TYPE", "cx23");

    let list = Run::of(list).await;

    let list: Value = serde_json::from_str(&list.out).unwrap();
    let of = |key: &str| {
        let all = list.as_array().unwrap();
        let found = all.iter().find(|setting| setting["key"] == key).unwrap();
        (found["value"].as_str(), found["source"].as_str())
    };
    assert_eq!(of("location"), (Some("hel1"), Some("file")));
    assert_eq!(of("type"), (Some("cx23"), Some("HCC_TYPE")));
    assert_eq!(of("prefix"), (Some("m-"), Some("--prefix")));
    assert_eq!(of("label"), (Some("managed"), Some("default")));
    assert_eq!(of("store"), (Some("mongodb://mary@h/db"), Some("file")));
    assert_eq!(of("token"), (None, Some("HCLOUD_TOKEN")));
    assert_eq!(of("image"), (None, None));
}
