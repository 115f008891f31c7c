//! Storage boxes: network storage with accounts and snapshots of its own.
//!
//! They are served by `api.hetzner.com`, with the same token as the cloud.
//!
//! API reference: <https://docs.hetzner.cloud/reference/hetzner#storage-boxes>

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use crate::number::Integer;
use crate::request::Request;
use crate::secret::Secret;
use crate::{
    Action, ChangeProtection, Client, IdOrName, KindActions, LabelSelector, Labels, Listing,
    Location, LocationId, Protection, ResourceActions, Result, Sort, StorageBoxId,
    StorageBoxSnapshotId, StorageBoxSnapshots, StorageBoxSubaccounts, StorageBoxType,
    StorageBoxTypeId,
};

/// The storage boxes of one project; made by [`Client::storage_boxes`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::{CreateStorageBox, SnapshotPlan};
///
/// # let password = "";
/// let backup = CreateStorageBox::new("backup", "bx11", "fsn1", password);
/// let created = client.storage_boxes().create(&backup).await?;
/// client.wait([created.action]).await?;
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
        self.0.get("/storage_boxes").query(filter).list()
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
        self.0.get(format!("/storage_boxes/{id}")).one().await
    }

    /// Creates a storage box, which costs money from now on.
    ///
    /// It has no server and user name until the action has ended.
    pub async fn create(self, storage_box: &CreateStorageBox) -> Result<StorageBoxCreated> {
        self.0
            .post("/storage_boxes")
            .json(storage_box)
            .whole()
            .await
    }

    /// Renames a storage box or replaces its labels.
    pub async fn update(self, id: StorageBoxId, change: &UpdateStorageBox) -> Result<StorageBox> {
        let request = self.0.put(format!("/storage_boxes/{id}"));
        request.json(change).one().await
    }

    /// Deletes a storage box with all its data, snapshots and subaccounts.
    pub async fn delete(self, id: StorageBoxId) -> Result<Option<Action>> {
        self.0
            .delete(format!("/storage_boxes/{id}"))
            .optional()
            .await
    }

    /// The snapshots of one storage box.
    pub fn snapshots(self, id: StorageBoxId) -> StorageBoxSnapshots<'a> {
        StorageBoxSnapshots(self.0, id)
    }

    /// The subaccounts of one storage box.
    pub fn subaccounts(self, id: StorageBoxId) -> StorageBoxSubaccounts<'a> {
        StorageBoxSubaccounts(self.0, id)
    }

    /// Lists the names of the folders in a folder, whose path begins at the top, which is `.`
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

    /// Changes how the main account can be used.
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

    /// Moves a storage box to another type, which has to hold what is in it.
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

    /// Brings everything back to what it was at a snapshot: **what was written since is lost**,
    /// and so are newer snapshots.
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

    /// Has snapshots made regularly; replaces an earlier plan.
    pub async fn enable_snapshot_plan(
        self,
        id: StorageBoxId,
        plan: &SnapshotPlan,
    ) -> Result<Action> {
        self.act(id, "enable_snapshot_plan").json(plan).one().await
    }

    /// Has no more snapshots made; those that exist stay.
    pub async fn disable_snapshot_plan(self, id: StorageBoxId) -> Result<Action> {
        self.act(id, "disable_snapshot_plan").one().await
    }

    /// Changes what a storage box is protected against.
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
        self.0
            .post(format!("/storage_boxes/{id}/actions/{command}"))
    }
}

/// Which storage boxes to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListStorageBoxes {
    /// Only the one with exactly this name.
    pub name: Option<String>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<StorageBoxSort>>,
}

open_enum! {
    /// What storage boxes can be sorted by.
    pub enum StorageBoxSort {
        /// Their ids.
        Id = "id",
        /// Their names.
        Name = "name",
        /// When they were made.
        Created = "created",
        /// How much is in them.
        Size = "stats.size",
        /// How much their file systems take up.
        SizeFilesystem = "stats.size_filesystem",
    }
}

/// A storage box.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBox {
    /// Names the storage box.
    pub id: StorageBoxId,
    /// Unique in the project.
    pub name: String,
    /// Whether it can be used.
    pub status: StorageBoxStatus,
    /// The main account; `None` until it is ready.
    pub username: Option<String>,
    /// The host name by which it is reached; `None` until it is ready.
    pub server: Option<String>,
    /// The host that it is on, such as `FSN1-BX355`; `None` until it is ready.
    pub system: Option<String>,
    /// How much it can hold.
    pub storage_box_type: StorageBoxType,
    /// Where it is.
    pub location: Location,
    /// How the main account can be used.
    pub access_settings: StorageBoxAccess,
    /// How much is in it; `None` until it is ready.
    pub stats: Option<StorageBoxStats>,
    /// When snapshots are made; `None` without a plan.
    pub snapshot_plan: Option<SnapshotPlan>,
    /// What it is protected against.
    pub protection: Protection,
    /// The user's labels.
    pub labels: Labels,
    /// When it was made.
    pub created: Timestamp,
}

