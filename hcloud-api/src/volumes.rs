//! Volumes: block storage that outlives servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#volumes>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::number::Integer;
use crate::request::Request;
use crate::{
    Action, ChangeProtection, Client, IdOrName, KindActions, LabelSelector, Labels, Listing,
    Location, LocationId, Protection, ResourceActions, Result, ServerId, Sort, VolumeId,
};

/// The volumes of one project; returned by [`Client::volumes`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::{CreateVolume, ServerId, VolumeFormat};
///
/// let created = client.volumes().create(&CreateVolume {
///     format: Some(VolumeFormat::Ext4),
///     automount: Some(true),
///     ..CreateVolume::for_server("database", 50, ServerId::new(42))
/// }).await?;
/// client.wait(created.actions()).await?;
/// println!("{}", created.volume.linux_device);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Volumes<'a>(pub(crate) &'a Client);

impl<'a> Volumes<'a> {
    /// Lists the volumes that match `filter`.
    pub fn list(self, filter: &ListVolumes) -> Listing<Volume> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<Volume>> {
        self.list(&ListVolumes::default()).all().await
    }

    /// Finds the volume with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<Volume>> {
        self.0.find(name).await
    }

    /// Finds a volume by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<VolumeId>) -> Result<Option<Volume>> {
        self.0.resolve(key).await
    }

    /// Gets one volume.
    pub async fn get(self, id: VolumeId) -> Result<Volume> {
        self.0.fetch(id).await
    }

    /// Gets one volume, or `None` if it does not exist.
    pub async fn try_get(self, id: VolumeId) -> Result<Option<Volume>> {
        found(self.get(id).await)
    }

    /// Creates a volume, for a server or in a location, which is billed from now on.
    ///
    /// It is usable when all of [`VolumeCreated::actions`] are done. A create is not retried after a
    /// timeout; the name is unique, so [`find`](Self::find) shows whether it took effect.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if the name is taken,
    /// [`ErrorCode::NoSpaceLeftInLocation`](crate::ErrorCode::NoSpaceLeftInLocation) if the
    /// location is full.
    pub async fn create(self, volume: &CreateVolume) -> Result<VolumeCreated> {
        self.0.post("/volumes").json(volume).whole().await
    }

    /// Renames a volume or replaces its labels.
    pub async fn update(self, id: VolumeId, change: &UpdateVolume) -> Result<Volume> {
        self.0.change(id, change).await
    }

    /// Deletes a volume **and everything on it**; it must not be attached.
    pub async fn delete(self, id: VolumeId) -> Result<Option<Action>> {
        self.0.remove::<Volume>(id).await
    }

    /// The actions of all volumes.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/volumes")
    }

    /// The actions of one volume.
    pub fn actions_for(self, id: VolumeId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/volumes/{id}"))
    }

    /// Attaches a volume to a server in the same location.
    pub async fn attach(self, id: VolumeId, attach: &AttachVolume) -> Result<Action> {
        self.act(id, "attach").json(attach).one().await
    }

    /// Detaches a volume from its server, which should have unmounted it.
    pub async fn detach(self, id: VolumeId) -> Result<Action> {
        self.act(id, "detach").one().await
    }

    /// Enlarges a volume; it cannot shrink, and its file system is not enlarged.
    pub async fn resize(self, id: VolumeId, size_gb: u64) -> Result<Action> {
        self.act(id, "resize")
            .json(&Resize { size: size_gb })
            .one()
            .await
    }

    /// Changes the protection of a volume.
    pub async fn change_protection(
        self,
        id: VolumeId,
        change: &ChangeProtection,
    ) -> Result<Action> {
        self.act(id, "change_protection").json(change).one().await
    }

    fn act(self, id: VolumeId, command: &str) -> Request {
        self.0.act::<Volume>(id, command)
    }
}

/// A filter for volumes. Empty lists match all.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListVolumes {
    /// Only the volume with exactly this name.
    pub name: Option<String>,
    /// Only volumes with one of these statuses.
    pub status: Vec<VolumeStatus>,
    /// Only volumes with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<VolumeSort>>,
}

open_enum! {
    /// The sort keys of volumes.
    pub enum VolumeSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

/// A volume.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Volume {
    /// The volume's id.
    #[serde_with(skip_apply)]
    pub id: VolumeId,
    /// The name, unique in the project.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The status.
    pub status: VolumeStatus,
    /// The server that it is attached to, if any.
    pub server: Option<ServerId>,
    /// The location, which must be that of the server.
    pub location: Option<Location>,
    /// The size in GB.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub size: Option<u64>,
    /// The device file on Linux, such as `/dev/disk/by-id/scsi-0HC_Volume_4711`.
    pub linux_device: String,
    /// The file system that it was created with, if any.
    pub format: Option<VolumeFormat>,
    /// The operations that it is protected against.
    pub protection: Protection,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
}

resource!(Volume, VolumeId, "volume", "volumes");

open_enum! {
    /// The status of a volume.
    pub enum VolumeStatus {
        /// It is usable.
        Available = "available",
        /// It is being created.
        Creating = "creating",
    }
}

open_enum! {
    /// The file system that a volume is created with.
    pub enum VolumeFormat {
        Ext4 = "ext4",
        Xfs = "xfs",
    }
}

/// A volume to create.
///
/// The API requires either a server or a location, hence the two constructors.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreateVolume {
    /// The name, unique in the project: up to 64 letters, digits, `-`, `_` and `.` between letters or
    /// digits.
    pub name: String,
    /// The size, from 10 to 10240 GB.
    pub size: u64,
    /// The location.
    pub location: Option<IdOrName<LocationId>>,
    /// The server to attach it to.
    pub server: Option<ServerId>,
    /// Whether the server mounts it; requires a server and a format.
    pub automount: Option<bool>,
    /// The file system to create on it; none if `None`.
    pub format: Option<VolumeFormat>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateVolume {
    /// Creates a request for a volume of `size_gb` in `location`, not attached to a server.
    pub fn in_location(
        name: impl Into<String>,
        size_gb: u64,
        location: impl Into<IdOrName<LocationId>>,
    ) -> Self {
        Self {
            location: Some(location.into()),
            ..Self::new(name.into(), size_gb)
        }
    }

    /// Creates a request for a volume of `size_gb` that is attached to a server.
    pub fn for_server(name: impl Into<String>, size_gb: u64, server: ServerId) -> Self {
        Self {
            server: Some(server),
            ..Self::new(name.into(), size_gb)
        }
    }

    fn new(name: String, size: u64) -> Self {
        Self {
            name,
            size,
            location: None,
            server: None,
            automount: None,
            format: None,
            labels: Labels::default(),
        }
    }
}

/// A volume that is being created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct VolumeCreated {
    /// The new volume.
    #[serde_with(skip_apply)]
    pub volume: Volume,
    /// The action that creates it.
    pub action: Option<Action>,
    /// Further actions, such as attaching it.
    pub next_actions: Vec<Action>,
}

impl VolumeCreated {
    /// Returns all actions that must end before the volume is usable.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.action.iter().chain(&self.next_actions)
    }
}

/// An update of a volume; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateVolume {
    /// The new name.
    pub name: Option<String>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

/// The server to attach a volume to.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct AttachVolume {
    /// The server.
    pub server: ServerId,
    /// Whether the server mounts it; no if `None`.
    pub automount: Option<bool>,
}

impl AttachVolume {
    /// Creates a request without mounting.
    pub fn new(server: ServerId) -> Self {
        Self {
            server,
            automount: None,
        }
    }
}

#[derive(Serialize)]
struct Resize {
    size: u64,
}
