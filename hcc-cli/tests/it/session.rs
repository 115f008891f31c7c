//! What a person types into a shell, and what they are told.

use std::path::Path;

use regex::Regex;
use snapbox::{Assert, Data};

use crate::user::{Run, User};

/// What differs from run to run, and what is written in its place.
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
    // Ids of commands. A table shows of them what tells them apart, which the clock decides.
    (r"\b6[0-9a-f]{23}\b", "6b0000000000000000000001"),
    (r"(?m)^6[0-9a-f]{7,22}  ", "6b0000000  "),
    (r"(?m)^ID +STATE", "ID         STATE"),
    (r"token=[A-Za-z0-9]{32}", "token=TOKEN"),
    (
        r#"(token=TOKEN#|"password": ")[A-Za-z0-9]{32}"#,
        "${1}PASSWORD",
    ),
];

/// Types the lines of a session that begin with `$`, and writes down what is said to each.
///
/// A line that begins with `#` is a heading and stays; all else is said anew. Where a command
/// fails, `?` and its exit code come last.
pub(crate) async fn play(user: &User, session: &str) -> String {
    let mut said = String::new();
    for line in session.lines() {
        if line.starts_with("# ") {
            said += &format!("{line}\n\n");
        }
        let Some(command) = line.strip_prefix("$ ") else {
            continue;
        };
        // On a terminal, both are read where they come.
        let run = Run::of(user.bash(&format!("exec 2>&1; {command}"))).await;
        said += &format!("{line}\n{}", run.out);
        match run.code {
            Some(0) => said.push('\n'),
            code => said += &format!("? {}\n\n", code.unwrap()),
        }
    }
    for (pattern, instead) in VARYING {
        let pattern = Regex::new(pattern).unwrap();
        said = pattern.replace_all(&said, *instead).into_owned();
    }
    said.trim_end().to_owned() + "\n"
}

/// Insists that what is said is what stands in a file; with `SNAPSHOTS=overwrite`, writes it there.
pub(crate) fn judge(said: String, file: &Path) {
    let judge = Assert::new().action_env("SNAPSHOTS");
    judge.eq(Data::text(said).raw(), Data::read_from(file, None).raw());
}
