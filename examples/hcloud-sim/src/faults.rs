//! Fault injection: the kind of fault, the requests that it affects, and how often.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::errors::ApiError;

/// A fault to inject: its kind, and the requests that it affects.
///
/// As a string: a kind, then in any order a method, a path with `*` as a wildcard, and a number of times. JSON at the
/// end is the body of a response with a status, or an odd value.
///
/// ```
/// # use hcloud_sim::Fault;
/// let fault: Fault = "status=502 POST /v1/servers x2".parse()?;
/// # Ok::<(), hcloud_sim::InvalidFault>(())
/// ```
///
/// | Kind | Effect |
/// | --- | --- |
/// | `latency=200ms` | delays the response |
/// | `status=502` | responds with an HTML page with this status, or with the JSON |
/// | `error=CODE` | responds with the API's error with this code, such as `locked` or `resource_unavailable` |
/// | `rate-limit` | responds with 429, as if the rate limit were exceeded |
/// | `fail-action` | lets the actions fail that the request starts; `fail-action=start_server` only those of this command |
/// | `slow-action=5s` | lets the actions take longer by this time that the request starts |
/// | `drop` | closes the connection before the request is executed |
/// | `drop-after` | executes the request, then closes the connection without a response |
/// | `hang` | never responds and does not execute the request |
/// | `hang-after` | executes the request, but never responds |
/// | `truncate` | truncates the JSON of the response |
/// | `malformed` | responds with invalid JSON |
/// | `html` | responds with an HTML page with status 200 |
/// | `odd=/server/name` | executes the request, and replaces the value at this JSON Pointer in the response by `{}`, or by the JSON |
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    word: String,
    kind: Kind,
    method: Option<Method>,
    path: Option<String>,
    left: Option<u32>,
    json: Option<Value>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Latency(Duration),
    Status(StatusCode),
    Response(StatusCode, Box<Value>),
    Error(Box<ApiError>),
    RateLimit,
    FailAction(String),
    SlowAction(Duration),
    Drop,
    DropAfter,
    Hang,
    HangAfter,
    Truncate,
    Malformed,
    Html,
    Odd(String, Value),
}

/// A request extension: what happens to the actions that the request starts.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActionFault {
    /// The command of those that fail; empty if all of them do.
    failing: Option<String>,
    /// How much longer they take, whatever the speed of the simulator.
    pub(crate) delay: Duration,
}

impl ActionFault {
    pub(crate) fn failing(command: String) -> Self {
        Self {
            failing: Some(command),
            ..Self::default()
        }
    }

    pub(crate) fn slow(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }

    /// Returns whether actions of this command fail.
    pub(crate) fn fails(&self, command: &str) -> bool {
        let failing = self.failing.as_deref();
        failing.is_some_and(|failing| failing.is_empty() || failing == command)
    }
}

/// The error for a string that is not a valid fault.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{word:?} has no meaning in the fault {text:?}")]
pub struct InvalidFault {
    text: String,
    word: String,
}

impl FromStr for Fault {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        let refuse = |word: &str| InvalidFault {
            text: text.into(),
            word: word.into(),
        };
        let starts_json = |word: &str| {
            word.starts_with(['{', '[', '"', '-']) || word.starts_with(|c: char| c.is_ascii_digit())
        };
        let is_json = |word: &&str| starts_json(word) || matches!(*word, "null" | "true" | "false");
        let json = text.split_whitespace().find(is_json);
        let json = json.map_or(text.len(), |word| {
            word.as_ptr().addr() - text.as_ptr().addr()
        });
        let (words, json) = text.split_at(json);
        let json: Option<Value> = match json {
            "" => None,
            json => Some(serde_json::from_str(json).map_err(|_| refuse(json))?),
        };
        let mut words = words.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let mut fault = Self {
            word: kind.into(),
            kind: Kind::parse(kind).ok_or_else(|| refuse(kind))?,
            method: None,
            path: None,
            left: None,
            json,
        };
        if let Some(json) = &fault.json {
            fault.kind = match fault.kind {
                Kind::Status(status) => Kind::Response(status, Box::new(json.clone())),
                Kind::Odd(pointer, _) => Kind::Odd(pointer, json.clone()),
                _ => return Err(refuse(kind)),
            };
        }
        for word in words {
            if word.starts_with(['/', '*']) {
                fault.path = Some(word.into());
            } else if let Some(count) = word.strip_prefix('x') {
                fault.left = Some(count.parse().map_err(|_| refuse(word))?);
            } else if word.chars().all(|c| c.is_ascii_uppercase()) {
                fault.method = Some(word.parse().map_err(|_| refuse(word))?);
            } else {
                return Err(refuse(word));
            }
        }
        Ok(fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word)?;
        if let Some(method) = &self.method {
            write!(f, " {method}")?;
        }
        if let Some(path) = &self.path {
            write!(f, " {path}")?;
        }
        if let Some(left) = self.left {
            write!(f, " x{left}")?;
        }
        if let Some(json) = &self.json {
            write!(f, " {json}")?;
        }
        Ok(())
    }
}

impl Kind {
    fn parse(word: &str) -> Option<Self> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let kind = match name {
            "latency" => return Some(Self::Latency(parse_duration(value).ok()?)),
            "fail-action" => return Some(Self::FailAction(value.into())),
            "slow-action" => return Some(Self::SlowAction(parse_duration(value).ok()?)),
            "status" => return Some(Self::Status(value.parse().ok()?)),
            "error" => return Some(Self::Error(Box::new(ApiError::with_code(value)?))),
            "odd" if value.starts_with('/') => return Some(Self::Odd(value.into(), json!({}))),
            "rate-limit" => Self::RateLimit,
            "drop" => Self::Drop,
            "drop-after" => Self::DropAfter,
            "hang" => Self::Hang,
            "hang-after" => Self::HangAfter,
            "truncate" => Self::Truncate,
            "malformed" => Self::Malformed,
            "html" => Self::Html,
            _ => return None,
        };
        (name == word).then_some(kind)
    }
}

