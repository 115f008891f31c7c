//! Snapshots of storage boxes.
//!
//! API reference: <https://docs.hetzner.cloud/reference/hetzner#storage-box-snapshots>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use crate::number::Integer;
use crate::{
    Action, Client, LabelSelector, Labels, Result, Sort, StorageBoxId, StorageBoxSnapshotId,
};

/// The snapshots of one storage box; made by
/// [`StorageBoxes::snapshots`](crate::StorageBoxes::snapshots).
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client, id: hcloud_api::StorageBoxId)
/// # -> hcloud_api::Result<()> {
/// use hcloud_api::CreateStorageBoxSnapshot;
///
/// let snapshots = client.storage_boxes().snapshots(id);
/// let created = snapshots.create(&CreateStorageBoxSnapshot::default()).await?;
/// client.wait([created.action]).await?;
/// println!("{}", snapshots.get(created.snapshot.id).await?.name);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StorageBoxSnapshots<'a>(pub(crate) &'a Client, pub(crate) StorageBoxId);

impl StorageBoxSnapshots<'_> {
    /// Lists the snapshots that match `filter`. The API does not cut this list into pages.
    pub async fn list(self, filter: &ListStorageBoxSnapshots) -> Result<Vec<StorageBoxSnapshot>> {
        self.0.get(self.all()).query(filter).many().await
    }

    /// Finds the snapshot with exactly this name, which the API gave it.
    pub async fn find(self, name: &str) -> Result<Option<StorageBoxSnapshot>> {
        let filter = ListStorageBoxSnapshots {
            name: Some(name.to_owned()),
            ..ListStorageBoxSnapshots::default()
        };
        Ok(self.list(&filter).await?.into_iter().next())
    }

    /// Gets one snapshot.
    pub async fn get(self, id: StorageBoxSnapshotId) -> Result<StorageBoxSnapshot> {
        self.0.get(self.one(id)).one().await
    }

    /// Makes a snapshot.
    ///
    /// This is never sent twice after a lost answer, because that could make two; look with
    /// [`list`](Self::list).
    pub async fn create(
        self,
        snapshot: &CreateStorageBoxSnapshot,
    ) -> Result<StorageBoxSnapshotCreated> {
        self.0.post(self.all()).json(snapshot).whole().await
    }

    /// Changes the description of a snapshot or replaces its labels.
    pub async fn update(
        self,
        id: StorageBoxSnapshotId,
        change: &UpdateStorageBoxSnapshot,
    ) -> Result<StorageBoxSnapshot> {
        self.0.put(self.one(id)).json(change).one().await
    }

    /// Deletes a snapshot.
    pub async fn delete(self, id: StorageBoxSnapshotId) -> Result<Option<Action>> {
        self.0.delete(self.one(id)).optional().await
    }

    fn all(self) -> String {
        format!("/storage_boxes/{}/snapshots", self.1)
    }

    fn one(self, id: StorageBoxSnapshotId) -> String {
        format!("{}/{id}", self.all())
    }
}

/// Which snapshots of a storage box to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListStorageBoxSnapshots {
    /// Only the one with exactly this name.
    pub name: Option<String>,
    /// Only those that a snapshot plan made, or only the others.
    pub is_automatic: Option<bool>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<StorageBoxSnapshotSort>>,
}

open_enum! {
    /// What snapshots of storage boxes can be sorted by.
    pub enum StorageBoxSnapshotSort {
        /// Their ids.
        Id = "id",
        /// Their names.
        Name = "name",
        /// When they were made.
        Created = "created",
    }
}

/// A snapshot of a storage box.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxSnapshot {
    /// Names the snapshot.
    pub id: StorageBoxSnapshotId,
    /// The name that the API gave it, such as `2025-02-12T11-35-19`; a folder with its content
    /// has it too.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// How much it takes up.
    pub stats: StorageBoxSnapshotStats,
    /// Whether a snapshot plan made it.
    pub is_automatic: bool,
    /// The user's labels.
    pub labels: Labels,
    /// When it was made.
    pub created: Timestamp,
    /// The storage box that it belongs to.
    pub storage_box: StorageBoxId,
}

resource!(
    StorageBoxSnapshot,
    StorageBoxSnapshotId,
    "snapshot",
    "snapshots"
);

/// How much a snapshot of a storage box takes up.
#[serde_as]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxSnapshotStats {
    /// What would be free without it, in bytes.
    #[serde_as(as = "Integer")]
    pub size: u64,
    /// The compressed file system in it, in bytes.
    #[serde_as(as = "Integer")]
    pub size_filesystem: u64,
}

/// A snapshot to make.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct CreateStorageBoxSnapshot {
    /// For people.
    pub description: Option<String>,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// A snapshot that is being made.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxSnapshotCreated {
    /// Names the snapshot; more is known when it is made.
    pub snapshot: NewStorageBoxSnapshot,
    /// Makes it.
    pub action: Action,
}

/// Names a snapshot that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct NewStorageBoxSnapshot {
    /// Names the snapshot.
    pub id: StorageBoxSnapshotId,
    /// The storage box that it belongs to.
    pub storage_box: StorageBoxId,
}

/// What to change about a snapshot; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateStorageBoxSnapshot {
    /// The description from now on.
    pub description: Option<String>,
    /// All labels from now on: those missing here are removed.
    pub labels: Option<Labels>,
}
