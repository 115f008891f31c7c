//! Hetzner's Ansible collection, out of `PyPI`'s package `ansible`.

use std::env;

use tempfile::tempdir;

use crate::simulator::Simulator;

const PLAYBOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/ansible/site.yml");

/// Runs the playbook with these arguments, and returns how many of its tasks changed something.
///
/// # Panics
///
/// A task failed.
fn play(simulator: &Simulator, args: &[&str]) -> u32 {
    let python = env::var("HCC_TEST_PYTHON").expect("HCC_TEST_PYTHON names an interpreter");
    let collections = env::var("HCC_TEST_ANSIBLE").expect("HCC_TEST_ANSIBLE names a directory");
    let home = tempdir().unwrap();
    let output = simulator
        .command(&python)
        .args(["-m", "ansible", "playbook", "--inventory", "localhost,"])
        .args(["--connection", "local", "--extra-vars"])
        .args([&format!("ansible_python_interpreter={python}"), PLAYBOOK])
        .args(args)
        .env("ANSIBLE_COLLECTIONS_PATH", collections)
        .env("ANSIBLE_HOME", home.path())
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_PIPELINING", "1")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let (_, changed) = text.rsplit_once("changed=").expect("a recap");
    let changed = changed.split_whitespace().next().unwrap();
    changed.parse().unwrap()
}

#[test]
#[ignore = "needs Ansible, in HCC_TEST_PYTHON, and its collections in HCC_TEST_ANSIBLE"]
fn second_run_of_a_playbook_with_all_modules_changes_nothing() {
    let simulator = Simulator::start(&["--servers", "0", "--rate-limit", "off"]);

    let first = play(&simulator, &[]);
    let second = play(&simulator, &[]);
    let check = play(&simulator, &["--check"]);
    let teardown = play(&simulator, &["--extra-vars", "state=absent"]);

    assert_eq!((first, second, check, teardown), (30, 0, 0, 28));
}
