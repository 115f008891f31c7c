//! The queue as shell scripts use it, with each database.

use std::time::Duration;

use hcc_queue::{Queue, RawEvent};
use hcloud_sim::Sim;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::interval;

use crate::user::{Run, User};

macro_rules! on_each_queue {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::Shell::on_sqlite().await).await;
            })+
        }

        #[cfg(feature = "mongodb")]
        mod mongodb {
            $(#[tokio::test]
            #[ignore = "needs MongoDB"]
            async fn $case() {
                let fresh = test_services::TestDatabase::new();
                super::$case(super::Shell::on(&fresh.url).await).await;
            })+
        }

        #[cfg(feature = "redis")]
        mod redis {
            $(#[tokio::test]
            #[ignore = "needs Redis"]
            async fn $case() {
                let server = test_services::Redis::shared();
                super::$case(super::Shell::on(&server.fresh_url()).await).await;
            })+
        }
    };
}

on_each_queue! {
    commands_are_pulled_in_order_and_then_none,
    next_waits_for_a_command_and_ignores_messages,
    wait_prints_each_message_as_it_arrives,
    wait_and_next_exit_when_stdout_is_closed,
    control_characters_are_refused,
    dead_letters_are_listed_retried_and_dropped,
    command_in_progress_is_not_dropped,
    wait_for_a_dropped_command_fails,
    wait_for_a_pulled_command_fails,
    events_are_printed_for_people_and_programs,
    bash_loop_drains_the_queue,
    bash_loop_wakes_by_a_pipe,
    bash_loop_wakes_by_a_coprocess,
    two_bash_loops_share_the_commands_of_next,
}

/// A user with a shell and a queue.
struct Shell {
    user: User,
    url: String,
}

impl Shell {
    async fn on_sqlite() -> Self {
        let user = User::of(Sim::builder()).await;
        let url = format!("sqlite:{}", user.path("queue.db").display());
        Self { user, url }
    }

    #[cfg(any(feature = "mongodb", feature = "redis"))]
    async fn on(url: &str) -> Self {
        Self {
            user: User::of(Sim::builder()).await,
            url: url.to_owned(),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.user.command(args);
        command.env("HCC_QUEUE", &self.url);
        command
    }

    async fn hcc(&self, args: &[&str]) -> Run {
        Run::of(self.command(args)).await
    }

    async fn ok(&self, args: &[&str]) -> String {
        let run = self.hcc(args).await;
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{args:?}");
        run.out
    }

    async fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args).await).unwrap()
    }

    async fn bash(&self, script: &str) -> Run {
        let mut bash = self.user.bash(script);
        bash.env("HCC_QUEUE", &self.url);
        Run::of(bash).await
    }

    /// Starts `hcc wait` or `next`, and returns when it is listening.
    async fn listen(&self, args: &[&str]) -> Listener {
        let mut listener = Listener::of(self.command(args));
        let mut ready = [0; 2];
        let stderr = listener.child.stderr.as_mut().unwrap();
        stderr.read_exact(&mut ready).await.unwrap();
        assert_eq!(&ready, b":_");
        listener
    }

    async fn queue(&self) -> Queue {
        hcc_queue::open(&self.url.parse().unwrap()).await.unwrap()
    }
}

struct Listener {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Listener {
    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    async fn line(&mut self) -> String {
        self.lines.next_line().await.unwrap().unwrap()
    }