resource!(StorageBox, StorageBoxId, "storage_box", "storage_boxes");

open_enum! {
    /// Whether a storage box can be used.
    pub enum StorageBoxStatus {
        /// It can be used.
        Active = "active",
        /// It is being made.
        Initializing = "initializing",
        /// Hetzner has locked it.
        Locked = "locked",
    }
}

/// How the main account of a storage box can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxAccess {
    /// Whether it can be reached from outside Hetzner's network.
    pub reachable_externally: bool,
    /// Whether Samba works.
    pub samba_enabled: bool,
    /// Whether SSH works, which SFTP, rsync and Borg need.
    pub ssh_enabled: bool,
    /// Whether `WebDAV` works.
    pub webdav_enabled: bool,
    /// Whether the folder with the snapshots can be seen.
    pub zfs_enabled: bool,
}

/// How much is in a storage box.
#[serde_as]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxStats {
    /// All together, in bytes.
    #[serde_as(as = "Integer")]
    pub size: u64,
    /// Data, in bytes.
    #[serde_as(as = "Integer")]
    pub size_data: u64,
    /// Snapshots, in bytes.
    #[serde_as(as = "Integer")]
    pub size_snapshots: u64,
}

/// When snapshots of a storage box are made, by the clock of UTC.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct SnapshotPlan {
    /// How many are kept.
    #[serde_as(as = "Integer")]
    pub max_snapshots: u32,
    /// The hour, from 0.
    #[serde_as(as = "Integer")]
    pub hour: u8,
    /// The minute, from 0.
    #[serde_as(as = "Integer")]
    pub minute: u8,
    /// The only day of the week on which it is done, from 1 for Monday to 7.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub day_of_week: Option<u8>,
    /// The only day of the month on which it is done, from 1.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub day_of_month: Option<u8>,
}

impl SnapshotPlan {
    /// Every day, and keeps so many.
    pub fn daily(max_snapshots: u32, hour: u8, minute: u8) -> Self {
        Self {
            max_snapshots,
            hour,
            minute,
            day_of_week: None,
            day_of_month: None,
        }
    }

    /// Only on this day of the week, from 1 for Monday to 7.
    pub fn on_weekday(self, day: u8) -> Self {
        Self {
            day_of_week: Some(day),
            ..self
        }
    }

    /// Only on this day of the month, from 1.
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
#[derive(Clone, Debug, Serialize)]
pub struct CreateStorageBox {
    /// Unique in the project.
    pub name: String,
    /// How much it can hold.
    pub storage_box_type: IdOrName<StorageBoxTypeId>,
    /// Where it shall be.
    pub location: IdOrName<LocationId>,
    /// The password of the main account: 12 to 128 characters, with capital and small letters,
    /// digits and others, and in no list of stolen passwords.
    #[serde_as(as = "Secret")]
    pub password: SecretString,
    /// Public keys of those who may log in, in the format of `authorized_keys`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ssh_keys: Vec<String>,
    /// How the main account can be used.
    pub access_settings: Option<UpdateStorageBoxAccess>,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateStorageBox {
    /// A storage box with the defaults of the API for everything else.
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
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxCreated {
    /// The storage box as it begins.
    pub storage_box: StorageBox,
    /// Creates it.
    pub action: Action,
}

/// What to change about a storage box; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateStorageBox {
    /// The name from now on.
    pub name: Option<String>,
    /// All labels from now on: those missing here are removed.
    pub labels: Option<Labels>,
}

/// What to change about how the main account of a storage box can be used; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct UpdateStorageBoxAccess {
    /// Whether it can be reached from outside Hetzner's network.
    pub reachable_externally: Option<bool>,
    /// Whether Samba works.
    pub samba_enabled: Option<bool>,
    /// Whether SSH works, which SFTP, rsync and Borg need.
    pub ssh_enabled: Option<bool>,
    /// Whether `WebDAV` works.
    pub webdav_enabled: Option<bool>,
    /// Whether the folder with the snapshots can be seen.
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
