//! Integration tests, in one binary.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};

use hcc_store::{Accounts, User};

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
    ("by", "NaN", "expected a string, not NaN"),
    ("for", "", "it is missing"),
    ("cmd", "", "it is missing"),
    ("cron", "", "it is missing"),
];

/// Malformed fields of users, which other programs may store, and their values; without a value, the
/// field is missing.
const MALFORMED_USERS: &[(&str, &str)] = &[
    ("rev", ""),
    ("rev", "1.0"),
    ("rev", "-1"),
    ("disabled", "null"),
    ("disabled", "NaN"),
    ("disabled", r#""yes""#),
    ("password", "5"),
    ("password", "-Infinity"),
    ("second_factor", "NaN"),
    ("second_factor", "true"),
    ("second_factor", r#"{ "secret": 7, "recovery": [] }"#),
    (
        "second_factor",
        r#"{ "secret": "JBSWY3DP", "recovery": NaN }"#,
    ),
];

/// Returns the fields of an administrator, one of them with this value, or without it if that is empty.
fn fields_of_user(field: &str, value: &str) -> String {
    let mut fields = BTreeMap::from([
        ("rights", r#"{ "admin": true }"#),
        ("disabled", "false"),
        ("password", r#""$argon2id$""#),
        ("rev", "1"),
    ]);
    fields.insert(field, value);
    joined(&fields)
}

/// Checks that malformed users may do nothing, hide no other, and can be removed.
async fn assert_blocked(accounts: &dyn Accounts, malformed: &[String]) {
    assert!(accounts.put_user(&User::new("mary")).await.unwrap());

    let users = accounts.users().await.unwrap();

    let names: BTreeSet<_> = users.iter().map(|user| &*user.name).collect();
    let expected = malformed.iter().map(String::as_str).chain(["mary"]);
    assert_eq!(names, expected.collect());
    for name in malformed {
        let user = accounts.user(name).await.unwrap().unwrap();
        assert!(user.disabled, "{name}");
        assert!(user.rights.is_null() && user.passkeys.is_null(), "{name}");
        assert!(user.password.is_none(), "{name}");
        assert_eq!(user.name, *name);
        assert!(!accounts.put_user(&User::new(name)).await.unwrap());
        assert!(accounts.remove_user(name).await.unwrap(), "{name}");
    }
    let mary = &accounts.users().await.unwrap()[0];
    assert!(!mary.disabled);
}

/// Returns the fields of an object in JSON, without those that have no value.
fn joined(fields: &BTreeMap<&str, &str>) -> String {
    let given = fields.iter().filter(|(_, value)| !value.is_empty());
    let given = given.map(|(field, value)| format!(r#""{field}": {value}"#));
    given.collect::<Vec<_>>().join(", ")
}

/// Returns the fields of a schedule, one of them with this value, or without it if that is empty.
fn fields_of_schedule(field: &str, value: &str) -> String {
    let mut fields = BTreeMap::from([
        ("for", r#""web1""#),
        ("cmd", r#""stop""#),
        ("cron", r#""0 20 * * *""#),
    ]);
    fields.insert(field, value);
    joined(&fields)
}
