//! The errors of the API, with its codes and messages.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#errors>

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error response.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ApiError {
    #[serde(skip)]
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    details: Option<Details>,
    pub(crate) message: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Details {
    Fields(Vec<Field>),
    Limits(Vec<Limit>),
    Announcement(&'static str),
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Field {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Limit {
    name: &'static str,
}

/// All codes with their status and default message.
const CODES: &[(&str, u16, &str)] = &[
    ("json_error", 400, "invalid JSON input in your request"),
    (
        "unauthorized",
        401,
        "the token you have provided is invalid",
    ),
    (
        "forbidden",
        403,
        "insufficient permissions for this request",
    ),
    (
        "maintenance",
        403,
        "cannot perform operation due to maintenance",
    ),
    ("resource_limit_exceeded", 403, "project limit exceeded"),
    (
        "token_readonly",
        401,
        "token is only allowed to perform GET requests",
    ),
    ("not_found", 404, "entity not found"),
    (
        "method_not_allowed",
        405,
        "the request method is not allowed",
    ),
    (
        "conflict",
        409,
        "the resource has changed during the request, please retry",
    ),
    (
        "uniqueness_error",
        409,
        "one or more of the objects fields must be unique",
    ),
    (
        "deprecated_api_endpoint",
        410,
        "API functionality was removed",
    ),
    (
        "primary_ip_version_mismatch",
        412,
        "the specified Primary IP has the wrong IP version",
    ),
    (
        "resource_unavailable",
        412,
        "the requested resource is currently unavailable",
    ),
    (
        "already_in_placement_group",
        422,
        "server is already part of a placement group",
    ),
    (
        "firewall_already_applied",
        422,
        "firewall is already applied to the resource",
    ),
    (
        "firewall_already_removed",
        422,
        "firewall is not applied to the resource",
    ),
    ("invalid_input", 422, "invalid input"),
    ("ip_not_available", 422, "the IP is not available"),
    (
        "invalid_server_type",
        422,
        "the server type does not fit for the given server or is deprecated",
    ),
    ("must_be_unassigned", 422, "primary ip must be unassigned"),
    ("networks_overlap", 422, "the IP ranges of networks overlap"),
    (
        "no_subnet_available",
        422,
        "no subnet or IP is available in the network",
    ),
    ("placement_error", 422, "error during placement"),
    (
        "primary_ip_already_assigned",
        422,
        "primary ip is already assigned",
    ),
    (
        "primary_ip_assigned",
        422,
        "primary ip is already assigned to a server",
    ),
    (
        "primary_ip_datacenter_mismatch",
        422,
        "primary ip is in a different location",
    ),
    ("resource_in_use", 422, "resource is still in use"),
    (
        "server_already_attached",
        422,
        "server is already attached to the network",
    ),
    ("server_has_ipv4", 422, "server already has an ipv4 address"),
    ("server_has_ipv6", 422, "server already has an ipv6 address"),
    ("server_not_stopped", 422, "server must be stopped"),
    ("service_error", 422, "error within a service"),
    (
        "source_port_already_used",
        422,
        "the source port is already in use",
    ),
    (
        "target_already_defined",
        422,
        "the target is already defined",
    ),
    (
        "unsupported_error",
        422,
        "the corresponding resource does not support the action",
    ),
    ("volume_already_attached", 422, "volume is already attached"),
    ("locked", 423, "server is locked"),
    ("protected", 423, "resource is protected"),
    (
        "rate_limit_exceeded",
        429,
        "limit of requests per hour reached",
    ),
    (
        "incorrect_zone_mode",
        422,
        "operation is not supported for the mode of the zone",
    ),
    (
        "firewall_managed_by_label_selector",
        422,
        "firewall is applied via a label selector and cannot be removed from the server",
    ),
    (
        "firewall_resource_not_found",
        422,
        "the resource of the firewall was not found",
    ),
    (
        "floating_ip_assigned",
        422,
        "floating ip is already assigned",
    ),
    (
        "incompatible_network_type",
        422,
        "the network type of the resource is not supported",
    ),
    (
        "invalid_load_balancer_type",
        422,
        "load balancer type does not fit for the given load balancer",
    ),
    (
        "ip_not_in_vswitch_subnet",
        422,
        "the IP does not belong to the vSwitch subnet of the attached network",
    ),
    (
        "ip_not_owned",
        422,
        "the IP is not owned by the owner of the project",
    ),
    (
        "load_balancer_already_attached",
        422,
        "load balancer is already attached to a network",
    ),
    (
        "load_balancer_not_attached_to_network",
        422,
        "load balancer is not attached to a network",
    ),
    (
        "load_balancer_public_interface_disabled",
        422,
        "the public interface of the load balancer is disabled",
    ),
    (
        "network_has_no_vswitch_subnet",
        422,
        "the attached network does not have a vSwitch subnet",
    ),
    (
        "no_space_left_in_location",
        422,
        "there is no volume space left in the location",
    ),
    (
        "private_net_only_server",
        422,
        "server has no public network interface",
    ),
    (
        "resolve_cloud_private_targets_error",
        422,
        "the server is not attached to the network of the load balancer",
    ),
    (
        "resolve_cloud_public_targets_error",
        422,
        "the server does not have a public IPv4 address",
    ),
    (
        "server_already_added",
        422,
        "the server was applied more than once",
    ),
    (
        "server_is_load_balancer_target",
        422,
        "the IPv4 address of the server is a load balancer target",
    ),
    (
        "server_not_attached_to_network",
        422,
        "server is not attached to a network",
    ),
    (
        "targets_without_use_private_ip",
        422,
        "load balancer has targets that use the public IP instead of the private IP",
    ),
    ("bad_gateway", 502, "bad gateway"),
    ("resource_locked", 423, "resource is locked"),
    (
        "cloud_resource_ip_not_allowed",
        422,
        "IPs of cloud resources are not allowed as targets",
    ),
    ("server_error", 500, "error within the API backend"),
    (
        "unavailable",
        503,
        "a service or product is currently not available",
    ),
    (
        "timeout",
        504,
        "the request could not be answered in time, please retry",
    ),
];

impl ApiError {
    /// Returns the error with a code of the API; `None` if the code is unknown.
    pub(crate) fn with_code(code: &str) -> Option<Self> {
        let &(code, status, message) = CODES.iter().find(|(known, ..)| *known == code)?;
        let details = match code {
            "deprecated_api_endpoint" => Some(Details::Announcement(
                "https://docs.hetzner.cloud/changelog",
            )),
            "resource_limit_exceeded" => Some(Details::Limits(vec![Limit {
                name: "project_limit",
            }])),
            _ => None,
        };
        Some(Self {
            status: StatusCode::from_u16(status).expect("valid statuses in the table"),
            code,
            details,
            message: message.into(),
        })
    }

    /// Returns the error with a code of the table.
    pub(crate) fn new(code: &'static str) -> Self {
        Self::with_code(code).expect("a code of the table")
    }

    pub(crate) fn with_message(self, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..self
        }
    }

    pub(crate) fn route_not_found() -> Self {
        Self::new("not_found").with_message("api route not found")
    }

    pub(crate) fn not_found(kind: &str, id: impl std::fmt::Display) -> Self {
        Self::new("not_found").with_message(format!("{kind} with ID '{id}' not found"))
    }

    pub(crate) fn invalid(field: &str, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        Self {
            details: Some(Details::Fields(vec![Field {
                name: field.into(),
                messages: vec![problem.clone()],
            }])),
            ..Self::new("invalid_input")
                .with_message(format!("invalid input in field '{field}': {problem}"))
        }
    }

    pub(crate) fn not_unique(field: &str, message: &str) -> Self {
        Self {
            details: Some(Details::Fields(vec![Field {
                name: field.into(),
                messages: Vec::new(),
            }])),
            ..Self::new("uniqueness_error").with_message(message)
        }
    }

    /// Returns the error for more resources than a limit allows.
    pub(crate) fn limit(name: &'static str) -> Self {
        Self {
            details: Some(Details::Limits(vec![Limit { name }])),
            ..Self::new("resource_limit_exceeded")
        }
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn removed(announcement: &'static str) -> Self {
        Self {
            details: Some(Details::Announcement(announcement)),
            ..Self::new("deprecated_api_endpoint")
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Envelope {
            error: ApiError,
        }
        (self.status, Json(Envelope { error: self })).into_response()
    }
}
