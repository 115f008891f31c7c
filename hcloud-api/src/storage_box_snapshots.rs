//! Snapshots of storage boxes.
//!
//! API reference: <https://docs.hetzner.cloud/reference/hetzner#storage-box-snapshots>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::number::Integer;
use crate::{
    Action, Client, LabelSelector, Labels, Result, Sort, StorageBoxId, StorageBoxSnapshotId,
};

/// The snapshots of one storage box; returned by
/// [`StorageBoxes::snapshots`](crate::StorageBoxes::snapshots).
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client, id: hcloud_api::StorageBoxId)
/// # -> hcloud_api::Result<()> {
/// use hcloud_api::CreateStorageBoxSnapshot;
///
/// let snapshots = client.storage_boxes().snapshots(id);
/// let created = snapshots.create(&CreateStorageBoxSnapshot::default()).await?;
/// client.wait(created.action).await?;
/// println!("{}", snapshots.get(created.snapshot.id).await?.name);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StorageBoxSnapshots<'a>(pub(crate) &'a Client, pub(crate) StorageBoxId);

impl StorageBoxSnapshots<'_> {
    /// Lists the snapshots that match `filter`. The API does not paginate this list.
    pub async fn list(self, filter: &ListStorageBoxSnapshots) -> Result<Vec<StorageBoxSnapshot>> {
        self.0.get(self.all()).query(filter).many().await
    }

    /// Finds the snapshot with exactly this name, which is chosen by the API.
    pub async fn find(self, name: &str) -> Result<Option<StorageBoxSnapshot>> {
        if name.is_empty() {
            return Ok(None);
        }
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

    /// Gets one snapshot, or `None` if it does not exist.
    pub async fn try_get(self, id: StorageBoxSnapshotId) -> Result<Option<StorageBoxSnapshot>> {
        found(self.get(id).await)
    }

    /// Creates a snapshot.
    ///
    /// This is not retried after a timeout because that could create two; check with
    /// [`list`](Self::list).
    pub async fn create(
        self,
        snapshot: &CreateStorageBoxSnapshot,
    ) -> Result<StorageBoxSnapshotCreated> {
        self.0.post(self.all()).json(snapshot).whole().await
    }

    /// Updates the description of a snapshot or replaces its labels.
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

/// A filter for snapshots of a storage box.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListStorageBoxSnapshots {
    /// Only the one with this name.
    pub name: Option<String>,
    /// Only those that were created by a snapshot plan, or only the others.
    pub is_automatic: Option<bool>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<StorageBoxSnapshotSort>>,
}

open_enum! {
    /// The sort keys of snapshots of storage boxes.
    pub enum StorageBoxSnapshotSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

/// A snapshot of a storage box.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxSnapshot {
    /// The snapshot's id.
    #[serde_with(skip_apply)]
    pub id: StorageBoxSnapshotId,
    /// The name, chosen by the API, such as `2025-02-12T11-35-19`; the directory with the snapshot's
    /// content has the same name.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The description.
    pub description: String,
    /// The sizes.
    pub stats: StorageBoxSnapshotStats,
    /// Whether it was created by a snapshot plan.
    pub is_automatic: bool,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// The storage box.
    #[serde_with(skip_apply)]
    pub storage_box: StorageBoxId,
}

resource!(
    StorageBoxSnapshot,
    StorageBoxSnapshotId,
    "snapshot",
    "snapshots"
);

/// The sizes of a snapshot of a storage box.
#[serde_as]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StorageBoxSnapshotStats {
    /// The space that deleting it would free, in bytes.
    #[serde_as(as = "Option<Integer>")]
    pub size: Option<u64>,
    /// The size of its compressed file system, in bytes.
    #[serde_as(as = "Option<Integer>")]
    pub size_filesystem: Option<u64>,
}

/// A snapshot to create.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct CreateStorageBoxSnapshot {
    /// The description.
    pub description: Option<String>,
    /// The labels.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// A snapshot that is being created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxSnapshotCreated {
    /// The ids of the snapshot.
    #[serde_with(skip_apply)]
    pub snapshot: NewStorageBoxSnapshot,
    /// The action that creates it.
    pub action: Option<Action>,
}

/// The ids of a snapshot that is being created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct NewStorageBoxSnapshot {
    /// The snapshot's id.
    #[serde_with(skip_apply)]
    pub id: StorageBoxSnapshotId,
    /// The storage box.
    #[serde_with(skip_apply)]
    pub storage_box: StorageBoxId,
}

/// An update of a snapshot; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateStorageBoxSnapshot {
    /// The new description.
    pub description: Option<String>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}
