//! Shell sessions: commands and their output.

use std::path::Path;

use regex::Regex;
use snapbox::{Assert, Data};

use crate::user::{Run, User};

/// Patterns of what differs from run to run, and their replacements.
const VARYING: &[(&str, &str)] = &[
    (r"/\S*?/\.tmp[A-Za-z0-9]{6}", "/home/you"),
    (r"(ws|http)://127\.0\.0\.1:\d{4,}", "$1://127.0.0.1:PORT"),
    (r"SQLite 3[\d.]+", "SQLite 3"),
    (r"in \d+ ms, \d+ of", "in 5 ms, 3599 of"),
    (r"noVNC (built in|in /\S*/www)", "noVNC built in"),
    (r"20\d\d-\d\d-\d\dT[\d:.]+Z", "2026-01-01T00:00:00Z"),
    (r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", "2026-01-01 00:00:00"),
    (r"(?m)(  )\d+s(  | ago|$)", "${1}0s$2"),
    (r#""id": \d+"#, r#""id": 100000001"#),
    // Ids of commands. The length of the prefixes in a table depends on the time.
    (r"\b6[0-9a-f]{23}\b", "6b0000000000000000000001"),
    (r"(?m)^[0-9a-f]{8}(  web\d  | web\d: )", "5c000001$1"),
    (r"(?m)^6[0-9a-f]{7,22}  ", "6b0000000  "),
    (r"(?m)^ID +STATE", "ID         STATE"),
    // Schedules, and when they are due next.
    (r#""id": "[0-9a-f]{8}""#, r#""id": "5c000001""#),
    (
        r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d\d:\d\d)",
        "Thu 01 Jan $3",
    ),
    (r"token=[A-Za-z0-9]{32}", "token=TOKEN"),
    (
        r#"(token=TOKEN#|"password": ")[A-Za-z0-9]{32}"#,
        "${1}PASSWORD",
    ),
    (
        r#"(correlation.id"?: ?"?)[0-9a-f]{16}"#,
        "${1}d5064a1f0bb9de4b",
    ),
];

/// Runs the lines of a session that begin with `$`, and returns the session with their new output.
///
/// A line that begins with `#` is a heading and stays. The output of a command that fails ends with
/// `?` and its exit code.
pub(crate) async fn run_session(user: &User, session: &str) -> String {
    let mut output = String::new();
    for line in session.lines() {
        if line.starts_with("# ") {
            output += &format!("{line}\n\n");
        }
        let Some(command) = line.strip_prefix("$ ") else {
            continue;
        };
        // As on a terminal, both streams appear in order.
        let run = Run::of(user.bash(&format!("exec 2>&1; {command}"))).await;
        output += &format!("{line}\n{}", run.out);
        match run.code {
            Some(0) => output.push('\n'),
            code => output += &format!("? {}\n\n", code.unwrap()),
        }
    }
    masked(output)
}

/// Replaces what differs from run to run.
pub(crate) fn masked(mut output: String) -> String {
    for (pattern, replacement) in VARYING {
        let pattern = Regex::new(pattern).unwrap();
        output = pattern.replace_all(&output, *replacement).into_owned();
    }
    output.trim_end().to_owned() + "\n"
}

/// Asserts that a session equals that in a file; with `SNAPSHOTS=overwrite`, writes it there.
pub(crate) fn assert_session(output: String, file: &Path) {
    let assert = Assert::new().action_env("SNAPSHOTS");
    assert.eq(Data::text(output).raw(), Data::read_from(file, None).raw());
}
