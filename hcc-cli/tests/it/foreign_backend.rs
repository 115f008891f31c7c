//! A program with a database of another crate.

use std::path::Path;
use std::process::Command;

/// The crate is no member of the workspace: it sees only what is public. Its tests are the suites of
/// both traits, and `hcc` with URLs of its own.
#[test]
fn backend_of_another_crate_passes_the_suites_and_is_used_by_hcc() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/json-backend");
    let output = Command::new(env!("CARGO"))
        .args(["test", "--locked", "--manifest-path"])
        .arg(example.join("Cargo.toml"))
        .env(
            "CARGO_TARGET_DIR",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/json-backend"),
        )
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    assert!(text.contains("queue::push_is_idempotent ... ok"), "{text}");
}
