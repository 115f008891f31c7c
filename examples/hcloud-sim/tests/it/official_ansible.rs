//! The collection `hetzner.hcloud` of the `PyPI` package `ansible`.

use std::env;
use std::process::Output;

use tempfile::tempdir;

use crate::simulator::Simulator;

/// Runs the playbook with these arguments, and returns its output.
fn play(simulator: &Simulator, args: &[&str]) -> Output {
    let python = env::var("HCC_TEST_ANSIBLE").unwrap_or_else(|_| "python3".into());
    let playbook = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/ansible/site.yml");
    let home = tempdir().unwrap();
    simulator
        .command(&python)
        .args([
            "-m",
            "ansible",
            "playbook",
            "--inventory",
            "localhost,",
            "--connection",
            "local",
        ])
        .args([
            "--extra-vars",
            &format!("ansible_python_interpreter={python}"),
            playbook,
        ])
        .args(args)
        .env("ANSIBLE_HOME", home.path())
        .env("ANSIBLE_NOCOLOR", "1")
        .output()
        .expect("Ansible is installed")
}

/// Returns whether all tasks of a run succeeded, and whether one changed something.
fn outcome(output: &Output) -> (bool, bool) {
    let text = String::from_utf8_lossy(&output.stdout);
    let recap = text
        .lines()
        .find(|line| line.contains("changed="))
        .unwrap_or_default();
    (output.status.success(), !recap.contains(" changed=0 "))
}

#[test]
#[ignore = "needs PyPI's ansible, named by HCC_TEST_ANSIBLE"]
fn playbook_with_all_modules_is_idempotent() {
    let simulator = Simulator::start(&["--servers", "0", "--rate-limit", "off"]);

    for (args, changes) in [
        (&[][..], true),
        (&[], false),
        (&["--check"], false),
        (&["--extra-vars", "state=absent"], true),
    ] {
        let output = play(&simulator, args);

        assert_eq!(
            outcome(&output),
            (true, changes),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}
