//! The program: its output and its exit.

use std::process::{Command, Stdio};

fn hcloud_sim(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hcloud-sim"));
    command.args(args);
    command
}

#[test]
fn command_runs_with_the_simulator_in_its_environment() {
    let output = hcloud_sim(&["--token", "secret", "--", "sh", "-c"])
        .arg("echo $HCLOUD_ENDPOINT $HCLOUD_TOKEN; exit 7")
        .output()
        .unwrap();

    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("http://127.0.0.1:"), "{said}");
    assert!(said.ends_with("/v1 secret\n"), "{said}");
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn errors_are_printed_on_one_line() {
    for (args, said) in [
        (
            &["--listen", "192.0.2.1:1"][..],
            "hcloud-sim: failed to listen on 192.0.2.1:1: ",
        ),
        (
            &["--", "no-such-program"],
            "hcloud-sim: failed to run no-such-program: ",
        ),
    ] {
        let output = hcloud_sim(args).output().unwrap();

        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.starts_with(said), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn invalid_options_are_rejected() {
    for args in [
        ["--fault", "explode"],
        ["--speed", "0"],
        ["--rate-limit", "few"],
        ["--label", "env"],
    ] {
        let status = hcloud_sim(&args).output().unwrap().status;

        assert_eq!(status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn program_can_exit_with_its_standard_input() {
    let mut process = hcloud_sim(&["--until-stdin-closes"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();

    // Waiting for a process closes its standard input first.
    let status = process.wait().unwrap();

    assert_eq!(status.code(), Some(0));
}
