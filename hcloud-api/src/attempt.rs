//! Reports about the attempts of requests.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use crate::Error;
use crate::route::route;

pub(crate) type OnAttempt = Arc<dyn Fn(&Attempt<'_>) + Send + Sync>;

/// One attempt of a request; see [`ClientBuilder::on_attempt`](crate::ClientBuilder::on_attempt).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The request's path, below the endpoint.
    pub path: &'a str,
    /// The number of the attempt, from 1.
    pub number: u32,
    /// The status of the response; `None` if there was none.
    pub status: Option<StatusCode>,
    /// Hetzner's id of the response, for support requests.
    pub correlation_id: Option<&'a str>,
    /// How long it took until the response was complete.
    pub took: Duration,
    /// Why it failed.
    pub error: Option<&'a Error>,
}

impl Attempt<'_> {
    /// Returns the template of the path, such as `/servers/{id}`, for labels of metrics.
    pub fn route(&self) -> String {
        route(self.path)
    }
}
