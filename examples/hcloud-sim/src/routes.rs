//! The routes of the API.

use axum::Router;
use axum::routing::{get, post};

use crate::call::Operation;
use crate::errors::ApiError;
use crate::firewalls::Firewall;
use crate::floating_ips::FloatingIp;
use crate::http::{Shared, run};
use crate::load_balancers::LoadBalancer;
use crate::networks::Network;
use crate::placement_groups::PlacementGroup;
use crate::volumes::Volume;
use crate::zones::Zone;
use crate::{
    actions, consoles, images, load_balancer_types, metrics, networks, offers, prices, primary_ips,
    resources, rrsets, server_actions, server_creation, servers, ssh_keys,
};

/// Returns all routes below `/v1`.
pub(crate) fn api() -> Router<Shared> {
    Router::new()
        .route("/actions", get(run(actions::list)))
        .route("/actions/{id}", get(run(actions::get)))
        .route("/datacenters", get(run(offers::datacenters)))
        .route("/datacenters/{id}", get(run(offers::datacenters)))
        .route("/isos", get(run(offers::isos)))
        .route("/isos/{id}", get(run(offers::iso)))
        .route("/load_balancer_types", get(run(load_balancer_types::list)))
        .route(
            "/load_balancer_types/{id}",
            get(run(load_balancer_types::get)),
        )
        .route("/locations", get(run(offers::locations)))
        .route("/locations/{id}", get(run(offers::location)))
        .route("/pricing", get(run(prices::get)))
        .route("/server_types", get(run(offers::server_types)))
        .route("/server_types/{id}", get(run(offers::server_type)))
        .merge(images())
        .merge(primary_ips())
        .merge(servers())
        .merge(ssh_keys())
        .merge(resources::routes::<Firewall>("id"))
        .merge(resources::routes::<FloatingIp>("id"))
        .merge(resources::routes::<LoadBalancer>("id"))
        .merge(resources::routes::<Network>("id"))
        .merge(resources::routes::<PlacementGroup>("id"))
        .merge(resources::routes::<Volume>("id"))
        .merge(resources::routes::<Zone>("id_or_name"))
        .merge(rrsets::routes())
        .fallback(async || ApiError::route_not_found())
        .method_not_allowed_fallback(async || ApiError::new("method_not_allowed"))
}

fn images() -> Router<Shared> {
    Router::new()
        .route("/images", get(run(images::list)))
        .route(
            "/images/actions",
            get(run(|cloud, call| {
                actions::list_of_kind(cloud, call, "image")
            })),
        )
        .route("/images/actions/{id}", get(run(actions::get)))
        .route(
            "/images/{id}",
            get(run(images::get))
                .put(run(images::update))
                .delete(run(images::delete)),
        )
        .route("/images/{id}/actions", get(run(images::actions)))
        .route("/images/{id}/actions/{action_id}", get(run(images::action)))
        .route(
            "/images/{id}/actions/change_protection",
            post(run(images::change_protection)),
        )
}

fn primary_ips() -> Router<Shared> {
    let act = |name: &str| format!("/primary_ips/{{id}}/actions/{name}");
    Router::new()
        .route(
            "/primary_ips",
            get(run(primary_ips::list)).post(run(primary_ips::create)),
        )
        .route(
            "/primary_ips/actions",
            get(run(|cloud, call| {
                actions::list_of_kind(cloud, call, "primary_ip")
            })),
        )
        .route("/primary_ips/actions/{id}", get(run(actions::get)))
        .route(
            "/primary_ips/{id}",
            get(run(primary_ips::get))
                .put(run(primary_ips::update))
                .delete(run(primary_ips::delete)),
        )
        .route("/primary_ips/{id}/actions", get(run(primary_ips::actions)))
        .route(
            "/primary_ips/{id}/actions/{action_id}",
            get(run(primary_ips::action)),
        )
        .route(&act("assign"), post(run(primary_ips::assign)))
        .route(
            &act("change_dns_ptr"),
            post(run(primary_ips::change_dns_ptr)),
        )
        .route(
            &act("change_protection"),
            post(run(primary_ips::change_protection)),
        )
        .route(&act("unassign"), post(run(primary_ips::unassign)))
}

fn servers() -> Router<Shared> {
    const ACTIONS: &[(&str, Operation)] = &[
        (
            "add_to_placement_group",
            server_actions::add_to_placement_group,
        ),
        ("attach_iso", server_actions::attach_iso),
        ("attach_to_network", networks::attach_server),
        ("change_alias_ips", networks::change_alias_ips),
        ("change_dns_ptr", server_actions::change_dns_ptr),
        ("change_protection", server_actions::change_protection),
        ("change_type", server_actions::change_type),
        ("create_image", server_actions::create_image),
        ("detach_from_network", networks::detach_server),
        ("detach_iso", server_actions::detach_iso),
        ("disable_backup", server_actions::disable_backup),
        ("disable_rescue", server_actions::disable_rescue),
        ("enable_backup", server_actions::enable_backup),
        ("enable_rescue", server_actions::enable_rescue),
        ("poweroff", server_actions::poweroff),
        ("poweron", server_actions::poweron),
        ("reboot", server_actions::reboot),
        ("rebuild", server_actions::rebuild),
        (
            "remove_from_placement_group",
            server_actions::remove_from_placement_group,
        ),
        ("request_console", consoles::request),
        ("reset", server_actions::reset),
        ("reset_password", server_actions::reset_password),
        ("shutdown", server_actions::shutdown),
    ];
    let router = Router::new()
        .route(
            "/servers",
            get(run(servers::list)).post(run(server_creation::create)),
        )
        .route(
            "/servers/actions",
            get(run(|cloud, call| {
                actions::list_of_kind(cloud, call, "server")
            })),
        )
        .route("/servers/actions/{id}", get(run(actions::get)))
        .route(
            "/servers/{id}",
            get(run(servers::get))
                .put(run(servers::update))
                .delete(run(servers::delete)),
        )
        .route("/servers/{id}/actions", get(run(servers::actions)))
        .route(
            "/servers/{id}/actions/{action_id}",
            get(run(servers::action)),
        )
        .route("/servers/{id}/metrics", get(run(metrics::get)));
    ACTIONS.iter().fold(router, |router, &(name, operation)| {
        router.route(
            &format!("/servers/{{id}}/actions/{name}"),
            post(run(operation)),
        )
    })
}

fn ssh_keys() -> Router<Shared> {
    Router::new()
        .route(
            "/ssh_keys",
            get(run(ssh_keys::list)).post(run(ssh_keys::create)),
        )
        .route(
            "/ssh_keys/{id}",
            get(run(ssh_keys::get))
                .put(run(ssh_keys::update))
                .delete(run(ssh_keys::delete)),
        )
}
