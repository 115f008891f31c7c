//! What `hcc doctor` finds.

use hcloud_sim::Sim;
use serde_json::Value;

use crate::user::{Run, TOKEN, User};

/// What was found about each thing.
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
async fn all_is_well_while_a_worker_is_alive() {
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
            .contains("reads and writes; from HCLOUD_TOKEN")
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
async fn token_that_only_reads_is_noticed() {
    let user = User::of(Sim::builder().read_only_token("canary-reads")).await;
    let mut doctor = user.command(&["doctor", "-o", "json"]);
    doctor.env("HCLOUD_TOKEN", "canary-reads");

    let run = Run::of(doctor).await;

    assert_eq!(run.code, Some(0), "{run:?}");
    let (check, said) = found(&run)("token");
    assert_eq!(check, "warning");
    assert!(
        said.contains("reads only") && said.contains("make one that writes"),
        "{said}"
    );
}

#[tokio::test]
async fn what_failed_decides_the_exit_code() {
    let user = User::of(Sim::builder()).await;
    let mut wrong = user.command(&["doctor", "-o", "json"]);
    wrong.env("HCLOUD_TOKEN", "canary-token-wrong");
    let mut away = user.command(&["doctor", "-o", "json"]);
    away.env("HCLOUD_ENDPOINT", "http://127.0.0.1:9/v1");

    let (wrong, away, none) = tokio::join!(
        Run::of(wrong),
        Run::of(away),
        Run::of(user.command_without_token(&["doctor", "-o", "json"])),
    );

    for (run, code, about) in [(&wrong, 5, "token"), (&away, 6, "api"), (&none, 5, "token")] {
        let (check, said) = found(run)(about);
        assert_eq!(run.code, Some(code), "{run:?}");
        assert_eq!(check, "failed", "{said}");
        assert_eq!(found(run)("records").0, "ok");
        assert!(!run.out.contains("canary"), "{run:?}");
    }
    assert!(found(&none)("token").1.contains("hcc setup"));
}

#[tokio::test]
async fn people_read_a_line_for_each_thing_and_what_to_do() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["push", "explode", "web1"]).await;

    let run = user.hcc(&["doctor"]).await;

    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.out.contains("\nok       queue     1 wait (SQLite "),
        "{}",
        run.out
    );
    let last = "warning  worker    none was heard for 11 s\n                   → only the queue \
                needs one; to start it: hcc worker\n";
    assert!(run.out.ends_with(last), "{}", run.out);
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_a_finding() {
    let user = User::of(Sim::builder()).await;
    user.write(".config/hcc/config.toml", "locatoin = \"fsn1\"\n");

    let run = user.hcc(&["doctor", "-o", "json"]).await;

    let (check, said) = found(&run)("settings");
    assert_eq!((run.code, check.as_str()), (Some(5), "failed"));
    assert!(said.contains("locatoin"), "{said}");
}
