//! Grants as lines, in the form that edits a user.

use hcc_core::Grant;
use serde::Deserialize;
use serde_json::{Value, json};

/// An invalid line.
#[derive(Debug, thiserror::Error)]
#[error("Invalid line {line:?}: {why}")]
pub struct InvalidLine {
    line: String,
    why: String,
}

/// Parses one grant per line: `web-*: console power`, `label env=test: view`, or
/// `web-* label env=test: view`. `project shop` in front names a project, and after the permissions come
/// `from TIME`, `until TIME` and `suspended`.
///
/// # Errors
///
/// The first line that is invalid.
pub fn parse_grants(grants: &str) -> Result<Vec<Grant>, InvalidLine> {
    let lines = grants.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(parse_line)
        .collect()
}

fn parse_line(line: &str) -> Result<Grant, InvalidLine> {
    let invalid = |why: String| InvalidLine {
        line: line.to_owned(),
        why,
    };
    let (which, may) = line
        .split_once(':')
        .ok_or_else(|| invalid("expected SERVERS: PERMISSIONS".to_owned()))?;
    let (servers, labels) = match format!(" {which}").split_once(" label ") {
        Some((servers, labels)) => (servers.trim().to_owned(), Some(labels.trim().to_owned())),
        None => (which.trim().to_owned(), None),
    };
    let (project, servers) = match servers.strip_prefix("project ").map(str::trim_start) {
        Some(rest) => {
            let (project, servers) = rest.split_once(' ').unwrap_or((rest, ""));
            (Some(project), servers.trim())
        }
        None => (None, &*servers),
    };
    let mut grant = json!({
        "project": project,
        "servers": Some(servers).filter(|servers| !servers.is_empty()),
        "labels": labels,
    });
    let mut permissions = Vec::new();
    let mut words = may.split([' ', ',']).filter(|it| !it.is_empty());
    while let Some(word) = words.next() {
        match word {
            "from" | "until" => grant[word] = json!(words.next().unwrap_or_default()),
            "suspended" => grant[word] = json!(true),
            permission => permissions.push(permission),
        }
    }
    grant["may"] = json!(permissions);
    Grant::deserialize(grant).map_err(|error| invalid(error.to_string()))
}

/// Formats grants so that [`parse_grants`] returns them.
pub fn format_grants(grants: &[Grant]) -> String {
    grants.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(grant: &Grant) -> String {
    let grant = json!(grant);
    let string = |value: &Value| value.as_str().map(str::to_owned);
    let labels = string(&grant["labels"]).map(|labels| format!("label {labels}"));
    let project = string(&grant["project"]).map(|project| format!("project {project}"));
    let which: Vec<_> = [project, string(&grant["servers"]), labels]
        .into_iter()
        .flatten()
        .collect();
    let may = grant["may"].as_array().into_iter().flatten();
    let mut may: Vec<_> = may.filter_map(string).collect();
    for limit in ["from", "until"] {
        may.extend(string(&grant[limit]).map(|time| format!("{limit} {time}")));
    }
    if grant["suspended"] == true {
        may.push("suspended".to_owned());
    }
    format!("{}: {}", which.join(" "), may.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsed_lines_are_formatted_as_they_were_written() {
        let text = "web-*: console power\nlabel env=test: view\ndb label a in (b,c): view kill\n\
                    project shop_* web-*: power\nproject * label a: view\nproject b: view\n\
                    web: kill from 2026-12-01T08:00:00Z until 2026-12-31T18:00:00Z suspended";

        assert_eq!(format_grants(&parse_grants(text).unwrap()), text);
    }

    #[test]
    fn empty_lines_and_commas_are_ignored() {
        let grants = parse_grants("\n web-* :  power,console \n\n").unwrap();

        assert_eq!(format_grants(&grants), "web-*: console power");
    }

    #[test]
    fn invalid_lines_are_refused() {
        for text in [
            "web-*",
            "web-*: fly",
            "we b: view",
            "label env=: ==: view",
            "label : view",
            "web?: view",
            "project a/b web: view",
            "web: view until",
            "web: view until tomorrow",
        ] {
            assert!(parse_grants(text).is_err(), "{text}");
        }
    }
}
