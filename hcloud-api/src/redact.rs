//! Removal of secrets: of a request's from its error, whose text may quote what was sent, and of all
//! from the bodies in traces.

use serde_json::Value;

/// The fields of requests that hold secrets.
const SECRET_FIELDS: &[&str] = &[
    "password",
    "private_key",
    "root_password",
    "tsig_key",
    "user_data",
];

/// Parts of the names of such fields in custom requests and in new responses.
const SECRET_WORDS: &[&str] = &[
    "credential",
    "passphrase",
    "password",
    "private_key",
    "secret",
    "token",
    "wss_url",
];

/// Quotations of a part of a secret are recognized from this length, in characters.
const MIN_QUOTATION: usize = 12;

/// Shorter texts are not worth hiding, or not secret.
const MIN_SECRET: usize = 4;

const REDACTED: &str = "[redacted]";

/// The secrets of a request, each as it is and as in JSON.
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Finds the secrets in the JSON of a request.
    pub(crate) fn of(body: Option<&[u8]>) -> Self {
        let body = body.and_then(|body| serde_json::from_slice(body).ok());
        let mut secrets = Self(Vec::new());
        secrets.collect(&body.unwrap_or_default(), false);
        secrets
    }

    fn collect(&mut self, value: &Value, is_secret: bool) {
        match value {
            Value::String(text) if is_secret => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.collect(item, is_secret)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.collect(value, is_secret || is_secret_field(name));
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, secret: &str) {
        let escaped = Value::from(secret).to_string();
        let escaped = escaped.trim_matches('"');
        self.0.push(secret.to_owned());
        if escaped != secret {
            self.0.push(escaped.to_owned());
        }
    }

    fn hide(&self, text: &str) -> String {
        let secrets = self.0.iter();
        let mut hidden: Vec<_> = secrets
            .flat_map(|secret| quotations(text, secret))
            .collect();
        hidden.sort_unstable();
        let (mut shown, mut end) = (String::new(), None);
        for (from, to) in hidden {
            if end.is_none_or(|end| from > end) {
                shown += &text[end.unwrap_or(0)..from];
                shown += REDACTED;
            }
            end = end.max(Some(to));
        }
        shown + &text[end.unwrap_or(0)..]
    }

    /// Returns a body without secrets: those of its own fields, and those of the request that it
    /// quotes. A body that is not JSON is not shown at all.
    pub(crate) fn without(&self, body: &[u8]) -> String {
        let Ok(mut json) = serde_json::from_slice::<Value>(body) else {
            return format!("{} bytes that are not JSON", body.len());
        };
        hide_fields(&mut json);
        self.redact(&mut json);
        json.to_string()
    }

    /// Redacts all text in an error.
    pub(crate) fn redact(&self, error: &mut Value) {
        match error {
            Value::String(text) => *text = self.hide(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact(item)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.redact(value)),
            _ => {}
        }
    }
}

/// Returns whether a field holds a secret.
fn is_secret_field(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_FIELDS.contains(&&*name) || SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Replaces the values of fields that hold secrets.
fn hide_fields(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_fields),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Null => {}
                    _ if is_secret_field(name) => *value = REDACTED.into(),
                    _ => hide_fields(value),
                }
            }
        }
        _ => {}
    }
}

/// Finds what a text quotes of a secret: all of it, a longer part, what is in quotation marks, and
/// words that do not look like prose.
fn quotations(text: &str, secret: &str) -> Vec<(usize, usize)> {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let end = |start: usize, length: usize| *starts.get(start + length).unwrap_or(&text.len());
    let length = secret.chars().count().clamp(MIN_SECRET, MIN_QUOTATION);
    let windows = (0..(starts.len() + 1).saturating_sub(length))
        .map(|start| (starts[start], end(start, length)));

    let marks: Vec<_> = text.match_indices(['\'', '"', '`']).collect();
    let quoted = marks.windows(2).filter(|pair| pair[0].1 == pair[1].1);
    let quoted = quoted.map(|pair| (pair[0].0 + 1, pair[1].0));

    let is_separator = |c: char| c.is_whitespace() || "'\"`,;:()[]{}<>=#\\".contains(c);
    let words = text.split(is_separator).filter(|word| !is_prose(word));
    let words = words.map(|word| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        (start, start + word.len())
    });

    let is_long = |(from, to): &(usize, usize)| to - from >= MIN_SECRET;
    windows
        .chain(quoted.chain(words).filter(is_long))
        .filter(|(from, to)| secret.contains(&text[*from..*to]))
        .collect()
}

