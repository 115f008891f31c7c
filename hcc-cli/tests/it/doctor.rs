//! The findings of `hcc doctor`.

use hcloud_sim::Sim;
use serde_json::Value;

use crate::user::{Run, TOKEN, User};

/// Looks up a finding: its result, and its text with the advice.
fn found(run: &Run) -> impl Fn(&str) -> (String, String) {
    let findings: Value = serde_json::from_str(&run.out).unwrap();
    move |about| {
        let mut all = findings.as_array().unwrap().iter();
        let finding = all.find(|finding| finding["about"] == about);
        let finding = finding.unwrap_or_else(|| panic!("nothing about {about}: {findings}"));
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        (
            text("check"),
            format!("{} {}", text("finding"), text("advice")),
        )
    }
}

#[tokio::test]
async fn all_checks_pass_while_a_worker_runs() {
    let user = User::of(Sim::builder()).await;
    let _worker = user.command(&["worker"]).spawn().unwrap();

    let run = user.hcc(&["doctor", "-o", "json"]).await;

    assert_eq!(run.code, Some(0), "{run:?}");
    let found = found(&run);
    for about in [
        "settings", "token", "api", "clock", "records", "queue", "worker",
    ] {
        assert_eq!(found(about).0, "ok", "{about}: {}", found(about).1);
    }
    assert!(
        found("token")
            .1
            .contains("read and write; from HCLOUD_TOKEN")
    );
    assert!(found("records").1.contains("SQLite 3."));
    assert!(!run.out.contains(TOKEN));
    assert!(
        user.sim
            .requests()
            .iter()
            .all(|request| request.path != "/servers")
    );
}

#[tokio::test]
async fn read_only_token_is_a_warning() {
    let user = User::of(Sim::builder().read_only_token("canary-reads")).await;
    let mut doctor = user.command(&["doctor", "-o", "json"]);
    doctor.env("HCLOUD_TOKEN", "canary-reads");

    let run = Run::of(doctor).await;

    assert_eq!(run.code, Some(0), "{run:?}");
    let (check, finding) = found(&run)("token");
    assert_eq!(check, "warning");
    assert!(
        finding.contains("read-only") && finding.contains("create one with write access"),
        "{finding}"
    );
}

#[tokio::test]
async fn failed_checks_determine_the_exit_code() {
    let user = User::of(Sim::builder()).await;
    let mut wrong = user.command(&["doctor", "-o", "json"]);
    wrong.env("HCLOUD_TOKEN", "canary-token-wrong");
    let mut unreachable = user.command(&["doctor", "-o", "json"]);
    unreachable.env("HCLOUD_ENDPOINT", "http://127.0.0.1:9/v1");

    let (wrong, unreachable, none) = tokio::join!(
        Run::of(wrong),
        Run::of(unreachable),
        Run::of(user.command_without_token(&["doctor", "-o", "json"])),
    );

    for (run, code, about) in [
        (&wrong, 5, "token"),
        (&unreachable, 6, "api"),
        (&none, 5, "token"),
    ] {
        let (check, finding) = found(run)(about);
        assert_eq!(run.code, Some(code), "{run:?}");
        assert_eq!(check, "failed", "{finding}");
        assert_eq!(found(run)("records").0, "ok");
        assert!(!run.out.contains("canary"), "{run:?}");
    }
    assert!(found(&none)("token").1.contains("hcc setup"));
}

#[tokio::test]
async fn text_output_has_a_line_for_each_finding_and_hints() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["push", "explode", "web1"]).await;

    let run = user.hcc(&["doctor"]).await;

    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.out.contains("\nok       queue     1 commands in "),
        "{}",
        run.out
    );
    let last = "warning  worker    none has run yet\n                   hint: start one with \
                hcc worker; only the queue needs it\n";
    assert!(run.out.ends_with(last), "{}", run.out);
}

#[tokio::test]
async fn invalid_settings_are_a_finding() {
    let user = User::of(Sim::builder()).await;
    user.write(".config/hcc/config.toml", "locatoin = \"fsn1\"\n");

    let run = user.hcc(&["doctor", "-o", "json"]).await;

    let (check, finding) = found(&run)("settings");
    assert_eq!((run.code, check.as_str()), (Some(5), "failed"));
    assert!(finding.contains("locatoin"), "{finding}");
}

#[tokio::test]
async fn nothing_is_created_and_a_worker_that_never_ran_is_named() {
    let user = User::of(Sim::builder()).await;
    let new = User::of(Sim::builder()).await;
    user.ok(&["push", "sync", "web1"]).await;
    let live = user.path(".local/share/hcc/queue.db-live");
    std::fs::remove_dir_all(&live).unwrap();

    let (plain, dry, first) = tokio::join!(
        user.hcc(&["doctor", "-o", "json"]),
        user.hcc(&["--dry-run", "doctor", "-o", "json"]),
        new.hcc(&["doctor", "-o", "json"]),
    );

    for run in [plain, dry, first] {
        let (check, text) = found(&run)("worker");
        assert_eq!(check, "warning");
        assert!(text.starts_with("none has run yet"), "{text}");
    }
    assert!(!live.exists());
    assert!(!new.path(".local").exists());
}
