//! Confirmation of what cannot be undone.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use hcloud_sim::{Builder, Sim};

use crate::terminal::{CTRL_C, RETURN, Terminal};
use crate::user::{Run, TOKEN, User};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

/// A user with the token in the settings file.
async fn owner(project: Builder) -> User {
    let user = User::of(project).await;
    user.write(".config/hcc/config.toml", &format!("token = \"{TOKEN}\"\n"));
    user
}

async fn owner_of_web1() -> User {
    owner(Sim::builder().server("web1", MANAGED)).await
}

#[tokio::test]
async fn kill_shows_the_server_and_asks_for_its_name() {
    let user = owner_of_web1().await;
    let id = user.id("web1").await.to_string();

    let (_, code) = Terminal::with(&user, &["kill", "web1"], move |terminal| {
        terminal.see("This deletes web1 and its disk:");
        for fact in [
            "id",
            &id,
            "status",
            "running",
            "address",
            "age",
            "price",
            "per month with VAT, server only",
        ] {
            terminal.see(fact);
        }
        terminal.see("protected");
        terminal.answer("Type its name to confirm: ", &format!("web1{RETURN}"));
        terminal.end()
    })
    .await;

    assert_eq!(code, 0);
    assert_eq!(user.ok(&["list", "-o", "json"]).await, "[]\n");
}

#[tokio::test]
async fn kill_does_nothing_without_the_right_name() {
    let user = owner_of_web1().await;

    for (answer, expected) in [("y", 4), ("", 4), ("web", 4)] {
        let answer = format!("{answer}{RETURN}");
        let (rest, code) = Terminal::with(&user, &["kill", "web1"], move |terminal| {
            terminal.answer("Type its name to confirm: ", &answer);
            terminal.end()
        })
        .await;

        assert_eq!(code, expected, "{rest}");
        assert!(rest.contains("aborted"), "{rest}");
    }
    assert_eq!(user.requests("DELETE", ""), 0);
}

#[tokio::test]
async fn kill_without_a_terminal_needs_yes() {
    let user = owner_of_web1().await;

    let refused = user.hcc(&["kill", "web1"]).await;
    assert_eq!(
        refused.failure(),
        (
            4,
            "hcc: confirmation required but stdin is not a terminal (declined)\nhint: pass --yes"
        )
    );
    assert_eq!(user.requests("DELETE", ""), 0);

    user.ok(&["kill", "web1", "--yes"]).await;
    assert_eq!(user.requests("DELETE", ""), 1);
}

#[tokio::test]
async fn pruning_names_the_records_and_asks() {
    let user = owner(
        Sim::builder()
            .server("web1", MANAGED)
            .server("web2", MANAGED),
    )
    .await;
    user.ok(&["sync", "--all"]).await;
    let elsewhere = &["kill", "web2", "--yes", "--store", "memory:"];
    user.ok(elsewhere).await;
    let known = || user.ok(&["list", "-o", "columns=name,known"]);

    let (rest, code) = Terminal::with(&user, &["sync", "--prune"], |terminal| {
        terminal.answer("no longer exist: web2? (y/N) ", RETURN);
        terminal.end()
    })
    .await;

    assert_eq!(code, 4, "{rest}");
    assert!(known().await.contains("web2"));
    user.ok(&["sync", "--prune"]).await;
    assert!(!known().await.contains("web2"));
}

#[tokio::test]
async fn pruning_with_the_token_of_another_project_needs_force() {
    let user = owner(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["sync", "--all"]).await;
    user.ok(&["kill", "web1", "--yes", "--store", "memory:"])
        .await;

    let refused = user.hcc(&["sync", "--prune", "--yes"]).await;

    let (code, line) = refused.failure();
    assert_eq!(code, 4, "{line}");
    assert!(line.contains("(other_project)"), "{line}");
    let removed = user.ok(&["sync", "--prune", "--force"]).await;
    assert!(removed.contains("web1  removed"), "{removed}");
}

#[tokio::test]
async fn names_with_the_token_of_another_project_need_force() {
    for verb in [&["sync", "web1"][..], &["kill", "web1", "--yes"]] {
        // So that the ids differ in the two projects.
        let user = owner(Sim::builder().server("first", &[]).server("web1", MANAGED)).await;
        user.ok(&["sync", "--all"]).await;
        let other = Sim::builder().server("theirs", MANAGED).token(TOKEN);
        let other = other.start().await.unwrap();
        let there = |args: &[&str]| {
            let mut hcc = user.command(args);
            hcc.env("HCLOUD_ENDPOINT", other.endpoint());
            Run::of(hcc)
        };

        let refused = there(verb).await;

        let (code, line) = refused.failure();
        assert_eq!(code, 4, "{line}");
        assert!(line.contains("(other_project)"), "{line}");
        assert!(line.contains("--force"), "{line}");
        let cached = || user.ok(&["list", "--cached", "-o", "noheader"]);
        assert!(cached().await.contains("web1"));
        let forced = there(&[verb, &["--force"]].concat()).await;
        assert_eq!(forced.code, Some(0), "{forced:?}");
        assert_eq!(cached().await, "");
    }
}

