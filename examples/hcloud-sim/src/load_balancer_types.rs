//! Load balancer types.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#load-balancer-types>

use std::sync::LazyLock;

use serde::Serialize;

use crate::call::{Answer, Call, IdOrName, Reply};
use crate::catalog::LOCATIONS;
use crate::errors::ApiError;
use crate::paging::{Page, SortKeys};
use crate::prices::{LocationPrices, PerTime, Price};
use crate::state::Cloud;

#[derive(Debug, Serialize)]
pub(crate) struct LoadBalancerType {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    description: String,
    max_connections: u32,
    max_services: u32,
    max_targets: u32,
    max_assigned_certificates: u32,
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
    wanted
        .find(LOAD_BALANCER_TYPES.iter(), |it| it.id, |it| Some(it.name))
        .ok_or_else(|| ApiError::invalid("load_balancer_type", format!("'{wanted}' not found")))
}

const SORT_KEYS: &SortKeys<LoadBalancerType> = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("name", |a, b| a.name.cmp(b.name)),
];

pub(crate) fn list(_: &mut Cloud, call: &Call) -> Reply {
    let found = LOAD_BALANCER_TYPES
        .iter()
        .filter(|it| call.allows("name", it.name));
    Answer::ok(&Page::of("load_balancer_types", found, call, SORT_KEYS)?)
}

pub(crate) fn get(_: &mut Cloud, call: &Call) -> Reply {
    let id = call.id("id")?;
    let found = LOAD_BALANCER_TYPES.iter().find(|it| it.id == id);
    let found = found.ok_or_else(|| ApiError::not_found("load balancer type", id))?;
    Answer::one("load_balancer_type", found)
}
