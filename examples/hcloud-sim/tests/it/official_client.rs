use std::env;

use crate::simulator::{READ_ONLY_TOKEN, Simulator};

#[test]
#[ignore = "needs the Python package hcloud"]
fn hetzners_python_client_is_compatible() {
    let python = env::var("HCC_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/official_client.py");
    let simulator = Simulator::start(&["--servers", "130"]);

    let judged = simulator
        .command(&python)
        .arg(script)
        .env("READ_ONLY_TOKEN", READ_ONLY_TOKEN)
        .output()
        .expect("Python is installed");

    let said = String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success(), "{said}");
    assert!(said.ends_with("OK\n"), "{said}");
}
