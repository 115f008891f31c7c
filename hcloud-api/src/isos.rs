//! ISO images, from which servers can boot instead of their disks.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#isos>

use serde::{Deserialize, Serialize};
use serde_with::{apply, skip_serializing_none};

use crate::crud::found;
use crate::{Architecture, Client, Deprecation, IdOrName, IsoId, Listing, Result};

/// The ISO images that can be attached to servers; returned by [`Client::isos`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::{Architecture, ListIsos};
///
/// let filter = ListIsos { architecture: Some(Architecture::Arm), ..Default::default() };
/// for iso in client.isos().list(&filter).all().await? {
///     println!("{}", iso.description);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Isos<'a>(pub(crate) &'a Client);

impl Isos<'_> {
    /// Lists the ISO images that match `filter`.
    pub fn list(self, filter: &ListIsos) -> Listing<Iso> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<Iso>> {
        self.list(&ListIsos::default()).all().await
    }

    /// Finds the ISO image with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<Iso>> {
        self.0.find(name).await
    }

    /// Finds an ISO image by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<IsoId>) -> Result<Option<Iso>> {
        self.0.resolve(key).await
    }

    /// Gets one ISO image.
    pub async fn get(self, id: IsoId) -> Result<Iso> {
        self.0.fetch(id).await
    }

    /// Gets one ISO image, or `None` if it does not exist.
    pub async fn try_get(self, id: IsoId) -> Result<Option<Iso>> {
        found(self.get(id).await)
    }
}

/// A filter for ISO images.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListIsos {
    /// Only the one with this name.
    pub name: Option<String>,
    /// Only those for this architecture.
    pub architecture: Option<Architecture>,
    /// Whether to include ISO images of unknown architecture in addition to `architecture`; all private
    /// ones are of unknown architecture.
    pub include_architecture_wildcard: Option<bool>,
}

/// An ISO image.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Iso {
    /// The ISO image's id.
    #[serde_with(skip_apply)]
    pub id: IsoId,
    /// The name; `None` for private ones.
    pub name: Option<String>,
    /// The description.
    pub description: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: Option<IsoType>,
    /// The deprecation; `None` if none is announced.
    pub deprecation: Option<Deprecation>,
    /// The architecture; `None` if unknown.
    pub architecture: Option<Architecture>,
}

resource!(Iso, IsoId, "iso", "isos");

open_enum! {
    /// The type of an ISO image.
    pub enum IsoType {
        /// Available to everyone.
        Public = "public",
        /// Available to this project.
        Private = "private",
    }
}
