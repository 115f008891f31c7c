//! Snapshots and backups of one server.

use std::time::{Duration, SystemTime};

use hcc_store::{Attachment, SavedImage};
use hcloud_api::{ImageId, ImageType};
use serde_json::json;

use super::{Executed, Execution};
use crate::{Error, Result};

/// How long it is remembered which image a command deletes.
const DECISION_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

impl Execution<'_> {
    /// Lists the images of this type.
    pub(super) async fn saved_images(&self, kind: ImageType) -> Result<Executed> {
        let images = self.images_of(&kind).await?;
        Ok(Executed::default().with_data(json!(images)).with_images())
    }

    /// Deletes an image, but none of another server.
    pub(super) async fn delete_image(&self, kind: ImageType, key: &str) -> Result<Executed> {
        let images = self.images_of(&kind).await?;
        let decided = self.decision().await?;
        let id = match (decided, key) {
            (Some(id), _) => Some(id),
            (None, "oldest") => images.first().map(|image| image.id),
            (None, "newest") => images.last().map(|image| image.id),
            (None, id) => id.parse().ok(),
        };
        let id = id.filter(|id| images.iter().any(|image| image.id == *id));
        let Some(id) = id else {
            // An earlier delivery may have deleted it.
            if self.delivery.is_repeated {
                return Ok(Executed::noted(format!("the {kind} was already deleted")));
            }
            return Err(Error::NoSuchResource {
                kind: kind.to_string(),
                name: format!("{key:?} of server {}", self.server.name),
            });
        };
        // A repeated delivery must not delete the next one.
        self.decide(id).await?;
        let id = ImageId::new(id);
        let note = format!("{kind} {id} deleted");
        match self.project.api.images().delete(id).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            deleted => {
                let actions = deleted.ok().flatten().into_iter().collect();
                Ok(Executed::running(actions).with_note(note).with_images())
            }
        }
    }

    /// Returns the image that an earlier delivery was going to delete.
    async fn decision(&self) -> Result<Option<u64>> {
        if !self.delivery.is_repeated {
            return Ok(None);
        }
        let (store, id) = (&self.project.store, self.delivery.id.as_str());
        let decision = store.attachment(Attachment::Decision, id).await?;
        Ok(decision.and_then(|decision| decision["image"].as_u64()))
    }

    async fn decide(&self, image: u64) -> Result<()> {
        let (store, id) = (&self.project.store, self.delivery.id.as_str());
        let (decision, until) = (json!({ "image": image }), SystemTime::now() + DECISION_TTL);
        Ok(store
            .attach(Attachment::Decision, id, &decision, until)
            .await?)
    }

    /// Returns the images of this type, the oldest first.
    async fn images_of(&self, kind: &ImageType) -> Result<Vec<SavedImage>> {
        let saved = self.project.saved_images().await?;
        let (snapshots, backups) = saved.of(self.server.id);
        Ok(match kind {
            ImageType::Backup => backups,
            _ => snapshots,
        })
    }
}
