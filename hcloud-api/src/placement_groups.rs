//! Placement groups, which keep servers on different hosts.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#placement-groups>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{apply, skip_serializing_none};

use crate::crud::found;
use crate::{
    Action, Client, IdOrName, LabelSelector, Labels, Listing, PlacementGroupId, Result, ServerId,
    Sort,
};

/// The placement groups of one project; returned by [`Client::placement_groups`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::{CreatePlacementGroup, CreateServer};
///
/// let apart = CreatePlacementGroup::spread("apart");
/// let group = client.placement_groups().create(&apart).await?.placement_group;
/// for name in ["db-1", "db-2"] {
///     let server = CreateServer {
///         placement_group: Some(group.id),
///         ..CreateServer::new(name, "cx23", "debian-13")
///     };
///     client.servers().create(&server).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PlacementGroups<'a>(pub(crate) &'a Client);

impl PlacementGroups<'_> {
    /// Lists the placement groups that match `filter`.
    pub fn list(self, filter: &ListPlacementGroups) -> Listing<PlacementGroup> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<PlacementGroup>> {
        self.list(&ListPlacementGroups::default()).all().await
    }

    /// Finds the placement group with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<PlacementGroup>> {
        self.0.find(name).await
    }

    /// Finds a placement group by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<PlacementGroupId>) -> Result<Option<PlacementGroup>> {
        self.0.resolve(key).await
    }

    /// Gets one placement group.
    pub async fn get(self, id: PlacementGroupId) -> Result<PlacementGroup> {
        self.0.fetch(id).await
    }

    /// Gets one placement group, or `None` if it does not exist.
    pub async fn try_get(self, id: PlacementGroupId) -> Result<Option<PlacementGroup>> {
        found(self.get(id).await)
    }

    /// Creates an empty placement group.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if the name is taken.
    pub async fn create(self, group: &CreatePlacementGroup) -> Result<PlacementGroupCreated> {
        self.0.post("/placement_groups").json(group).whole().await
    }

    /// Renames a placement group or replaces its labels.
    pub async fn update(
        self,
        id: PlacementGroupId,
        change: &UpdatePlacementGroup,
    ) -> Result<PlacementGroup> {
        self.0.change(id, change).await
    }

    /// Deletes a placement group; its servers are kept.
    pub async fn delete(self, id: PlacementGroupId) -> Result<Option<Action>> {
        self.0.remove::<PlacementGroup>(id).await
    }
}

/// A filter for placement groups. Empty lists match all.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListPlacementGroups {
    /// Only the placement group with exactly this name.
    pub name: Option<String>,
    /// Only placement groups of one of these types.
    #[serde(rename = "type")]
    pub kind: Vec<PlacementGroupType>,
    /// Only placement groups with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<PlacementGroupSort>>,
}

open_enum! {
    /// The sort keys of placement groups.
    pub enum PlacementGroupSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

/// A placement group.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PlacementGroup {
    /// The placement group's id.
    #[serde_with(skip_apply)]
    pub id: PlacementGroupId,
    /// The name, unique in the project.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The placement strategy.
    #[serde(rename = "type")]
    pub kind: PlacementGroupType,
    /// The servers in it.
    pub servers: Vec<ServerId>,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
}

resource!(
    PlacementGroup,
    PlacementGroupId,
    "placement_group",
    "placement_groups"
);

open_enum! {
    /// The placement strategy of a placement group.
    pub enum PlacementGroupType {
        /// Each server on a different host.
        Spread = "spread",
    }
}

/// A placement group to create.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreatePlacementGroup {
    /// The name, unique in the project.
    pub name: String,
    /// The placement strategy.
    #[serde(rename = "type")]
    pub kind: PlacementGroupType,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreatePlacementGroup {
    /// Creates a request for a placement group with each server on a different host.
    pub fn spread(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: PlacementGroupType::Spread,
            labels: Labels::default(),
        }
    }
}

/// A placement group that was created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PlacementGroupCreated {
    /// The placement group.
    #[serde_with(skip_apply)]
    pub placement_group: PlacementGroup,
    /// The action that creates it; `None` if it exists already.
    pub action: Option<Action>,
}

/// An update of a placement group; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdatePlacementGroup {
    /// The new name.
    pub name: Option<String>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}
