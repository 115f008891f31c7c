//! A log of the requests, for assertions in tests.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// The maximum number of requests in the log.
const CAPACITY: usize = 100_000;

/// A request to the API.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The path, such as `/v1/servers/42`.
    pub path: String,
    /// The query string, as it was sent.
    pub query: Option<String>,
    /// The status of the response; `None` until there is one, or if the connection was dropped.
    pub status: Option<u16>,
    /// The body of the request, if bodies are recorded and there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body of the response, if bodies are recorded and there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
}

/// Shows no bodies, which can contain secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    requests: VecDeque<Request>,
    /// Number of requests removed from the front.
    removed: usize,
}

impl RequestLog {
    /// Adds a request and returns its number, by which its status can be set.
    pub(crate) fn begin(&self, method: &str, path: &str, query: Option<&str>) -> usize {
        let mut log = self.lock();
        if log.requests.len() == CAPACITY {
            log.requests.pop_front();
            log.removed += 1;
        }
        log.requests.push_back(Request {
            method: method.into(),
            path: path.into(),
            query: query.map(Into::into),
            status: None,
            body: None,
            response: None,
        });
        log.removed + log.requests.len() - 1
    }

    pub(crate) fn end(&self, number: usize, status: u16) {
        self.edit(number, |request| request.status = Some(status));
    }

    /// Adds bodies to a request.
    pub(crate) fn record(&self, number: usize, body: &[u8], response: &[u8]) {
        let text =
            |bytes: &[u8]| (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
        self.edit(number, |request| {
            request.body = text(body);
            request.response = text(response);
        });
    }

    fn edit(&self, number: usize, change: impl FnOnce(&mut Request)) {
        let mut log = self.lock();
        let index = number.checked_sub(log.removed);
        if let Some(request) = index.and_then(|index| log.requests.get_mut(index)) {
            change(request);
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.lock().requests.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut log = self.lock();
        log.removed += log.requests.len();
        log.requests.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
