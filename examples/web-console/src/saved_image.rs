//! Snapshots and backups as pages show them.

use hcc_store::SavedImage;

use crate::page::stored_time;

/// A snapshot or backup of a server.
#[derive(Debug)]
pub(crate) struct SavedView {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) size: String,
    pub(crate) created: String,
    /// Whether it can be used.
    pub(crate) is_available: bool,
}

impl SavedView {
    pub(crate) fn new(image: &SavedImage) -> Self {
        Self {
            id: image.id,
            name: match image.name.as_str() {
                "" => image.id.to_string(),
                name => name.to_owned(),
            },
            size: image
                .size
                .map(|size| format!("{size:.1} GB"))
                .unwrap_or_default(),
            created: image
                .created
                .as_deref()
                .map(stored_time)
                .unwrap_or_default(),
            is_available: image.stat.as_deref().is_none_or(|it| it == "available"),
        }
    }

    /// The newest first.
    pub(crate) fn all(images: Option<&Vec<SavedImage>>) -> Vec<Self> {
        images.into_iter().flatten().rev().map(Self::new).collect()
    }

    /// The name and what else tells it from others, in a line.
    pub(crate) fn described(&self) -> String {
        let day = self.created.get(..10).unwrap_or_default();
        let parts = [&*self.name, day, &*self.size];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" · ")
    }
}
