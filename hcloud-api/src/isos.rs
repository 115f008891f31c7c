//! ISO images: what a server can boot from instead of its disk.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#isos>

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::{Architecture, Client, Deprecation, IdOrName, IsoId, Listing, Result};

/// The ISO images that can be attached to servers; made by [`Client::isos`].
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
        self.0.get("/isos").query(filter).list()
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
        self.0.get(format!("/isos/{id}")).one().await
    }
}

/// Which ISO images to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListIsos {
    /// Only the one with exactly this name.
    pub name: Option<String>,
    /// Only those for this architecture.
    pub architecture: Option<Architecture>,
    /// Besides `architecture`, also those whose architecture is not known, which every private one
    /// is.
    pub include_architecture_wildcard: Option<bool>,
}

/// An ISO image.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Iso {
    /// Names the ISO image.
    pub id: IsoId,
    /// `None` for private ones.
    pub name: Option<String>,
    /// For people.
    pub description: String,
    /// Who may use it.
    #[serde(rename = "type")]
    pub kind: Option<IsoType>,
    /// When it goes away; `None` while nothing is announced.
    pub deprecation: Option<Deprecation>,
    /// What it boots on; `None` if not known.
    pub architecture: Option<Architecture>,
}

resource!(Iso, IsoId, "iso", "isos");

open_enum! {
    /// Who may use an ISO image.
    pub enum IsoType {
        /// Everyone.
        Public = "public",
        /// This project.
        Private = "private",
    }
}
