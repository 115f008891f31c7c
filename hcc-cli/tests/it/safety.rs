//! What is asked before something is done that cannot be undone.

use hcloud_sim::{Builder, Sim};

use crate::terminal::{CTRL_C, RETURN, Terminal};
use crate::user::{TOKEN, User};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

/// Somebody whose settings hold the token.
async fn owner(project: Builder) -> User {
    let user = User::of(project).await;
    user.write(".config/hcc/config.toml", &format!("token = \"{TOKEN}\"\n"));
    user
}

async fn owner_of_web1() -> User {
    owner(Sim::builder().server("web1", MANAGED)).await
}

#[tokio::test]
async fn kill_shows_what_it_deletes_and_wants_its_name() {
    let user = owner_of_web1().await;
    let id = user.id("web1").await.to_string();

    let (_, code) = Terminal::with(&user, &["kill", "web1"], move |terminal| {
        terminal.see("This deletes web1 with its disk:");
        for fact in [
            "id", &id, "status", "running", "address", "age", "price", "a month",
        ] {
            terminal.see(fact);
        }
        terminal.see("protected");
        terminal.answer("Type its name to go on: ", &format!("web1{RETURN}"));
        terminal.end()
    })
    .await;

    assert_eq!(code, 0);
    assert_eq!(user.ok(&["list", "-o", "json"]).await, "[]\n");
}

#[tokio::test]
async fn kill_does_nothing_without_the_right_name() {
    let user = owner_of_web1().await;

    for (answer, wanted) in [("y", 4), ("", 4), ("web", 4)] {
        let answer = format!("{answer}{RETURN}");
        let (rest, code) = Terminal::with(&user, &["kill", "web1"], move |terminal| {
            terminal.answer("Type its name to go on: ", &answer);
            terminal.end()
        })
        .await;

        assert_eq!(code, wanted, "{rest}");
        assert!(rest.contains("nothing was done"), "{rest}");
    }
    assert_eq!(user.requests("DELETE", ""), 0);
}

#[tokio::test]
async fn kill_needs_yes_where_nobody_can_be_asked() {
    let user = owner_of_web1().await;

    let refused = user.hcc(&["kill", "web1"]).await;
    assert_eq!(
        refused.failure(),
        (
            4,
            "hcc: nobody is there to confirm it (declined); use --yes"
        )
    );
    assert_eq!(user.requests("DELETE", ""), 0);

    user.ok(&["kill", "web1", "--yes"]).await;
    assert_eq!(user.requests("DELETE", ""), 1);
}

#[tokio::test]
async fn cut_of_power_wants_a_yes() {
    for verb in ["force", "reset"] {
        let user = owner_of_web1().await;

        for answer in ["", "n"] {
            let answer = format!("{answer}{RETURN}");
            let (rest, code) = Terminal::with(&user, &[verb, "web1"], move |terminal| {
                terminal.answer("(y/N) ", &answer);
                terminal.end()
            })
            .await;
            assert_eq!(code, 4, "{rest}");
        }
        assert_eq!(user.requests("POST", ""), 0);

        let (rest, code) = Terminal::with(&user, &[verb, "web1"], |terminal| {
            terminal.answer("(y/N) ", &format!("y{RETURN}"));
            terminal.end()
        })
        .await;
        assert_eq!(code, 0, "{rest}");
        let (rest, code) = Terminal::with(&user, &[verb, "web1", "--yes"], Terminal::end).await;
        assert_eq!(code, 0, "{rest}");
        assert_eq!(user.requests("POST", ""), 2);
    }
}

#[tokio::test]
async fn dry_run_prints_the_request_and_asks_nothing() {
    let user = owner_of_web1().await;
    let id = user.id("web1").await;

    for (args, request) in [
        (&["kill", "web1"][..], format!("DELETE /servers/{id}")),
        (
            &["force", "web1"],
            format!("POST /servers/{id}/actions/poweroff"),
        ),
        (
            &["reset", "web1"],
            format!("POST /servers/{id}/actions/reset"),
        ),
        (
            &["console", "web1", "--vnc", "0"],
            format!("POST /servers/{id}/actions/request_console"),
        ),
        (
            &["console", "web1", "--type", "x"],
            format!("POST /servers/{id}/actions/request_console"),
        ),
        (&["create", "web2"], "POST /servers".to_owned()),
    ] {
        let args = [&["--dry-run"], args].concat();
        let (shown, code) = Terminal::with(&user, &args, Terminal::end).await;

        assert_eq!(code, 0, "{shown}");
        assert!(shown.contains(&request), "{shown}");
    }
    assert_eq!(user.requests("POST", "") + user.requests("DELETE", ""), 0);
}

#[tokio::test]
async fn create_shows_the_price_before_it_orders() {
    let user = owner(Sim::builder()).await;

    let (rest, code) = Terminal::with(&user, &["create", "web1"], |terminal| {
        terminal.see("web1: ");
        terminal.see(" an hour, ");
        terminal.see(" a month at most");
        terminal.end()
    })
    .await;

    assert_eq!(code, 0, "{rest}");
    assert!(rest.ends_with("ok\r\n"), "{rest}");
}

#[tokio::test]
async fn ctrl_c_at_a_question_does_nothing() {
    let user = owner_of_web1().await;

    Terminal::with(&user, &["kill", "web1"], |terminal| {
        terminal.answer("Type its name to go on: ", CTRL_C);
        terminal.end_by_signal();
    })
    .await;

    assert_eq!(user.requests("DELETE", ""), 0);
}
