//! Integration tests, in one binary.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;

mod faults;
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
mod mutants;
mod processes;
mod sqlite;

/// Malformed fields of schedules, which other programs may store, their values, and the reasons.
const MALFORMED_SCHEDULES: &[(&str, &str, &str)] = &[
    ("cron", "null", "expected a string, not null"),
    ("cron", "5", "expected a string, not a number"),
    ("tz", "1", "expected a string, not a number"),
    (
        "grace",
        r#""5m""#,
        "expected a number of seconds, not a string",
    ),
    (
        "grace",
        "-1",
        "expected a number of seconds, not one that is out of range",
    ),
    ("paused", "0", "expected true or false, not a number"),
    ("paused", r#""yes""#, "expected true or false, not a string"),
    ("for", "100000001", "expected a string, not a number"),
    (
        "next",
        r#""tomorrow""#,
        "expected a number of seconds, not a string",
    ),
    ("next", "NaN", "expected a number of seconds, not NaN"),
    (
        "next",
        "-Infinity",
        "expected a number of seconds, not -Infinity",
    ),
    (
        "missed",
        r#""later""#,
        "expected skip or once, not another string",
    ),
    (
        "keep",
        "-3",
        "expected a whole number, not one that is out of range",
    ),
    (
        "last",
        r#""ok""#,
        "expected an object with due, at and ok, not a string",
    ),
    ("for", "", "it is missing"),
    ("cmd", "", "it is missing"),
    ("cron", "", "it is missing"),
];

/// Returns the fields of a schedule, one of them with this value, or without it if that is empty.
fn fields_of_schedule(field: &str, value: &str) -> String {
    let mut fields = BTreeMap::from([
        ("for", r#""web1""#),
        ("cmd", r#""stop""#),
        ("cron", r#""0 20 * * *""#),
    ]);
    fields.insert(field, value);
    let given = fields.iter().filter(|(_, value)| !value.is_empty());
    let given = given.map(|(field, value)| format!(r#""{field}": {value}"#));
    given.collect::<Vec<_>>().join(", ")
}