#[tokio::test]
async fn powering_off_asks_for_confirmation() {
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
async fn create_shows_the_price_before_the_request() {
    let user = owner(Sim::builder()).await;

    let (rest, code) = Terminal::with(&user, &["create", "web1"], |terminal| {
        terminal.see("web1: ");
        terminal.see(" with an IPv4 address, ");
        terminal.see(" per hour, at most 4.75 EUR per month");
        terminal.end()
    })
    .await;

    assert_eq!(code, 0, "{rest}");
    assert!(rest.ends_with("ok\r\n"), "{rest}");

    for (args, price) in [
        (&["--without-ipv4"][..], "at most 4.15 EUR per month"),
        (&["--backups"], "at most 5.58 EUR per month"),
        (
            &["--backups", "--without-ipv4"],
            "at most 4.98 EUR per month",
        ),
    ] {
        let args = [&["--dry-run", "create", "web2"], args].concat();
        let (shown, _) = Terminal::with(&user, &args, Terminal::end).await;
        assert!(shown.contains(price), "{args:?}: {shown}");
    }

    user.fault("odd=/pricing/primary_ips GET /v1/pricing");
    let args = ["--dry-run", "create", "web2"];
    let (shown, _) = Terminal::with(&user, &args, Terminal::end).await;
    assert!(shown.contains(", server only: "), "{shown}");
}

#[tokio::test]
async fn ctrl_c_at_a_question_does_nothing() {
    let user = owner_of_web1().await;

    Terminal::with(&user, &["kill", "web1"], |terminal| {
        terminal.answer("Type its name to confirm: ", CTRL_C);
        terminal.end_by_signal();
    })
    .await;

    assert_eq!(user.requests("DELETE", ""), 0);
}

#[tokio::test]
async fn ctrl_c_at_a_later_question_ends_it() {
    let project = ["web1", "web2"]
        .into_iter()
        .fold(Sim::builder(), |sim, name| sim.server(name, MANAGED));
    let user = owner(project).await;
    for (verb, question, answer) in [
        ("passwd", "(y/N) ", "y"),
        ("force", "(y/N) ", "y"),
        ("kill", "Type its name to confirm: ", "web1"),
    ] {
        let before = user.sim.requests().len();
        let answer = format!("{answer}{RETURN}");

        Terminal::with(&user, &[verb, "web1", "web2"], move |terminal| {
            terminal.answer(question, &answer);
            terminal.answer(question, CTRL_C);
            terminal.end_by_signal();
        })
        .await;

        let requests = user.sim.requests().split_off(before);
        let changes = requests.iter().filter(|it| it.method != "GET");
        assert_eq!(changes.count(), 1, "{verb}: {requests:?}");
    }
}

#[tokio::test]
async fn argument_that_is_no_text_is_refused() {
    let user = owner_of_web1().await;
    for (args, message) in [
        (&["notify"][..], "UTF-8"),
        (&["kill", "--yes"], "UTF-8"),
        (&["-o", "json", "start"], "UTF-8"),
        (&["servers"], "did you mean list?"),
    ] {
        let mut command = user.command(args);
        command.arg(OsStr::from_bytes(b"web1\xff"));

        let run = Run::of(command).await;

        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.err.contains(message), "{run:?}");
    }
    assert_eq!(user.sim.requests().len(), 0);
}

#[tokio::test]
async fn nothing_is_selected_by_an_empty_text() {
    let user = owner_of_web1().await;
    user.ok(&["push", "stop", "web1"]).await;
    user.ok(&["sync", "--all"]).await;
    user.ok(&["schedule", "add", "web1", "stop", "--at", "20:00"])
        .await;
    let create = ["create", "web2", "--network", ""];
    for (args, code, message) in [
        (
            &["kill", "-l", "", "--yes"][..],
            2,
            "an empty one would select all",
        ),
        (&["stop", "-l", " "], 2, "an empty one would select all"),
        (&["passwd", "-l", ""], 2, "an empty one would select all"),
        (&["schedule", "remove", ""], 2, "a value is required"),
        (&["queue", "drop", ""], 2, "a value is required"),
        (&["queue", "show", ""], 3, "no command"),
        (&create, 3, "network"),
        (&["iso", "attach", "web1", ""], 3, "ISO"),
        (&["rescue", "enable", "web1", "--ssh-key", ""], 3, "SSH key"),
    ] {
        let run = user.hcc(args).await;

        let (actual, text) = run.failure();
        assert_eq!(actual, code, "{args:?}: {text}");
        assert!(text.contains(message), "{args:?}: {text}");
    }
    let changes = user.sim.requests();
    let changes = changes.iter().filter(|it| it.method != "GET");
    assert_eq!(changes.count(), 0);
}

#[tokio::test]
async fn terminal_shows_what_is_needed_next() {
    let user = owner(Sim::builder()).await;
    for (args, shown) in [
        (
            &["create", "web1"][..],
            &[
                "address",
                "ssh root@",
                "hcc password web1",
                "hcc console web1 --open",
            ][..],
        ),
        (&["stop", "web1"], &["hcc start web1"]),
        (&["start", "web1"], &["address", "hcc console web1 --open"]),
        (&["kill", "web1", "--yes"], &["deleted   web1 (id "]),
    ] {
        let (text, code) = Terminal::with(&user, args, Terminal::end).await;
        assert_eq!(code, 0, "{text}");
        for part in shown {
            assert!(text.contains(part), "{args:?}: {text}");
        }
    }
}

#[tokio::test]
async fn nothing_else_shows_what_is_needed_next() {
    let user = owner(Sim::builder()).await;
    for (number, flags) in [&["--quiet"][..], &["-o", "json"], &["-o", "noheader"]]
        .into_iter()
        .enumerate()
    {
        let name = format!("web{number}");
        let create = [&["create", &*name], flags].concat();
        let (text, code) = Terminal::with(&user, &create, Terminal::end).await;
        assert_eq!(code, 0, "{text}");
        assert!(!text.contains("hcc password"), "{text}");
    }
    let piped = user.hcc(&["create", "piped"]).await;
    assert_eq!((&*piped.out, &*piped.err), ("ok\n", ""));
}
