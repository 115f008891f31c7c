//! Load balancer types.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#load-balancer-types>

use std::sync::LazyLock;

use serde::Serialize;

use crate::call::{Call, IdOrName, Reply};
use crate::catalog::LOCATIONS;
use crate::errors::ApiError;
use crate::offers;
use crate::prices::{LocationPrices, PerTime, Price};
use crate::state::Cloud;

#[derive(Debug, Serialize)]
pub(crate) struct LoadBalancerType {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    description: String,
    max_connections: u32,
    pub(crate) max_services: u32,
    pub(crate) max_targets: u32,
    pub(crate) max_assigned_certificates: u32,
    deprecation: Option<()>,
    pub(crate) prices: Vec<LocationPrices>,
}

/// ID, name, thousands of connections, the maximum of services, targets and certificates, traffic in TB, and the net
/// price in euro cents per month.
struct Size(u64, &'static str, u32, [u32; 3], u64, u64);

const SIZES: &[Size] = &[
    Size(1, "lb11", 10, [5, 25, 10], 20, 539),
    Size(2, "lb21", 20, [15, 75, 25], 20, 1599),
    Size(3, "lb31", 40, [30, 150, 50], 20, 3199),
];

pub(crate) static LOAD_BALANCER_TYPES: LazyLock<Vec<LoadBalancerType>> =
    LazyLock::new(|| SIZES.iter().map(Size::load_balancer_type).collect());

impl Size {
    fn load_balancer_type(&self) -> LoadBalancerType {
        let &Self(id, name, connections, [services, targets, certificates], terabytes, cents) =
            self;
        let prices = LOCATIONS.iter().map(|location| LocationPrices {
            location: location.name,
            price: PerTime::monthly(Price::cents(cents)),
            included_traffic: terabytes << 40,
            price_per_tb_traffic: Price::cents(100),
        });
        LoadBalancerType {
            id,
            name,
            description: name.to_uppercase(),
            max_connections: connections * 1000,
            max_services: services,
            max_targets: targets,
            max_assigned_certificates: certificates,
            deprecation: None,
            prices: prices.collect(),
        }
    }
}

/// Finds the type in a request.
pub(crate) fn find(wanted: &IdOrName) -> Result<&'static LoadBalancerType, ApiError> {
    let problem = || {
        ApiError::invalid(
            "load_balancer_type",
            format!("load balancer type '{wanted}' not found"),
        )
    };
    wanted.listed().ok_or_else(problem)
}

pub(crate) fn list(_: &mut Cloud, call: &Call) -> Reply {
    offers::list::<LoadBalancerType>("load_balancer_types", call, |_| true)
}

pub(crate) fn get(_: &mut Cloud, call: &Call) -> Reply {
    offers::show::<LoadBalancerType>("load_balancer_type", call)
}
