//! URLs of databases with a password, and where they may be.

use std::fs;

use hcloud_sim::Sim;

use crate::user::{Run, User};

const CONFIG: &str = ".config/hcc/config.toml";
/// Nothing listens on the discard port of this machine.
const STORE: &str = "mongodb://mary:canary@127.0.0.1:9/hetzner";
const QUEUE: &str = "redis://:canary@127.0.0.1:9";

#[tokio::test]
async fn password_in_an_argument_is_refused() {
    let user = User::of(Sim::builder()).await;
    let store = format!("--store={STORE}");
    for args in [
        &["list", "--cached", "--store", STORE][..],
        &["list", "--cached", &store],
        &["types", "--store", "mongodb://h/db?proxyPassword=canary"],
        &["types", "--store", "mongodb:mary:canary@h/db?x=http://y"],
        &["queue", "list", "--queue", QUEUE],
        &["queue", "list", "--queue", "redis://canary@h"],
        &[
            "queue",
            "list",
            "--queue",
            "redis+unix:///run/r.sock?pass=canary",
        ],
        &["config", "set", "store", STORE],
        &["config", "set", "queue", QUEUE],
        &["setup", "--store", STORE],
    ] {
        let run = user.hcc(args).await;

        let (code, line) = run.failure();
        assert_eq!(code, 2, "{args:?}");
        assert!(line.contains("cannot be passed as an argument"), "{line}");
        assert!(!line.contains("canary"), "{line}");
    }
    assert!(!user.path(CONFIG).exists());
    let harmless = user
        .hcc(&["types", "--store", "mongodb://mary@h/db?tls=true"])
        .await;
    assert_eq!(harmless.code, Some(0), "{harmless:?}");
}

#[tokio::test]
async fn password_is_accepted_from_everywhere_else() {
    let user = User::of(Sim::builder()).await;
    let list = || user.command(&["list", "--cached"]);
    let mut variable = list();
    variable.env("HCC_STORE", STORE);
    let mut command = list();
    command.env("HCC_STORE_COMMAND", format!("echo '{STORE}'"));
    let mut runs = vec![
        (Run::of(variable).await, "HCC_STORE"),
        (Run::of(command).await, "HCC_STORE_COMMAND"),
    ];
    user.write(CONFIG, &format!("store = \"{STORE}\"\n"));
    runs.push((Run::of(list()).await, "config.toml"));
    user.write(CONFIG, &format!("store_command = \"echo {STORE}\"\n"));
    runs.push((Run::of(list()).await, "config.toml"));
    let piped = user.bash(&format!("echo '{STORE}' | hcc config set store"));
    let piped = Run::of(piped).await;
    assert_eq!(piped.code, Some(0), "{piped:?}");
    let text = fs::read_to_string(user.path(CONFIG)).unwrap();
    assert_eq!(text, format!("store = \"{STORE}\"\n"));
    runs.push((Run::of(list()).await, "config.toml"));

    for (run, origin) in runs {
        let (code, text) = run.failure();
        assert_eq!(code, 6, "{origin}: {text}");
        assert!(
            text.starts_with(
                "hcc: mongodb://mary@127.0.0.1:9/hetzner does not answer: 127.0.0.1:9: Connection \
                 refused"
            ),
            "{text}"
        );
        assert!(
            text.contains("the URL is from ") && text.contains(origin),
            "{text}"
        );
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn command_leads_to_the_queue_too() {
    let user = User::of(Sim::builder()).await;
    user.write(
        CONFIG,
        "queue_command = \"echo redis://:canary@127.0.0.1:9\"\n",
    );

    let run = user.hcc(&["queue", "list"]).await;
    let listed = user.hcc(&["config", "list"]).await;

    let (code, text) = run.failure();
    assert_eq!(code, 6, "{text}");
    assert!(
        text.starts_with("hcc: redis://127.0.0.1:9 does not answer"),
        "{text}"
    );
    assert!(listed.out.contains("queue_command"), "{listed:?}");
}

#[tokio::test]
async fn command_that_fails_is_reported_and_runs_once() {
    let user = User::of(Sim::builder().server("web1", &[("managed", "1")])).await;
    let count = user.path("count");
    let list = async |command: &str| {
        let mut list = user.command(&["sync", "--all"]);
        list.env("HCC_STORE_COMMAND", command);
        Run::of(list).await
    };

    let file = user.path("hcc.db");
    let counting = format!(
        "echo x >> {}; echo sqlite:{}",
        count.display(),
        file.display()
    );
    assert_eq!(list(&counting).await.code, Some(0));
    assert_eq!(fs::read_to_string(count).unwrap(), "x\n");
    assert!(file.exists());
    for (command, message) in [
        ("exit 3", "store_command failed: exit status: 3"),
        ("true", "store_command failed: it printed nothing"),
        ("echo canary", "invalid store URL"),
    ] {
        let run = list(command).await;
        let (_, text) = run.failure();
        assert!(text.contains(message) && !text.contains("canary"), "{text}");
    }
}
