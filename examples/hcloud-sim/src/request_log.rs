//! Which requests arrived, for tests that count them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// So many requests are remembered.
const CAPACITY: usize = 100_000;

/// A request that arrived at the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// Such as `/v1/servers/42`.
    pub path: String,
    /// What follows the question mark, as it was sent.
    pub query: Option<String>,
    /// The status of the answer; none while there is no answer, or if the connection was dropped without one.
    pub status: Option<u16>,
}

#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    requests: VecDeque<Request>,
    /// How many requests were forgotten.
    forgotten: usize,
}

impl RequestLog {
    /// Notes a request, and returns the number by which its status can be added.
    pub(crate) fn begin(&self, method: &str, path: &str, query: Option<&str>) -> usize {
        let mut log = self.lock();
        if log.requests.len() == CAPACITY {
            log.requests.pop_front();
            log.forgotten += 1;
        }
        log.requests.push_back(Request {
            method: method.into(),
            path: path.into(),
            query: query.map(Into::into),
            status: None,
        });
        log.forgotten + log.requests.len() - 1
    }

    pub(crate) fn end(&self, number: usize, status: u16) {
        let mut log = self.lock();
        let index = number.checked_sub(log.forgotten);
        if let Some(request) = index.and_then(|index| log.requests.get_mut(index)) {
            request.status = Some(status);
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.lock().requests.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut log = self.lock();
        log.forgotten += log.requests.len();
        log.requests.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
