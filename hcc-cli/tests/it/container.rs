//! `hcc` as the first process of a container, to which the kernel delivers only caught signals.

use std::fs;
use std::time::Duration;

use hcloud_sim::Sim;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{interval, timeout};

use crate::user::User;

#[tokio::test]
#[ignore = "needs noVNC, and root to create a PID namespace"]
async fn each_long_running_verb_ends_by_a_signal() {
    let user = User::of(Sim::builder().server("web1", &[("managed", "1")])).await;
    for verb in [
        "next",
        "wait",
        "events",
        "page --listen 127.0.0.1:0",
        "console web1 --vnc 0",
        "push stop web1 --wait",
    ] {
        for signal in [Signal::INT, Signal::TERM] {
            let script = format!("exec unshare --fork --pid --kill-child hcc {verb}");
            let mut unshare = user.bash(&script).spawn().unwrap();
            let id = unshare.id().unwrap();
            let ended = async {
                let mut attempts = interval(Duration::from_millis(10));
                loop {
                    tokio::select! {
                        status = unshare.wait() => return status.unwrap().code(),
                        _ = attempts.tick() => {}
                    }
                    if let Some(hcc) = child_of(id) {
                        let _ = kill_process(hcc, signal);
                    }
                }
            };

            let code = timeout(Duration::from_secs(60), ended).await;

            let expected = 128 + signal.as_raw();
            assert_eq!(code, Ok(Some(expected)), "{verb} {signal:?}");
        }
    }
}

/// Returns the child of `unshare`, once it is `hcc`.
fn child_of(id: u32) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
    let child: i32 = children.trim().parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
    Pid::from_raw(child).filter(|_| name == "hcc\n")
}
