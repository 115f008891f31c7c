//! Images, from which the disks of servers are created.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#images>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::number::Integer;
use crate::{
    Action, Architecture, ChangeProtection, Client, Deprecation, IdOrName, ImageId, KindActions,
    LabelSelector, Labels, Listing, Protection, ResourceActions, Result, ServerId, Sort,
};

/// The images that one project can use; returned by [`Client::images`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::{ImageType, ListImages};
///
/// let snapshots = ListImages { kind: vec![ImageType::Snapshot], ..Default::default() };
/// for image in client.images().list(&snapshots).all().await? {
///     println!("{}: {} GB", image.description, image.image_size.unwrap_or_default());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Images<'a>(pub(crate) &'a Client);

impl<'a> Images<'a> {
    /// Lists the images that match `filter`.
    pub fn list(self, filter: &ListImages) -> Listing<Image> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<Image>> {
        self.list(&ListImages::default()).all().await
    }

    /// Finds the image with exactly this name for an architecture, including deprecated ones.
    ///
    /// Snapshots and backups have no name.
    pub async fn find(self, name: &str, architecture: Architecture) -> Result<Option<Image>> {
        if name.is_empty() {
            return Ok(None);
        }
        let filter = ListImages {
            name: Some(name.to_owned()),
            architecture: Some(architecture),
            include_deprecated: Some(true),
            ..ListImages::default()
        };
        self.list(&filter).first().await
    }

    /// Finds an image by its id, or else by its name for an architecture.
    pub async fn resolve(
        self,
        key: &IdOrName<ImageId>,
        architecture: Architecture,
    ) -> Result<Option<Image>> {
        match self.0.find_by_id(key).await? {
            Some(image) => Ok(Some(image)),
            None => self.find(&key.to_string(), architecture).await,
        }
    }

    /// Gets one image.
    pub async fn get(self, id: ImageId) -> Result<Image> {
        self.0.fetch(id).await
    }

    /// Gets one image, or `None` if it does not exist.
    pub async fn try_get(self, id: ImageId) -> Result<Option<Image>> {
        found(self.get(id).await)
    }

    /// Updates a snapshot or backup; Hetzner's own images cannot be updated.
    pub async fn update(self, id: ImageId, change: &UpdateImage) -> Result<Image> {
        self.0.change(id, change).await
    }

    /// Deletes a snapshot or backup; servers that were created from it are kept.
    pub async fn delete(self, id: ImageId) -> Result<Option<Action>> {
        self.0.remove::<Image>(id).await
    }

    /// Changes the protection of a snapshot.
    pub async fn change_protection(self, id: ImageId, change: &ChangeProtection) -> Result<Action> {
        let path = format!("/images/{id}/actions/change_protection");
        self.0.post(path).json(change).one().await
    }

    /// The actions of all images.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/images")
    }

    /// The actions of one image.
    pub fn actions_for(self, id: ImageId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/images/{id}"))
    }
}

/// A filter for images. Empty lists match all.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListImages {
    /// Only images with exactly this name, which exists once per architecture.
    pub name: Option<String>,
    /// Only images for this architecture.
    pub architecture: Option<Architecture>,
    /// Only images of one of these types.
    #[serde(rename = "type")]
    pub kind: Vec<ImageType>,
    /// Only images with one of these statuses.
    pub status: Vec<ImageStatus>,
    /// Only backups of one of these servers.
    pub bound_to: Vec<ServerId>,
    /// Whether to include deprecated images; no if `None`.
    pub include_deprecated: Option<bool>,
    /// Only images with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<ImageSort>>,
}

/// An image.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Image {
    /// The image's id; snapshots and backups have no name.
    #[serde_with(skip_apply)]
    pub id: ImageId,
    /// The type.
    #[serde(rename = "type")]
    pub kind: ImageType,
    /// The status.
    pub status: ImageStatus,
    /// The name, such as `debian-13`; `None` for snapshots and backups.
    pub name: Option<String>,
    /// The description.
    pub description: String,
    /// The storage size in GB, by which a snapshot is billed; `None` until it is known.
    pub image_size: Option<f64>,
    /// The minimum disk size in GB.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub disk_size: Option<u64>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// The server that it was created from; `None` for Hetzner's own images.
    pub created_from: Option<ImageOrigin>,
    /// The server of a backup, which is deleted together with the server.
    pub bound_to: Option<ServerId>,
    /// The operating system.
    pub os_flavor: OsFlavor,
    /// The version of the operating system; `None` if unknown.
    pub os_version: Option<String>,
    /// Whether it is optimized for fast server creation.
    pub rapid_deploy: bool,
    /// The operations that it is protected against.
    pub protection: Protection,
    /// The deprecation; `None` if none is announced.
    pub deprecation: Option<Deprecation>,
    /// When it was deleted, if it was.
    pub deleted: Option<Timestamp>,
    /// The labels.
    pub labels: Labels,
    /// The architecture, which must match that of the server type.
    pub architecture: Architecture,
}

resource!(Image, ImageId, "image", "images");

impl Image {
    /// Returns whether this image is deprecated.
    pub fn is_deprecated(&self) -> bool {
        self.deprecation.is_some()
    }
}

/// The server that an image was created from.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ImageOrigin {
    /// The server, which may be gone's id.
    #[serde_with(skip_apply)]
    pub id: ServerId,
    /// The server's name when the image was created.
    #[serde_with(skip_apply)]
    pub name: String,
}

open_enum! {
    /// The type of an image.
    pub enum ImageType {
        /// An operating system, provided by Hetzner.
        System = "system",
        /// An operating system with an application, provided by Hetzner.
        App = "app",
        /// The disk of a server, kept until it is deleted.
        Snapshot = "snapshot",
        /// The disk of a server, deleted together with the server.
        Backup = "backup",
    }
}

open_enum! {
    /// The status of an image.
    pub enum ImageStatus {
        /// It is usable.
        Available = "available",
        /// The disk is still being copied.
        Creating = "creating",
        /// It is not usable.
        Unavailable = "unavailable",
    }
}

open_enum! {
    /// The operating system in an image.
    pub enum OsFlavor {
        Alma = "alma",
        Centos = "centos",
        Debian = "debian",
        Fedora = "fedora",
        Opensuse = "opensuse",
        Rocky = "rocky",
        Ubuntu = "ubuntu",
    }
}

/// An update of a snapshot or backup; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateImage {
    /// The new description.
    pub description: Option<String>,
    /// The new type: [`ImageType::Snapshot`] converts a backup, so that it outlives its server.
    #[serde(rename = "type")]
    pub kind: Option<ImageType>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

open_enum! {
    /// The sort keys of images.
    pub enum ImageSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}
