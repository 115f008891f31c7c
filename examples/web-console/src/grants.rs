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
/// `web-* label env=test: view`.
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
        .rsplit_once(':')
        .ok_or_else(|| invalid("expected SERVERS: PERMISSIONS".to_owned()))?;
    let (servers, labels) = match format!(" {which}").split_once(" label ") {
        Some((servers, labels)) => (servers.trim().to_owned(), Some(labels.trim().to_owned())),
        None => (which.trim().to_owned(), None),
    };
    let permissions = may.split([' ', ',']).filter(|it| !it.is_empty());
    let grant = json!({
        "servers": Some(servers).filter(|servers| !servers.is_empty()),
        "labels": labels,
        "may": permissions.collect::<Vec<_>>(),
    });
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
    let which: Vec<_> = string(&grant["servers"])
        .into_iter()
        .chain(labels)
        .collect();
    let may = grant["may"].as_array().into_iter().flatten();
    let may: Vec<_> = may.filter_map(string).collect();
    format!("{}: {}", which.join(" "), may.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsed_lines_are_formatted_as_they_were_written() {
        let text = "web-*: console power\nlabel env=test: view\ndb label a in (b,c): view kill";

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
        ] {
            assert!(parse_grants(text).is_err(), "{text}");
        }
    }
}
