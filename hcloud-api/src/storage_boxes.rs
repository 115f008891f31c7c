//! Storage boxes: network storage with its own accounts and snapshots.
//!
//! Their endpoint is `api.hetzner.com`, with the same token as the Cloud API.
//!
//! API reference: <https://docs.hetzner.cloud/reference/hetzner#storage-boxes>

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::number::Integer;
use crate::request::Request;
use crate::secret::Secret;
use crate::{
    Action, ChangeProtection, Client, IdOrName, KindActions, LabelSelector, Labels, Listing,
    Location, LocationId, Protection, ResourceActions, Result, Sort, StorageBoxId,
    StorageBoxSnapshotId, StorageBoxSnapshots, StorageBoxSubaccounts, StorageBoxType,
    StorageBoxTypeId,
};

/// The storage boxes of one project; returned by [`Client::storage_boxes`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::{CreateStorageBox, SnapshotPlan};
///
/// # let password = "";
/// let backup = CreateStorageBox::new("backup", "bx11", "fsn1", password);
/// let created = client.storage_boxes().create(&backup).await?;
/// client.wait(created.action).await?;
///
/// let nightly = SnapshotPlan::daily(10, 3, 0);
/// client.storage_boxes().enable_snapshot_plan(created.storage_box.id, &nightly).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StorageBoxes<'a>(pub(crate) &'a Client);

impl<'a> StorageBoxes<'a> {
    /// Lists the storage boxes that match `filter`.
    pub fn list(self, filter: &ListStorageBoxes) -> Listing<StorageBox> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<StorageBox>> {
        self.list(&ListStorageBoxes::default()).all().await
    }

    /// Finds the storage box with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<StorageBox>> {
        self.0.find(name).await
    }

    /// Finds a storage box by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<StorageBoxId>) -> Result<Option<StorageBox>> {
        self.0.resolve(key).await
    }

    /// Gets one storage box.
    pub async fn get(self, id: StorageBoxId) -> Result<StorageBox> {
        self.0.fetch(id).await
    }

    /// Gets one storage box, or `None` if it does not exist.
    pub async fn try_get(self, id: StorageBoxId) -> Result<Option<StorageBox>> {
        found(self.get(id).await)
    }

    /// Creates a storage box, which is billed from now on.
    ///
    /// Its server and user name are unknown until the action has ended.
    pub async fn create(self, storage_box: &CreateStorageBox) -> Result<StorageBoxCreated> {
        self.0
            .post("/storage_boxes")
            .json(storage_box)
            .whole()
            .await
    }

    /// Renames a storage box or replaces its labels.
    pub async fn update(self, id: StorageBoxId, change: &UpdateStorageBox) -> Result<StorageBox> {
        self.0.change(id, change).await
    }

    /// Deletes a storage box with all its data, snapshots and subaccounts.
    pub async fn delete(self, id: StorageBoxId) -> Result<Option<Action>> {
        self.0.remove::<StorageBox>(id).await
    }

    /// The snapshots of one storage box.
    pub fn snapshots(self, id: StorageBoxId) -> StorageBoxSnapshots<'a> {
        StorageBoxSnapshots(self.0, id)
    }

    /// The subaccounts of one storage box.
    pub fn subaccounts(self, id: StorageBoxId) -> StorageBoxSubaccounts<'a> {
        StorageBoxSubaccounts(self.0, id)
    }

    /// Lists the names of the subdirectories of a directory; `.` is the root directory.
    pub async fn folders(self, id: StorageBoxId, path: &str) -> Result<Vec<String>> {
        self.0
            .get(format!("/storage_boxes/{id}/folders"))
            .parameter("path", path)
            .field("folders")
            .await
    }

    /// Sets the password of the main account.
    pub async fn reset_password(
        self,
        id: StorageBoxId,
        password: impl Into<SecretString>,
    ) -> Result<Action> {
        self.act(id, "reset_password")
            .json(&ResetPassword {
                password: password.into(),
            })
            .one()
            .await
    }

    /// Updates the access settings of the main account.
    pub async fn update_access_settings(
        self,
        id: StorageBoxId,
        change: &UpdateStorageBoxAccess,
    ) -> Result<Action> {
        self.act(id, "update_access_settings")
            .json(change)
            .one()
            .await
    }

    /// Changes the type of a storage box, which must have the capacity for the stored data.
    pub async fn change_type(
        self,
        id: StorageBoxId,
        storage_box_type: impl Into<IdOrName<StorageBoxTypeId>>,
    ) -> Result<Action> {
        let storage_box_type = storage_box_type.into();
        self.act(id, "change_type")
            .json(&ChangeType { storage_box_type })
            .one()
            .await
    }

    /// Rolls a storage box back to a snapshot: **later changes and newer snapshots are lost**.
    pub async fn rollback_snapshot(
        self,
        id: StorageBoxId,
        snapshot: impl Into<IdOrName<StorageBoxSnapshotId>>,
    ) -> Result<Action> {
        let snapshot = snapshot.into();
        self.act(id, "rollback_snapshot")
            .json(&Rollback { snapshot })
            .one()
            .await
    }

    /// Enables automatic snapshots, replacing an earlier plan.
    pub async fn enable_snapshot_plan(
        self,
        id: StorageBoxId,
        plan: &SnapshotPlan,
    ) -> Result<Action> {
        self.act(id, "enable_snapshot_plan").json(plan).one().await
    }

    /// Disables automatic snapshots; existing ones are kept.
    pub async fn disable_snapshot_plan(self, id: StorageBoxId) -> Result<Action> {
        self.act(id, "disable_snapshot_plan").one().await
    }

    /// Changes the protection of a storage box.
    pub async fn change_protection(
        self,
        id: StorageBoxId,
        change: &ChangeProtection,
    ) -> Result<Action> {
        self.act(id, "change_protection").json(change).one().await
    }

    /// The actions of all storage boxes.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/storage_boxes")
    }

    /// The actions of one storage box.
    pub fn actions_for(self, id: StorageBoxId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/storage_boxes/{id}"))
    }

    fn act(self, id: StorageBoxId, command: &str) -> Request {
        self.0.act::<StorageBox>(id, command)
    }
}

