//! Storage box types: capacities and prices of storage boxes.
//!
//! API reference: <https://docs.hetzner.cloud/reference/hetzner#storage-box-types>

use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::number::Integer;
use crate::{Client, Deprecation, IdOrName, Listing, Price, Result, StorageBoxTypeId};

/// The storage box types that Hetzner offers; returned by [`Client::storage_box_types`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// for offer in client.storage_box_types().list(&Default::default()).all().await? {
///     println!("{}: {:?} bytes", offer.name, offer.size);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StorageBoxTypes<'a>(pub(crate) &'a Client);

impl StorageBoxTypes<'_> {
    /// Lists the storage box types that match `filter`.
    pub fn list(self, filter: &ListStorageBoxTypes) -> Listing<StorageBoxType> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<StorageBoxType>> {
        self.list(&ListStorageBoxTypes::default()).all().await
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
        self.0.fetch(id).await
    }

    /// Gets one storage box type, or `None` if it does not exist.
    pub async fn try_get(self, id: StorageBoxTypeId) -> Result<Option<StorageBoxType>> {
        found(self.get(id).await)
    }
}

/// A filter for storage box types.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListStorageBoxTypes {
    /// Only the type with exactly this name.
    pub name: Option<String>,
}

/// A storage box type.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxType {
    /// The type's id.
    #[serde_with(skip_apply)]
    pub id: StorageBoxTypeId,
    /// The name, such as `bx11`.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The display name.
    pub description: String,
    /// The capacity in bytes.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub size: Option<u64>,
    /// The maximum number of manual snapshots.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub snapshot_limit: Option<u64>,
    /// The maximum number of automatic snapshots.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub automatic_snapshot_limit: Option<u64>,
    /// The maximum number of subaccounts.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub subaccounts_limit: Option<u64>,
    /// The deprecation; `None` if none is announced.
    pub deprecation: Option<Deprecation>,
    /// The prices, per location.
    pub prices: Vec<StorageBoxPrice>,
}

resource!(
    StorageBoxType,
    StorageBoxTypeId,
    "storage_box_type",
    "storage_box_types"
);

impl StorageBoxType {
    /// Returns the prices of this type in the location with this name.
    pub fn price(&self, location: &str) -> Option<&StorageBoxPrice> {
        self.prices.iter().find(|price| price.location == location)
    }
}

/// The prices of a storage box in one location.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StorageBoxPrice {
    /// The location, such as `fsn1`.
    pub location: String,
    /// The price per hour begun, up to the monthly price.
    pub price_hourly: Price,
    /// The maximum price per month.
    pub price_monthly: Price,
    /// The fee for its creation.
    pub setup_fee: Price,
}
