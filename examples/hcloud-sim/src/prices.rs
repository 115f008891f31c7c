//! Prices, serialized as decimal strings.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#pricing>

use std::ops::{Div, Mul};

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::call::{Answer, Call, Reply};
use crate::catalog::{LOCATIONS, SERVER_TYPES};
use crate::load_balancer_types::LOAD_BALANCER_TYPES;
use crate::state::Cloud;

const VAT_PERCENT: u64 = 19;

/// A net price in units of 10⁻¹⁰ euro; serialized as net and gross.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Price(u64);

impl Price {
    pub(crate) const fn cents(cents: u64) -> Self {
        Self(cents * 100_000_000)
    }
}

impl Mul<u64> for Price {
    type Output = Self;

    fn mul(self, factor: u64) -> Self {
        Self(self.0 * factor)
    }
}

impl Div<u64> for Price {
    type Output = Self;

    fn div(self, divisor: u64) -> Self {
        Self(self.0 / divisor)
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const EURO: u64 = 10_000_000_000;
        let (whole, rest) = (self.0 / EURO, self.0 % EURO);
        let gross = u128::from(self.0) * u128::from(100 + VAT_PERCENT);
        let (gross_whole, gross_rest) = (
            gross / u128::from(EURO * 100),
            gross % u128::from(EURO * 100),
        );
        let mut price = serializer.serialize_struct("Price", 2)?;
        price.serialize_field("net", &format_args!("{whole}.{rest:010}"))?;
        price.serialize_field("gross", &format_args!("{gross_whole}.{gross_rest:012}0000"))?;
        price.end()
    }
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct PerTime {
    price_hourly: Price,
    price_monthly: Price,
}

impl PerTime {
    /// Returns a monthly price; 624 hours cost as much as a month.
    pub(crate) fn monthly(price: Price) -> Self {
        const TENTHS_OF_A_MILLI_EURO: u64 = 1_000_000;
        let Price(hourly) = price / 624;
        Self {
            price_hourly: Price(hourly.next_multiple_of(TENTHS_OF_A_MILLI_EURO)),
            price_monthly: price,
        }
    }
}

/// The prices of a server type at one location.
#[derive(Debug, Serialize)]
pub(crate) struct LocationPrices {
    pub(crate) location: &'static str,
    #[serde(flatten)]
    pub(crate) price: PerTime,
    pub(crate) included_traffic: u64,
    pub(crate) price_per_tb_traffic: Price,
}

pub(crate) fn get(_: &mut Cloud, _: &Call) -> Reply {
    #[derive(Serialize)]
    struct AtLocation {
        location: &'static str,
        #[serde(flatten)]
        price: PerTime,
    }
    let everywhere = |cents| -> Vec<AtLocation> {
        let price = PerTime::monthly(Price::cents(cents));
        LOCATIONS
            .iter()
            .map(|location| AtLocation {
                location: location.name,
                price,
            })
            .collect()
    };
    let monthly_everywhere = |cents| -> Vec<_> {
        LOCATIONS
            .iter()
            .map(|location| json!({ "location": location.name, "price_monthly": Price::cents(cents) }))
            .collect()
    };
    let server_types: Vec<_> = SERVER_TYPES
        .iter()
        .map(|server_type| {
            json!({ "id": server_type.id, "name": server_type.name, "prices": server_type.prices })
        })
        .collect();
    let load_balancer_types: Vec<_> = LOAD_BALANCER_TYPES
        .iter()
        .map(|it| json!({ "id": it.id, "name": it.name, "prices": it.prices }))
        .collect();
    Answer::ok(&json!({ "pricing": {
        "currency": "EUR",
        "vat_rate": format!("{VAT_PERCENT}.00"),
        "floating_ip": { "price_monthly": Price::cents(300) },
        "floating_ips": [
            { "type": "ipv4", "prices": monthly_everywhere(300) },
            { "type": "ipv6", "prices": monthly_everywhere(100) },
        ],
        "image": { "price_per_gb_month": Price::cents(110) / 100 },
        "load_balancer_types": load_balancer_types,
        "primary_ips": [
            { "type": "ipv4", "prices": everywhere(50) },
            { "type": "ipv6", "prices": everywhere(0) },
        ],
        "server_backup": { "percentage": "20.00" },
        "server_types": server_types,
        "volume": { "price_per_gb_month": Price::cents(440) / 100 },
    }}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_serialized_net_and_gross() {
        let price = serde_json::to_string(&Price::cents(349)).unwrap();

        assert_eq!(
            price,
            r#"{"net":"3.4900000000","gross":"4.1531000000000000"}"#
        );
    }
}
