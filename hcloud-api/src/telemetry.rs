//! Metrics of requests, for the recorder that the program has installed.

use std::time::Duration;

use http::{HeaderMap, Method};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::rate_limit::{Budget, RateLimit};
use crate::{Error, Result};

/// The parts of paths that are the same for all projects; all others are ids and names.
const LITERALS: &[&str] = &[
    "actions",
    "add_records",
    "add_route",
    "add_service",
    "add_subnet",
    "add_target",
    "add_to_placement_group",
    "apply_to_resources",
    "assign",
    "attach",
    "attach_iso",
    "attach_to_network",
    "certificates",
    "change_algorithm",
    "change_alias_ips",
    "change_dns_ptr",
    "change_home_directory",
    "change_ip_range",
    "change_primary_nameservers",
    "change_protection",
    "change_ttl",
    "change_type",
    "create_image",
    "delete_route",
    "delete_service",
    "delete_subnet",
    "detach",
    "detach_from_network",
    "detach_iso",
    "disable_backup",
    "disable_public_interface",
    "disable_rescue",
    "disable_snapshot_plan",
    "enable_backup",
    "enable_public_interface",
    "enable_rescue",
    "enable_snapshot_plan",
    "firewalls",
    "floating_ips",
    "folders",
    "images",
    "import_zonefile",
    "isos",
    "load_balancer_types",
    "load_balancers",
    "locations",
    "members",
    "metrics",
    "networks",
    "placement_groups",
    "poweroff",
    "poweron",
    "pricing",
    "primary_ips",
    "reboot",
    "rebuild",
    "remove_from_placement_group",
    "remove_from_resources",
    "remove_records",
    "remove_target",
    "request_console",
    "reset",
    "reset_password",
    "reset_subaccount_password",
    "resize",
    "retry",
    "rollback_snapshot",
    "rrsets",
    "server_types",
    "servers",
    "set_records",
    "set_rules",
    "shutdown",
    "snapshots",
    "ssh_keys",
    "storage_box_types",
    "storage_boxes",
    "subaccounts",
    "unassign",
    "update_access_settings",
    "update_records",
    "update_service",
    "volumes",
    "zonefile",
    "zones",
];

/// The most parts that a documented path has.
const MAX_PARTS: usize = 7;

/// Describes the metrics of requests to the recorder of the crate `metrics`, which must be
/// installed; call it once.
///
/// | metric | type | labels |
/// | --- | --- | --- |
/// | `hcloud_api_requests_total` | counter | `method`, `route`, `status` |
/// | `hcloud_api_request_duration_seconds` | histogram | `method`, `route` |
/// | `hcloud_api_rate_limit_remaining` | gauge | `budget`: `cloud`, `actions`, `storage_boxes` |
/// | `hcloud_api_rate_limit_limit` | gauge | `budget` |
///
/// Each attempt counts. A route is a template, such as `/servers/{id}`. The status is that of the
/// response, or `no_connection`, `timeout` or `connection_lost`.
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
pub(crate) fn record_attempt<T>(
    method: &Method,
    path: &str,
    status: Option<u16>,
    response: &Result<T>,
    took: Duration,
) {
    let status = match (status, response) {
        (Some(status), _) => status.to_string(),
        (None, Err(Error::Connect { .. })) => "no_connection".to_owned(),
        (None, Err(Error::Timeout { .. })) => "timeout".to_owned(),
        (None, _) => "connection_lost".to_owned(),
    };
    let (method, route) = (known(method), route(path));
    counter!("hcloud_api_requests_total", "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    histogram!("hcloud_api_request_duration_seconds", "method" => method, "route" => route)
        .record(took);
}

/// Records the budget that a response reports.
pub(crate) fn record_budget(budget: Budget, limit: &RateLimit, headers: &HeaderMap) {
    if !headers.contains_key("ratelimit-remaining") {
        return;
    }
    let budget = match budget {
        Budget::Cloud => "cloud",
        Budget::Actions => "actions",
        Budget::StorageBoxes => "storage_boxes",
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

/// Returns the template of a path, such as `/servers/{id}`: labels of metrics must be few.
fn route(path: &str) -> String {
    let parts = path.split('/').skip(1).take(MAX_PARTS);
    let parts = parts.map(|part| {
        if LITERALS.contains(&part) {
            part
        } else {
            "{id}"
        }
    });
    parts.fold(String::new(), |route, part| route + "/" + part)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn routes_are_the_templates_of_the_documented_operations() {
        let operations = include_str!("../tests/it/fixtures/operations.txt").lines();
        let templates: BTreeSet<&str> = operations
            .map(|operation| operation.split_once(' ').unwrap().1)
            .collect();

        let routes: BTreeSet<String> = templates
            .iter()
            .map(|template| route(&template.replace("{id}", "1234")))
            .collect();

        assert!(templates.len() > 100, "{}", templates.len());
        assert_eq!(
            routes.iter().map(String::as_str).collect::<BTreeSet<_>>(),
            templates
        );
    }

    #[test]
    fn paths_that_are_not_documented_have_few_templates() {
        assert_eq!(route("/no-such/web1?x=1"), "/{id}/{id}");
        assert_eq!(route(&"/a".repeat(50)), "/{id}".repeat(MAX_PARTS));
    }
}
