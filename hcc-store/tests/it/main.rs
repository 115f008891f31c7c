//! Integration tests, in one binary.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod faults;
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
mod mutants;
mod processes;
mod sqlite;

/// Fields of schedules of other programs, the one that is malformed, and the reason.
const MALFORMED_SCHEDULES: &[(&str, &str, &str)] = &[
    (
        r#""for": "web1", "cmd": "stop", "cron": null"#,
        "cron",
        "expected a string, not null",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": 5"#,
        "cron",
        "expected a string, not a number",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": "0 20 * * *", "tz": 1"#,
        "tz",
        "expected a string, not a number",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": "0 20 * * *", "grace": "5m""#,
        "grace",
        "expected a number of seconds, not a string",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": "0 20 * * *", "grace": -1"#,
        "grace",
        "expected a number of seconds, not one that is out of range",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": "0 20 * * *", "paused": 0"#,
        "paused",
        "expected true or false, not a number",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": "0 20 * * *", "paused": "yes""#,
        "paused",
        "expected true or false, not a string",
    ),
    (
        r#""for": 100000001, "cmd": "stop", "cron": "0 20 * * *""#,
        "for",
        "expected a string, not a number",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": "0 20 * * *", "next": "tomorrow""#,
        "next",
        "expected a number of seconds, not a string",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": "0 20 * * *", "next": NaN"#,
        "next",
        "expected a number of seconds, not NaN",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": "0 20 * * *", "next": -Infinity"#,
        "next",
        "expected a number of seconds, not -Infinity",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": "0 20 * * *", "missed": "later""#,
        "missed",
        "expected skip or once, not another string",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": "0 20 * * *", "keep": -3"#,
        "keep",
        "expected a whole number, not one that is out of range",
    ),
    (
        r#""for": "web1", "cmd": "stop", "cron": "0 20 * * *", "last": "ok""#,
        "last",
        "expected an object with due, at and ok, not a string",
    ),
    (
        r#""cmd": "stop", "cron": "0 20 * * *""#,
        "for",
        "it is missing",
    ),
    (
        r#""for": "web1", "cron": "0 20 * * *""#,
        "cmd",
        "it is missing",
    ),
    (r#""for": "web1", "cmd": "stop""#, "cron", "it is missing"),
];
