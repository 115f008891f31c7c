//! Images: what the disk of a new server is filled with, and what was kept of old ones.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#images>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use crate::number::Integer;
use crate::{
    Action, Architecture, ChangeProtection, Client, Deprecation, IdOrName, ImageId, KindActions,
    LabelSelector, Labels, Listing, Protection, ResourceActions, Result, ServerId, Sort,
};

/// The images that one project can use; made by [`Client::images`].
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
        self.0.get("/images").query(filter).list()
    }

    /// Finds the image with exactly this name for an architecture, deprecated ones too.
    ///
    /// Snapshots and backups have no name.
    pub async fn find(self, name: &str, architecture: Architecture) -> Result<Option<Image>> {
        let filter = ListImages {
            name: Some(name.to_owned()),
            architecture: Some(architecture),
            include_deprecated: Some(true),
            ..ListImages::default()
        };
        self.list(&filter).first().await
    }

    /// Finds an image by its id or else by its name, which means the one for an architecture.
    pub async fn resolve(
        self,
        key: &IdOrName<ImageId>,
        architecture: Architecture,
    ) -> Result<Option<Image>> {
        match self.0.by_id(key).await? {
            Some(image) => Ok(Some(image)),
            None => self.find(&key.to_string(), architecture).await,
        }
    }

    /// Gets one image.
    pub async fn get(self, id: ImageId) -> Result<Image> {
        self.0.get(format!("/images/{id}")).one().await
    }

    /// Changes a snapshot or backup; Hetzner's own images cannot change.
    pub async fn update(self, id: ImageId, change: &UpdateImage) -> Result<Image> {
        self.0.put(format!("/images/{id}")).json(change).one().await
    }

    /// Deletes a snapshot or backup; servers that were made from it stay.
    pub async fn delete(self, id: ImageId) -> Result<Option<Action>> {
        self.0.delete(format!("/images/{id}")).optional().await
    }

    /// Changes what a snapshot is protected against.
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

/// Which images to list. An empty list of alternatives means any.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListImages {
    /// Only images with exactly this name; the same name exists once per architecture.
    pub name: Option<String>,
    /// Only images for this architecture.
    pub architecture: Option<Architecture>,
    /// Only images of one of these types.
    #[serde(rename = "type")]
    pub kind: Vec<ImageType>,
    /// Only images in one of these states.
    pub status: Vec<ImageStatus>,
    /// Only backups of one of these servers.
    pub bound_to: Vec<ServerId>,
    /// Deprecated images too, which the API leaves out unless asked.
    pub include_deprecated: Option<bool>,
    /// Only images with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<ImageSort>>,
}

/// An image.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Image {
    /// Names the image; the only way to name a snapshot or backup.
    pub id: ImageId,
    /// Who made it, and from what.
    #[serde(rename = "type")]
    pub kind: ImageType,
    /// Whether it can be used yet.
    pub status: ImageStatus,
    /// Such as `debian-13`; `None` for snapshots and backups.
    pub name: Option<String>,
    /// For people.
    pub description: String,
    /// What it takes up in storage, and what a snapshot is billed by, in GB; `None` until it is
    /// known.
    pub image_size: Option<f64>,
    /// The smallest disk that it fits on, in GB.
    #[serde_as(as = "Integer")]
    pub disk_size: u64,
    /// When it was made.
    pub created: Timestamp,
    /// The server that it was made from; `None` for Hetzner's own.
    pub created_from: Option<ImageOrigin>,
    /// The server that a backup belongs to and goes away with.
    pub bound_to: Option<ServerId>,
    /// The operating system inside.
    pub os_flavor: OsFlavor,
    /// The version of the operating system; `None` if not known.
    pub os_version: Option<String>,
    /// Whether servers are created from it with special speed.
    #[serde(default)]
    pub rapid_deploy: bool,
    /// What it is protected against.
    pub protection: Protection,
    /// When it goes away; `None` while nothing is announced. See [`Image::is_deprecated`].
    pub deprecation: Option<Deprecation>,
    /// Since when it is deprecated, in the form that [`Image::deprecation`] supersedes.
    pub deprecated: Option<Timestamp>,
    /// When it was deleted, if it was.
    pub deleted: Option<Timestamp>,
    /// The user's labels.
    pub labels: Labels,
    /// What it runs on; a server type must have the same.
    pub architecture: Architecture,
}

resource!(Image, ImageId, "image", "images");

impl Image {
    /// Whether Hetzner has announced the end of this image.
    pub fn is_deprecated(&self) -> bool {
        self.deprecation.is_some() || self.deprecated.is_some()
    }
}

/// The server that an image was made from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ImageOrigin {
    /// Names the server, which may be gone.
    pub id: ServerId,
    /// Its name when the image was made.
    pub name: String,
}

open_enum! {
    /// Who made an image, and from what.
    pub enum ImageType {
        /// An operating system, made by Hetzner.
        System = "system",
        /// An operating system with an application, made by Hetzner.
        App = "app",
        /// The disk of a server, kept until it is deleted.
        Snapshot = "snapshot",
        /// The disk of a server, which goes away with the server.
        Backup = "backup",
    }
}

open_enum! {
    /// Whether an image can be used.
    pub enum ImageStatus {
        /// It can be used.
        Available = "available",
        /// The disk is still being copied.
        Creating = "creating",
        /// It cannot be used.
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

/// What to change about a snapshot or backup; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateImage {
    /// The description from now on.
    pub description: Option<String>,
    /// [`ImageType::Snapshot`] turns a backup into a snapshot, which outlives its server.
    #[serde(rename = "type")]
    pub kind: Option<ImageType>,
    /// All labels from now on: those missing here are removed.
    pub labels: Option<Labels>,
}

open_enum! {
    /// What images can be sorted by.
    pub enum ImageSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}
