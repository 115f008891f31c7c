//! Metrics of requests, for the recorder that the program has installed.

use http::{HeaderMap, Method};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::rate_limit::{Budget, RateLimit};
use crate::{Attempt, Error};

/// Describes the metrics of requests to the recorder of the crate `metrics`, which must be
/// installed; call it once.
///
/// | metric | type | labels |
/// | --- | --- | --- |
/// | `hcloud_api_requests_total` | counter | `method`, `route`, `status` |
/// | `hcloud_api_request_duration_seconds` | histogram | `method`, `route` |
/// | `hcloud_api_rate_limit_remaining` | gauge | `budget` |
/// | `hcloud_api_rate_limit_limit` | gauge | `budget` |
///
/// Each attempt counts. A route is a template, such as `/servers/{id}`. The status is that of the
/// response, or `no_connection`, `timeout` or `connection_lost`. Budgets are `cloud`, `actions`,
/// `action_lists` (of a kind of resource), `storage_boxes` and `storage_box_action_lists`.
pub fn describe_metrics() {
    describe_counter!(
        "hcloud_api_requests_total",
        "Requests to the Hetzner API, by route and status"
    );
    describe_histogram!(
        "hcloud_api_request_duration_seconds",
        Unit::Seconds,
        "Durations of requests to the Hetzner API"
    );
    describe_gauge!(
        "hcloud_api_rate_limit_remaining",
        "Requests that are left, as the last response reported"
    );
    describe_gauge!("hcloud_api_rate_limit_limit", "Requests per hour");
}

/// Records one attempt of a request.
pub(crate) fn record_attempt(attempt: &Attempt<'_>) {
    let status = match (attempt.status, attempt.error) {
        (Some(status), _) => status.as_u16().to_string(),
        (None, Some(Error::Connect { .. })) => "no_connection".to_owned(),
        (None, Some(Error::Timeout { .. })) => "timeout".to_owned(),
        (None, _) => "connection_lost".to_owned(),
    };
    let (method, route) = (known(attempt.method), attempt.route());
    counter!("hcloud_api_requests_total", "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    histogram!("hcloud_api_request_duration_seconds", "method" => method, "route" => route)
        .record(attempt.took);
}

/// Records the budget that a response reports.
pub(crate) fn record_budget(budget: Budget, limit: &RateLimit, headers: &HeaderMap) {
    if !headers.contains_key("ratelimit-remaining") {
        return;
    }
    let budget = match budget {
        Budget::Cloud => "cloud",
        Budget::Actions => "actions",
        Budget::ActionLists => "action_lists",
        Budget::StorageBoxes => "storage_boxes",
        Budget::StorageBoxActionLists => "storage_box_action_lists",
    };
    if let Some(remaining) = limit.remaining {
        gauge!("hcloud_api_rate_limit_remaining", "budget" => budget).set(remaining as f64);
    }
    if let Some(limit) = limit.limit {
        gauge!("hcloud_api_rate_limit_limit", "budget" => budget).set(limit as f64);
    }
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
