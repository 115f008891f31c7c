//! Storage box types: how much a storage box can hold, and what it costs where.
//!
//! API reference: <https://docs.hetzner.cloud/reference/hetzner#storage-box-types>

use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use crate::number::Integer;
use crate::{Client, Deprecation, IdOrName, Listing, Price, Result, StorageBoxTypeId};

/// The storage box types that Hetzner offers; made by [`Client::storage_box_types`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// for offer in client.storage_box_types().list(&Default::default()).all().await? {
///     println!("{}: {} TiB", offer.name, offer.size >> 40);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StorageBoxTypes<'a>(pub(crate) &'a Client);

impl StorageBoxTypes<'_> {
    /// Lists the storage box types that match `filter`.
    pub fn list(self, filter: &ListStorageBoxTypes) -> Listing<StorageBoxType> {
        self.0.get("/storage_box_types").query(filter).list()
    }

    /// Finds the storage box type with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<StorageBoxType>> {
        self.0.find(name).await
    }

    /// Finds a storage box type by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<StorageBoxTypeId>) -> Result<Option<StorageBoxType>> {
        self.0.resolve(key).await
    }

    /// Gets one storage box type.
    pub async fn get(self, id: StorageBoxTypeId) -> Result<StorageBoxType> {
        self.0.get(format!("/storage_box_types/{id}")).one().await
    }
}

/// Which storage box types to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListStorageBoxTypes {
    /// Only the type with exactly this name.
    pub name: Option<String>,
}

/// A size of storage box.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxType {
    /// Names the type.
    pub id: StorageBoxTypeId,
    /// Such as `bx11`.
    pub name: String,
    /// The name for people.
    pub description: String,
    /// What it can hold, in bytes.
    #[serde_as(as = "Integer")]
    pub size: u64,
    /// How many snapshots users can make.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub snapshot_limit: Option<u64>,
    /// How many snapshots a snapshot plan can make.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub automatic_snapshot_limit: Option<u64>,
    /// How many subaccounts there may be.
    #[serde_as(as = "Integer")]
    pub subaccounts_limit: u64,
    /// When it goes away; `None` while nothing is announced.
    pub deprecation: Option<Deprecation>,
    /// What it costs, per location.
    pub prices: Vec<StorageBoxPrice>,
}

resource!(
    StorageBoxType,
    StorageBoxTypeId,
    "storage_box_type",
    "storage_box_types"
);

impl StorageBoxType {
    /// What this type costs in the location of this name.
    pub fn price(&self, location: &str) -> Option<&StorageBoxPrice> {
        self.prices.iter().find(|price| price.location == location)
    }
}

/// What a storage box costs in one location.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxPrice {
    /// Such as `fsn1`.
    pub location: String,
    /// For each hour begun, up to the monthly price.
    pub price_hourly: Price,
    /// The most that one month can cost.
    pub price_monthly: Price,
    /// Once, when it is created.
    pub setup_fee: Price,
}