/// Whether a word may be one of the error's own: letters of one case, or a short number.
fn is_prose(word: &str) -> bool {
    let word = word.trim_end_matches(['.', '!', '?']);
    let letters = word
        .strip_prefix(|c: char| c.is_uppercase())
        .unwrap_or(word);
    let is_letter = |c: char| c.is_lowercase() || matches!(c, '_' | '-');
    letters.chars().all(is_letter)
        || (word.len() < 8 && word.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const USER_DATA: &str = "#cloud-config\npassword: hunter22\nchpasswd: {expire: false}\n# Length \
                             of the list\nulimit: 32768\nkey: correct-horse-battery\n";

    fn redacted(message: &str) -> String {
        let body = json!({"name": "web1", "user_data": USER_DATA}).to_string();
        let mut error = json!({"fields": [{"messages": [message]}]});
        Secrets::of(Some(body.as_bytes())).redact(&mut error);
        error["fields"][0]["messages"][0]
            .as_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn quotations_of_a_secret_are_redacted() {
        for (message, shown) in [
            (
                format!("invalid value: {USER_DATA}"),
                "invalid value: [redacted]",
            ),
            (
                format!("invalid value {:?}", &USER_DATA[..30]),
                "invalid value \"[redacted]\"",
            ),
            (
                "mapping at hunter22 is odd".to_owned(),
                "mapping at [redacted] is odd",
            ),
            (
                "'expire' is no list (correct-horse-b…)".to_owned(),
                "'[redacted]' is no list ([redacted]…)",
            ),
        ] {
            assert_eq!(redacted(&message), shown, "{message}");
        }
    }

    #[test]
    fn words_of_the_error_itself_stay() {
        for message in [
            "Length must be between 0 and 32768.",
            "invalid input in field 'user_data': is not a list",
            "web1 exists",
            "",
        ] {
            assert_eq!(redacted(message), message);
        }
    }

    #[test]
    fn bodies_are_shown_without_secrets() {
        let sent = json!({"name": "web1", "user_data": USER_DATA}).to_string();
        let body = json!({
            "server": {"name": "web1", "note": format!("booted with {USER_DATA}")},
            "root_password": "abc123",
            "wss_url": "wss://console.example/?token=abc123",
            "new": [{"api_token_v2": ["abc123"], "sshPassword": 123, "password": null}],
        });

        let shown = Secrets::of(Some(sent.as_bytes())).without(body.to_string().as_bytes());

        let expected = json!({
            "server": {"name": "web1", "note": "booted with [redacted]"},
            "root_password": "[redacted]",
            "wss_url": "[redacted]",
            "new": [{"api_token_v2": "[redacted]", "sshPassword": "[redacted]", "password": null}],
        });
        assert_eq!(shown, expected.to_string());
        let page = Secrets::of(None).without(b"<html>abc123");
        assert_eq!(page, "12 bytes that are not JSON");
    }

    #[test]
    fn only_secret_fields_are_redacted() {
        let body = json!({"name": "a-long-server-name", "nested": [{"password": "abc123"}]});
        let mut error = json!("name a-long-server-name, password abc123");

        Secrets::of(Some(body.to_string().as_bytes())).redact(&mut error);

        assert_eq!(error, "name a-long-server-name, password [redacted]");
    }
}
