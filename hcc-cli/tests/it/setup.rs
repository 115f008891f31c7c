//! `hcc setup` on a terminal.

use std::fs;

use hcloud_sim::Sim;

use crate::terminal::{CTRL_C, DOWN, ESCAPE, RETURN, Terminal};
use crate::user::{Run, TOKEN, User};

const CONFIG: &str = ".config/hcc/config.toml";

/// The questions after that for the token.
const QUESTIONS: [&str; 7] = [
    "Location of new servers",
    "Type of new servers",
    "Image of new servers",
    "Label of managed servers",
    "Prefix of the names of new servers",
    "Database of the records",
    "URL of the console page",
];

#[tokio::test(flavor = "multi_thread")]
async fn values_are_picked_with_arrows_and_by_searching() {
    let user = User::of(Sim::builder()).await;

    let (_, code) = Terminal::with(&user, &["setup"], |terminal| {
        terminal.answer("API token", &format!("{TOKEN}{RETURN}"));
        terminal.answer("Location of new servers", "helsinki");
        terminal.answer("hel1", RETURN);
        terminal.answer("Type of new servers", &format!("{DOWN}{RETURN}"));
        terminal.answer("Image of new servers", "debian-12");
        terminal.answer("Debian 12", RETURN);
        for question in &QUESTIONS[3..] {
            terminal.answer(question, RETURN);
        }
        terminal.end()
    })
    .await;

    let text = fs::read_to_string(user.path(CONFIG)).unwrap();
    assert_eq!(code, 0);
    for line in [
        format!("token = \"{TOKEN}\""),
        "location = \"hel1\"".to_owned(),
        "type = \"c".to_owned(),
        "image = \"debian-12\"".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn return_keeps_every_setting_unchanged() {
    let user = User::of(Sim::builder()).await;
    let text = format!(
        "# of our project\ntoken = \"{TOKEN}\" # until May\nlocation = \"hel1\"\ntype = \"cx33\"\n\
         image = \"4711\"\nlabel = \"ours\"\nprefix = \"m-\"\nconsole = \"https://example.org/\"\n\n\
         [profile.other]\nlabel = \"theirs\"\n"
    );
    user.write(CONFIG, &text);

    let (shown, code) = Terminal::with(&user, &["setup"], |terminal| {
        terminal.answer("Return keeps the current one", RETURN);
        for question in QUESTIONS {
            terminal.answer(question, RETURN);
        }
        terminal.end()
    })
    .await;

    let endpoint = format!("endpoint = \"{}\"\n", user.sim.endpoint());
    let kept = fs::read_to_string(user.path(CONFIG)).unwrap();
    assert_eq!(code, 0, "{shown}");
    assert_eq!(kept.replace(&endpoint, ""), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_after_ctrl_c_or_escape() {
    for key in [CTRL_C, ESCAPE] {
        let user = User::of(Sim::builder()).await;

        let (shown, code) = Terminal::with(&user, &["setup"], move |terminal| {
            terminal.answer("API token", &format!("{TOKEN}{RETURN}"));
            terminal.answer("Location of new servers", RETURN);
            terminal.answer("Type of new servers", key);
            terminal.end()
        })
        .await;

        assert_eq!(code, 130, "{shown}");
        assert!(shown.contains("hcc: interrupted (interrupted)"), "{shown}");
        assert!(!user.path(".config").exists());
        assert!(!user.path(".local").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistyped_token_is_asked_for_again_and_not_printed() {
    let user = User::of(Sim::builder()).await;

    Terminal::with(&user, &["setup"], |terminal| {
        terminal.answer("API token", &format!("canary-tokem{RETURN}"));
        terminal.see("API token");
        terminal.answer("API token", CTRL_C);
        let (shown, _) = terminal.end();
        assert!(!shown.contains("canary"), "{shown}");
    })
    .await;

    assert!(!user.path(CONFIG).exists());
}

#[tokio::test]
async fn failures_in_scripts_say_how_to_pass_a_token() {
    let user = User::of(Sim::builder()).await;
    let none = user.command_without_token(&["setup"]);
    let mut wrong = user.command_without_token(&["setup"]);
    wrong.env("HCLOUD_TOKEN", "canary-token-wrong");
    let mut stored = user.command_without_token(&["setup"]);
    user.write(CONFIG, "token = \"canary-token-old\"\n");
    stored.env("HCC_CONFIG", user.path(CONFIG));

    let runs = [Run::of(stored).await, {
        fs::remove_file(user.path(CONFIG)).unwrap();
        Run::of(none).await
    }];
    let wrong = Run::of(wrong).await;

    for run in runs {
        let (code, text) = run.failure();
        assert_eq!(code, 5);
        assert!(!text.contains("run hcc setup"), "{text}");
        assert!(
            text.contains("in HCLOUD_TOKEN, or the name of a file with --token-file"),
            "{text}"
        );
    }
    assert!(!wrong.failure().1.contains("run hcc setup"), "{wrong:?}");
}

#[tokio::test]
async fn read_only_token_is_set_up_with_a_warning() {
    let user = User::of(Sim::builder().read_only_token("canary-reads")).await;
    let mut reads = user.command_without_token(&["setup"]);
    reads.env("HCLOUD_TOKEN", "canary-reads");

    let reads = Run::of(reads).await;
    let writes = user.hcc(&["setup"]).await;

    assert_eq!(reads.code, Some(0), "{reads:?}");
    let warning = "hcc: warning: the token is read-only: servers can be listed, but not changed\n";
    assert_eq!((&*reads.err, &*writes.err), (warning, ""));
}
