//! Placement groups: servers that must not share a host.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#placement-groups>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::{
    Action, Client, IdOrName, LabelSelector, Labels, Listing, PlacementGroupId, Result, ServerId,
    Sort,
};

/// The placement groups of one project; made by [`Client::placement_groups`].
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
        self.0.get("/placement_groups").query(filter).list()
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
        self.0.get(format!("/placement_groups/{id}")).one().await
    }

    /// Creates a placement group, empty at first.
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
        self.0
            .put(format!("/placement_groups/{id}"))
            .json(change)
            .one()
            .await
    }

    /// Deletes a placement group; its servers stay where they are.
    pub async fn delete(self, id: PlacementGroupId) -> Result<Option<Action>> {
        self.0
            .delete(format!("/placement_groups/{id}"))
            .optional()
            .await
    }
}

/// Which placement groups to list. An empty list of alternatives means any.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListPlacementGroups {
    /// Only the placement group with exactly this name.
    pub name: Option<String>,
    /// Only placement groups of one of these types.
    #[serde(rename = "type")]
    pub kind: Vec<PlacementGroupType>,
    /// Only placement groups with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<PlacementGroupSort>>,
}

open_enum! {
    /// What placement groups can be sorted by.
    pub enum PlacementGroupSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

/// A placement group.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PlacementGroup {
    /// Names the placement group.
    pub id: PlacementGroupId,
    /// Unique in the project.
    pub name: String,
    /// How its servers are placed.
    #[serde(rename = "type")]
    pub kind: PlacementGroupType,
    /// The servers in it.
    pub servers: Vec<ServerId>,
    /// The user's labels.
    pub labels: Labels,
    /// When it was made.
    pub created: Timestamp,
}

resource!(
    PlacementGroup,
    PlacementGroupId,
    "placement_group",
    "placement_groups"
);

open_enum! {
    /// How the servers of a placement group are placed.
    pub enum PlacementGroupType {
        /// Each on a host of its own.
        Spread = "spread",
    }
}

/// A placement group to create.
#[derive(Clone, Debug, Serialize)]
pub struct CreatePlacementGroup {
    /// Unique in the project.
    pub name: String,
    /// How its servers shall be placed.
    #[serde(rename = "type")]
    pub kind: PlacementGroupType,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreatePlacementGroup {
    /// A placement group that puts each of its servers on a host of its own.
    pub fn spread(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: PlacementGroupType::Spread,
            labels: Labels::default(),
        }
    }
}

/// A placement group that was created.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PlacementGroupCreated {
    /// The placement group.
    pub placement_group: PlacementGroup,
    /// Creates it; `None` if that was done at once.
    pub action: Option<Action>,
}

/// What to change about a placement group; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdatePlacementGroup {
    /// The name from now on.
    pub name: Option<String>,
    /// All labels from now on: those missing here are removed.
    pub labels: Option<Labels>,
}
