//! A project outside the workspace that tests its own function with the simulator.

use std::path::Path;
use std::process::Command;

#[test]
fn project_outside_the_workspace_tests_its_function() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside");
    let output = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--locked", "--manifest-path"])
        .arg(project.join("Cargo.toml"))
        .env(
            "CARGO_TARGET_DIR",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/outside"),
        )
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("test result: ok. 1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
