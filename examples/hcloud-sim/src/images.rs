//! Images: systems, apps, snapshots and backups.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#images>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::{Answer, Call, IdOrName, Operation, Reply};
use crate::catalog::{Architecture, Deprecation};
use crate::errors::ApiError;
use crate::labels::Labels;
use crate::resources::{self, Kind, Protection, Resource, Resources};
use crate::state::Cloud;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Image {
    #[serde(rename = "type")]
    pub(crate) kind: ImageKind,
    pub(crate) status: ImageStatus,
    pub(crate) description: String,
    pub(crate) image_size: Option<f64>,
    pub(crate) disk_size: u32,
    pub(crate) created_from: Option<CreatedFrom>,
    pub(crate) bound_to: Option<u64>,
    pub(crate) os_flavor: String,
    pub(crate) os_version: Option<String>,
    pub(crate) rapid_deploy: bool,
    pub(crate) deprecation: Option<Deprecation>,
    pub(crate) deleted: Option<Timestamp>,
    pub(crate) architecture: Architecture,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ImageKind {
    System,
    App,
    Snapshot,
    Backup,
}

impl ImageKind {
    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::App => "app",
            Self::Snapshot => "snapshot",
            Self::Backup => "backup",
        }
    }

    fn is_own(self) -> bool {
        matches!(self, Self::Snapshot | Self::Backup)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ImageStatus {
    Available,
    Creating,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct CreatedFrom {
    pub(crate) id: u64,
    pub(crate) name: String,
}

impl Kind for Image {
    const ONE: &'static str = "image";
    const MANY: &'static str = "images";
    const ACTIONS: &'static [(&'static str, Operation)] =
        &[("change_protection", change_protection)];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.images
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.images
    }

    /// Images are created by actions of servers.
    fn create(_: &mut Cloud, _: &Call) -> Reply {
        Err(ApiError::new("method_not_allowed"))
    }

    fn view<'a>(it: &'a Resource<Self>, _: &'a Cloud) -> impl Serialize + 'a {
        View::new(it)
    }

    /// An image that has been deleted is kept for the servers that were created from it.
    fn exists(&self) -> bool {
        self.deleted.is_none()
    }

    fn filter(call: &Call) -> impl Fn(&Self) -> bool {
        let [types, statuses, architectures, bound_to] =
            ["type", "status", "architecture", "bound_to"].map(|name| call.allowed(name));
        let includes_deprecated = call.flag("include_deprecated");
        move |it| {
            let status = match it.status {
                ImageStatus::Available => "available",
                ImageStatus::Creating => "creating",
            };
            types.contain(it.kind.name())
                && statuses.contain(status)
                && architectures.contain(it.architecture.name())
                && bound_to.contain(&it.bound_to.map(|id| id.to_string()).unwrap_or_default())
                && (includes_deprecated || it.deprecation.is_none())
        }
    }

    /// The images of the catalog belong to no project.
    fn check_change(&self) -> Result<(), ApiError> {
        match self.kind.is_own() {
            true => Ok(()),
            false => Err(ApiError::new("forbidden")),
        }
    }

    /// Snapshots and backups have no name.
    fn check_name(_: &str) -> Result<(), ApiError> {
        Err(ApiError::invalid("name", "Unknown field."))
    }

    fn update(&mut self, call: &Call) -> Result<(), ApiError> {
        #[derive(Deserialize)]
        struct Update {
            description: Option<String>,
            #[serde(rename = "type")]
            kind: Option<ImageKind>,
        }
        let update: Update = call.body()?;
        if update.kind.is_some() {
            self.kind = ImageKind::Snapshot;
            self.bound_to = None;
        }
        if let Some(description) = update.description {
            self.description = description;
        }
        Ok(())
    }

    fn delete(cloud: &mut Cloud, id: u64) -> Reply {
        let now = cloud.now();
        resources::get_mut::<Self>(cloud, id)?.own.deleted = Some(now);
        Answer::no_content()
    }
}

impl Cloud {
    /// Returns the images that have not been deleted.
    fn live_images(&self) -> impl Iterator<Item = &Resource<Image>> + Clone {
        self.images.values().filter(|image| image.own.exists())
    }

    /// Finds the image for a server; a name refers to the image of the server's architecture.
    pub(crate) fn image_for(
        &self,
        wanted: &IdOrName,
        architecture: Architecture,
    ) -> Result<&Resource<Image>, ApiError> {
        let named = |image: &Resource<Image>| !image.own.kind.is_own();
        let id = |image: &Resource<Image>| image.id;
        let fitting = self
            .live_images()
            .filter(|image| image.own.architecture == architecture);
        let found = wanted.find(fitting, id, |image| named(image).then_some(&*image.name));
        match found {
            Some(image) if image.own.status == ImageStatus::Available => Ok(image),
            Some(_) => {
                Err(ApiError::new("resource_unavailable")
                    .with_message("image is not available yet"))
            }
            None if wanted
                .find(self.live_images(), id, |image| Some(&image.name))
                .is_some() =>
            {
                Err(ApiError::invalid(
                    "image",
                    "image has an incompatible architecture",
                ))
            }
            None => Err(ApiError::invalid(
                "image",
                format!("image '{wanted}' not found"),
            )),
        }
    }

    pub(crate) fn delete_backups(&mut self, server: u64) {
        let now = self.now();
        let images = self.images.values_mut().map(|image| &mut image.own);
        for image in images.filter(|it| it.kind == ImageKind::Backup && it.bound_to == Some(server))
        {
            image.deleted = Some(now);
        }
    }
}

fn change_protection(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        #[serde(default)]
        delete: bool,
    }
    let Change { delete } = call.body()?;
    let image = resources::find_unlocked::<Image>(cloud, call)?;
    if image.own.kind == ImageKind::Backup {
        return Err(ApiError::new("unsupported_error").with_message("backups cannot be protected"));
    }
    let protection = Protection {
        delete,
        rebuild: None,
    };
    resources::protect::<Image>(image.id, protection).respond(cloud)
}

/// An image as responses show it; written without a JSON value in between, as each server of a list contains one.
#[derive(Serialize)]
pub(crate) struct View<'a> {
    id: u64,
    /// Snapshots and backups have none.
    name: Option<&'a str>,
    labels: &'a Labels,
    created: Timestamp,
    protection: Option<Protection>,
    #[serde(flatten)]
    own: &'a Image,
}

impl<'a> View<'a> {
    pub(crate) fn new(it: &'a Resource<Image>) -> Self {
        Self {
            id: it.id,
            name: (!it.own.kind.is_own()).then_some(&*it.name),
            labels: &it.labels,
            created: it.created,
            protection: it.protection,
            own: &it.own,
        }
    }
}
