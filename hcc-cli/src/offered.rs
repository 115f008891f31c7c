//! The names of what could be ordered when it was last listed, for completion.
//!
//! They are Hetzner's, the same for all projects, and of use to a shell alone: they lie in the
//! user's cache and not among the records, which other programs read.

use std::io::Write as _;
use std::path::PathBuf;
use std::{fs, io};

use anyhow::{Context, Result};
use hcc_core::Catalog;
use hcloud_api::{Image, Location, ServerType};

use crate::config::Config;

/// What can be ordered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Images,
    Locations,
    Types,
}

impl Kind {
    /// Reads names, and what is to be known of each.
    pub(crate) fn recall(self, config: &Config) -> Result<Vec<(String, String)>> {
        let text = fs::read_to_string(self.path(config)?)?;
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        Ok(lines
            .map(|(name, about)| (name.to_owned(), about.to_owned()))
            .collect())
    }

    /// Keeps names; that it fails is no reason for a verb to fail.
    fn keep(self, config: &Config, mut named: Vec<(&str, String)>) {
        // Images of several architectures share a name.
        named.dedup_by(|a, b| a.0 == b.0);
        let lines = named
            .iter()
            .map(|(name, about)| format!("{name}\t{about}\n"));
        if let Err(error) = self.write(config, &lines.collect::<String>()) {
            tracing::debug!(%error, "offers cannot be kept for completion");
        }
    }

    fn write(self, config: &Config, text: &str) -> Result<()> {
        let path = self.path(config)?;
        let dir = path.parent().context("the cache is a folder")?;
        fs::create_dir_all(dir)?;
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(text.as_bytes())?;
        file.persist(path).map_err(io::Error::from)?;
        Ok(())
    }

    fn path(self, config: &Config) -> Result<PathBuf> {
        Ok(config.cache()?.join(match self {
            Self::Images => "images",
            Self::Locations => "locations",
            Self::Types => "types",
        }))
    }
}

pub(crate) fn keep_images(config: &Config, images: &[Image]) {
    let named = images
        .iter()
        .filter_map(|image| Some((image.name.as_deref()?, image.description.clone())));
    Kind::Images.keep(config, named.collect());
}

pub(crate) fn keep_locations(config: &Config, locations: &[Location]) {
    let named = locations.iter().map(|location| {
        let about = format!("{}, {}", location.city, location.country);
        (location.name.as_str(), about)
    });
    Kind::Locations.keep(config, named.collect());
}

pub(crate) fn keep_types(config: &Config, types: &[ServerType]) {
    let named = types.iter().map(|offer| {
        let (cores, memory, disk) = (offer.cores, offer.memory, offer.disk);
        let about = format!("{cores} cores, {memory} GB, {disk} GB disk");
        (offer.name.as_str(), about)
    });
    Kind::Types.keep(config, named.collect());
}

pub(crate) fn keep_all(config: &Config, offers: &Catalog) {
    keep_images(config, &offers.images);
    keep_locations(config, &offers.locations);
    keep_types(config, &offers.types);
}
