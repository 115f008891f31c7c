//! `hcc-json`, as its users run it: a worker and other processes in one directory.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use hcloud_sim::Sim;

#[test]
fn worker_executes_the_commands_of_other_processes() {
    let sim = Sim::builder()
        .server("web1", &[("managed", "1")])
        .speed(100.0);
    let sim = sim.start_blocking().unwrap();
    let home = tempfile::tempdir().unwrap();
    let hcc = |args: &[&str]| command(&sim, home.path(), args);

    run(hcc(&["sync", "--all"]));
    let worker = Worker(hcc(&["worker"]).stderr(Stdio::null()).spawn().unwrap());
    let pushed = run(hcc(&["push", "stop", "web1", "--wait=2m", "-o", "json"]));
    let listed = run(hcc(&["list", "--cached", "-o", "columns=name,status"]));
    let queue = run(hcc(&["queue", "list", "-o", "json"]));
    drop(worker);

    let pushed: serde_json::Value = serde_json::from_str(&pushed).unwrap();
    assert_eq!(pushed["cmd"], "stop");
    assert!(
        listed.contains("web1") && listed.contains("off"),
        "{listed}"
    );
    assert_eq!(queue.trim(), "[]");
    assert!(home.path().join("data/records.json").exists());
}

#[test]
fn doctor_names_the_database() {
    let sim = Sim::builder().start_blocking().unwrap();
    let home = tempfile::tempdir().unwrap();

    let doctor = command(&sim, home.path(), &["doctor"]).output().unwrap();

    let text = String::from_utf8_lossy(&doctor.stdout);
    assert!(text.contains("json-backend 0.1.0"), "{text}");
}

fn command(sim: &Sim, home: &Path, args: &[&str]) -> Command {
    let database = format!("json:{}/data", home.display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_hcc-json"));
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("HCLOUD_ENDPOINT", sim.endpoint())
        .env("HCLOUD_TOKEN", sim.token())
        .env("HCC_STORE", &database)
        .env("HCC_QUEUE", &database);
    command
}

fn run(mut command: Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A process that ends with the test.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