    /// Sends events until the first line arrives, as `hcc events` does not report when it listens.
    async fn line_of(&mut self, events: &[RawEvent], shell: &Shell) -> String {
        let queue = shell.queue().await;
        let mut resend = interval(Duration::from_millis(20));
        loop {
            tokio::select! {
                line = self.line() => return line,
                _ = resend.tick() => {}
            }
            for event in events {
                queue.events().send(event).await.unwrap();
            }
        }
    }
}

async fn commands_are_pulled_in_order_and_then_none(shell: Shell) {
    assert_eq!(shell.ok(&["push", "console", "m-vm1"]).await, "ok\n");
    assert_eq!(shell.ok(&["push", "sync", "name with space"]).await, "ok\n");
    let args = [
        "push",
        "create",
        "m-vm2",
        "--args",
        r#"{"type":"cx23"}"#,
        "--by",
        "mary",
    ];
    shell.ok(&args).await;

    assert_eq!(shell.ok(&["pull"]).await, "console m-vm1\n");
    assert_eq!(shell.ok(&["pull"]).await, "sync name with space\n");
    let last = shell.json(&["pull", "-o", "json"]).await;
    assert_eq!(last["cmd"], "create");
    assert_eq!(last["for"], "m-vm2");
    assert_eq!(last["args"]["type"], "cx23");
    assert_eq!(last["by"], "mary");
    let none = shell.hcc(&["pull"]).await;
    assert_eq!(
        (none.code, none.out.as_str(), none.err.as_str()),
        (Some(1), "", "")
    );
}

async fn next_waits_for_a_command_and_ignores_messages(shell: Shell) {
    shell.ok(&["push", "start", "m-vm1"]).await;
    assert_eq!(shell.ok(&["next"]).await, "start m-vm1\n");

    let mut next = shell.listen(&["next", ""]).await;
    shell.ok(&["notify", "spurious"]).await;
    shell.ok(&["push", "stop", "m-vm1"]).await;

    assert_eq!(next.line().await, "stop m-vm1");
    assert!(next.child.wait().await.unwrap().success());
    assert_eq!(shell.hcc(&["pull"]).await.code, Some(1));
}

async fn wait_prints_each_message_as_it_arrives(shell: Shell) {
    let mut wait = shell.listen(&["wait", ""]).await;

    shell.ok(&["notify", "one"]).await;
    assert_eq!(wait.line().await, "one");
    shell.ok(&["put", "two", "words"]).await;
    assert_eq!(wait.line().await, "two words");
    shell.ok(&["push", "sync", "m-vm1"]).await;
    assert_eq!(wait.line().await, "cmd");
    let queue = shell.queue().await;
    queue
        .signals()
        .send(&"two\nlines".to_owned())
        .await
        .unwrap();
    assert_eq!(wait.line().await, "two lines");
}

async fn wait_and_next_exit_when_stdout_is_closed(shell: Shell) {
    for verb in ["wait", "next"] {
        let mut waiter = shell.listen(&[verb, ""]).await;

        drop(waiter.lines);

        assert!(waiter.child.wait().await.unwrap().success(), "{verb}");
    }
}

async fn control_characters_are_refused(shell: Shell) {
    for args in [
        ["push", "start\nkill", "m-vm1"],
        ["push", "start", "m-vm1\nkill m-vm2"],
        ["notify", "one", "two\nthree"],
        ["push", "start", ""],
    ] {
        let run = shell.hcc(&args).await;
        assert_eq!(run.failure().0, 2, "{run:?}");
    }
    assert_eq!(shell.hcc(&["pull"]).await.code, Some(1));
}

async fn dead_letters_are_listed_retried_and_dropped(shell: Shell) {
    let queue = shell.queue().await;
    for server in ["m-vm1", "m-vm2"] {
        shell.ok(&["push", "start", server]).await;
        let lease = queue.lease().await.unwrap().unwrap();
        queue
            .commands()
            .bury(lease, &"no such server".into())
            .await
            .unwrap();
    }

    let list = shell.ok(&["queue", "list"]).await;
    let dead = shell.json(&["queue", "list", "-o", "json"]).await;
    let id = dead[0]["id"].as_str().unwrap();

    let row: Vec<&str> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert!(id.starts_with(row[0]), "{list}");
    assert_eq!(row[1..4], ["dead", "start", "m-vm1"]);
    assert!(list.contains("no such server"), "{list}");
    let shown = shell.ok(&["queue", "show", row[0]]).await;
    assert!(
        shown.contains(id) && shown.contains("no such server"),
        "{shown}"
    );

    shell.ok(&["queue", "retry", row[0]]).await;
    assert_eq!(shell.hcc(&["queue", "retry", id]).await.failure().0, 4);
    shell.ok(&["queue", "drop", "--dead"]).await;
    assert_eq!(shell.ok(&["pull"]).await, "start m-vm1\n");
    assert_eq!(
        shell.json(&["queue", "list", "-o", "json"]).await,
        Value::Array(vec![])
    );
    assert_eq!(shell.hcc(&["queue", "show", id]).await.failure().0, 3);
}

async fn command_in_progress_is_not_dropped(shell: Shell) {
    shell.ok(&["push", "start", "m-vm1"]).await;
    let lease = shell.queue().await.lease().await.unwrap().unwrap();

    let run = shell
        .hcc(&["queue", "drop", lease.command.id.as_str()])
        .await;

    assert_eq!(run.failure().0, 4);
    let list = shell.ok(&["queue", "ls"]).await;
    assert!(list.contains("leased"), "{list}");
}

async fn wait_for_a_dropped_command_fails(shell: Shell) {
    wait_fails_after(shell, |id| vec!["queue", "drop", id]).await;
}

async fn wait_for_a_pulled_command_fails(shell: Shell) {
    wait_fails_after(shell, |_| vec!["pull"]).await;
}

/// Pushes a command and waits for it, while another process takes it away.
async fn wait_fails_after(shell: Shell, args: impl Fn(&str) -> Vec<&str>) {
    let mut push = shell.command(&["push", "start", "m-vm1", "--wait"]);
    let push = tokio::spawn(async move { push.output().await.unwrap() });
    let queue = shell.queue().await;
    let mut poll = interval(Duration::from_millis(10));
    let id = loop {
        poll.tick().await;
        if let Some(entry) = queue.list_all().await.unwrap().pop() {
            break entry.command.id.to_string();
        }
    };

    let mut other = shell.command(&args(&id));
    other.env("USER", "mary");
    let other = Run::of(other).await;

    assert_eq!(other.code, Some(0), "{other:?}");
    let push = Run::from(push.await.unwrap());
    let (code, error) = push.failure();
    assert_eq!((code, push.out.as_str()), (4, ""));
    let expected = format!("hcc: command {id} was removed by mary (removed)");
    assert_eq!(error.lines().next(), Some(expected.as_str()));
}

async fn events_are_printed_for_people_and_programs(shell: Shell) {
    let command = hcc_queue::Command::new("start", "m-vm1");
    let event = RawEvent::for_command("done", &command).with("ok", true);
    let mut text = Listener::of(shell.command(&["events", "m-vm1"]));

    let text = text
        .line_of(&[RawEvent::new("worker"), event.clone()], &shell)
        .await;
    let mut json = Listener::of(shell.command(&["events", "-o", "json"]));
    let json = json.line_of(&[event], &shell).await;

    assert_eq!(text, "done m-vm1 ok=true");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["evt"], "done");
    assert_eq!(json["for"], "m-vm1");
    assert_eq!(json["id"], command.id.as_str());
}

