//! Placement groups: servers that must not share a host.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#placement-groups>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Labels, PlacementGroupId, ServerId};

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

open_enum! {
    /// How the servers of a placement group are placed.
    pub enum PlacementGroupType {
        /// Each on a host of its own.
        Spread = "spread",
    }
}