/// A filter for storage boxes.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListStorageBoxes {
    /// Only the one with this name.
    pub name: Option<String>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<StorageBoxSort>>,
}

open_enum! {
    /// The sort keys of storage boxes.
    pub enum StorageBoxSort {
        Id = "id",
        Name = "name",
        Created = "created",
        /// The total size.
        Size = "stats.size",
        /// The size of the file system.
        SizeFilesystem = "stats.size_filesystem",
    }
}

/// A storage box.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBox {
    /// The storage box's id.
    #[serde_with(skip_apply)]
    pub id: StorageBoxId,
    /// The name, unique in the project.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The status.
    pub status: StorageBoxStatus,
    /// The user name of the main account; `None` until it is ready.
    pub username: Option<String>,
    /// The host name; `None` until it is ready.
    pub server: Option<String>,
    /// The host system, such as `FSN1-BX355`; `None` until it is ready.
    pub system: Option<String>,
    /// The storage box type.
    pub storage_box_type: Option<StorageBoxType>,
    /// The location.
    pub location: Option<Location>,
    /// The access settings of the main account.
    pub access_settings: StorageBoxAccess,
    /// The sizes; `None` until it is ready.
    pub stats: Option<StorageBoxStats>,
    /// The plan of automatic snapshots, if enabled.
    pub snapshot_plan: Option<SnapshotPlan>,
    /// The operations that it is protected against.
    pub protection: Protection,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
}

resource!(StorageBox, StorageBoxId, "storage_box", "storage_boxes");

open_enum! {
    /// The status of a storage box.
    pub enum StorageBoxStatus {
        /// It is usable.
        Active = "active",
        /// It is being created.
        Initializing = "initializing",
        /// Hetzner has locked it.
        Locked = "locked",
    }
}

/// The access settings of the main account of a storage box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StorageBoxAccess {
    /// Whether it is reachable from outside Hetzner's network.
    pub reachable_externally: bool,
    /// Whether Samba is enabled.
    pub samba_enabled: bool,
    /// Whether SSH is enabled, which SFTP, rsync and Borg require.
    pub ssh_enabled: bool,
    /// Whether `WebDAV` is enabled.
    pub webdav_enabled: bool,
    /// Whether the directory with the snapshots is visible.
    pub zfs_enabled: bool,
}

/// The sizes of the contents of a storage box.
#[serde_as]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StorageBoxStats {
    /// The total size, in bytes.
    #[serde_as(as = "Option<Integer>")]
    pub size: Option<u64>,
    /// The size of the data, in bytes.
    #[serde_as(as = "Option<Integer>")]
    pub size_data: Option<u64>,
    /// The size of the snapshots, in bytes.
    #[serde_as(as = "Option<Integer>")]
    pub size_snapshots: Option<u64>,
}

