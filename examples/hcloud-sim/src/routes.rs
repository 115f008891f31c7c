//! The routes of the API: the operations that it describes, and what is simulated of them.

use std::collections::BTreeMap;

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodRouter, on};

use crate::call::Operation;
use crate::certificates::Certificate;
use crate::description;
use crate::errors::ApiError;
use crate::firewalls::Firewall;
use crate::floating_ips::FloatingIp;
use crate::http::{Shared, run};
use crate::images::Image;
use crate::load_balancers::LoadBalancer;
use crate::networks::Network;
use crate::placement_groups::PlacementGroup;
use crate::primary_ips::PrimaryIp;
use crate::resources;
use crate::servers::Server;
use crate::ssh_keys::SshKey;
use crate::storage_boxes::StorageBox;
use crate::volumes::Volume;
use crate::zones::Zone;
use crate::{
    actions, load_balancer_types, metrics, networks, offers, prices, rrsets, storage_box_types,
    storage_boxes, zones,
};

/// An operation at a method and path.
pub(crate) struct Route {
    method: Method,
    path: String,
    operation: Operation,
}

impl Route {
    pub(crate) fn new(method: Method, path: &str, operation: Operation) -> Self {
        Self {
            method,
            path: path.into(),
            operation,
        }
    }

    /// Returns the method and path, such as `GET /servers/{id}`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Returns the routes of all simulated operations.
pub(crate) fn all() -> Vec<Route> {
    let get = |path: &str, operation| Route::new(Method::GET, path, operation);
    let mut routes = vec![
        get("/actions", actions::list),
        get("/actions/{id}", actions::get),
        get("/isos", offers::isos),
        get("/isos/{id}", offers::iso),
        get("/load_balancer_types", load_balancer_types::list),
        get("/load_balancer_types/{id}", load_balancer_types::get),
        get("/load_balancers/{id}/metrics", metrics::of_load_balancer),
        get("/locations", offers::locations),
        get("/locations/{id}", offers::location),
        get("/networks/{id}/members", networks::members),
        get("/pricing", prices::get),
        get("/server_types", offers::server_types),
        get("/server_types/{id}", offers::server_type),
        get("/servers/{id}/metrics", metrics::of_server),
        get("/storage_box_types", storage_box_types::list),
        get("/storage_box_types/{id}", storage_box_types::get),
        get("/zones/{id_or_name}/zonefile", zones::export),
    ];
    routes.extend(resources::routes::<Certificate>());
    routes.extend(resources::routes::<Firewall>());
    routes.extend(resources::routes::<FloatingIp>());
    routes.extend(resources::routes::<Image>());
    routes.extend(resources::routes::<LoadBalancer>());
    routes.extend(resources::routes::<Network>());
    routes.extend(resources::routes::<PlacementGroup>());
    routes.extend(resources::routes::<PrimaryIp>());
    routes.extend(resources::routes::<Server>());
    routes.extend(resources::routes::<SshKey>());
    routes.extend(resources::routes::<StorageBox>());
    routes.extend(resources::routes::<Volume>());
    routes.extend(resources::routes::<Zone>());
    routes.extend(rrsets::routes());
    routes.extend(storage_boxes::routes());
    // Not every kind has all of the operations that kinds have.
    routes.retain(|route| description::operation(&route.name()).is_some());
    routes
}

/// Returns the routes below `/v1`.
///
/// A path that is not the API's is answered with 404, and a method that it does not have there with 405.
pub(crate) fn api() -> Router<Shared> {
    let mut paths: BTreeMap<String, MethodRouter<Shared>> = BTreeMap::new();
    for route in all() {
        let described = description::operation(&route.name());
        let method = route.method.clone().try_into().expect("methods of the API");
        let router = paths.remove(&route.path).unwrap_or_default();
        paths.insert(
            route.path,
            router.on(method, run(route.operation, described)),
        );
    }
    for path in ["/datacenters", "/datacenters/{id}"] {
        let method = Method::GET.try_into().expect("a method of HTTP");
        paths.insert(path.into(), on(method, run(offers::datacenters, None)));
    }
    let router = paths
        .into_iter()
        .fold(Router::new(), |router, (path, method)| {
            router.route(&path, method)
        });
    router
        .fallback(async || ApiError::route_not_found())
        .method_not_allowed_fallback(async || ApiError::new("method_not_allowed"))
}

/// Returns the names of all simulated operations, such as `GET /servers/{id}`.
pub(crate) fn operations() -> impl Iterator<Item = String> {
    all().into_iter().map(|route| route.name())
}
