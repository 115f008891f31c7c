//! Progress bars.

use std::time::Duration;

use hcloud_sim::Sim;
use serde_json::Value;

use crate::terminal::{CTRL_C, Terminal};
use crate::user::{TOKEN, User};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

async fn owner_of(servers: usize, latency: Duration) -> User {
    let project = Sim::builder().servers(servers, MANAGED).latency(latency);
    let user = User::of(project).await;
    user.write(".config/hcc/config.toml", &format!("token = \"{TOKEN}\"\n"));
    user
}

#[tokio::test]
async fn waiting_shows_a_bar_on_a_terminal_only() {
    let user = owner_of(1, Duration::ZERO).await;

    let (shown, code) = Terminal::with(&user, &["reboot", "server-1"], Terminal::end).await;
    assert_eq!(code, 0, "{shown}");
    assert!(
        shown.contains("reboot server") && shown.contains('%'),
        "{shown}"
    );
    assert!(shown.ends_with("ok\r\n"), "{shown}");

    let quiet = user.hcc(&["reboot", "server-1", "--wait"]).await;
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("ok\n", ""));
}

#[tokio::test]
async fn action_is_waited_for_only_on_request() {
    let user = owner_of(1, Duration::ZERO).await;

    let (shown, code) = Terminal::with(
        &user,
        &["reboot", "server-1", "--no-wait", "-o", "jsonl"],
        Terminal::end,
    )
    .await;
    assert_eq!(code, 0, "{shown}");
    let done: Value = serde_json::from_str(shown.trim()).unwrap();
    assert_eq!(done["actions"][0]["status"], "running");

    let id = done["actions"][0]["id"].to_string();
    let (shown, code) = Terminal::with(
        &user,
        &["action", &id, "--wait", "-o", "columns=status"],
        Terminal::end,
    )
    .await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("success"), "{shown}");
}

#[tokio::test]
async fn sync_of_many_servers_shows_its_progress() {
    let user = owner_of(120, Duration::from_millis(50)).await;
    let sync = ["sync", "--all", "-o", "columns=record"];

    let shown = Terminal::with(&user, &sync, |terminal| {
        terminal.see("fetching servers");
        terminal.see("of 120");
        terminal.see("writing records");
        terminal.end()
    })
    .await;
    assert_eq!(shown.1, 0, "{}", shown.0);

    let quiet = user.hcc(&sync).await;
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn typing_shows_its_progress_and_can_be_cancelled() {
    let user = owner_of(1, Duration::ZERO).await;
    let text = "a".repeat(2000);

    let (shown, code) = Terminal::with(
        &user,
        &["console", "server-1", "--type", &text],
        |terminal| {
            terminal.answer("of 2000 characters", CTRL_C);
            terminal.end()
        },
    )
    .await;

    assert_eq!(code, 130, "{shown}");
    assert!(shown.contains("of 2000 characters: interrupted"), "{shown}");
}
