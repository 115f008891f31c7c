//! Results as YAML: the values of JSON in block style.

use serde::Serialize;
use serde_json::Value;

/// Words that YAML, in one version or another, reads as something else than text.
const WORDS: &[&str] = &[
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf",
];

/// A document, with its last line end.
pub(crate) fn text(value: &impl Serialize) -> serde_json::Result<String> {
    let value = serde_json::to_value(value)?;
    Ok(lines(&value).join("\n") + "\n")
}

fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) if !items.is_empty() => items.iter().flat_map(item).collect(),
        Value::Object(fields) if !fields.is_empty() => {
            let fields = fields.iter();
            fields
                .flat_map(|(name, value)| field(name, value))
                .collect()
        }
        Value::String(text) => vec![string(text)],
        scalar => vec![scalar.to_string()],
    }
}

fn item(value: &Value) -> Vec<String> {
    let mut lines = lines(value);
    for (number, line) in lines.iter_mut().enumerate() {
        line.insert_str(0, if number == 0 { "- " } else { "  " });
    }
    lines
}

fn field(name: &str, value: &Value) -> Vec<String> {
    let (name, mut lines) = (string(name), lines(value));
    let is_block = match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => false,
    };
    if !is_block {
        return vec![format!("{name}: {}", lines.concat())];
    }
    for line in &mut lines {
        line.insert_str(0, "  ");
    }
    lines.insert(0, format!("{name}:"));
    lines
}

/// Plain where nobody could read it as anything else; quoted as in JSON otherwise.
fn string(text: &str) -> String {
    let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    match is_word {
        true => text.to_owned(),
        false => Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_nested_in_block_style() {
        let value = json!([
            { "labels": { "env": "prod" }, "name": "web1" },
            { "ids": [1, [2, 3]], "none": null, "nothing": [], "void": {} },
        ]);

        let expected = "\
- labels:
    env: prod
  name: web1
- ids:
    - 1
    - - 2
      - 3
  none: null
  nothing: []
  void: {}
";
        assert_eq!(text(&value).unwrap(), expected);
    }

    #[test]
    fn text_that_could_be_read_as_something_else_is_quoted() {
        for (value, expected) in [
            ("debian-13", "debian-13"),
            ("off", "\"off\""),
            ("NULL", "\"NULL\""),
            ("", "\"\""),
            ("1.50", "\"1.50\""),
            ("2001:db8::/64", "\"2001:db8::/64\""),
            ("a: b", "\"a: b\""),
            ("two\nlines", "\"two\\nlines\""),
        ] {
            assert_eq!(string(value), expected);
        }
    }
}
