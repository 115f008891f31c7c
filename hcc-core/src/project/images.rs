//! Snapshots and backups, by their servers.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use hcc_store::SavedImage;
use hcloud_api::{ImageStatus, ImageType, ListImages, ServerId};

use super::Project;
use super::delivery::Kept;
use super::snapshot::saved_image;
use crate::Result;
use crate::operation::{COMMAND, SCHEDULE, label_value};
use crate::schedule::command_suffix;

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

    /// Deletes the oldest snapshots of a schedule beyond the number that it keeps. Those that are not
    /// available yet, or protected, are neither counted nor deleted.
    ///
    /// Safe to repeat.
    pub(crate) async fn keep_newest(&self, kept: &Kept) -> Result<()> {
        let Some(newest) = kept.newest else {
            return Ok(());
        };
        let schedule = label_value(&kept.schedule);
        let filter = ListImages {
            kind: vec![ImageType::Snapshot],
            label_selector: format!("{SCHEDULE}={schedule}").parse().ok(),
            ..ListImages::default()
        };
        let images = self.api.images();
        let mut snapshots = images.list(&filter).all().await?;
        let suffix = command_suffix(&kept.schedule);
        snapshots.retain(|image| {
            // A label can be set by anyone; only commands of the schedule have such an id.
            let command = image.labels.get(COMMAND).unwrap_or_default();
            image.labels.get(SCHEDULE) == Some(&schedule)
                && command.ends_with(&suffix)
                && image.status == ImageStatus::Available
                && !image.protection.delete
        });
        snapshots.sort_by_key(|image| (image.created, image.id));
        let surplus = snapshots.len().saturating_sub(newest.max(1) as usize);
        for image in &snapshots[..surplus] {
            match images.delete(image.id).await {
                Err(error) if error.is_not_found() => {}
                deleted => drop(deleted?),
            }
        }
        Ok(())
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