/// A plan of automatic snapshots of a storage box, in UTC.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SnapshotPlan {
    /// The maximum number of snapshots to keep.
    #[serde_as(as = "Option<Integer>")]
    pub max_snapshots: Option<u32>,
    /// The hour, from 0 to 23.
    #[serde_as(as = "Option<Integer>")]
    pub hour: Option<u8>,
    /// The minute, from 0 to 59.
    #[serde_as(as = "Option<Integer>")]
    pub minute: Option<u8>,
    /// The day of the week, from 1 for Monday to 7; `None` for every day.
    #[serde_as(as = "Option<Integer>")]
    pub day_of_week: Option<u8>,
    /// The day of the month, from 1; `None` for every day.
    #[serde_as(as = "Option<Integer>")]
    pub day_of_month: Option<u8>,
}

impl SnapshotPlan {
    /// Creates a plan of daily snapshots.
    pub fn daily(max_snapshots: u32, hour: u8, minute: u8) -> Self {
        Self {
            max_snapshots: Some(max_snapshots),
            hour: Some(hour),
            minute: Some(minute),
            day_of_week: None,
            day_of_month: None,
        }
    }

    /// Limits the plan to a day of the week, from 1 for Monday to 7.
    pub fn on_weekday(self, day: u8) -> Self {
        Self {
            day_of_week: Some(day),
            ..self
        }
    }

    /// Limits the plan to a day of the month, from 1.
    pub fn on_day_of_month(self, day: u8) -> Self {
        Self {
            day_of_month: Some(day),
            ..self
        }
    }
}

/// A storage box to create.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CreateStorageBox {
    /// The name, unique in the project.
    pub name: String,
    /// The storage box type.
    pub storage_box_type: IdOrName<StorageBoxTypeId>,
    /// The location.
    pub location: IdOrName<LocationId>,
    /// The password of the main account: 12 to 128 characters, with upper case, lower case, digits and
    /// special characters, and in no list of leaked passwords.
    #[serde_as(as = "Secret")]
    pub password: SecretString,
    /// The public keys that may log in, in the format of `authorized_keys`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ssh_keys: Vec<String>,
    /// The access settings of the main account.
    pub access_settings: Option<UpdateStorageBoxAccess>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateStorageBox {
    /// Creates a request with the API's defaults for all other fields.
    pub fn new(
        name: impl Into<String>,
        storage_box_type: impl Into<IdOrName<StorageBoxTypeId>>,
        location: impl Into<IdOrName<LocationId>>,
        password: impl Into<SecretString>,
    ) -> Self {
        Self {
            name: name.into(),
            storage_box_type: storage_box_type.into(),
            location: location.into(),
            password: password.into(),
            ssh_keys: Vec::new(),
            access_settings: None,
            labels: Labels::default(),
        }
    }
}

/// A storage box that is being created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxCreated {
    /// The new storage box.
    #[serde_with(skip_apply)]
    pub storage_box: StorageBox,
    /// The action that creates it.
    pub action: Option<Action>,
}

/// An update of a storage box; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateStorageBox {
    /// The new name.
    pub name: Option<String>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

/// An update of the access settings of a storage box; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateStorageBoxAccess {
    /// Whether it is reachable from outside Hetzner's network.
    pub reachable_externally: Option<bool>,
    /// Whether Samba is enabled.
    pub samba_enabled: Option<bool>,
    /// Whether SSH is enabled, which SFTP, rsync and Borg require.
    pub ssh_enabled: Option<bool>,
    /// Whether `WebDAV` is enabled.
    pub webdav_enabled: Option<bool>,
    /// Whether the directory with the snapshots is visible.
    pub zfs_enabled: Option<bool>,
}

/// The body that sets a password.
#[serde_as]
#[derive(Debug, Serialize)]
pub(crate) struct ResetPassword {
    #[serde_as(as = "Secret")]
    pub(crate) password: SecretString,
}

#[derive(Serialize)]
struct ChangeType {
    storage_box_type: IdOrName<StorageBoxTypeId>,
}

#[derive(Serialize)]
struct Rollback {
    snapshot: IdOrName<StorageBoxSnapshotId>,
}