async fn bash_loop_drains_the_queue(shell: Shell) {
    let run = shell
        .bash(
            r#"
            hcc push start m-vm1
            hcc push console m-vm2
            while c=$(hcc pull); do
                set -- $c
                echo "doing $1 for $2"
            done
            "#,
        )
        .await;

    let expected = "ok\nok\ndoing start for m-vm1\ndoing console for m-vm2\n";
    assert_eq!((run.out.as_str(), run.code), (expected, Some(0)), "{run:?}");
}

async fn bash_loop_wakes_by_a_pipe(shell: Shell) {
    let run = shell
        .bash(
            r#"
            mkfifo ready
            exec 3<>ready
            hcc wait '' 2>ready | while read -r message; do
                echo "received $message"
                while c=$(hcc pull); do echo "doing $c"; done
                [ "$message" != end ] || break
            done &
            read -rn2 <&3
            hcc push start m-vm1 >/dev/null
            hcc notify end >/dev/null
            wait $!
            "#,
        )
        .await;

    assert_eq!(run.code, Some(0), "{run:?}");
    let mut lines: Vec<&str> = run.out.lines().collect();
    // A pull notifies as well, for the commands behind the one that it removed.
    lines.dedup_by(|later, _| *later == "received cmd");
    assert_eq!(
        lines,
        ["received cmd", "doing start m-vm1", "received end"],
        "{run:?}"
    );
}

async fn bash_loop_wakes_by_a_coprocess(shell: Shell) {
    let run = shell
        .bash(
            r#"
            mkfifo ready
            exec 3<>ready
            coproc WAIT { exec hcc wait '' 2>ready; }
            read -rn2 <&3
            ( hcc push start m-vm1; hcc push stop m-vm1 ) >/dev/null &
            did=0
            while [ $did -lt 2 ]; do
                while c=$(hcc pull); do echo "doing $c"; did=$((did + 1)); done
                [ $did -ge 2 ] || read -r message <&"${WAIT[0]}"
            done
            kill "$WAIT_PID"
            "#,
        )
        .await;

    let expected = "doing start m-vm1\ndoing stop m-vm1\n";
    assert_eq!((run.out.as_str(), run.code), (expected, Some(0)), "{run:?}");
}

async fn two_bash_loops_share_the_commands_of_next(shell: Shell) {
    let run = shell
        .bash(
            r#"
            for loop in 1 2; do
                while c=$(hcc next) && [[ $c != end* ]]; do echo "$c"; done &
            done
            for n in 1 2 3 4 5 6; do hcc push start m-vm$n; done >/dev/null
            for loop in 1 2; do hcc push end $loop; done >/dev/null
            wait
            "#,
        )
        .await;

    let mut lines: Vec<&str> = run.out.lines().collect();
    lines.sort_unstable();
    let expected: Vec<String> = (1..=6).map(|n| format!("start m-vm{n}")).collect();
    assert_eq!(lines, expected, "{run:?}");
}