/// Parses a duration such as `30ms`, `2s` or `1m 30s`.
///
/// # Errors
///
/// The string is not a duration, or the duration is negative.
pub fn parse_duration(text: &str) -> Result<Duration, jiff::Error> {
    text.parse::<jiff::SignedDuration>()?.try_into()
}

impl Fault {
    fn affects(&self, method: &Method, path: &str) -> bool {
        self.left != Some(0)
            && self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self
                .path
                .as_ref()
                .is_none_or(|pattern| matches(pattern, path))
    }

    fn use_up(&mut self) -> Kind {
        self.left = self.left.map(|left| left - 1);
        self.kind.clone()
    }
}

/// Returns whether a path matches a pattern with `*` as a wildcard.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            text.char_indices()
                .map(|(at, _)| &text[at..])
                .chain([""])
                .any(|tail| matches(rest, tail))
        }),
    }
}

/// The active faults.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Returns the faults of a request: the sum of all latencies, and the first other fault.
    pub(crate) fn take(&self, method: &Method, path: &str) -> (Duration, Option<Kind>) {
        let mut latency = Duration::ZERO;
        let mut kind = None;
        for fault in self
            .lock()
            .iter_mut()
            .filter(|fault| fault.affects(method, path))
        {
            match fault.kind {
                Kind::Latency(more) => {
                    fault.use_up();
                    latency += more;
                }
                _ if kind.is_none() => kind = Some(fault.use_up()),
                _ => {}
            }
        }
        (latency, kind)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock()
            .iter()
            .filter(|fault| fault.left != Some(0))
            .try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(texts: &[&str]) -> Faults {
        let faults = Faults::default();
        for text in texts {
            faults.add(text.parse().unwrap());
        }
        faults
    }

    #[test]
    fn fault_affects_matching_requests_the_given_number_of_times() {
        let faults = faults(&["status=502 POST /v1/servers* x2", "drop GET"]);
        let post = |path| faults.take(&Method::POST, path).1;

        assert_eq!(post("/v1/images"), None);
        assert_eq!(
            post("/v1/servers"),
            Some(Kind::Status(StatusCode::BAD_GATEWAY))
        );
        assert_eq!(
            post("/v1/servers/7"),
            Some(Kind::Status(StatusCode::BAD_GATEWAY))
        );
        assert_eq!(post("/v1/servers"), None);
        assert_eq!(faults.take(&Method::GET, "/v1/servers").1, Some(Kind::Drop));
    }

    #[test]
    fn active_faults_are_listed_as_they_were_added() {
        let faults = faults(&["latency=30ms", "drop POST /v1/* x1", "hang x2 GET"]);

        faults.take(&Method::POST, "/v1/servers");
        faults.take(&Method::GET, "/v1/servers");

        assert_eq!(faults.to_string(), "latency=30ms\nhang GET x1\n");
    }

    #[test]
    fn latencies_add_up_and_combine_with_another_fault() {
        let faults = faults(&["latency=30ms", "hang x1", "html", "latency=1s"]);

        let first = faults.take(&Method::GET, "/");
        let second = faults.take(&Method::GET, "/");

        assert_eq!(first, (Duration::from_millis(1030), Some(Kind::Hang)));
        assert_eq!(second, (Duration::from_millis(1030), Some(Kind::Html)));
    }

    #[test]
    fn json_at_the_end_is_the_body() {
        let faults = faults(&[r#"status=422 POST x1 {"error": {"code": "invalid_input"}}"#]);
        let body = serde_json::json!({"error": {"code": "invalid_input"}});

        assert_eq!(faults.to_string(), format!("status=422 POST x1 {body}\n"));
        assert_eq!(
            faults.take(&Method::POST, "/v1/servers").1,
            Some(Kind::Response(
                StatusCode::UNPROCESSABLE_ENTITY,
                Box::new(body)
            ))
        );
    }

    #[test]
    fn odd_value_may_be_any_json() {
        for value in [
            json!({}),
            json!([1]),
            json!("x y"),
            json!(-1),
            json!(null),
            json!(true),
        ] {
            let faults = faults(&[&format!("odd=/servers/0/id GET x1 {value}")]);
            let odd = Kind::Odd("/servers/0/id".to_owned(), value);

            assert_eq!(faults.take(&Method::GET, "/").1, Some(odd));
        }
    }

    #[test]
    fn stars_in_a_path_are_wildcards() {
        assert!(matches(
            "/v1/servers/*/actions/*",
            "/v1/servers/42/actions/poweron"
        ));
        assert!(matches("/v1/servers*", "/v1/servers"));
        assert!(!matches("/v1/servers/*/actions", "/v1/servers/42"));
        assert!(!matches("/v1/servers", "/v1/servers/42"));
    }

    #[test]
    fn unknown_words_are_rejected() {
        for (text, word) in [
            ("", ""),
            ("explode", "explode"),
            ("drop=1", "drop=1"),
            ("latency=soon", "latency=soon"),
            ("latency=-1s", "latency=-1s"),
            ("error=nonsense", "error=nonsense"),
            ("drop xx", "xx"),
            ("drop post", "post"),
            ("drop {}", "drop"),
            ("status=422 {", "{"),
        ] {
            assert_eq!(text.parse::<Fault>().unwrap_err().word, word, "{text}");
        }
    }
}
