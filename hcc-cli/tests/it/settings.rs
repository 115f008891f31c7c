//! Where settings come from, and how they are set.

use std::fs;

use hcloud_sim::Sim;

use crate::user::{Run, TOKEN, User, mode, set_mode};

const CONFIG: &str = ".config/hcc/config.toml";

#[tokio::test]
async fn setup_writes_what_scripts_give_for_its_owner_alone() {
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
async fn setup_writes_nothing_that_hetzner_does_not_take() {
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
async fn settings_of_the_original_are_imported_with_their_token() {
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
async fn settings_that_others_can_read_are_refused() {
    let user = User::of(Sim::builder()).await;
    let path = user.write(CONFIG, &format!("token = \"{TOKEN}\"\n"));
    set_mode(&path, 0o640);

    let run = user.hcc(&["list"]).await;

    let (code, line) = run.failure();
    assert_eq!(code, 5);
    assert!(line.contains("chmod 600"), "{line}");
}

#[tokio::test]
async fn malformed_settings_are_refused_without_showing_the_token() {
    let user = User::of(Sim::builder()).await;
    user.write(CONFIG, &format!("location = \"fsn1\"\ntoken = {TOKEN}\n"));

    let run = user.hcc(&["list"]).await;

    let (code, line) = run.failure();
    assert_eq!(code, 5);
    assert!(line.starts_with("hcc: line 2 of "), "{line}");
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
async fn environment_wins_over_the_file_and_flags_over_both() {
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
        by_environment.err.contains("begin with env-"),
        "{by_environment:?}"
    );
    assert!(by_flag.err.contains("begin with flag-"), "{by_flag:?}");
}
