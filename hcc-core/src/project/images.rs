//! Snapshots and backups, by their servers.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use hcc_store::SavedImage;
use hcloud_api::{ImageType, ListImages, ServerId};

use super::Project;
use super::snapshot::saved_image;
use crate::Result;

/// The snapshots and backups of servers.
#[derive(Debug, Default)]
pub(crate) struct SavedImages(HashMap<ServerId, (Vec<SavedImage>, Vec<SavedImage>)>);

impl Project {
    /// Lists the snapshots and backups of all servers, with one request for 50 of them.
    pub(crate) async fn saved_images(&self) -> Result<SavedImages> {
        let filter = ListImages {
            kind: vec![ImageType::Snapshot, ImageType::Backup],
            ..ListImages::default()
        };
        let mut images = self.api.images().list(&filter).stream();
        let mut saved = SavedImages::default();
        while let Some(image) = images.try_next().await? {
            let origin = image.created_from.as_ref().map(|origin| origin.id);
            let Some(server) = image.bound_to.or(origin) else {
                continue;
            };
            let (snapshots, backups) = saved.0.entry(server).or_default();
            match image.kind {
                ImageType::Backup => backups.push(saved_image(&image)),
                _ => snapshots.push(saved_image(&image)),
            }
        }
        Ok(saved)
    }
}

impl SavedImages {
    /// Returns the snapshots and backups of a server, the oldest first.
    pub(crate) fn of(&self, server: ServerId) -> (Vec<SavedImage>, Vec<SavedImage>) {
        self.0.get(&server).cloned().unwrap_or_default()
    }

    /// Returns the number of all snapshots of these servers.
    pub(crate) fn snapshots_of(&self, servers: impl Iterator<Item = u64>) -> usize {
        let snapshots = servers.filter_map(|id| self.0.get(&ServerId::new(id)));
        snapshots.map(|(snapshots, _)| snapshots.len()).sum()
    }
}
