//! Storage box types.
//!
//! API reference: <https://docs.hetzner.cloud/reference/hetzner#storage-box-types>

use std::sync::LazyLock;

use serde::Serialize;

use crate::call::{Call, IdOrName, Reply};
use crate::errors::ApiError;
use crate::offers;
use crate::prices::{PerTime, Price};
use crate::state::Cloud;

#[derive(Debug, Serialize)]
pub(crate) struct StorageBoxType {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    description: String,
    pub(crate) snapshot_limit: u32,
    pub(crate) automatic_snapshot_limit: u32,
    pub(crate) subaccounts_limit: u32,
    pub(crate) size: u64,
    prices: Vec<LocationPrices>,
    deprecation: Option<()>,
}

#[derive(Debug, Serialize)]
struct LocationPrices {
    location: &'static str,
    #[serde(flatten)]
    price: PerTime,
    setup_fee: Price,
}

/// ID, name, size in TB, the maximum of snapshots, automatic snapshots and subaccounts, and the net price in euro cents
/// per month.
struct Size(u64, &'static str, u64, [u32; 3], u64);

const SIZES: &[Size] = &[
    Size(1333, "bx11", 1, [10, 10, 100], 320),
    Size(1334, "bx21", 5, [20, 20, 100], 1090),
    Size(1335, "bx31", 10, [30, 30, 100], 2080),
    Size(1336, "bx41", 20, [40, 40, 100], 4060),
];

const LOCATIONS: [&str; 2] = ["fsn1", "hel1"];

pub(crate) static STORAGE_BOX_TYPES: LazyLock<Vec<StorageBoxType>> =
    LazyLock::new(|| SIZES.iter().map(Size::storage_box_type).collect());

impl Size {
    fn storage_box_type(&self) -> StorageBoxType {
        let &Self(id, name, terabytes, [snapshots, automatic, subaccounts], cents) = self;
        let prices = LOCATIONS.into_iter().map(|location| LocationPrices {
            location,
            price: PerTime::monthly(Price::cents(cents)),
            setup_fee: Price::cents(0),
        });
        StorageBoxType {
            id,
            name,
            description: name.to_uppercase(),
            snapshot_limit: snapshots,
            automatic_snapshot_limit: automatic,
            subaccounts_limit: subaccounts,
            size: terabytes << 40,
            prices: prices.collect(),
            deprecation: None,
        }
    }
}

impl StorageBoxType {
    pub(crate) fn is_offered_at(&self, location: &str) -> bool {
        self.prices.iter().any(|price| price.location == location)
    }
}

/// Finds the type in a request.
pub(crate) fn find(wanted: &IdOrName) -> Result<&'static StorageBoxType, ApiError> {
    let problem = || {
        ApiError::invalid(
            "storage_box_type",
            format!("storage box type '{wanted}' not found"),
        )
    };
    wanted.listed().ok_or_else(problem)
}

pub(crate) fn list(_: &mut Cloud, call: &Call) -> Reply {
    offers::list::<StorageBoxType>("storage_box_types", call, |_| true)
}

pub(crate) fn get(_: &mut Cloud, call: &Call) -> Reply {
    offers::show::<StorageBoxType>("storage_box_type", call)
}
