//! The documentation of the commands is that of their descriptions.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use hcc_core::{Argument, Description, Form, Permission, Repetition, Verb};

const START: &str = "<!-- table: written by a test -->\n";
const END: &str = "<!-- end -->";

/// With `SNAPSHOTS=overwrite`, writes the table.
#[test]
fn table_of_commands_is_that_of_their_descriptions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(START).unwrap();
    let (_, after) = rest.split_once(END).unwrap();

    let described = format!("{before}{START}{}{END}{after}", table());

    if env::var("SNAPSHOTS").is_ok_and(|it| it == "overwrite") {
        fs::write(&path, &described).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), described);
}

#[test]
fn every_permission_is_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/permissions.md");
    let document = fs::read_to_string(path).unwrap();
    for permission in Permission::ALL {
        let name = serde_json::to_value(permission).unwrap();
        let row = format!("| `{}` |", name.as_str().unwrap());

        assert!(document.contains(&row), "{row}");
    }
}

fn table() -> String {
    let mut table = String::new();
    table += "\n| `cmd` | `args` | permission | effect |\n| --- | --- | --- | --- |\n";
    for verb in Verb::ALL {
        let description = verb.description();
        for form in description.forms {
            let (names, args) = (names(description, form), arguments(form));
            let (permission, effect) = (permission(form), effect(form));
            writeln!(table, "| {names} | {args} | {permission} | {effect} |").unwrap();
        }
    }
    table + "\n"
}

fn names(description: &Description, form: &Form) -> String {
    let mut names = format!("`{}`", description.wire);
    let is_first = form.name == description.forms[0].name;
    if description.name != description.wire && is_first {
        write!(names, " (`{}`)", description.name).unwrap();
    }
    names
}

fn arguments(form: &Form) -> String {
    let mut arguments = Vec::new();
    if !form.name.is_empty() {
        arguments.push(format!("`do`: `{}`", form.name));
    }
    arguments.extend(
        form.arguments
            .iter()
            .map(|argument: &Argument| match argument.is_required {
                true => format!("`{}`", argument.name),
                false => format!("(`{}`)", argument.name),
            }),
    );
    arguments.join(" ")
}

fn permission(form: &Form) -> String {
    let Some(permission) = form.permission else {
        return "administrators".to_owned();
    };
    let name = serde_json::to_value(permission).unwrap();
    format!("`{}`", name.as_str().unwrap())
}

fn effect(form: &Form) -> String {
    let mut effect = form.about.to_owned();
    if form.brings_password {
        effect += "; sets a root password";
    }
    if form.repetition == Repetition::Once {
        effect += "; once";
    }
    effect
}
