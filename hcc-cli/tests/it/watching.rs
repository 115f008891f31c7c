//! `hcc list --watch`.

use hcloud_sim::Sim;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::terminal::{CTRL_C, Terminal};
use crate::user::{Run, TOKEN, User};

async fn owner_of_web1() -> User {
    let user = User::of(Sim::builder().server("web1", &[("managed", "1")])).await;
    user.write(".config/hcc/config.toml", &format!("token = \"{TOKEN}\"\n"));
    user
}

#[tokio::test]
async fn changes_appear_until_ctrl_c() {
    let user = owner_of_web1().await;
    let create = user.command(&["create", "web2", "--wait"]);
    let mut create = create.into_std();

    let (rest, code) = Terminal::with(&user, &["list", "--watch=1s"], move |terminal| {
        terminal.see("web1");
        assert!(create.status().unwrap().success());
        terminal.see("web2");
        terminal.see("web2");
        terminal.press(CTRL_C);
        terminal.end()
    })
    .await;

    assert_eq!(code, 130, "{rest}");
}

#[tokio::test]
async fn a_temporary_failure_is_reported_and_does_not_end_it() {
    let user = owner_of_web1().await;
    let args = ["list", "--watch=1s", "-o", "noheader", "-o", "columns=name"];
    let mut list = user.command(&args).spawn().unwrap();
    let mut names = BufReader::new(list.stdout.take().unwrap()).lines();
    let mut errors = BufReader::new(list.stderr.take().unwrap()).lines();

    let before = names.next_line().await.unwrap();
    user.fault("error=locked GET /v1/servers");
    let error = errors.next_line().await.unwrap().unwrap();
    user.sim.clear_faults();
    user.ok(&["create", "web2"]).await;
    let after = async {
        while let Some(name) = names.next_line().await.unwrap() {
            if name == "web2" {
                return true;
            }
        }
        false
    };

    assert_eq!(before.as_deref(), Some("web1"));
    assert!(error.ends_with("(locked)"), "{error}");
    assert!(after.await);
}

#[tokio::test]
async fn a_lasting_failure_ends_it() {
    let user = owner_of_web1().await;
    let mut list = user.command(&["list", "--watch=1s"]);
    list.env("HCLOUD_TOKEN", "revoked");

    let run = Run::of(list).await;

    assert_eq!(run.failure().0, 5);
}

#[tokio::test]
async fn interval_is_at_least_a_second() {
    let user = owner_of_web1().await;

    for interval in ["0", "0s", "999ms", "-5s"] {
        let run = user.hcc(&["list", &format!("--watch={interval}")]).await;

        let (code, text) = run.failure();
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("expected"), "{text}");
    }
}
