//! Faults on request: what goes wrong, for which requests, and how often.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Method, StatusCode};

use crate::errors::ApiError;

/// Something that goes wrong: a kind, and the requests that it hits.
///
/// As text: a kind, then in any order a method, a path in which `*` stands for anything, and how many times.
///
/// ```
/// # use hcloud_sim::Fault;
/// let fault: Fault = "status=502 POST /v1/servers x2".parse()?;
/// # Ok::<(), hcloud_sim::InvalidFault>(())
/// ```
///
/// | Kind | What happens |
/// | --- | --- |
/// | `latency=200ms` | the answer takes longer |
/// | `status=502` | an HTML page with this status |
/// | `error=CODE` | the API's error with this code, such as `locked`, `conflict` or `resource_unavailable` |
/// | `rate-limit` | 429, as if the budget were spent |
/// | `fail-action` | the actions that the request starts fail |
/// | `drop` | the connection ends before the request is looked at |
/// | `drop-after` | the request is carried out, then the connection ends without an answer |
/// | `hang` | no answer ever; nothing is carried out |
/// | `hang-after` | the request is carried out, and no answer ever comes |
/// | `truncate` | the answer's JSON ends in the middle |
/// | `malformed` | the answer is not JSON, though it says so |
/// | `html` | a page of HTML, with status 200 |
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    word: String,
    kind: Kind,
    method: Option<Method>,
    path: Option<String>,
    left: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Latency(Duration),
    Status(StatusCode),
    Error(Box<ApiError>),
    RateLimit,
    FailAction,
    Drop,
    DropAfter,
    Hang,
    HangAfter,
    Truncate,
    Malformed,
    Html,
}

/// In the extensions of a request: the actions that it starts are to fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailActions;

/// A text that describes no fault.
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
        let mut words = text.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let mut fault = Self {
            word: kind.into(),
            kind: Kind::parse(kind).ok_or_else(|| refuse(kind))?,
            method: None,
            path: None,
            left: None,
        };
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
        Ok(())
    }
}

impl Kind {
    fn parse(word: &str) -> Option<Self> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let kind = match name {
            "latency" => return Some(Self::Latency(parse_duration(value).ok()?)),
            "status" => return Some(Self::Status(value.parse().ok()?)),
            "error" => return Some(Self::Error(Box::new(ApiError::with_code(value)?))),
            "rate-limit" => Self::RateLimit,
            "fail-action" => Self::FailAction,
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

/// Reads a duration such as `30ms`, `2s` or `1m 30s`.
///
/// # Errors
///
/// The text is no duration, or a negative one.
pub fn parse_duration(text: &str) -> Result<Duration, jiff::Error> {
    text.parse::<jiff::SignedDuration>()?.try_into()
}

impl Fault {
    fn hits(&self, method: &Method, path: &str) -> bool {
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

/// Whether `text` is the pattern, in which each `*` stands for anything.
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

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// What goes wrong with a request: every latency, and the first other fault.
    pub(crate) fn take(&self, method: &Method, path: &str) -> (Duration, Option<Kind>) {
        let mut latency = Duration::ZERO;
        let mut kind = None;
        for fault in self
            .lock()
            .iter_mut()
            .filter(|fault| fault.hits(method, path))
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
    fn fault_hits_the_requests_it_names_as_often_as_it_says() {
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
    fn faults_in_force_are_listed_as_they_were_asked_for() {
        let faults = faults(&["latency=30ms", "drop POST /v1/* x1", "hang x2 GET"]);

        faults.take(&Method::POST, "/v1/servers");
        faults.take(&Method::GET, "/v1/servers");

        assert_eq!(faults.to_string(), "latency=30ms\nhang GET x1\n");
    }

    #[test]
    fn latencies_add_up_and_leave_room_for_another_fault() {
        let faults = faults(&["latency=30ms", "hang x1", "html", "latency=1s"]);

        let first = faults.take(&Method::GET, "/");
        let second = faults.take(&Method::GET, "/");

        assert_eq!(first, (Duration::from_millis(1030), Some(Kind::Hang)));
        assert_eq!(second, (Duration::from_millis(1030), Some(Kind::Html)));
    }

    #[test]
    fn stars_in_a_path_stand_for_anything() {
        assert!(matches(
            "/v1/servers/*/actions/*",
            "/v1/servers/42/actions/poweron"
        ));
        assert!(matches("/v1/servers*", "/v1/servers"));
        assert!(!matches("/v1/servers/*/actions", "/v1/servers/42"));
        assert!(!matches("/v1/servers", "/v1/servers/42"));
    }

    #[test]
    fn words_without_meaning_are_refused() {
        for (text, word) in [
            ("", ""),
            ("explode", "explode"),
            ("drop=1", "drop=1"),
            ("latency=soon", "latency=soon"),
            ("latency=-1s", "latency=-1s"),
            ("error=nonsense", "error=nonsense"),
            ("drop xx", "xx"),
            ("drop post", "post"),
        ] {
            assert_eq!(text.parse::<Fault>().unwrap_err().word, word, "{text}");
        }
    }
}
