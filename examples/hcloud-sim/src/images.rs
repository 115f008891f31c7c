//! Images: systems, apps, snapshots and backups.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#images>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::actions::{self, Job, ResourceRef, action_response};
use crate::call::{Answer, Call, IdOrName, Reply};
use crate::catalog::{Architecture, Deprecation};
use crate::errors::ApiError;
use crate::labels::{self, Labels};
use crate::paging::{Page, SortKeys};
use crate::state::Cloud;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Image {
    pub(crate) id: u64,
    #[serde(rename = "type")]
    pub(crate) kind: ImageKind,
    pub(crate) status: ImageStatus,
    pub(crate) name: Option<String>,
    pub(crate) description: String,
    pub(crate) image_size: Option<f64>,
    pub(crate) disk_size: u32,
    pub(crate) created: Timestamp,
    pub(crate) created_from: Option<CreatedFrom>,
    pub(crate) bound_to: Option<u64>,
    pub(crate) os_flavor: String,
    pub(crate) os_version: Option<String>,
    pub(crate) rapid_deploy: bool,
    pub(crate) protection: Protection,
    pub(crate) deprecation: Option<Deprecation>,
    pub(crate) deleted: Option<Timestamp>,
    pub(crate) labels: Labels,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ImageStatus {
    Available,
    Creating,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct CreatedFrom {
    pub(crate) id: u64,
    pub(crate) name: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Protection {
    pub(crate) delete: bool,
}

impl Cloud {
    /// Returns the images that have not been deleted.
    fn live_images(&self) -> impl Iterator<Item = &Image> + Clone {
        self.images.values().filter(|image| image.deleted.is_none())
    }

    fn image(&self, id: u64) -> Result<&Image, ApiError> {
        self.live_images()
            .find(|image| image.id == id)
            .ok_or_else(|| ApiError::not_found("image", id))
    }

    /// Returns an image that belongs to the project and thus can be changed.
    fn own_image(&mut self, call: &Call) -> Result<&mut Image, ApiError> {
        let id = call.id("id")?;
        if !self.image(id)?.kind.is_own() {
            return Err(ApiError::new("forbidden"));
        }
        self.images
            .get_mut(&id)
            .ok_or_else(|| ApiError::not_found("image", id))
    }

    /// Finds the image for a server; a name refers to the image of the server's architecture.
    pub(crate) fn image_for(
        &self,
        wanted: &IdOrName,
        architecture: Architecture,
    ) -> Result<&Image, ApiError> {
        let fitting = self
            .live_images()
            .filter(|image| image.architecture == architecture);
        let found = wanted.find(fitting, |image| image.id, |image| image.name.as_deref());
        match found {
            Some(image) if image.status == ImageStatus::Available => Ok(image),
            Some(_) => {
                Err(ApiError::new("resource_unavailable")
                    .with_message("image is not available yet"))
            }
            None if self.has_image(wanted) => Err(ApiError::invalid(
                "image",
                "image has an incompatible architecture",
            )),
            None => Err(ApiError::invalid("image", "image not found")),
        }
    }

    fn has_image(&self, wanted: &IdOrName) -> bool {
        wanted
            .find(
                self.live_images(),
                |image| image.id,
                |image| image.name.as_deref(),
            )
            .is_some()
    }
}

const SORT_KEYS: &SortKeys<Image> = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("name", |a, b| a.name.cmp(&b.name)),
    ("created", |a, b| a.created.cmp(&b.created)),
];

pub(crate) fn list(cloud: &mut Cloud, call: &Call) -> Reply {
    let selector = call.selector()?;
    let with_deprecated = matches!(call.query("include_deprecated"), Some("true" | "True"));
    let found = cloud.live_images().filter(|image| {
        let status = match image.status {
            ImageStatus::Available => "available",
            ImageStatus::Creating => "creating",
        };
        call.allows("name", image.name.as_deref().unwrap_or_default())
            && call.allows("type", image.kind.name())
            && call.allows("status", status)
            && call.allows("architecture", image.architecture.name())
            && call.allows(
                "bound_to",
                &image.bound_to.map(|id| id.to_string()).unwrap_or_default(),
            )
            && (with_deprecated || image.deprecation.is_none())
            && selector.matches(&image.labels)
    });
    Answer::ok(&Page::of("images", found, call, SORT_KEYS)?)
}

pub(crate) fn get(cloud: &mut Cloud, call: &Call) -> Reply {
    Answer::one("image", cloud.image(call.id("id")?)?)
}

pub(crate) fn update(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Update {
        description: Option<String>,
        #[serde(rename = "type")]
        kind: Option<ImageKind>,
        labels: Option<Labels>,
    }
    let update: Update = call.body()?;
    if let Some(new) = &update.labels {
        labels::check(new)?;
    }
    if update.kind.is_some_and(|kind| kind != ImageKind::Snapshot) {
        return Err(ApiError::invalid("type", "must be 'snapshot'"));
    }
    let image = cloud.own_image(call)?;
    if update.kind.is_some() {
        image.kind = ImageKind::Snapshot;
        image.bound_to = None;
    }
    if let Some(description) = update.description {
        image.description = description;
    }
    if let Some(labels) = update.labels {
        image.labels = labels;
    }
    Answer::one("image", image)
}

pub(crate) fn delete(cloud: &mut Cloud, call: &Call) -> Reply {
    let now = cloud.now();
    let image = cloud.own_image(call)?;
    if image.protection.delete {
        return Err(ApiError::new("protected").with_message("image deletion is protected"));
    }
    image.deleted = Some(now);
    Answer::no_content()
}

pub(crate) fn change_protection(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        delete: Option<bool>,
    }
    let change: Change = call.body()?;
    let image = cloud.own_image(call)?;
    image.protection.delete = change.delete.unwrap_or(image.protection.delete);
    let job = Job::on("change_protection", [ResourceRef::image(image.id)]);
    action_response(&cloud.begin(job, |_| {}))
}

fn resource(cloud: &Cloud, call: &Call) -> Result<ResourceRef, ApiError> {
    Ok(ResourceRef::image(cloud.image(call.id("id")?)?.id))
}

pub(crate) fn actions(cloud: &mut Cloud, call: &Call) -> Reply {
    let image = resource(cloud, call)?;
    actions::list_of(cloud, call, image)
}

pub(crate) fn action(cloud: &mut Cloud, call: &Call) -> Reply {
    let image = resource(cloud, call)?;
    actions::get_of(cloud, call, image)
}
