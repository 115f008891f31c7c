//! The claims of `docs/migrating-from-server.py.md`.

use std::fs;
use std::path::Path;

use hcloud_sim::Sim;

use crate::session::run_session;
use crate::user::{Run, User};

/// The settings file of `server.py`.
const SETTINGS: &str = r#"{"token": "tJUYTHDYWPh2E/E1 zJQzZdHUWPjY/uw0", "dc": "fsn1-dc14",
    "typ": "cx23", "os": "debian-13", "label": "managed", "prefix": "m-", "console": "-"}"#;

async fn user() -> User {
    let user = User::of(Sim::builder()).await;
    user.write(".hcloud-console.conf", SETTINGS);
    user.ok(&["setup", "--import"]).await;
    user
}

#[tokio::test]
async fn replacements_of_all_commands_succeed() {
    let user = user().await;
    let document = document();
    let row = |line: &'_ str| {
        let (_, command) = line.strip_prefix("| `server.py ")?.split_once("| `hcc ")?;
        Some(format!("hcc {}", command.strip_suffix("` |")?))
    };
    let commands: Vec<String> = document.lines().filter_map(row).collect();

    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let run = Run::of(user.bash(&command)).await;
        assert_eq!(run.code, Some(0), "{command}: {run:?}");
    }
}

#[tokio::test]
async fn output_is_as_documented() {
    let user = user().await;
    let shown = blocks(&document(), "console");

    let output = run_session(&user, &shown).await;

    let lines = output.lines().filter(|line| !line.is_empty());
    assert_eq!(lines.collect::<Vec<_>>(), shown.lines().collect::<Vec<_>>());
}

#[tokio::test]
async fn documented_loop_carries_out_commands() {
    let user = user().await;
    for args in [
        &["create", "m-vm1"][..],
        &["push", "stop", "m-vm1"],
        &["push", "kill", "m-vm1"],
    ] {
        user.ok(args).await;
    }
    // One message, then the end of input.
    let once = blocks(&document(), "sh").replace("hcc wait", "echo cmd");

    let run = Run::of(user.bash(&once)).await;

    assert_eq!(
        (run.code, run.out.as_str()),
        (Some(0), "ok\nok\n"),
        "{run:?}"
    );
    assert_eq!(user.ok(&["list", "-o", "json"]).await, "[]\n");
}

fn document() -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    fs::read_to_string(docs.join("migrating-from-server.py.md")).unwrap()
}

/// Returns the code blocks of a document in one language.
fn blocks(document: &str, language: &str) -> String {
    let opening = format!("```{language}\n");
    let blocks = document.split(&opening).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}
